// SPDX-License-Identifier: MIT
// Does a thread that waits for room, or for a message of the pool, always see that there is some?
//
// Models   the event count (src/engine/event_count.h) as a poster uses it that waits for room in a slot
//          (post_when_room in src/engine/post.c, tf_slot_unload in channel_table.c), and a thread that waits
//          for the pool (tf_pool_get_within in pool.c). Parking compares the count and sleeps in one step.
// Left out timeouts, and wake-ups for no reason, which could only help. Memory is sequentially consistent, as
//          the operations of these words are in C. The count itself: of each waiter it is known whether the
//          count has moved on since he read it, so nothing is shown of one that has gone round its 32 bits.
// Claims   room that there is, is taken while somebody waits for it.
// Bounds   two waiters, each for one piece of room at a time, for ever; one piece of room, which comes back
//          again and again, until that stops at any point.

#define WAITERS 2

bool has_room;
byte waiters;
bool has_moved[WAITERS];   // the count, since that waiter read it
bool is_parked[WAITERS];

inline notify()
{
    if
    :: waiters != 0 ->
        d_step { has_moved[0] = true; has_moved[1] = true };
        d_step { is_parked[0] = false; is_parked[1] = false }
    :: else
    fi
}

inline park()
{
    atomic { is_parked[_pid] = !has_moved[_pid] };
end_parked:
    !is_parked[_pid];
    has_moved[_pid] = false
}

#define TAKES atomic { has_room -> has_room = false }

active [WAITERS] proctype waiter()
{
    do
    :: TAKES
    :: !has_room ->
        waiters++;
#ifndef BUG_COUNT_READ_LATE
        has_moved[_pid] = false;
#endif
        do
        :: TAKES; break
        :: !has_room ->
#ifdef BUG_COUNT_READ_LATE
            has_moved[_pid] = false;
#endif
            park()
        od;
        waiters--
    od
}

active proctype maker()
{
    do
    :: !has_room ->
#ifdef BUG_NOTIFIES_FIRST
        notify();
        has_room = true
#else
        has_room = true;
        notify()
#endif
    :: break
    od
}

ltl room_is_taken { [] (has_room -> <> !has_room) }
