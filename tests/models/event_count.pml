// SPDX-License-Identifier: MIT
// Does a thread that waits for room, or for a message of the pool, always see that there is some?
//
// Models   the event count (src/engine/event_count.h) as a poster uses it that waits for room in a slot
//          (post_when_room in src/engine/post.c, tf_slot_unload in channel_table.c), and a thread that waits
//          for the pool (tf_pool_get_within in pool.c). Parking compares the count and sleeps in one step.
// Left out timeouts, and wake-ups for no reason, which could only help; what else ends the wait. Memory is
//          sequentially consistent, as the operations of these words are in C.
// Claims   somebody who waits gets on, as long as room is made again.
// Bounds   two waiters, each for one piece of room at a time, for ever; one piece of room. Who made it makes
//          it again, or stops at any point while it is there.

#define WAITERS 2

bool has_room = true;
byte count;              // modulo 4: nobody parks on a count that is older than the last two
byte waiters;
bool is_parked[WAITERS];
bool is_stopped;         // no room is made any more
bool is_served;          // ghost: turns with each piece of room that is taken

inline take()
{
    atomic {
        got = has_room;
        has_room = false;
        is_served = is_served ^ got
    }
}
