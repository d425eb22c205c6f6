// SPDX-License-Identifier: MIT
// Channel number <-> channel: what posters may know of a channel without its I/O thread.
//
// A slot stands for a number, for the life of the engine. Its state word says, in one atomic read,
// whether the number is open, in which life (the ticket), whose group's, and what its session allows;
// its load word counts what was accepted and has no fate yet.
//
// A poster first adds to the load and then looks at the state again; closing first closes the state and
// then looks at the load. So once a closed slot has no load, no message for it is under way and none
// will come: the closing notice is the last message of the channel.
#ifndef TF_ENGINE_CHANNEL_TABLE_H
#define TF_ENGINE_CHANNEL_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tofu/allocator.h>
#include <tofu/status.h>

#include "engine/counters.h"
#include "engine/event_count.h"
#include "os/thread.h"
#include "wire/rules.h"

struct tf_channel;

/// The state of a slot, taken apart.
struct tf_slot_state {
    uint32_t ticket;      ///< counts the lives of this number
    uint32_t group_index; ///< whose channel it is
    enum tf_side side;
    enum tf_session session; ///< as posted: what racing posters have already announced
    bool is_open;            ///< the life goes on
    bool is_public;          ///< others may post: what opens the channel is queued before them
};

/// Groups that one engine can have had at a time: what fits in a state word.
#define TF_GROUPS_MAX (1u << 18)

struct tf_slot {
    _Atomic uint64_t state;     ///< struct tf_slot_state, packed
    _Atomic uint64_t load;      ///< messages and bytes accepted and without a fate
    struct tf_event_count room; ///< load was taken away
    struct tf_channel *channel; ///< the I/O thread's, once it took the opening message
    uint64_t newest_due; ///< the I/O thread's: of the last message that it delivered (rounds.h)
    struct tf_channel_counters counters;
    uint16_t next_free; ///< under the table's lock
};

#define TF_SLOTS_PER_PAGE 256

struct tf_channel_table {
    const struct tofu_allocator *allocator;
    uint64_t channels_max;

    _Atomic(struct tf_slot *) pages[TF_SLOTS_PER_PAGE]; ///< made as numbers are first used
    _Atomic uint32_t waiting_posters;                   ///< for room in any slot

    struct tf_mutex lock;
    uint32_t next_fresh; ///< the lowest number never used
    uint16_t first_free; ///< used numbers, given again in the order in which they were freed
    uint16_t last_free;
    _Atomic uint64_t channel_count;
};

TOFU_NODISCARD enum tofu_status tf_table_open(
    struct tf_channel_table *table, const struct tofu_allocator *allocator, uint64_t channels_max);
void tf_table_close(struct tf_channel_table *table);

/// Gives a number to a channel and opens its slot, which takes no posts before tf_slot_publish(). Threads: any.
///
/// @retval TOFU_NOT_ALLOWED        there are as many channels as may be, or all numbers are in use.
/// @retval TOFU_ALLOCATION_FAILED  no memory for a page of slots.
TOFU_NODISCARD enum tofu_status tf_table_add(
    struct tf_channel_table *table,
    struct tf_channel *channel,
    uint32_t group_index,
    enum tf_side side,
    uint16_t *number_out,
    uint32_t *ticket_out);

/// Ends the channel of a closed number without load; the number stays in use. Threads: any.
void tf_table_remove(struct tf_channel_table *table, uint16_t number);

/// Lets the number of a channel that has ended be used again. Once nothing about that channel is in a receive
/// queue any more: what two channels of one number have there would mix. Threads: any.
void tf_table_release(struct tf_channel_table *table, uint16_t number);

/// Wakes the posters that wait for room in any slot, because something else ends their wait; a poster
/// counts itself in `waiting_posters` before it enters the slot's event count. Threads: any.
void tf_table_wake_posters(struct tf_channel_table *table);

/// Returns the slot of any number, or NULL if it was never used. Threads: any.
struct tf_slot *tf_table_slot(struct tf_channel_table *table, uint16_t number);

struct tf_slot_state tf_slot_state(struct tf_slot *slot);

/// Moves the session of an open slot in the life `ticket`. Returns false if that is over. The two
/// directions move different parts, so it does not matter who comes first.
bool tf_slot_received(struct tf_slot *slot, uint32_t ticket, uint8_t opcode);

/// As tf_slot_received(), for what is posted; false also if the rules do not allow it (any more).
bool tf_slot_posted(struct tf_slot *slot, uint32_t ticket, uint8_t opcode);

/// Lets others post, unless the life `ticket` is over. Both the thread that has queued what opens the
/// channel and the one that acts on it do this: whoever hears of the number first may use it. Threads: any.
void tf_slot_publish(struct tf_slot *slot, uint32_t ticket);

/// Takes no more posts; the life goes on until the load is gone. Threads: the I/O thread.
void tf_slot_close(struct tf_slot *slot);

/// Adds a message to the load. With limits, returns false, and adds nothing, if the load would be over
/// one of them and is not 0.
bool tf_slot_load(struct tf_slot *slot, uint64_t bytes, uint64_t messages_max, uint64_t bytes_max);

/// Takes messages from the load, and wakes posters that wait for room in this slot. Threads: any.
void tf_slot_unload(struct tf_slot *slot, uint64_t messages, uint64_t bytes);

bool tf_slot_is_loaded(struct tf_slot *slot);

/// Takes the load word apart.
void tf_slot_read_load(struct tf_slot *slot, uint64_t *messages_out, uint64_t *bytes_out);

#endif
