// SPDX-License-Identifier: MIT
// Posted messages, in the order of the queue: the checks that post could only make in advance, then the
// channel's send queue. The I/O thread only.
#ifndef TF_ENGINE_ADMIT_H
#define TF_ENGINE_ADMIT_H

#include "engine/reactor.h"

/// Admits one accepted message, or gives it back to its group.
void tf_admit(struct tf_reactor *reactor, struct tofu_message *message);

/// Queues a message that the engine itself made, such as a Bye at shutdown; the rules allow it.
void tf_admit_own(
    struct tf_reactor *reactor, struct tf_channel *channel, struct tofu_message *message);

#endif
