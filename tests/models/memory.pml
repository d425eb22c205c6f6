// SPDX-License-Identifier: MIT
// Does every channel that waits for memory get some, however greedy the others are?
//
// Models   the line for the receiving budget: who finds none, or others in line, joins it; each turn feeds
//          those in line while there is budget, each at most once; who has been fed may read on while there
//          is some, and goes to the end when it starves again (tf_starvation_admit, feed_in_order in
//          src/engine/starvation.c). Feeding comes before reading (tf_reactor_step in src/engine/reactor.c).
//          Messages come back when the application likes, but each does.
// Left out places for unfinished messages, the line for them, and who is closed there; channels that end.
// Claims   who waits is fed, whichever channel it is; budget that was given is the budget that is missing.
// Bounds   three channels whose peers have sent more whenever they like; a budget of one or two messages.
//
// The bugs are other orders. Going round means here that the first place moves on by one in each turn, be
// there budget or not: memory that comes back in step with the turns is then always the same one's. A place
// that moves on only when somebody was fed would be a line.

#define CHANNELS 3
#define NOBODY   CHANNELS

byte budget;
byte room;              // of the budget
byte held;              // by the application
bool waits[CHANNELS];
byte victim;            // the channel that is looked at: any
chan line = [CHANNELS] of { byte };
#ifdef BUG_FED_IN_FRONT
byte front = NOBODY;
#endif

active proctype application()
{
end_idle:
    do
    :: atomic { held > 0 -> held--; room++ }
    od
}

inline take()
{
    d_step {
        assert(room > 0 && room + held == budget);
        room--;
        held++
    }
}

inline join(c)
{
    waits[c] = true;
#ifdef BUG_FED_IN_FRONT
    if
    :: is_fed && front == NOBODY -> front = c
    :: else -> line ! c
    fi
#else
    line ! c
#endif
}

// One message, perhaps another one, and perhaps there was more to read. A turn reads a bounded number of bytes.
inline feed(c)
{
    is_fed = true;
    waits[c] = false;
    take();
    if
    :: room > 0 -> take()
    :: skip
    fi;
    if
    :: room == 0 -> join(c)
    :: skip
    fi;
    is_fed = false
}

inline read(c)
{
    if
    :: waits[c]
    :: !waits[c]  // Nothing came for it.
    :: !waits[c] ->
        if
#ifdef BUG_OVERTAKING
        :: room > 0 -> take()
#else
        :: room > 0 && len(line) == 0 -> take()
#endif
        :: else -> join(c)
        fi
    fi
}

inline feed_in_order()
{
#ifdef BUG_FED_IN_FRONT
    if
    :: front != NOBODY && room > 0 -> c = front; front = NOBODY; feed(c)
    :: else
    fi;
#endif
    count = len(line);
    do
    :: count > 0 && room > 0 -> line ? c; count--; feed(c)
    :: else -> break
    od
}

// The line is only a set here.
inline feed_round(first)
{
    count = 0;
    do
    :: count < CHANNELS ->
        c = (first + count) % CHANNELS;
        count++;
        if
        :: room > 0 && waits[c] -> line ?? eval(c); feed(c)
        :: else
        fi
    :: else -> break
    od
}

active proctype io_thread()
{
    byte c, count, turn;
    bool is_fed;
    select(budget : 1 .. 2);
    select(victim : 0 .. 2);
    room = budget;
    do
    ::
#if defined(BUG_FIXED_ORDER)
        feed_round(0);
#elif defined(BUG_ROUND_ROBIN)
        feed_round(turn);
        turn = (turn + 1) % CHANNELS;
#else
        feed_in_order();
#endif
        c = 0;
        count = 0;
        read(0);
        read(1);
        read(2)
    od
}

ltl nobody_starves { [] (waits[victim] -> <> !waits[victim]) }
