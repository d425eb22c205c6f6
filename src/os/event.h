// SPDX-License-Identifier: MIT
// A level that a foreign event loop can watch: eventfd, pipe, or an event handle.
#ifndef TF_OS_EVENT_H
#define TF_OS_EVENT_H

#include <stdint.h>

#include <tofu/status.h>

struct tf_event {
    intptr_t descriptor; ///< what the user watches: readable or signalled while set
    intptr_t other;      ///< the writing end where there are two, else -1
};

/// Opens an event that is not set. Descriptors are not inherited by children.
///
/// @retval TOFU_NOTIFICATION_FAILED  the system refused.
TOFU_NODISCARD enum tofu_status tf_event_open(struct tf_event *event);
void tf_event_close(struct tf_event *event);

/// Set and clear are called in turn, under the caller's lock: never twice the same.
void tf_event_set(struct tf_event *event);
void tf_event_clear(struct tf_event *event);

#endif
