// SPDX-License-Identifier: MIT
// Can two programs that send each other requests, and answer each, end up waiting for each other for ever?
//
// Models   two engines, each with its application and its two budgets (src/engine/pool.h): a message that is
//          sent counts as made, one that was received as incoming until the application posts it as the
//          answer or puts it back (tf_pool_adopt, tf_pool_put, tf_pool_get_incoming in src/engine/pool.c).
//          Without budget the I/O thread does not read, the network fills, and the other side cannot send
//          (src/engine/receive.c, send.c). The application takes messages in order, and asks whenever fewer
//          than W of its requests are without answer.
// Left out what wakes whom (wake.pml); that a message is more than one unit of the network; other channels.
// Claims   no deadlock, and answers come again and again,
//            with separate budgets, for W = P + C;
//            LIMITED, where the queue takes one message and a posting application waits for room, for
//            W < 1 + P + C;
//            SHARED, where one budget of P serves both directions, for W < P + C.
//          One request more, and each of the two locks up: the bug asks_too_much.
// Bounds   P, what may be received, and C, what one direction of the network holds, are 1 or 2 each, in all
//          combinations, unless macros P and C choose one.

#define SIDES 2

mtype = { REQUEST, ANSWER };

byte receive_max;     // P
byte network_max;     // C
byte unanswered_max;  // W

byte unanswered[SIDES];
bool is_answered;     // ghost: turns with each answer to anybody

chan queue[SIDES] = [8] of { mtype };     // to be sent by a side
chan network[SIDES] = [2] of { mtype };   // what that side has sent
chan received[SIDES] = [2] of { mtype };  // in the budget
mtype kind;                               // of a message in hand, within one step

#if defined(SHARED)
#define CAN_RECEIVE(s) (len(received[s]) + len(queue[s]) < receive_max)
#define CAN_ASK(s)     (len(received[s]) + len(queue[s]) < receive_max)
#define CAN_ANSWER(s)  true
#elif defined(LIMITED)
#define CAN_RECEIVE(s) (len(received[s]) < receive_max)
#define CAN_ASK(s)     (len(queue[s]) < 1)
#define CAN_ANSWER(s)  (len(queue[s]) < 1)
#else
#define CAN_RECEIVE(s) (len(received[s]) < receive_max)
#define CAN_ASK(s)     true
#define CAN_ANSWER(s)  true
#endif

proctype io_thread(byte s)
{
    do
    :: atomic {
        len(network[s]) < network_max && nempty(queue[s]) ->
        queue[s] ? kind;
        network[s] ! kind;
        kind = 0
    }
    :: atomic {
        CAN_RECEIVE(s) && nempty(network[1 - s]) ->
        network[1 - s] ? kind;
        received[s] ! kind;
        kind = 0
    }
    od
}

// The answer is the request's own message, so it leaves the budget with it; while it has to wait, so does what
// came behind it.
proctype application(byte s)
{
    do
    :: atomic { unanswered[s] < unanswered_max && CAN_ASK(s) -> unanswered[s]++; queue[s] ! REQUEST }
    :: atomic { received[s] ? [REQUEST] && CAN_ANSWER(s) -> received[s] ? REQUEST; queue[s] ! ANSWER }
    :: atomic { received[s] ? [ANSWER] -> received[s] ? ANSWER; unanswered[s]--; is_answered = !is_answered }
    od
}

init
{
#ifdef P
    receive_max = P;
    network_max = C;
#else
    select(receive_max : 1 .. 2);
    select(network_max : 1 .. 2);
#endif
    unanswered_max = receive_max + network_max;
#ifdef SHARED
    unanswered_max--;
#endif
#ifdef BUG_ASKS_TOO_MUCH
    unanswered_max++;
#endif
    atomic {
        run io_thread(0);
        run io_thread(1);
        run application(0);
        run application(1)
    }
}

ltl answers_come { [] (<> is_answered && <> !is_answered) }
