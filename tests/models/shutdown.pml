// SPDX-License-Identifier: MIT
// Is the closing notice of a channel its last word, does every accepted message have one fate, and does a
// shutdown come to an end, whoever posts meanwhile?
//
// Models   one channel number in two lives: its slot with the state word and the load word, of which closing
//          closes the state and then looks at the load, and a poster adds to the load and then looks at the
//          state (src/engine/channel_table.c; post_on_channel, post_opening, unmake_channel in post.c); the
//          I/O thread that admits, sends, ends, and tells the end (admit.c; ending.c; tf_ending_can_finish in
//          has_work of reactor.c); and a shutdown, which stops what opens channels and ends what there is
//          (shut_down in engine.c; begin_shutdown, tf_shutdown_can_finish in shutdown.c).
// Left out whose group it is, sessions, Byes, the socket. A wake-up is a flag that is cleared before a turn
//          looks at anything: wake.pml shows that the real one is no worse. What is delivered is in order and
//          arrives: mailbox.pml. Calls that are inside when a group is destroyed: gate.pml.
// Claims   nothing of a life is delivered behind its closing notice, nothing is without fate then, and nobody
//          is let in behind it; a message is admitted to the life that it was posted to, behind what opens
//          it; a shutdown ends, for which every channel's end must be told, and no channel opens behind its end.
// Bounds   one opener, two posters with any number of posts, a load of two messages;
//          opening; who ends a channel does so at any time, or only because of the shutdown.

#define POSTERS  2
#define LIVES    2
#define LOAD_MAX 2

// The slot: state word and load word.
bool is_open;
bool is_public;
byte ticket;
byte load;

chan posts = [LOAD_MAX + 1] of { byte, bool };  // whose life, whether it opens that
bool is_woken;
byte channel_count;
bool is_shut;            // the engine's state
bool is_shutting_down;   // what the I/O thread knows of it
bool is_finished;

mtype = { NONE, OPENING, OPEN, CLOSED };
mtype phase = NONE;      // of the channel

// Ghosts: messages of this life that were accepted and have no fate, and lives whose end was told.
byte without_fate;
byte told;
bool is_in_order = true;  // what opens a channel is its first message

#define HAS_WORK (len(posts) > 0 || (phase == CLOSED && load == 0) || \
                  (is_shutting_down && !is_finished && channel_count == 0))

inline accept(life, opens)
{
    atomic {
        assert(life > told);
        assert(!is_finished);
        without_fate++;
        posts ! life, opens
    };
    is_woken = true
}

inline publish(life)
{
    d_step {
        is_public = is_public || (is_open && ticket == life)
    }
}

inline make_channel()
{
    channel_count++;
    d_step {
        ticket++;
        life = ticket;
        is_open = true;
        phase = OPENING
    }
}

inline unmake_channel()
{
    d_step { is_open = false; is_public = false };
    d_step { phase = NONE; channel_count-- };
    is_woken = true
}

active proctype opener()
{
    byte life;
    do
    :: channel_count == 0 && ticket < LIVES ->
        if
        :: is_shut -> break
        :: else
        fi;
        make_channel();
        if
#ifndef BUG_SHUTDOWN_SEEN_ONCE
        :: is_shut -> unmake_channel(); break
#endif
        :: else ->
            load++;
#ifdef BUG_PUBLIC_FIRST
            publish(life);
            accept(life, true)
#else
            accept(life, true);
            publish(life)
#endif
        fi;
        life = 0
    :: break
    od
}

inline step_back()
{
    load--;
#ifndef BUG_STEPS_BACK_SILENTLY
    is_woken = true
#else
    skip
#endif
}

#ifdef BUG_ANY_LIFE
#define IS_CONFIRMED is_public
#else
#define IS_CONFIRMED (is_public && ticket == life)
#endif

inline post()
{
#ifdef BUG_LOADS_AFTER_LOOKING
    if
    :: !IS_CONFIRMED
    :: IS_CONFIRMED -> load++; accept(life, false)
    fi
#else
    if
    :: load >= LOAD_MAX
    :: atomic { load < LOAD_MAX -> load++ };
        if
        :: !is_shut && IS_CONFIRMED -> accept(life, false)
        :: else -> step_back()
        fi
    fi
#endif
}

// Whoever finds the number not public goes away.
active [POSTERS] proctype poster()
{
    byte life;
    do
    :: atomic { is_public -> life = ticket };
        post();
        life = 0
    :: break
    od
}

active proctype closer()
{
    is_shut = true;
    atomic { is_shutting_down = true; is_woken = true }
}

// Sent, or returned to its group.
inline give_fate(life)
{
    d_step {
        assert(life > told);
        load--;
        without_fate--
    }
}

inline admit()
{
    posts ? life, opens;
    assert(phase != NONE && life == ticket);
    if
    :: phase == CLOSED -> give_fate(life)
    :: else ->
        is_in_order = opens == (phase == OPENING);
        assert(is_in_order);
        phase = OPEN;
        queued++
    fi;
    if
    :: opens -> publish(life)
    :: else
    fi
}

inline end_channel()
{
    d_step { is_open = false; is_public = false };
    do
    :: queued > 0 -> queued--; give_fate(ticket)
    :: else -> break
    od;
    phase = CLOSED
}

inline tell_end()
{
    d_step {
        assert(without_fate == 0);
        told = ticket;
        phase = NONE;
        channel_count--
    }
}

#ifdef BUG_LOAD_NOT_LOOKED_AT
#define IS_ENDED (phase == CLOSED)
#else
#define IS_ENDED (phase == CLOSED && load == 0)
#endif

active proctype io_thread()
{
    byte life, queued;
    bool opens;
    do
    ::  is_woken = false;
        do
        :: nempty(posts) -> admit()
        :: empty(posts) -> break
        od;
        atomic { life = 0; opens = false };
        if
        :: phase == OPEN && queued > 0 -> queued--; give_fate(ticket)
        :: phase == OPEN -> end_channel()
        :: phase == OPEN && !is_shutting_down
        :: phase != OPEN
        fi;
        if
        :: IS_ENDED -> tell_end()
        :: else
        fi;
        if
        :: is_shutting_down && channel_count == 0 -> is_finished = true
        :: else
        fi;
        if
        :: HAS_WORK
        :: else ->
end_waits:
            is_woken || phase == OPEN  // Its socket may have news at any time.
        fi
    od
}

ltl shutdown_ends { <> is_finished }
