// SPDX-License-Identifier: MIT
// Every cell of the table against the rules in words (PROTOCOL.md, 3.10 and 6), which are written
// here once more as predicates over the three parts of a session: the hello, our bye, the peer's.
#include "unit/expect.h"

#include <string.h>

#include "unit/random.h"
#include "wire/header.h"
#include "wire/rules.h"

enum hello { HELLO_ABSENT, HELLO_OPEN, HELLO_ANSWERED };
enum bye { BYE_UNSAID, BYE_WAITS, BYE_DONE };

struct parts {
    enum hello hello;
    enum bye ours;
    enum bye peers;
    bool is_ended;
};

static const struct parts parts_of[TF_SESSION_COUNT] = {
    [TF_SESSION_NEW] = {.hello = HELLO_ABSENT},
    [TF_SESSION_HELLO] = {.hello = HELLO_OPEN},
    [TF_SESSION_HELLO_OURS_WAITS] = {HELLO_OPEN, BYE_WAITS, BYE_UNSAID, false},
    [TF_SESSION_HELLO_PEER_WAITS] = {HELLO_OPEN, BYE_UNSAID, BYE_WAITS, false},
    [TF_SESSION_HELLO_BOTH_WAIT] = {HELLO_OPEN, BYE_WAITS, BYE_WAITS, false},
    [TF_SESSION_HELLO_OURS_DONE_PEER_WAITS] = {HELLO_OPEN, BYE_DONE, BYE_WAITS, false},
    [TF_SESSION_HELLO_OURS_WAITS_PEER_DONE] = {HELLO_OPEN, BYE_WAITS, BYE_DONE, false},
    [TF_SESSION_ANSWERED] = {.hello = HELLO_ANSWERED},
    [TF_SESSION_ANSWERED_OURS_WAITS] = {HELLO_ANSWERED, BYE_WAITS, BYE_UNSAID, false},
    [TF_SESSION_ANSWERED_PEER_WAITS] = {HELLO_ANSWERED, BYE_UNSAID, BYE_WAITS, false},
    [TF_SESSION_ANSWERED_BOTH_WAIT] = {HELLO_ANSWERED, BYE_WAITS, BYE_WAITS, false},
    [TF_SESSION_ANSWERED_OURS_DONE_PEER_WAITS] = {HELLO_ANSWERED, BYE_DONE, BYE_WAITS, false},
    [TF_SESSION_ANSWERED_OURS_WAITS_PEER_DONE] = {HELLO_ANSWERED, BYE_WAITS, BYE_DONE, false},
    [TF_SESSION_ENDED] = {.is_ended = true},
};

static bool wanted_send(enum tf_side side, const struct parts *now, unsigned opcode)
{
    bool opens_a_channel = opcode == TOFU_HELLO_REQUEST || opcode == TOFU_WELCOME_REQUEST;
    if (opcode > 9 || opens_a_channel || opcode == TOFU_WELCOME_RESPONSE) {
        return false;
    }
    // Without a HelloRequest there is no channel to post to; a listener never has one.
    if (side != TF_LISTENING && now->hello == HELLO_ABSENT && !now->is_ended) {
        return false;
    }
    if (opcode == TOFU_BYE_SIGNAL) {
        return true;
    }
    bool we_have_answered = now->peers == BYE_DONE;
    if (now->is_ended || we_have_answered) {
        return false;
    }
    if (opcode == TOFU_BYE_RESPONSE) {
        return side != TF_LISTENING && now->peers == BYE_WAITS;
    }
    if (now->ours != BYE_UNSAID) {
        return false;
    }
    if (opcode == TOFU_BYE_REQUEST) {
        return true;
    }
    if (opcode == TOFU_HELLO_RESPONSE) {
        return side == TF_ACCEPTING && now->hello == HELLO_OPEN;
    }
    return side != TF_LISTENING;
}

static bool wanted_receive(enum tf_side side, const struct parts *now, unsigned opcode)
{
    if (opcode > 9 || side == TF_LISTENING || now->is_ended) {
        return false;
    }
    if (now->hello == HELLO_ABSENT) {
        return side == TF_ACCEPTING && opcode == TOFU_HELLO_REQUEST;
    }
    if (opcode == TOFU_BYE_RESPONSE) {
        return now->ours == BYE_WAITS;
    }
    if (now->peers != BYE_UNSAID) {
        return false;
    }
    if (opcode == TOFU_HELLO_RESPONSE) {
        return side == TF_CONNECTING && now->hello == HELLO_OPEN;
    }
    return opcode == TOFU_REQUEST || opcode == TOFU_RESPONSE || opcode == TOFU_SIGNAL ||
           opcode == TOFU_BYE_REQUEST;
}

static void every_cell_says_what_may_be_sent(void **state)
{
    (void)state;
    for (unsigned side = 0; side < TF_SIDE_COUNT; side++) {
        for (unsigned session = 0; session < TF_SESSION_COUNT; session++) {
            for (unsigned opcode = 0; opcode < 256; opcode++) {
                bool wanted = wanted_send((enum tf_side)side, &parts_of[session], opcode);
                bool given = tf_rules_may_send(
                    (enum tf_side)side, (enum tf_session)session, (uint8_t)opcode);

                assert_true_or(
                    given == wanted, "side %u, session %u, opcode %u", side, session, opcode);
            }
        }
    }
}

static void every_cell_says_what_may_be_received(void **state)
{
    (void)state;
    for (unsigned side = 0; side < TF_SIDE_COUNT; side++) {
        for (unsigned session = 0; session < TF_SESSION_COUNT; session++) {
            for (unsigned opcode = 0; opcode < 256; opcode++) {
                bool wanted = wanted_receive((enum tf_side)side, &parts_of[session], opcode);
                bool given = tf_rules_may_receive(
                    (enum tf_side)side, (enum tf_session)session, (uint8_t)opcode);

                assert_true_or(
                    given == wanted, "side %u, session %u, opcode %u", side, session, opcode);
            }
        }
    }
}

// The session that has these parts: once a bye is answered and none waits, it has ended.
static enum tf_session session_of(struct parts parts)
{
    bool is_any_done = parts.ours == BYE_DONE || parts.peers == BYE_DONE;
    bool does_any_wait = parts.ours == BYE_WAITS || parts.peers == BYE_WAITS;
    if (parts.is_ended || (is_any_done && !does_any_wait)) {
        return TF_SESSION_ENDED;
    }
    for (unsigned session = 0; session < TF_SESSION_COUNT; session++) {
        const struct parts *candidate = &parts_of[session];
        if (candidate->hello == parts.hello && candidate->ours == parts.ours &&
            candidate->peers == parts.peers && !candidate->is_ended) {
            return (enum tf_session)session;
        }
    }
    fail_msg("no session has hello %d, byes %d and %d", parts.hello, parts.ours, parts.peers);
    return TF_SESSION_COUNT;
}

static enum tf_session wanted_after_send(enum tf_session session, unsigned opcode)
{
    struct parts parts = parts_of[session];
    if (opcode == TOFU_HELLO_RESPONSE) {
        parts.hello = HELLO_ANSWERED;
    } else if (opcode == TOFU_BYE_REQUEST) {
        parts.ours = BYE_WAITS;
    } else if (opcode == TOFU_BYE_RESPONSE) {
        parts.peers = BYE_DONE;
    }
    return session_of(parts);
}

static enum tf_session wanted_after_receive(enum tf_session session, unsigned opcode)
{
    struct parts parts = parts_of[session];
    if (opcode == TOFU_HELLO_REQUEST) {
        parts.hello = HELLO_OPEN;
    } else if (opcode == TOFU_HELLO_RESPONSE) {
        parts.hello = HELLO_ANSWERED;
    } else if (opcode == TOFU_BYE_REQUEST) {
        parts.peers = BYE_WAITS;
    } else if (opcode == TOFU_BYE_RESPONSE) {
        parts.ours = BYE_DONE;
    }
    return session_of(parts);
}

static void every_allowed_send_leads_to_its_session(void **state)
{
    (void)state;
    for (unsigned side = TF_CONNECTING; side <= TF_ACCEPTING; side++) {
        for (unsigned session = 0; session < TF_SESSION_COUNT; session++) {
            for (unsigned opcode = 0; opcode < TF_OPCODE_END; opcode++) {
                enum tf_session now = (enum tf_session)session;
                if (!tf_rules_may_send((enum tf_side)side, now, (uint8_t)opcode)) {
                    continue;
                }

                enum tf_session next = tf_rules_after_send(now, (uint8_t)opcode);

                assert_true_or(
                    next == wanted_after_send(now, opcode),
                    "session %u, opcode %u: %d",
                    session,
                    opcode,
                    next);
            }
        }
    }
}

static void every_allowed_receipt_leads_to_its_session(void **state)
{
    (void)state;
    for (unsigned side = TF_CONNECTING; side <= TF_ACCEPTING; side++) {
        for (unsigned session = 0; session < TF_SESSION_COUNT; session++) {
            for (unsigned opcode = 0; opcode < TF_OPCODE_END; opcode++) {
                enum tf_session now = (enum tf_session)session;
                if (!tf_rules_may_receive((enum tf_side)side, now, (uint8_t)opcode)) {
                    continue;
                }

                enum tf_session next = tf_rules_after_receive(now, (uint8_t)opcode);

                assert_true_or(
                    next == wanted_after_receive(now, opcode),
                    "session %u, opcode %u: %d",
                    session,
                    opcode,
                    next);
            }
        }
    }
}

// Nobody answers a listener's ByeRequest, so a second one has nothing to do, wherever the listener
// stood.
static void a_listener_says_bye_once(void **state)
{
    (void)state;
    const enum tf_session starts[] = {TF_SESSION_NEW, TF_SESSION_HELLO, TF_SESSION_ANSWERED};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        assert_true(tf_rules_may_send(TF_LISTENING, starts[i], TOFU_BYE_REQUEST));

        enum tf_session next = tf_rules_after_send(starts[i], TOFU_BYE_REQUEST);

        assert_false(tf_rules_may_send(TF_LISTENING, next, TOFU_BYE_REQUEST));
        assert_true(tf_rules_may_send(TF_LISTENING, next, TOFU_BYE_SIGNAL));
    }
}

static void crossing_bye_requests_both_complete(void **state)
{
    (void)state;
    enum tf_session session = TF_SESSION_ANSWERED;

    session = tf_rules_after_send(session, TOFU_BYE_REQUEST);
    session = tf_rules_after_receive(session, TOFU_BYE_REQUEST);
    assert_int_equal(session, TF_SESSION_ANSWERED_BOTH_WAIT);
    assert_true(tf_rules_may_send(TF_CONNECTING, session, TOFU_BYE_RESPONSE));

    enum tf_session answered_first = tf_rules_after_send(session, TOFU_BYE_RESPONSE);
    assert_int_equal(tf_rules_after_receive(answered_first, TOFU_BYE_RESPONSE), TF_SESSION_ENDED);

    enum tf_session received_first = tf_rules_after_receive(session, TOFU_BYE_RESPONSE);
    assert_int_equal(tf_rules_after_send(received_first, TOFU_BYE_RESPONSE), TF_SESSION_ENDED);
}

// One end of a link, and what is on its way to it.
struct end {
    enum tf_side side;
    enum tf_session session;
    uint8_t inbox[8];
    size_t inbox_count;
};

static void end_receive(struct end *end)
{
    uint8_t opcode = end->inbox[0];
    assert_true_or(
        tf_rules_may_receive(end->side, end->session, opcode),
        "side %d in session %d got a legally sent %d",
        end->side,
        end->session,
        opcode);
    end->session = tf_rules_after_receive(end->session, opcode);
    end->inbox_count--;
    memmove(end->inbox, end->inbox + 1, end->inbox_count);
}

static void end_send(struct end *end, struct end *peer, uint8_t opcode)
{
    bool travels = opcode != TOFU_BYE_SIGNAL;
    if (!travels || peer->inbox_count == sizeof peer->inbox ||
        !tf_rules_may_send(end->side, end->session, opcode)) {
        return;
    }
    end->session = tf_rules_after_send(end->session, opcode);
    peer->inbox[peer->inbox_count] = opcode;
    peer->inbox_count++;
}

// What the sender's half of the table allows, the receiver's half must allow too, however the two
// directions race; otherwise an honest peer would be cut off.
static void whatever_may_be_sent_may_be_received(void **state)
{
    (void)state;
    struct random_source source = {0};
    size_t ended_count = 0;
    for (unsigned round = 0; round < 20000; round++) {
        struct end ends[2] = {
            {.side = TF_CONNECTING, .session = TF_SESSION_HELLO},
            {.side = TF_ACCEPTING, .inbox = {TOFU_HELLO_REQUEST}, .inbox_count = 1},
        };
        for (unsigned step = 0; step < 60; step++) {
            size_t which = random_below(&source, 2);
            struct end *end = &ends[which];
            if (random_below(&source, 2) == 0 && end->inbox_count > 0) {
                end_receive(end);
            } else {
                end_send(end, &ends[1 - which], (uint8_t)random_below(&source, TF_OPCODE_END));
            }
        }
        while (ends[0].inbox_count > 0) {
            end_receive(&ends[0]);
        }
        while (ends[1].inbox_count > 0) {
            end_receive(&ends[1]);
        }
        // With nothing on its way both ends agree on whether it is over.
        assert_int_equal(ends[0].session == TF_SESSION_ENDED, ends[1].session == TF_SESSION_ENDED);
        ended_count += ends[0].session == TF_SESSION_ENDED;
    }
    assert_in_range(ended_count, 1000, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_says_what_may_be_sent),
        cmocka_unit_test(every_cell_says_what_may_be_received),
        cmocka_unit_test(every_allowed_send_leads_to_its_session),
        cmocka_unit_test(every_allowed_receipt_leads_to_its_session),
        cmocka_unit_test(a_listener_says_bye_once),
        cmocka_unit_test(crossing_bye_requests_both_complete),
        cmocka_unit_test(whatever_may_be_sent_may_be_received),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
