// SPDX-License-Identifier: MIT
// Is readiness ever lost for good when interest changes while the kernel holds a request that can only be
// cancelled, and may end with success all the same?
//
// Models   one socket and its AFD_POLL requests: the states of a block and what reconciling, a packet, a
//          forgetting and a watching again do to it (src/os/windows/afd_op.c; register_socket,
//          afd_poller_watch, afd_poller_forget, take_packet in src/os/windows/poller_afd.c). The kernel
//          looks at the socket when it is asked, answers once, and of two requests for one socket lets the
//          other one wait in vain when the first was answered. A cancel's answer proves nothing, so there is
//          none: the request ends as cancelled some time, or with success before. A packet of a cancelled
//          request still holds the mask that was asked for.
// Left out requests that are refused or fail, other sockets (op_block.pml), the wake-up (wake.pml), accepting and connecting.
// Claims   what holds when an interest is declared, or comes to hold later, is told; there is one request at
//          most; a socket without interest tells of its reset, once, and is silent otherwise.
// Bounds   two blocks; any number of changes, reads, writes, and forgettings; the world stops where it likes.

#define READ  1
#define WRITE 2

#define RECEIVE    1
#define DISCONNECT 2
#define SEND       4
#define ABORT      8

mtype = { IDLE, PENDING, CANCELLING };

typedef op_block {
    mtype state = IDLE;
    byte armed;
    bool is_zombie;
    bool is_dirty;
#ifdef BUG_END_STAYS_TOLD
    bool end_told;
#endif
    bool reset_told
};
op_block op[2];

// The kernel's side of a block: a request that has no packet yet.
typedef request {
    bool is_waiting;
    bool is_cancelled;
    bool is_deaf;
    byte mask
};
request asked[2];

chan port = [2] of { byte, bool, byte };  // block, whether it succeeded, events
byte holds;                               // what is true of the socket

bool is_watched;
byte mine;           // the block of the watch, and after a forgetting the last one
byte interest;
bool has_read_end;

// Ghosts: what the owner knows since it declared its interest, or since it came to hold.
bool read_told;
bool write_told;
bool reset_known;     // since the socket is watched, whatever its interest
bool silence_broken;
bool is_only_one = true;  // request for the socket

#define OWED_READ  ((interest & READ) && (holds & (RECEIVE | DISCONNECT | ABORT)) && !read_told)
#define OWED_WRITE ((interest & WRITE) && (holds & (SEND | ABORT)) && !write_told)
#define OWED_RESET (is_watched && interest == 0 && (holds & ABORT) && !reset_known)

// What is not told again where nobody can act on it.
#ifdef BUG_RESET_TOLD_FOR_EVER
#define TOLD_ONCE 0
#else
#define TOLD_ONCE ABORT
#endif

// The kernel.

#define CAN_HEAR(b) (asked[b].is_waiting && !asked[b].is_deaf && (asked[b].mask & holds))

inline end_request(b, is_success, events)
{
    asked[b].is_waiting = false;
    asked[b].is_cancelled = false;
    asked[b].is_deaf = false;
    port ! b, is_success, events;
    asked[b].mask = 0
}

inline answer(b)
{
    end_request(b, true, (asked[b].mask & holds));
    asked[1 - b].is_deaf = asked[1 - b].is_waiting
}

inline rise(fact)
{
    holds = holds | fact;
    read_told = read_told && fact == SEND;
    write_told = write_told && !(fact & (SEND | ABORT));
    if
    :: CAN_HEAR(0) -> answer(0)
    :: CAN_HEAR(1) -> answer(1)
    :: else
    fi
}

active proctype world()
{
    do
    :: atomic { !(holds & (RECEIVE | DISCONNECT)) -> rise(RECEIVE) }
    :: atomic { !(holds & DISCONNECT) -> rise(DISCONNECT) }
    :: atomic { !(holds & SEND) -> rise(SEND) }
    :: atomic { !(holds & ABORT) -> rise(ABORT) }
    :: break
    od
}

active proctype kernel()
{
end_idle:
    do
    :: atomic { asked[0].is_cancelled -> end_request(0, false, asked[0].mask) }
    :: atomic { asked[1].is_cancelled -> end_request(1, false, asked[1].mask) }
    od
}

// The poller.

inline arm(b, wanted)
{
    is_only_one = !asked[0].is_waiting && !asked[1].is_waiting;
    assert(is_only_one);
    op[b].armed = wanted;
    op[b].state = PENDING;
    asked[b].is_waiting = true;
    asked[b].mask = wanted;
    if
    :: CAN_HEAR(b) -> answer(b)
    :: else
    fi
}

inline cancel(b)
{
    asked[b].is_cancelled = asked[b].is_waiting;
#ifdef BUG_CANCEL_TRUSTED
    op[b].state = IDLE
#else
    op[b].state = CANCELLING
#endif
}

inline find_target(b)
{
#ifdef BUG_RESET_NOT_ASKED
    target = (interest == 0 -> 0 : ABORT);
#else
    target = (interest == 0 && op[b].reset_told -> 0 : ABORT);
#endif
#ifdef BUG_END_STAYS_TOLD
    target = target | ((interest & READ) && !op[b].end_told -> RECEIVE | DISCONNECT : 0);
#else
    target = target | ((interest & READ) -> RECEIVE | DISCONNECT : 0);
#endif
    target = target | ((interest & WRITE) -> SEND : 0)
}

inline reconcile(b)
{
    if
    :: op[b].is_dirty ->
        op[b].is_dirty = false;
        find_target(b);
        if
        :: op[b].state == IDLE && target != 0 -> arm(b, target)
#ifndef BUG_NO_CANCEL_FOR_MORE
        :: op[b].state == PENDING && (target & ~op[b].armed) -> cancel(b)
#endif
        :: else
        fi;
        target = 0
    :: else
    fi
}

inline watch()
{
    d_step {
        is_watched = true;
        if
#ifdef BUG_SECOND_REQUEST
        :: false
#else
        :: op[mine].is_zombie -> op[mine].is_zombie = false
#endif
        :: else -> mine = 1 - mine
        fi;
#ifdef BUG_END_STAYS_TOLD
        op[mine].end_told = false;
#endif
#ifndef BUG_RESET_STAYS_TOLD
        op[mine].reset_told = false;
#endif
        reset_known = false;
        silence_broken = false;
        interest = 0;
        op[mine].is_dirty = true
    }
}

inline forget()
{
    atomic {
        is_watched = false;
        interest = 0;
        op[mine].is_dirty = false;
        op[mine].is_zombie = op[mine].state != IDLE;
        if
        :: op[mine].state == PENDING -> cancel(mine)
        :: else
        fi
    }
}

inline declare()
{
    d_step {
        if
        :: (wanted & ~interest & READ) -> read_told = false
        :: else
        fi;
        write_told = write_told && !(wanted & ~interest & WRITE);
        op[mine].is_dirty = op[mine].is_dirty || wanted != interest;
        interest = wanted;
        wanted = 0
    }
}

// Events of a request that told nothing are not looked at. Then the socket is dirty: it is asked for again.
inline take_packet()
{
    port ? b, is_success, events;
    if
    :: op[b].state == IDLE -> events = 0  // Of somebody else's call, we think.
    :: else ->
        op[b].state = IDLE;
        op[b].armed = 0;
        if
#ifdef BUG_CANCELLED_READ
        :: op[b].is_zombie -> events = 0
#else
        :: op[b].is_zombie || !is_success -> events = 0
#endif
        :: else
        fi;
#ifdef BUG_PACKET_LEAVES_CLEAN
        op[b].is_dirty = op[b].is_dirty && !op[b].is_zombie;
#else
        op[b].is_dirty = !op[b].is_zombie;
#endif
        op[b].is_zombie = false
    fi;
#ifdef BUG_END_STAYS_TOLD
    op[b].end_told = op[b].end_told || (events & DISCONNECT);
#endif
    was_reset_told = op[b].reset_told;
    op[b].reset_told = op[b].reset_told || (events & TOLD_ONCE)
}

// The owner: reads and writes, perhaps not all that there is, and declares what it is interested in.

inline hear()
{
    if
    :: interest == 0 && (events & ABORT) && !was_reset_told ->
        assert(!silence_broken);
        silence_broken = true
    :: else
    fi;
    reset_known =
        reset_known || ((events & holds & ABORT) && (interest != 0 || !was_reset_told));
    read_told = read_told || ((interest & READ) && (events & (RECEIVE | DISCONNECT | ABORT)));
    write_told = write_told || ((interest & WRITE) && (events & (SEND | ABORT)));
    b = 0;
    events = 0;
    is_success = false;
    was_reset_told = false
}

inline act()
{
    if
    :: read_told ->
        atomic {
            holds = holds & ~RECEIVE;
            has_read_end = has_read_end || (holds & (DISCONNECT | ABORT))
        };
        wanted = (has_read_end -> interest & WRITE : interest);
        declare()
    :: write_told -> holds = holds & ~SEND
    :: skip
    fi
}

active proctype io_thread()
{
    byte b, events, target, wanted;
    bool is_success, was_reset_told;
    do
    ::  if
        :: is_watched ->
            if
            :: wanted = 0
            :: wanted = WRITE
            :: !has_read_end -> wanted = READ
            :: !has_read_end -> wanted = READ | WRITE
            fi;
            declare()
        :: is_watched -> forget()
        :: !is_watched && !op[1 - mine].is_zombie -> watch()
        :: skip
        fi;
        atomic { reconcile(0); reconcile(1) };
        if
        :: nempty(port) -> d_step { take_packet(); hear() }; act()
        :: empty(port)
        fi
    od
}

ltl read_is_told { [] (OWED_READ -> <> !OWED_READ) }
ltl write_is_told { [] (OWED_WRITE -> <> !OWED_WRITE) }
ltl reset_is_told { [] (OWED_RESET -> <> !OWED_RESET) }
