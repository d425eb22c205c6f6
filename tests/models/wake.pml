// SPDX-License-Identifier: MIT
// Does the I/O thread always come back for what was posted, or put back, while it went to sleep?
//
// Models   two flags in a row. `is_asleep` lets a poster skip the wake-up of a thread that is at work
//          (src/engine/reactor.c: tf_reactor_wake, wait_for_events, tf_reactor_step); `is_waking` lets a
//          wake-up skip the system's call while another one is under way (epoll_poller_wake in
//          src/os/linux/poller_epoll.c; poller_poll.c and poller_afd.c do the same). `is_starving` lets who
//          puts a message back skip the wake-up of a thread that does not wait for it (src/engine/pool.c:
//          tf_pool_put).
// Left out what a turn does with a post, timeouts and sockets' events: whoever has those wakes up anyhow.
//          Memory is sequentially consistent; in C the words have sequentially consistent operations, and
//          `is_waking`, which only exchanges change, has one order of its own.
// Claims   a post is taken; a budget that has room again is used; a thread without work sleeps.
// Bounds   two posters, each with one post in the queue at a time, for ever or until they stop at any point;
//          one message of budget. The first poster stands for both.

#define POSTERS 2

bool posted[POSTERS];  // on the stack of posts
bool has_budget;       // of receiving: one message was put back
bool is_starved;       // the I/O thread's own: a channel waits for the budget
bool is_starving;      // the same as published
bool is_asleep;
bool is_waking;
bool alarm;            // the system's: an edge, or a packet, that no wait has taken
byte at_work = POSTERS + 1;  // processes that may still wake somebody

#define HAS_POSTS (posted[0] || posted[1])

// Of those that find a flag, one exchanges it.

inline wake_poller()
{
    if
    :: atomic { !is_waking -> is_waking = true }; alarm = true
    :: is_waking
    fi
}

inline wake()
{
    if
    :: !is_asleep
    :: else ->
        if
        :: atomic { is_asleep -> is_asleep = false }; wake_poller()
        :: !is_asleep
        fi
    fi
}

active [POSTERS] proctype poster()
{
    do
    :: !posted[_pid] ->
        posted[_pid] = true;
        wake()
    :: break
    od;
    at_work--
}

active proctype receiver()
{
    do
    :: !has_budget ->
        has_budget = true;
        if
        :: !is_starving
        :: else -> wake()
        fi
    :: break
    od;
    at_work--
}

inline take_posts()
{
    d_step { posted[0] = false; posted[1] = false }
}

inline feed()
{
    if
    :: has_budget -> has_budget = false; is_starved = false
    :: !has_budget -> is_starved = true
    :: !is_starved  // Nobody wants to read.
    fi
}

inline look_for_work()
{
    if
    :: HAS_POSTS -> has_work = true
    :: else -> has_work = is_starved && has_budget
    fi
}

inline take_alarm()
{
#ifdef BUG_CLEARED_BEFORE_TAKING
    is_waking = false;
    alarm = false
#else
#ifndef BUG_ALARM_STAYS
    alarm = false;
#endif
#ifndef BUG_CLEARED_AFTER_LOOKING
    is_waking = false
#else
    skip
#endif
#endif
}

active proctype io_thread()
{
    bool has_work;
    do
    ::  is_asleep = false;
        take_posts();
        feed();
#ifndef BUG_STARVING_SAID_LATE
        is_starving = is_starved;
#endif
#ifdef BUG_LOOKS_BEFORE_ASLEEP
        look_for_work();
        is_asleep = true;
#else
        is_asleep = true;
        look_for_work();
#endif
#ifdef BUG_STARVING_SAID_LATE
        is_starving = is_starved;
#endif
#ifdef BUG_CLEARED_AFTER_LOOKING
        is_waking = false;
#endif
        if
        :: has_work ->
            is_asleep = false;
            if
            :: alarm -> take_alarm()
            :: else
            fi
        :: else ->
end_sleeps:
            alarm -> take_alarm()
        fi;
        has_work = false
    od
}

ltl post_is_taken { [] (posted[0] -> <> !posted[0]) }
ltl budget_is_used { [] ((is_starved && has_budget) -> <> !is_starved) }
ltl idle_sleeps { [] (at_work == 0 -> <> [] io_thread@end_sleeps) }
