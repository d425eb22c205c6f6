// SPDX-License-Identifier: MIT
// Is anybody inside when an object is freed, and does its destroyer ever wait in vain?
//
// Models   the gate of a group or an engine, one word of a bit and a count (src/engine/gate.h), with calls
//          that come and go, one of which waits for messages until the mailbox is stopped; and the destroyer
//          that closes the gate, stops the mailbox, waits until the last call is out, and frees
//          (end_group in src/engine/group.c, tofu_engine_destroy in engine.c).
// Left out what the I/O thread does for the destroyer in between (shutdown.pml), how the waiter sleeps
//          (mailbox.pml), and that a group's memory is kept for those who still come to its gate. Memory is
//          sequentially consistent, as the operations of the word are in C.
// Claims   what is inside is not freed; it is freed some time.
// Bounds   two callers with any number of calls until one is refused, one waiter.

#define CALLERS 2

bool is_closed;    // the word: its lowest bit
byte calls;        // and the rest
bool is_parked;    // the destroyer sleeps on the word
bool is_stopped;   // the mailbox
bool is_freed;

inline leave()
{
    atomic { calls--; is_last = is_closed && calls == 0 };
    if
#ifdef BUG_LEAVES_SILENTLY
    :: true
#else
    :: is_last -> is_last = false; is_parked = false
    :: else
#endif
    fi
}

inline enter()
{
#ifdef BUG_LOOKS_BEFORE_COUNTING
    is_inside = !is_closed;
    calls++;
#else
    atomic { calls++; is_inside = !is_closed };
#endif
    if
    :: !is_inside -> leave()
    :: is_inside
    fi
}

active [CALLERS] proctype caller()
{
    bool is_inside, is_last;
    do
    ::  enter();
        if
        :: is_inside ->
            assert(!is_freed);
            leave()
        :: else -> break
        fi
    :: break
    od
}

active proctype waiter()
{
    bool is_inside, is_last;
    enter();
    if
    :: is_inside ->
        is_stopped;
        assert(!is_freed);
        leave()
    :: else
    fi
}

inline drain()
{
    do
    ::  seen = calls;
        if
        :: seen == 0 -> break
        :: else
        fi;
        atomic { is_parked = is_closed && calls == seen };
        !is_parked
    od
}

active proctype destroyer()
{
    byte seen;
    is_closed = true;
#ifdef BUG_DRAINS_BEFORE_STOPPING
    drain();
    is_stopped = true;
#else
    is_stopped = true;
    drain();
#endif
    is_freed = true
}

ltl is_freed_some_time { <> is_freed }
