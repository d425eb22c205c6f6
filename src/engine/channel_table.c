// SPDX-License-Identifier: MIT
#include "engine/channel_table.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "engine/settings.h"

// The state word, from its lowest bit: session 8, side 2, open 1, public 1, (2 unused), group 18,
// ticket 32.
#define SIDE_SHIFT   8
#define OPEN_BIT     (UINT64_C(1) << 10)
#define PUBLIC_BIT   (UINT64_C(1) << 11)
#define GROUP_SHIFT  14
#define TICKET_SHIFT 32

// The load word: bytes below, messages above. The most messages there can be fit, each as long as can be.
#define LOAD_MESSAGE     (UINT64_C(1) << 40)
#define LOAD_BYTES(load) ((load) & (LOAD_MESSAGE - 1))

static_assert(TF_GROUPS_MAX == 1u << (TICKET_SHIFT - GROUP_SHIFT), "a group index fits");
static_assert(
    TF_QUEUED_MESSAGES_LIMIT * TF_MESSAGE_BYTES_MAX < LOAD_MESSAGE, "the longest queue fits");

static uint64_t pack_state(struct tf_slot_state state)
{
    return (uint64_t)state.session | (uint64_t)state.side << SIDE_SHIFT |
           (state.is_open ? OPEN_BIT : 0) | (state.is_public ? PUBLIC_BIT : 0) |
           (uint64_t)state.group_index << GROUP_SHIFT | (uint64_t)state.ticket << TICKET_SHIFT;
}

static struct tf_slot_state unpack_state(uint64_t word)
{
    return (struct tf_slot_state){
        .session = (enum tf_session)(word & 0xff),
        .side = (enum tf_side)(word >> SIDE_SHIFT & 3),
        .is_open = (word & OPEN_BIT) != 0,
        .is_public = (word & PUBLIC_BIT) != 0,
        .group_index = (uint32_t)(word >> GROUP_SHIFT) & (TF_GROUPS_MAX - 1),
        .ticket = (uint32_t)(word >> TICKET_SHIFT),
    };
}

enum tofu_status tf_table_open(
    struct tf_channel_table *table, const struct tofu_allocator *allocator, uint64_t channels_max)
{
    TF_ASSERT(channels_max >= 1 && channels_max <= TF_CHANNELS_MAX);

    *table = (struct tf_channel_table){
        .allocator = allocator, .channels_max = channels_max, .next_fresh = 1};
    return tf_mutex_open(&table->lock);
}

void tf_table_close(struct tf_channel_table *table)
{
    for (size_t i = 0; i < TF_SLOTS_PER_PAGE; i++) {
        tf_free(table->allocator, table->pages[i], TF_SLOTS_PER_PAGE * sizeof(struct tf_slot));
    }
    tf_mutex_close(&table->lock);
}

struct tf_slot *tf_table_slot(struct tf_channel_table *table, uint16_t number)
{
    struct tf_slot *page =
        atomic_load_explicit(&table->pages[number / TF_SLOTS_PER_PAGE], memory_order_acquire);
    return page == NULL ? NULL : &page[number % TF_SLOTS_PER_PAGE];
}

// Under the lock. A number comes again only after every other one has been used.
static enum tofu_status choose_number(struct tf_channel_table *table, uint16_t *number_out)
{
    if (table->channel_count >= table->channels_max) {
        return TOFU_NOT_ALLOWED;
    }
    if (table->next_fresh > TF_CHANNELS_MAX) {
        uint16_t number = table->first_free;
        if (number == 0) {
            return TOFU_NOT_ALLOWED;
        }
        table->first_free = tf_table_slot(table, number)->next_free;
        *number_out = number;
        return TOFU_OK;
    }
    uint16_t number = (uint16_t)table->next_fresh;
    if (tf_table_slot(table, number) == NULL) {
        struct tf_slot *page =
            tf_alloc_zeroed(table->allocator, TF_SLOTS_PER_PAGE * sizeof(struct tf_slot));
        if (page == NULL) {
            return TOFU_ALLOCATION_FAILED;
        }
        atomic_store(&table->pages[number / TF_SLOTS_PER_PAGE], page);
    }
    table->next_fresh++;
    *number_out = number;
    return TOFU_OK;
}

static void reset_counters(struct tf_channel_counters *counters)
{
    atomic_store(&counters->messages_sent, 0);
    atomic_store(&counters->messages_received, 0);
    atomic_store(&counters->bytes_sent, 0);
    atomic_store(&counters->bytes_received, 0);
}

enum tofu_status tf_table_add(
    struct tf_channel_table *table,
    struct tf_channel *channel,
    uint32_t group_index,
    enum tf_side side,
    uint16_t *number_out,
    uint32_t *ticket_out)
{
    tf_mutex_lock(&table->lock);
    uint16_t number = 0;
    enum tofu_status status = choose_number(table, &number);
    if (status == TOFU_OK) {
        table->channel_count++;
    }
    tf_mutex_unlock(&table->lock);
    if (status != TOFU_OK) {
        return status;
    }

    struct tf_slot *slot = tf_table_slot(table, number);
    TF_ASSERT(!tf_slot_state(slot).is_open);
    slot->channel = channel;
    slot->newest_due = 0;
    reset_counters(&slot->counters);
    struct tf_slot_state state = {
        .ticket = tf_slot_state(slot).ticket + 1,
        .group_index = group_index,
        .side = side,
        .session = TF_SESSION_HELLO,
        .is_open = true};
    atomic_store(&slot->state, pack_state(state));
    *number_out = number;
    *ticket_out = state.ticket;
    return TOFU_OK;
}

void tf_table_remove(struct tf_channel_table *table, uint16_t number)
{
    struct tf_slot *slot = tf_table_slot(table, number);
    TF_ASSERT(!tf_slot_state(slot).is_open);

    slot->channel = NULL;
    tf_mutex_lock(&table->lock);
    table->channel_count--;
    tf_mutex_unlock(&table->lock);
}

void tf_table_release(struct tf_channel_table *table, uint16_t number)
{
    struct tf_slot *slot = tf_table_slot(table, number);
    TF_ASSERT(!tf_slot_state(slot).is_open);

    tf_mutex_lock(&table->lock);
    slot->next_free = 0;
    if (table->first_free == 0) {
        table->first_free = number;
    } else {
        tf_table_slot(table, table->last_free)->next_free = number;
    }
    table->last_free = number;
    tf_mutex_unlock(&table->lock);
}

void tf_table_wake_posters(struct tf_channel_table *table)
{
    if (atomic_load(&table->waiting_posters) == 0) {
        return; // The slots of many channels are megabytes.
    }
    for (size_t i = 0; i < TF_SLOTS_PER_PAGE; i++) {
        // The posters of a page that is made meanwhile look at what made us come here themselves.
        struct tf_slot *page = atomic_load(&table->pages[i]);
        for (size_t j = 0; page != NULL && j < TF_SLOTS_PER_PAGE; j++) {
            tf_event_count_notify(&page[j].room);
        }
    }
}

struct tf_slot_state tf_slot_state(struct tf_slot *slot)
{
    return unpack_state(atomic_load(&slot->state));
}

bool tf_slot_received(struct tf_slot *slot, uint32_t ticket, uint8_t opcode)
{
    uint64_t word = atomic_load(&slot->state);
    for (;;) {
        struct tf_slot_state state = unpack_state(word);
        if (!state.is_open || state.ticket != ticket) {
            return false;
        }
        state.session = tf_rules_after_receive(state.session, opcode);
        if (atomic_compare_exchange_weak(&slot->state, &word, pack_state(state))) {
            return true;
        }
    }
}

bool tf_slot_posted(struct tf_slot *slot, uint32_t ticket, uint8_t opcode)
{
    uint64_t word = atomic_load(&slot->state);
    for (;;) {
        struct tf_slot_state state = unpack_state(word);
        if (!state.is_open || state.ticket != ticket ||
            !tf_rules_may_send(state.side, state.session, opcode)) {
            return false;
        }
        state.session = tf_rules_after_send(state.session, opcode);
        if (atomic_compare_exchange_weak(&slot->state, &word, pack_state(state))) {
            return true;
        }
    }
}

void tf_slot_publish(struct tf_slot *slot, uint32_t ticket)
{
    uint64_t word = atomic_load(&slot->state);
    for (;;) {
        struct tf_slot_state state = unpack_state(word);
        if (!state.is_open || state.is_public || state.ticket != ticket) {
            return;
        }
        state.is_public = true;
        if (atomic_compare_exchange_weak(&slot->state, &word, pack_state(state))) {
            return;
        }
    }
}

void tf_slot_close(struct tf_slot *slot)
{
    atomic_fetch_and(&slot->state, ~(OPEN_BIT | PUBLIC_BIT));
}

static bool has_room(uint64_t load, uint64_t bytes, uint64_t messages_max, uint64_t bytes_max)
{
    bool messages_fit = load / LOAD_MESSAGE < messages_max;
    bool bytes_fit = bytes <= bytes_max && LOAD_BYTES(load) <= bytes_max - bytes;
    return load == 0 || (messages_fit && bytes_fit);
}

// Nothing is added that may have to be taken back: others would see it, and be refused or wait for it.
bool tf_slot_load(struct tf_slot *slot, uint64_t bytes, uint64_t messages_max, uint64_t bytes_max)
{
    uint64_t load = atomic_load(&slot->load);
    do {
        if (!has_room(load, bytes, messages_max, bytes_max)) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&slot->load, &load, load + LOAD_MESSAGE + bytes));
    return true;
}

void tf_slot_unload(struct tf_slot *slot, uint64_t messages, uint64_t bytes)
{
    TF_ASSERT(atomic_load(&slot->load) >= messages * LOAD_MESSAGE + bytes);

    atomic_fetch_sub(&slot->load, messages * LOAD_MESSAGE + bytes);
    tf_event_count_notify(&slot->room);
}

bool tf_slot_is_loaded(struct tf_slot *slot)
{
    return atomic_load(&slot->load) != 0;
}

void tf_slot_read_load(struct tf_slot *slot, uint64_t *messages_out, uint64_t *bytes_out)
{
    uint64_t load = atomic_load(&slot->load);
    *messages_out = load / LOAD_MESSAGE;
    *bytes_out = LOAD_BYTES(load);
}
