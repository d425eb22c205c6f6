// SPDX-License-Identifier: MIT
// Does a thread that waits for messages hear of each, and of the end, and of the end last?
//
// Models   the receive queue of a group: pushers, one waiter that parks, and whoever stops the mailbox
//          (src/engine/mailbox.c: tf_mailbox_push, tf_mailbox_wait, sleep_until, tf_mailbox_stop). Parking
//          compares the word and sleeps in one step, as a futex does (src/os/park.h). The I/O thread of an
//          engine whose poller has failed parks on its flag in the same way (wait_for_events in
//          src/engine/reactor.c).
// Left out the descriptor for event loops, timeouts, and wake-ups for no reason: those could only help. Memory
//          is sequentially consistent, as the operations of these words are in C.
// Claims   a message is taken; a stopped mailbox lets its waiter go when nobody pushes any more; what was pushed before the stop is given
//          out before the end is told.
// Bounds   two pushers, each with one message in the queue at a time, for ever or until they stop at any
//          point. Who stops the mailbox, which nobody has to, pushes a last
//          message before. The first pusher stands for both.

#define PUSHERS 2
#define STOPPER PUSHERS

bool pushed[PUSHERS + 1];
bool is_asleep;
bool is_parked;    // the system's: sleeps on `is_asleep`
bool is_stopped;   // the closing status
bool is_gone;      // the waiter was told of the end
byte at_work = PUSHERS + 1;  // processes that may still push or stop

#define HAS_MESSAGES (pushed[0] || pushed[1] || pushed[STOPPER])

inline wake_waiter()
{
    if
    :: !is_asleep
    :: else ->
        if
        :: atomic { is_asleep -> is_asleep = false }; is_parked = false
        :: !is_asleep  // Another one has done it.
        fi
    fi
}

inline push()
{
#ifdef BUG_WAKES_BEFORE_PUSHING
    wake_waiter();
    pushed[_pid] = true
#else
    pushed[_pid] = true;
    wake_waiter()
#endif
}

active [PUSHERS] proctype pusher()
{
end_full:
    do
    :: !pushed[_pid] -> push()
    :: break
    od;
    at_work--
}

active proctype stopper()
{
    if
    :: push(); is_stopped = true; wake_waiter()
    :: skip
    fi;
    at_work--
}

inline park()
{
    atomic {
#ifndef BUG_PARKS_BLINDLY
        if
        :: is_asleep -> is_parked = true
        :: else
        fi
#else
        is_parked = true
#endif
    };
end_parked:
    !is_parked
}

inline doze()
{
#ifdef BUG_LOOKS_BEFORE_ASLEEP
    if
    :: HAS_MESSAGES || is_stopped
    :: else -> is_asleep = true; park()
    fi;
#else
    is_asleep = true;
    if
    :: HAS_MESSAGES || is_stopped
    :: else -> park()
    fi;
#endif
    is_asleep = false
}

inline take_all()
{
    d_step {
        has_message = HAS_MESSAGES;
        pushed[0] = false;
        pushed[1] = false;
        pushed[STOPPER] = false
    }
}

active proctype waiter()
{
    bool has_message, was_stopped;
    do
    ::
#ifdef BUG_STATUS_READ_LAST
        take_all();
        was_stopped = is_stopped;
#else
        was_stopped = is_stopped;
        take_all();
#endif
        if
        :: has_message -> has_message = false
        :: !has_message && was_stopped -> break
        :: else -> doze()
        fi
    od;
    assert(!pushed[STOPPER]);
    is_gone = true
}

ltl message_is_taken { [] (pushed[0] -> <> (!pushed[0] || is_gone)) }
ltl waiter_goes { [] ((is_stopped && at_work == 0) -> <> is_gone) }
