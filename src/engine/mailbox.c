// SPDX-License-Identifier: MIT
#include "engine/mailbox.h"

#include <string.h>

#include "base/assert.h"
#include "os/clock.h"
#include "os/park.h"

enum tofu_status tf_mailbox_open(struct tf_mailbox *mailbox, uint32_t share_shift)
{
    memset(mailbox, 0, sizeof *mailbox);
    mailbox->rounds.share_shift = share_shift;
    return tf_mutex_open(&mailbox->event_lock);
}

void tf_mailbox_close(struct tf_mailbox *mailbox)
{
    TF_ASSERT(tf_message_stack_is_empty(&mailbox->pushed));
    TF_ASSERT(mailbox->ready == NULL && mailbox->rounds.count == 0);

    if (mailbox->has_event) {
        tf_event_close(&mailbox->event);
    }
    tf_mutex_close(&mailbox->event_lock);
}

static bool answers_at_once(struct tf_mailbox *mailbox)
{
    return atomic_load(&mailbox->ready) != NULL || atomic_load(&mailbox->has_sorted) ||
           !tf_message_stack_is_empty(&mailbox->pushed) ||
           atomic_load(&mailbox->closing_status) != TOFU_OK;
}

// Called after every change by whoever made it. Under the lock the event follows the queue as it is
// now, so the last caller leaves it right, whatever order the changes came in.
static void sync_event(struct tf_mailbox *mailbox)
{
    if (!atomic_load(&mailbox->has_event)) {
        return;
    }
    tf_mutex_lock(&mailbox->event_lock);
    bool should_be_set = answers_at_once(mailbox);
    if (should_be_set && !mailbox->event_is_set) {
        tf_event_set(&mailbox->event);
    }
    if (!should_be_set && mailbox->event_is_set) {
        tf_event_clear(&mailbox->event);
    }
    mailbox->event_is_set = should_be_set;
    tf_mutex_unlock(&mailbox->event_lock);
}

static void wake_waiter(struct tf_mailbox *mailbox)
{
    if (atomic_load(&mailbox->is_asleep) != 0 && atomic_exchange(&mailbox->is_asleep, 0) != 0) {
        tf_unpark_one(&mailbox->is_asleep);
    }
    sync_event(mailbox);
}

void tf_mailbox_push(
    struct tf_mailbox *mailbox,
    struct tofu_message *newest,
    struct tofu_message *oldest,
    bool is_mixed)
{
    tf_message_stack_push(&mailbox->pushed, newest, oldest);
    if (is_mixed) {
        atomic_store(&mailbox->is_mixed, true); // Behind the push: who sees it finds the messages.
    }
    wake_waiter(mailbox);
}

void tf_mailbox_stop(struct tf_mailbox *mailbox, enum tofu_status status)
{
    atomic_store(&mailbox->closing_status, (uint32_t)status);
    wake_waiter(mailbox);
}

uint64_t tf_mailbox_round(struct tf_mailbox *mailbox)
{
    return atomic_load_explicit(&mailbox->present, memory_order_relaxed);
}

static void sort_chain(struct tf_mailbox *mailbox, struct tofu_message *message)
{
    while (message != NULL) {
        struct tofu_message *next = message->next;
        tf_rounds_add(&mailbox->rounds, message);
        message = next;
    }
}

// Whatever was pushed meanwhile may be due before what is here. The exchange sees what came before the word
// that it takes back.
static void sort_all(struct tf_mailbox *mailbox)
{
    if (atomic_load_explicit(&mailbox->is_mixed, memory_order_relaxed)) {
        (void)atomic_exchange(&mailbox->is_mixed, false);
    }
    struct tofu_message *ready = atomic_load_explicit(&mailbox->ready, memory_order_relaxed);
    if (ready != NULL) {
        sort_chain(mailbox, ready);
        atomic_store_explicit(&mailbox->ready, NULL, memory_order_relaxed);
    }
    sort_chain(mailbox, tf_message_stack_take(&mailbox->pushed));
}

static struct tofu_message *take_sorted(struct tf_mailbox *mailbox)
{
    sort_all(mailbox);
    struct tofu_message *message = tf_rounds_take(&mailbox->rounds);
    atomic_store_explicit(&mailbox->has_sorted, mailbox->rounds.count > 0, memory_order_relaxed);
    return message;
}

static struct tofu_message *take_as_it_came(struct tf_mailbox *mailbox)
{
    struct tofu_message *message = atomic_load_explicit(&mailbox->ready, memory_order_relaxed);
    if (message == NULL) {
        message = tf_message_stack_take(&mailbox->pushed);
    }
    if (message != NULL) {
        atomic_store_explicit(&mailbox->ready, message->next, memory_order_relaxed);
        message->next = NULL;
        tf_rounds_pass(&mailbox->rounds, message);
    }
    return message;
}

// Only the waiter writes what it has ready, so it needs no order there but that of sync_event()'s lock.
static struct tofu_message *take_next(struct tf_mailbox *mailbox)
{
    bool is_sorted =
        mailbox->rounds.count > 0 || atomic_load_explicit(&mailbox->is_mixed, memory_order_relaxed);
    struct tofu_message *message = is_sorted ? take_sorted(mailbox) : take_as_it_came(mailbox);
    if (message != NULL) {
        atomic_store_explicit(&mailbox->present, mailbox->rounds.present, memory_order_relaxed);
        sync_event(mailbox);
    }
    return message;
}

// Says "asleep", looks once more, parks. A pusher first pushes and then looks at "asleep".
static void sleep_until(struct tf_mailbox *mailbox, uint64_t deadline_ns)
{
    atomic_store(&mailbox->is_asleep, 1);
    if (!answers_at_once(mailbox)) {
        tf_park(&mailbox->is_asleep, 1, deadline_ns);
    }
    atomic_store_explicit(&mailbox->is_asleep, 0, memory_order_relaxed);
}

enum tofu_status tf_mailbox_wait(
    struct tf_mailbox *mailbox, uint64_t timeout_ns, struct tofu_message **message_out)
{
    uint64_t deadline_ns = 0; // Known once we have to wait: the clock is not read for nothing.
    for (;;) {
        // The status is read first: what was pushed before the stop is given out before it shows.
        enum tofu_status closing_status = (enum tofu_status)atomic_load(&mailbox->closing_status);
        struct tofu_message *message = take_next(mailbox);
        if (message != NULL || closing_status != TOFU_OK || timeout_ns == 0) {
            *message_out = message;
            return message != NULL ? TOFU_OK : closing_status;
        }
        uint64_t now_ns = timeout_ns == TOFU_WAIT_FOREVER ? 0 : tf_clock_now();
        deadline_ns = deadline_ns == 0 ? tf_deadline(now_ns, timeout_ns) : deadline_ns;
        if (now_ns >= deadline_ns) {
            *message_out = NULL;
            return TOFU_OK;
        }
        sleep_until(mailbox, deadline_ns);
    }
}

enum tofu_status tf_mailbox_descriptor(struct tf_mailbox *mailbox, tofu_descriptor *descriptor_out)
{
    enum tofu_status status = TOFU_OK;
    tf_mutex_lock(&mailbox->event_lock);
    if (!mailbox->has_event) {
        status = tf_event_open(&mailbox->event);
        atomic_store(&mailbox->has_event, status == TOFU_OK);
    }
    tf_mutex_unlock(&mailbox->event_lock);
    if (status != TOFU_OK) {
        return status;
    }
    sync_event(mailbox);
    *descriptor_out = mailbox->event.descriptor;
    return TOFU_OK;
}

static void append_chain(struct tf_message_queue *queue, struct tofu_message *message)
{
    while (message != NULL) {
        struct tofu_message *next = message->next;
        tf_message_queue_append(queue, message);
        message = next;
    }
}

// What is not sorted yet stays so: the flows of channels that have ended may be gone.
struct tofu_message *tf_mailbox_empty(struct tf_mailbox *mailbox)
{
    struct tf_message_queue all = {0};
    for (struct tofu_message *message = tf_rounds_take(&mailbox->rounds); message != NULL;
         message = tf_rounds_take(&mailbox->rounds)) {
        tf_message_queue_append(&all, message);
    }
    atomic_store(&mailbox->has_sorted, false);
    append_chain(&all, atomic_exchange(&mailbox->ready, NULL));
    append_chain(&all, tf_message_stack_take(&mailbox->pushed));
    return all.first;
}
