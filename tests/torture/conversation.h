// SPDX-License-Identifier: MIT
// The client of a scene: one connection from its HelloRequest to its closing notice.
#ifndef TORTURE_CONVERSATION_H
#define TORTURE_CONVERSATION_H

#include "torture/party.h"

enum conversation_end {
    CONVERSATION_BYE,   ///< a ByeRequest and its answer
    CONVERSATION_ABORT, ///< a ByeSignal
    CONVERSATION_LEAVE, ///< none: the connection stays
    CONVERSATION_DROP,  ///< none, with messages under way
};

/// Connects, says everything, hears everything, ends. Returns whether all of it succeeded; if not, the
/// channel may still be there.
bool conversation_hold(struct party *party, enum conversation_end end);

#endif
