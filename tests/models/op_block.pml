// SPDX-License-Identifier: MIT
// Is a block of memory that the kernel writes to ever somebody else's, and does it always come back?
//
// Models   blocks that sockets get one after the other (src/os/windows/afd_blocks.c; tf_afd_op_begin, arm,
//          tf_afd_op_abandon, tf_afd_op_complete in afd_op.c; take_packet in poller_afd.c). From the moment a
//          request is accepted until its packet is taken the block is the kernel's, which writes to it when
//          the request ends, and once more when the packet is taken. A packet names its block by index and
//          generation. The port is open to strangers: their packets may carry a number that was ours in an
//          earlier life of a block.
// Left out what the events say, and watching a zombie's socket again (afd.pml); closing the poller. What a
//          generation is, is left out too: a number is of this life of its block, or of an earlier one, so
//          nothing is shown of a generation that has gone round its 32 bits.
// Claims   the kernel writes to a block only for the life that asked for it and still waits; we ask only with a
//          block that the kernel has given back; a zombie becomes free.
// Bounds   two blocks, lives without end; one stray packet in the port. The world stops where it likes.

#define BLOCKS 2

mtype = { FREE, IDLE, PENDING, ZOMBIE };

typedef op_block {
    mtype state = FREE;
    bool had_life;      // numbers of an earlier life may be about
};
op_block op[BLOCKS];

// The kernel's request for a block, until its packet is taken.
typedef request {
    bool is_there;
    bool is_queued;     // its packet is in the port
    bool is_cancelled;
    bool is_old;        // of an earlier life
};
request asked[BLOCKS];

chan port = [BLOCKS + 1] of { byte, bool };  // block, whether it is a stranger's
bool has_stray;

// Ghosts: what is claimed.
bool is_kernels = true;  // the block that the kernel writes to
bool is_ours = true;     // the block that we ask with

inline kernel_writes(b)
{
    is_kernels = !asked[b].is_old && (op[b].state == PENDING || op[b].state == ZOMBIE);
    assert(is_kernels)
}

inline end_request(b)
{
    kernel_writes(b);
    asked[b].is_queued = true;
    port ! b, false
}

#define IS_WAITING(b) (asked[b].is_there && !asked[b].is_queued)

// One per block, so that it treats both fairly.
active [BLOCKS] proctype kernel()
{
end_idle:
    do
    :: atomic { IS_WAITING(_pid) && asked[_pid].is_cancelled -> end_request(_pid) }
    od
}

// What the sockets and the strangers do; nobody has to.
active proctype world()
{
    do
    :: atomic { IS_WAITING(0) -> end_request(0) }
    :: atomic { IS_WAITING(1) -> end_request(1) }
    :: atomic { op[0].had_life && !has_stray -> has_stray = true; port ! 0, true }
    :: atomic { op[1].had_life && !has_stray -> has_stray = true; port ! 1, true }
    :: break
    od
}

inline begin(b)
{
    d_step {
        op[b].state = IDLE;
        asked[b].is_old = asked[b].is_there
    }
}

inline arm(b)
{
    atomic {
        is_ours = !asked[b].is_there;
        assert(is_ours);
        op[b].state = PENDING;
        asked[b].is_there = true
    }
}

inline abandon(b)
{
    d_step {
        op[b].had_life = true;
        if
        :: op[b].state == IDLE -> op[b].state = FREE
        :: else ->
#ifdef BUG_FREED_AT_CANCEL
            op[b].state = FREE;
#else
            op[b].state = ZOMBIE;
#endif
#ifndef BUG_NOT_CANCELLED
            asked[b].is_cancelled = true
#endif
        fi
    }
}

inline complete(b)
{
    if
    :: op[b].state == PENDING -> op[b].state = IDLE
#ifdef BUG_ZOMBIE_FORGOTTEN
    :: op[b].state == ZOMBIE
#else
    :: op[b].state == ZOMBIE -> op[b].state = FREE
#endif
    :: else  // A free or an idle block waits for no packet.
    fi
}

inline take_packet()
{
    d_step {
        port ? b, is_strange;
        if
        :: is_strange ->
            has_stray = false;
#ifdef BUG_NO_GENERATION
            complete(b)
#endif
        :: else ->
            kernel_writes(b);
            asked[b].is_there = false;
            asked[b].is_queued = false;
            asked[b].is_cancelled = false;
            complete(b)
        fi;
        b = 0;
        is_strange = false
    }
}

active proctype io_thread()
{
    byte b;
    bool is_strange;
    do
    ::  if
        :: b = 0
        :: b = 1
        fi;
        if
        :: op[b].state == FREE -> begin(b)
        :: op[b].state == IDLE -> arm(b)
        :: op[b].state == IDLE || op[b].state == PENDING -> abandon(b)
        :: skip
        fi;
        if
        :: nempty(port) -> take_packet()
        :: empty(port) -> b = 0
        fi
    od
}

ltl zombie_becomes_free { [] (op[0].state == ZOMBIE -> <> (op[0].state == FREE)) }
