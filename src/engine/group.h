// SPDX-License-Identifier: MIT
// A group as the engine sees it.
//
// Two sides share it: callers, who come through the gate, and the I/O thread. Its memory stays with the
// engine and is used again as late as can be, so that a stale handle meets a closed gate.
#ifndef TF_ENGINE_GROUP_H
#define TF_ENGINE_GROUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tofu/group.h>

#include "base/list.h"
#include "engine/commands.h"
#include "engine/counters.h"
#include "engine/gate.h"
#include "engine/mailbox.h"
#include "wire/message.h"

#define TF_GROUP_MAGIC 0x746f6667u

/// Notices that are a group's own and serve again each time they are put back.
enum tf_group_notice {
    TF_NOTICE_POOL_EMPTY,    ///< reading rests for want of messages
    TF_NOTICE_ACCEPT_FAILED, ///< a listener rests for want of descriptors
};
#define TF_GROUP_NOTICE_COUNT 2

struct tofu_group {
    uint32_t magic;
    uint32_t index; ///< in the state words of its channels
    struct tofu_engine *engine;
    struct tf_gate gate; ///< closed by destroy
    struct tf_mailbox mailbox;
    _Atomic uint64_t update_count; ///< updates in the mailbox
    /// Reserved notices, one of each kind; NULL while the application has it. Such a message notes its
    /// group, and its kind as its ticket.
    _Atomic(struct tofu_message *) notices[TF_GROUP_NOTICE_COUNT];
    struct tf_group_counters counters;
    struct tf_list link; ///< engine's live or dead groups, under its lock
    struct tf_command destroy;

    // The I/O thread's.
    struct tf_list channels;
    struct tf_list reactor_link;        ///< reactor's groups that have or had channels
    struct tf_list outbox_link;         ///< reactor's groups with something to deliver
    struct tofu_message *outbox_newest; ///< this turn's messages, linked from newest to oldest
    struct tofu_message *outbox_oldest;
    uint64_t outbox_received;    ///< of these, messages of peers
    uint64_t outbox_round;       ///< the mailbox's round when the first of these came
    bool outbox_is_mixed;        ///< one of these is due before others that came before it
    uint64_t newest_round;       ///< the highest of all that came
    uint64_t pool_empty_episode; ///< the last episode of which it was told
    bool is_destroyed;           ///< nothing is delivered any more
};

#endif
