// SPDX-License-Identifier: MIT
// poll(2), with a pipe for wake-ups: the kernel's set is an array of ours, handed over at each wait.
//
// Entry 0 is the pipe; the sockets follow without gaps, and a forgotten one is replaced by the last. A
// disarmed socket's entry has no descriptor, because poll reports hang-ups and errors to an empty mask.
// The array is the whole truth: between two waits the kernel knows nothing, so nothing can be stale.
//
// Each wait costs time in proportion to the number of sockets: right for few of them, and for systems
// that have nothing better.
#include "os/posix/poller_poll.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "os/posix/native.h"
#include "os/posix/wait_time.h"

// Entries at the start; they double.
#define TF_POLL_ENTRIES_MIN 64

// How often a wait that the kernel has no memory for is tried again, a millisecond apart.
#define TF_POLL_SHORTAGES_MAX 100

// How often a wake-up is tried when the system refuses it, which it has no reason to do.
#define TF_WAKE_ATTEMPTS_MAX 16

struct poll_state {
    const struct tofu_allocator *allocator;
    struct pollfd *entries;
    struct tf_watch **watches; ///< parallel to the entries; the first is NULL
    uint32_t count;            ///< entries in use, the pipe included
    uint32_t capacity;
    uint32_t last; ///< the entry that was looked at last: the next look begins behind it
    int alarm[2];  ///< the pipe: reading end, writing end
    char padding_before[128];
    _Atomic bool is_waking; ///< see poll_poller_wake(); shares no cache line with the rest
    char padding_after[128];
};

// Moves the entries to larger arrays, or fails and changes nothing.
static bool entries_grow(struct poll_state *state, uint32_t capacity)
{
    TF_ASSERT(capacity > state->capacity);

    struct pollfd *entries = tf_alloc(state->allocator, capacity * sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    struct tf_watch **watches = tf_alloc(state->allocator, capacity * sizeof *watches);
    if (watches == NULL) {
        tf_free(state->allocator, entries, capacity * sizeof *entries);
        return false;
    }
    if (state->count > 0) {
        memcpy(entries, state->entries, state->count * sizeof *entries);
        memcpy(watches, state->watches, state->count * sizeof *watches);
        tf_free(state->allocator, state->entries, state->capacity * sizeof *entries);
        tf_free(state->allocator, state->watches, state->capacity * sizeof *watches);
    }
    state->entries = entries;
    state->watches = watches;
    state->capacity = capacity;
    return true;
}

static enum tofu_status poll_poller_open(
    struct tf_poller *poller, const struct tf_poller_options *options)
{
    const struct tofu_allocator *allocator = options->allocator;
    enum tofu_status status = TOFU_ALLOCATION_FAILED;
    struct poll_state *state = tf_alloc_zeroed(allocator, sizeof *state);
    if (state == NULL) {
        return status;
    }
    state->allocator = allocator;
    atomic_init(&state->is_waking, false);
    if (!entries_grow(state, TF_POLL_ENTRIES_MIN)) {
        goto free_state;
    }
    if (tf_native_pipe(state->alarm) != 0) {
        status = TOFU_NOTIFICATION_FAILED;
        goto free_entries;
    }
    state->entries[0] = (struct pollfd){.fd = state->alarm[0], .events = POLLIN};
    state->watches[0] = NULL;
    state->count = 1;
    *poller = (struct tf_poller){.ops = &tf_poller_poll, .state = state};
    return TOFU_OK;

free_entries:
    tf_free(allocator, state->entries, state->capacity * sizeof *state->entries);
    tf_free(allocator, state->watches, state->capacity * sizeof *state->watches);
free_state:
    tf_free(allocator, state, sizeof *state);
    return status;
}

static void poll_poller_close(struct tf_poller *poller)
{
    struct poll_state *state = poller->state;
    TF_ASSERT(state != NULL);
    TF_ASSERT(state->count == 1);

    (void)close(state->alarm[0]);
    (void)close(state->alarm[1]);
    tf_free(state->allocator, state->entries, state->capacity * sizeof *state->entries);
    tf_free(state->allocator, state->watches, state->capacity * sizeof *state->watches);
    tf_free(state->allocator, state, sizeof *state);
    poller->state = NULL;
}

static struct pollfd entry_of(tf_socket socket, uint8_t interest)
{
    // Descriptor 0 has no negative, so the disarmed entry has -1 and the watch keeps the descriptor.
    struct pollfd entry = {.fd = interest != 0 ? (int)socket : -1};
    if ((interest & TF_POLL_READ) != 0) {
        entry.events = (short)(POLLIN | POLLPRI | tf_native_poll_hangup);
    }
    if ((interest & TF_POLL_WRITE) != 0) {
        entry.events = (short)(entry.events | POLLOUT);
    }
    return entry;
}

static enum tofu_status poll_poller_watch(
    struct tf_poller *poller, struct tf_watch *watch, uint8_t interest)
{
    struct poll_state *state = poller->state;
    TF_ASSERT(watch->socket != TF_SOCKET_NONE);
    TF_ASSERT((interest & ~(TF_POLL_READ | TF_POLL_WRITE)) == 0);

    if (!watch->is_registered) {
        if (state->count == state->capacity && !entries_grow(state, 2 * state->capacity)) {
            return TOFU_ALLOCATION_FAILED;
        }
        watch->slot = state->count;
        watch->is_registered = true;
        state->watches[watch->slot] = watch;
        state->count++;
    }
    TF_ASSERT(state->watches[watch->slot] == watch);
    state->entries[watch->slot] = entry_of(watch->socket, interest);
    watch->interest = interest;
    return TOFU_OK;
}

static void poll_poller_forget(struct tf_poller *poller, struct tf_watch *watch)
{
    struct poll_state *state = poller->state;
    if (!watch->is_registered) {
        return;
    }
    TF_ASSERT(watch->slot > 0);
    TF_ASSERT(state->watches[watch->slot] == watch);

    state->count--;
    struct tf_watch *moved = state->watches[state->count];
    state->entries[watch->slot] = state->entries[state->count];
    state->watches[watch->slot] = moved;
    moved->slot = watch->slot;
    watch->is_registered = false;
    watch->interest = 0;
    watch->slot = 0;
}

// An error or a hang-up makes both directions worth a try: the call on the socket tells more.
static uint8_t ready_of(short events, uint8_t interest)
{
    uint8_t ready = 0;
    if ((events & (POLLIN | POLLPRI | POLLHUP | POLLERR | POLLNVAL | tf_native_poll_hangup)) != 0) {
        ready |= interest & TF_POLL_READ;
    }
    if ((events & (POLLOUT | POLLHUP | POLLERR | POLLNVAL)) != 0) {
        ready |= interest & TF_POLL_WRITE;
    }
    if ((events & (POLLERR | POLLNVAL)) != 0) {
        ready |= TF_POLL_ERROR;
    }
    if ((events & (POLLHUP | POLLPRI | tf_native_poll_hangup)) != 0) {
        ready |= TF_POLL_HANGUP;
    }
    return ready;
}

// Gives the events of at most `capacity` of the `ready_count` sockets that have one, beginning behind the
// socket that was looked at last: so each has its turn, however few events are taken at a time.
static uint32_t deliver(
    struct poll_state *state, uint32_t ready_count, struct tf_poll_event *events, uint32_t capacity)
{
    uint32_t event_count = 0;
    uint32_t event_count_max = ready_count < capacity ? ready_count : capacity;
    uint32_t slot = state->last;
    for (uint32_t i = 1; i < state->count && event_count < event_count_max; i++) {
        slot = slot + 1 < state->count ? slot + 1 : 1;
        short happened = state->entries[slot].revents;
        if (happened == 0) {
            continue;
        }
        const struct tf_watch *watch = state->watches[slot];
        uint8_t ready = ready_of(happened, watch->interest);
        TF_ASSERT((happened & POLLNVAL) == 0);
        TF_ASSERT((ready & watch->interest) != 0);
        events[event_count] = (struct tf_poll_event){.token = watch->token, .ready = ready};
        event_count++;
    }
    state->last = slot;
    return event_count;
}

// See poll_poller_wake() for the order of the two.
static void alarm_clear(struct poll_state *state)
{
    char bytes[16];
    while (read(state->alarm[0], bytes, sizeof bytes) < 0 && errno == EINTR) {
        // A signal came first.
    }
    (void)atomic_exchange_explicit(&state->is_waking, false, memory_order_acq_rel);
}

// Says whether poll may be called again after `error`. When the kernel had no memory for its copy of the
// array, a moment later it may have some; the moment must not become a spin.
static bool error_is_passing(int error, int *shortage_count)
{
    if (error == EINTR) {
        return true;
    }
    if (error != ENOMEM && error != EAGAIN) {
        return false;
    }
    (void)poll(NULL, 0, 1);
    (*shortage_count)++;
    return *shortage_count < TF_POLL_SHORTAGES_MAX;
}

static enum tofu_status poll_poller_wait(
    struct tf_poller *poller,
    uint64_t timeout_ns,
    struct tf_poll_event *events,
    uint32_t capacity,
    uint32_t *event_count_out)
{
    struct poll_state *state = poller->state;
    TF_ASSERT(capacity > 0);
    uint64_t deadline_ns = tf_wait_deadline(timeout_ns);
    uint64_t remaining_ns = timeout_ns;
    int shortage_count = 0;
    int count = 0;
    for (;;) {
        count = poll(state->entries, state->count, tf_wait_milliseconds(remaining_ns));
        if (count < 0 && !error_is_passing(errno, &shortage_count)) {
            return TOFU_NOTIFICATION_FAILED;
        }
        if (count > 0) {
            break;
        }
        // A signal, or time: only the latter ends a wait.
        remaining_ns = tf_wait_remaining(deadline_ns);
        if (remaining_ns == 0) {
            *event_count_out = 0;
            return TOFU_OK;
        }
    }
    uint32_t ready_count = (uint32_t)count;
    if (state->entries[0].revents != 0) {
        alarm_clear(state);
        ready_count--;
    }
    *event_count_out = deliver(state, ready_count, events, capacity);
    return TOFU_OK;
}

// The flag is true from a waker's exchange until a wait has emptied the pipe *and then* cleared it; so
// the pipe never holds more than one byte and cannot fill up. A waker that finds the flag true may
// leave: either the byte is still to come or to be read, and a wait that reads it returns; or a wait
// has read it and is about to clear the flag, in which case that exchange reads this waker's, what
// the waker queued before is visible to who looks after the wait, and nothing is lost. Clearing first
// would let a waker set the flag and write its byte in between; reading that byte would leave a flag
// that is true for ever with no byte behind it.
static void poll_poller_wake(struct tf_poller *poller)
{
    struct poll_state *state = poller->state;
    if (atomic_exchange_explicit(&state->is_waking, true, memory_order_acq_rel)) {
        return;
    }
    for (int i = 0; i < TF_WAKE_ATTEMPTS_MAX; i++) {
        if (write(state->alarm[1], "", 1) >= 0) {
            return;
        }
    }
    // There is no byte, so the next waker has to try: a flag that stayed true would silence it.
    atomic_store_explicit(&state->is_waking, false, memory_order_release);
}

const struct tf_poller_ops tf_poller_poll = {
    .name = "poll",
    .open = poll_poller_open,
    .close = poll_poller_close,
    .watch = poll_poller_watch,
    .forget = poll_poller_forget,
    .wait = poll_poller_wait,
    .wake = poll_poller_wake,
};
