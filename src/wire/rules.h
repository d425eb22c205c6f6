// SPDX-License-Identifier: MIT
// Which opcode may go which way when: one table, side x session x opcode.
//
// A session is what the Hellos and Byes of one channel have come to. It has three parts: has the
// HelloRequest arrived and has it been answered, how far is our ByeRequest, how far is the peer's. The
// same table serves the poster (PROTOCOL.md, section 3, check 10) and the reader (section 6).
#ifndef TF_WIRE_RULES_H
#define TF_WIRE_RULES_H

#include <stdbool.h>
#include <stdint.h>

enum tf_side {
    TF_CONNECTING, ///< we posted the HelloRequest
    TF_ACCEPTING,  ///< we received it
    TF_LISTENING,  ///< we posted a WelcomeRequest: nothing travels
};
#define TF_SIDE_COUNT 3

/// Named <hello>_<our bye>_<peer's bye>. HELLO: the HelloRequest is there and not answered; ANSWERED:
/// by a HelloResponse. OURS/PEER waits: an unanswered ByeRequest; DONE: answered.
enum tf_session {
    TF_SESSION_NEW, ///< accepting side, before the HelloRequest came

    TF_SESSION_HELLO,
    TF_SESSION_HELLO_OURS_WAITS,
    TF_SESSION_HELLO_PEER_WAITS,
    TF_SESSION_HELLO_BOTH_WAIT,
    TF_SESSION_HELLO_OURS_DONE_PEER_WAITS,
    TF_SESSION_HELLO_OURS_WAITS_PEER_DONE,

    TF_SESSION_ANSWERED,
    TF_SESSION_ANSWERED_OURS_WAITS,
    TF_SESSION_ANSWERED_PEER_WAITS,
    TF_SESSION_ANSWERED_BOTH_WAIT,
    TF_SESSION_ANSWERED_OURS_DONE_PEER_WAITS,
    TF_SESSION_ANSWERED_OURS_WAITS_PEER_DONE,

    TF_SESSION_ENDED, ///< every ByeRequest has its answer
};
#define TF_SESSION_COUNT 14

/// Says whether we may send `opcode` (any byte) now. ByeSignal counts as sendable though it never
/// travels; Hello and Welcome requests open channels and are never sendable on one.
bool tf_rules_may_send(enum tf_side side, enum tf_session session, uint8_t opcode);

/// Says whether the peer may send us `opcode` (any byte) now.
bool tf_rules_may_receive(enum tf_side side, enum tf_session session, uint8_t opcode);

/// Returns the session after we sent, or received, an opcode that the table allows. Sending and
/// receiving move different parts, so their order does not matter.
enum tf_session tf_rules_after_send(enum tf_session session, uint8_t opcode);
enum tf_session tf_rules_after_receive(enum tf_session session, uint8_t opcode);

#endif
