// SPDX-License-Identifier: MIT
// Is the contract of pollers enough for its user to miss nothing, whichever kind of poller keeps it?
//
// Models   one connection that is read, under one of three kernels: level-triggered, edge-triggered, and
//          one-shot, where each report has to be asked for. The reader is the I/O thread: interest is a
//          function of its state (tf_channel_interest in src/engine/channel.c) and is declared before each
//          wait (reconcile in src/engine/reactor.c); a report sets flags (note_event, there); reading goes
//          on until "would block", the end, a short read that no hang-up came with, or the turn's bound,
//          and then comes back by itself (tf_receive and receive_once in src/engine/receive.c); without
//          budget the interest is dropped until there is some (await_budget in src/engine/starvation.c).
// Left out writing, which is the same with "no room" for "no bytes"; urgent bytes, which the flag of the
//          hang-up covers; cancelling, which afd.pml has; the wake-up by returned memory, which wake.pml has.
// Claims   bytes and their end are read as long as messages are put back; nothing is told without interest.
// Bounds   two bytes unread, any number in all; reads for one or two bytes; one or two reads per turn; one
//          message of budget; one report for no reason. The peer and the noise stop where they like.

mtype = { LEVEL, EDGE, ONE_SHOT };
mtype kind;

// The kernel's.
byte unread;
bool has_end;
bool interest;     // in reading, as declared
bool is_news;      // edge: since the last report
bool is_asked;     // one-shot
bool is_spurious;  // one report that nothing stands behind

// The reader's.
bool can_read;
bool has_hangup;
bool is_starved;
bool has_read_end;
bool is_ready;     // on the list of those that have something to do

bool has_budget = true;
bool goes_on;      // ghost: this turn has read something

#define HOLDS       (unread > 0 || has_end)
#define IS_OWED     (unread > 0 || (has_end && !has_read_end))
#define WANTS       (!is_starved && !has_read_end)
#define IS_REPORTED (interest && is_spurious || \
                     kind == LEVEL && interest && HOLDS || \
                     kind == EDGE && interest && is_news && HOLDS || \
                     kind == ONE_SHOT && is_asked && HOLDS || \
                     IS_REPORTED_TOO)
#ifdef BUG_HANGUP_WHILE_DISARMED
#define IS_REPORTED_TOO (has_end && !interest)
#else
#define IS_REPORTED_TOO false
#endif

active proctype peer()
{
    do
    :: atomic { unread < 2 && !has_end -> unread++; is_news = interest }
    :: atomic { !has_end -> has_end = true; is_news = interest }
    :: break
    od
}

active proctype noise()
{
    if
    :: is_spurious = true
    :: skip
    fi
}

active proctype application()
{
end_idle:
    do
    :: !has_budget -> has_budget = true
    od
}

// Reconciles before a wait. Arming looks at what holds already; a one-shot is asked again for what it told.
inline declare()
{
    d_step {
        if
        :: WANTS != interest ->
            interest = WANTS;
#ifdef BUG_NO_LEVEL_ON_ARM
            is_news = false;
#else
            is_news = interest;
#endif
            is_asked = is_asked || interest
        :: else ->
#ifdef BUG_NOT_ASKED_AGAIN
            skip
#else
            is_asked = is_asked || interest
#endif
        fi
    }
}

// The answer to a request that nobody is interested in any more is no event.
inline take_report()
{
    d_step {
        if
        :: kind == ONE_SHOT && is_asked && !interest -> skip
        :: else ->
            assert(interest);
            can_read = true;
            has_hangup = has_hangup || has_end;
            is_ready = true
        fi;
        is_news = false;
        is_asked = false;
        is_spurious = false
    }
}

inline receive()
{
    atomic {
        is_short = false;
        if
        :: unread > 0 -> unread--; goes_on = true
        :: unread == 2 -> unread = 0; goes_on = true
        :: unread == 1 -> unread = 0; is_short = true; goes_on = true
        :: unread == 0 && has_end -> can_read = false; has_read_end = true; goes_on = true
        :: unread == 0 && !has_end -> can_read = false; has_hangup = false
        fi
    };
    if
#ifdef BUG_SHORT_READ_TRUSTED
    :: is_short -> can_read = false
#else
    :: is_short && !has_hangup -> can_read = false
#endif
    :: else
    fi
}

// What is read needs a message; without one reading rests.
inline read_once()
{
    if
    :: has_budget -> has_budget = false; receive()
    :: !has_budget -> is_starved = true
    fi
}

inline step()
{
    is_ready = false;
    if
    :: can_read && WANTS -> read_once()
    :: else
    fi;
    if  // The turn's bound may come now, or after another read.
    :: can_read && WANTS -> read_once()
    :: skip
    fi;
#ifndef BUG_BOUND_FORGOTTEN
    is_ready = can_read && WANTS
#else
    skip
#endif
}

inline feed()
{
    if
    :: is_starved && has_budget -> is_starved = false; is_ready = true
    :: else
    fi
}

active proctype io_thread()
{
    bool is_short;
    if
    :: kind = LEVEL
    :: kind = EDGE
    :: kind = ONE_SHOT
    fi;
    do
    ::  declare();
        if
        :: is_ready ->
            if
            :: IS_REPORTED -> take_report()
            :: else
            fi
        :: else ->
end_waits:
            if
            :: IS_REPORTED -> take_report()
            :: is_starved && has_budget
            fi
        fi;
        feed();
        step();
        goes_on = false
    od
}

ltl all_is_read { [] (IS_OWED -> <> goes_on) }
