// SPDX-License-Identifier: MIT
// Two tables: what may be sent and received now, and what session comes of it.
//
// Each cell is a set of opcodes. Read a row as: in this session we may send these, and the peer may
// send us those. The reasons behind the rows:
//   * After a ByeRequest its sender has nothing more to say but Byes; the other side may still talk
//     until it says Bye itself or has answered.
//   * A ByeResponse answers a ByeRequest that waits, once. With it a sender is through.
//   * The accepting side answers the HelloRequest at most once, and it need not before it talks.
//   * A ByeSignal is our own way to end a channel: always allowed, never on the wire.
#include "wire/rules.h"

#include <assert.h>

#include <tofu/message.h>

#include "base/assert.h"
#include "wire/header.h"

static_assert(TF_LISTENING + 1 == TF_SIDE_COUNT, "every side has its part of the table");
static_assert(TF_SESSION_ENDED + 1 == TF_SESSION_COUNT, "every session has its row");

// The sets that the cells are made of. Hello and Welcome requests open channels and are never sent
// on one; a WelcomeResponse is the engine's.
#define NONE           0u
#define REGULAR        (1u << TOFU_REQUEST | 1u << TOFU_RESPONSE | 1u << TOFU_SIGNAL)
#define HELLO_REQUEST  (1u << TOFU_HELLO_REQUEST)
#define HELLO_RESPONSE (1u << TOFU_HELLO_RESPONSE)
#define BYE_REQUEST    (1u << TOFU_BYE_REQUEST)
#define BYE_RESPONSE   (1u << TOFU_BYE_RESPONSE)
#define BYE_SIGNAL     (1u << TOFU_BYE_SIGNAL)

struct rule {
    uint16_t may_send;    // A set of opcodes, one bit each.
    uint16_t may_receive; // Another.
};

static const struct rule rules[TF_SIDE_COUNT][TF_SESSION_COUNT] = {
    // A channel of ours begins in HELLO: its HelloRequest is the message that opened it.
    [TF_CONNECTING] =
        {
            [TF_SESSION_NEW] = {NONE, NONE},

            [TF_SESSION_HELLO] =
                {REGULAR | BYE_REQUEST | BYE_SIGNAL, REGULAR | HELLO_RESPONSE | BYE_REQUEST},
            [TF_SESSION_HELLO_OURS_WAITS] =
                {BYE_SIGNAL, REGULAR | HELLO_RESPONSE | BYE_REQUEST | BYE_RESPONSE},
            [TF_SESSION_HELLO_PEER_WAITS] =
                {REGULAR | BYE_REQUEST | BYE_RESPONSE | BYE_SIGNAL, NONE},
            [TF_SESSION_HELLO_BOTH_WAIT] = {BYE_RESPONSE | BYE_SIGNAL, BYE_RESPONSE},
            [TF_SESSION_HELLO_OURS_DONE_PEER_WAITS] = {BYE_RESPONSE | BYE_SIGNAL, NONE},
            [TF_SESSION_HELLO_OURS_WAITS_PEER_DONE] = {BYE_SIGNAL, BYE_RESPONSE},

            [TF_SESSION_ANSWERED] = {REGULAR | BYE_REQUEST | BYE_SIGNAL, REGULAR | BYE_REQUEST},
            [TF_SESSION_ANSWERED_OURS_WAITS] = {BYE_SIGNAL, REGULAR | BYE_REQUEST | BYE_RESPONSE},
            [TF_SESSION_ANSWERED_PEER_WAITS] =
                {REGULAR | BYE_REQUEST | BYE_RESPONSE | BYE_SIGNAL, NONE},
            [TF_SESSION_ANSWERED_BOTH_WAIT] = {BYE_RESPONSE | BYE_SIGNAL, BYE_RESPONSE},
            [TF_SESSION_ANSWERED_OURS_DONE_PEER_WAITS] = {BYE_RESPONSE | BYE_SIGNAL, NONE},
            [TF_SESSION_ANSWERED_OURS_WAITS_PEER_DONE] = {BYE_SIGNAL, BYE_RESPONSE},

            [TF_SESSION_ENDED] = {BYE_SIGNAL, NONE},
        },
    // A new connection has no channel number yet, so nobody can post to it.
    [TF_ACCEPTING] =
        {
            [TF_SESSION_NEW] = {NONE, HELLO_REQUEST},

            [TF_SESSION_HELLO] =
                {REGULAR | HELLO_RESPONSE | BYE_REQUEST | BYE_SIGNAL, REGULAR | BYE_REQUEST},
            [TF_SESSION_HELLO_OURS_WAITS] = {BYE_SIGNAL, REGULAR | BYE_REQUEST | BYE_RESPONSE},
            [TF_SESSION_HELLO_PEER_WAITS] =
                {REGULAR | HELLO_RESPONSE | BYE_REQUEST | BYE_RESPONSE | BYE_SIGNAL, NONE},
            [TF_SESSION_HELLO_BOTH_WAIT] = {BYE_RESPONSE | BYE_SIGNAL, BYE_RESPONSE},
            [TF_SESSION_HELLO_OURS_DONE_PEER_WAITS] = {BYE_RESPONSE | BYE_SIGNAL, NONE},
            [TF_SESSION_HELLO_OURS_WAITS_PEER_DONE] = {BYE_SIGNAL, BYE_RESPONSE},

            [TF_SESSION_ANSWERED] = {REGULAR | BYE_REQUEST | BYE_SIGNAL, REGULAR | BYE_REQUEST},
            [TF_SESSION_ANSWERED_OURS_WAITS] = {BYE_SIGNAL, REGULAR | BYE_REQUEST | BYE_RESPONSE},
            [TF_SESSION_ANSWERED_PEER_WAITS] =
                {REGULAR | BYE_REQUEST | BYE_RESPONSE | BYE_SIGNAL, NONE},
            [TF_SESSION_ANSWERED_BOTH_WAIT] = {BYE_RESPONSE | BYE_SIGNAL, BYE_RESPONSE},
            [TF_SESSION_ANSWERED_OURS_DONE_PEER_WAITS] = {BYE_RESPONSE | BYE_SIGNAL, NONE},
            [TF_SESSION_ANSWERED_OURS_WAITS_PEER_DONE] = {BYE_SIGNAL, BYE_RESPONSE},

            [TF_SESSION_ENDED] = {BYE_SIGNAL, NONE},
        },
    // A Bye closes a listener, and nobody answers it: all that counts is whether ours is out.
    [TF_LISTENING] =
        {
            [TF_SESSION_NEW] = {BYE_REQUEST | BYE_SIGNAL, NONE},

            [TF_SESSION_HELLO] = {BYE_REQUEST | BYE_SIGNAL, NONE},
            [TF_SESSION_HELLO_OURS_WAITS] = {BYE_SIGNAL, NONE},
            [TF_SESSION_HELLO_PEER_WAITS] = {BYE_REQUEST | BYE_SIGNAL, NONE},
            [TF_SESSION_HELLO_BOTH_WAIT] = {BYE_SIGNAL, NONE},
            [TF_SESSION_HELLO_OURS_DONE_PEER_WAITS] = {BYE_SIGNAL, NONE},
            [TF_SESSION_HELLO_OURS_WAITS_PEER_DONE] = {BYE_SIGNAL, NONE},

            [TF_SESSION_ANSWERED] = {BYE_REQUEST | BYE_SIGNAL, NONE},
            [TF_SESSION_ANSWERED_OURS_WAITS] = {BYE_SIGNAL, NONE},
            [TF_SESSION_ANSWERED_PEER_WAITS] = {BYE_REQUEST | BYE_SIGNAL, NONE},
            [TF_SESSION_ANSWERED_BOTH_WAIT] = {BYE_SIGNAL, NONE},
            [TF_SESSION_ANSWERED_OURS_DONE_PEER_WAITS] = {BYE_SIGNAL, NONE},
            [TF_SESSION_ANSWERED_OURS_WAITS_PEER_DONE] = {BYE_SIGNAL, NONE},

            [TF_SESSION_ENDED] = {BYE_SIGNAL, NONE},
        },
};

static bool set_has(unsigned set, uint8_t opcode)
{
    return opcode < TF_OPCODE_END && (set >> opcode & 1u) != 0;
}

bool tf_rules_may_send(enum tf_side side, enum tf_session session, uint8_t opcode)
{
    TF_ASSERT(side < TF_SIDE_COUNT);
    TF_ASSERT(session < TF_SESSION_COUNT);

    return set_has(rules[side][session].may_send, opcode);
}

bool tf_rules_may_receive(enum tf_side side, enum tf_session session, uint8_t opcode)
{
    TF_ASSERT(side < TF_SIDE_COUNT);
    TF_ASSERT(session < TF_SESSION_COUNT);

    return set_has(rules[side][session].may_receive, opcode);
}

// The next session for each opcode that moves one. No move leads back to NEW, so 0 says that there
// is none here.
struct moves {
    uint8_t hello_response; // Sent or received: there is one in a session, whoever it comes from.
    uint8_t our_bye_request;
    uint8_t our_bye_response;
    uint8_t peer_bye_request;
    uint8_t peer_bye_response;
};

static_assert(TF_SESSION_NEW == 0, "0 stands for no move");

// clang-format off
static const struct moves moves[TF_SESSION_COUNT] = {
    [TF_SESSION_HELLO] = {
        .hello_response    = TF_SESSION_ANSWERED,
        .our_bye_request   = TF_SESSION_HELLO_OURS_WAITS,
        .peer_bye_request  = TF_SESSION_HELLO_PEER_WAITS,
    },
    [TF_SESSION_HELLO_OURS_WAITS] = {
        .hello_response    = TF_SESSION_ANSWERED_OURS_WAITS,
        .peer_bye_request  = TF_SESSION_HELLO_BOTH_WAIT,
        .peer_bye_response = TF_SESSION_ENDED,
    },
    [TF_SESSION_HELLO_PEER_WAITS] = {
        .hello_response    = TF_SESSION_ANSWERED_PEER_WAITS,
        .our_bye_request   = TF_SESSION_HELLO_BOTH_WAIT,
        .our_bye_response  = TF_SESSION_ENDED,
    },
    [TF_SESSION_HELLO_BOTH_WAIT] = {
        .our_bye_response  = TF_SESSION_HELLO_OURS_WAITS_PEER_DONE,
        .peer_bye_response = TF_SESSION_HELLO_OURS_DONE_PEER_WAITS,
    },
    [TF_SESSION_HELLO_OURS_DONE_PEER_WAITS] = {.our_bye_response  = TF_SESSION_ENDED},
    [TF_SESSION_HELLO_OURS_WAITS_PEER_DONE] = {.peer_bye_response = TF_SESSION_ENDED},

    [TF_SESSION_ANSWERED] = {
        .our_bye_request   = TF_SESSION_ANSWERED_OURS_WAITS,
        .peer_bye_request  = TF_SESSION_ANSWERED_PEER_WAITS,
    },
    [TF_SESSION_ANSWERED_OURS_WAITS] = {
        .peer_bye_request  = TF_SESSION_ANSWERED_BOTH_WAIT,
        .peer_bye_response = TF_SESSION_ENDED,
    },
    [TF_SESSION_ANSWERED_PEER_WAITS] = {
        .our_bye_request   = TF_SESSION_ANSWERED_BOTH_WAIT,
        .our_bye_response  = TF_SESSION_ENDED,
    },
    [TF_SESSION_ANSWERED_BOTH_WAIT] = {
        .our_bye_response  = TF_SESSION_ANSWERED_OURS_WAITS_PEER_DONE,
        .peer_bye_response = TF_SESSION_ANSWERED_OURS_DONE_PEER_WAITS,
    },
    [TF_SESSION_ANSWERED_OURS_DONE_PEER_WAITS] = {.our_bye_response  = TF_SESSION_ENDED},
    [TF_SESSION_ANSWERED_OURS_WAITS_PEER_DONE] = {.peer_bye_response = TF_SESSION_ENDED},
};
// clang-format on

static enum tf_session moved(enum tf_session session, uint8_t next)
{
    TF_ASSERT(next != TF_SESSION_NEW);

    return next != TF_SESSION_NEW ? (enum tf_session)next : session;
}

enum tf_session tf_rules_after_send(enum tf_session session, uint8_t opcode)
{
    TF_ASSERT(session < TF_SESSION_COUNT);

    switch (opcode) {
    case TOFU_HELLO_RESPONSE:
        return moved(session, moves[session].hello_response);
    case TOFU_BYE_REQUEST:
        // Only a listener may say Bye in NEW, and nobody answers it: that is its end.
        return session == TF_SESSION_NEW ? TF_SESSION_ENDED
                                         : moved(session, moves[session].our_bye_request);
    case TOFU_BYE_RESPONSE:
        return moved(session, moves[session].our_bye_response);
    default:
        // Regular messages move nothing, and a ByeSignal ends the channel whatever its session.
        return session;
    }
}

enum tf_session tf_rules_after_receive(enum tf_session session, uint8_t opcode)
{
    TF_ASSERT(session < TF_SESSION_COUNT);

    switch (opcode) {
    case TOFU_HELLO_REQUEST:
        TF_ASSERT(session == TF_SESSION_NEW);
        return TF_SESSION_HELLO;
    case TOFU_HELLO_RESPONSE:
        return moved(session, moves[session].hello_response);
    case TOFU_BYE_REQUEST:
        return moved(session, moves[session].peer_bye_request);
    case TOFU_BYE_RESPONSE:
        return moved(session, moves[session].peer_bye_response);
    default:
        return session;
    }
}
