// SPDX-License-Identifier: MIT
// epoll, level-triggered, with an eventfd for wake-ups.
//
// The kernel's mask is a function of the watch's interest, and is changed only when that changes.
// Epoll reports hang-ups and errors even to an empty mask, for ever: 440,000 wake-ups in 0.2 s of a
// socket that nobody reads. A disarmed socket is therefore EPOLLONESHOT with an empty mask: the kernel
// says "hang-up" once at most and this file drops it. EPOLL_CTL_DEL would be silent too, but arming
// again costs 3 times as much (0.2 us to 0.6 us per change) and can fail for want of memory, which a
// change of the mask cannot.
//
// The kernel keeps a pointer to the watch, which gives the token and the present interest. It is never
// stale: forget and wait run on one thread, forget takes the socket out of the kernel's set, and what
// one wait has fetched it has delivered before it returns. So nothing is left inside the poller that a
// forget would have to look for, and no event carries a token that was forgotten.
#include "os/linux/poller_epoll.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "os/posix/wait_time.h"

// Events fetched by one system call, whatever more the caller would take.
#define TF_EPOLL_EVENTS_MAX 256

// How often a wake-up is tried when the system refuses it, which it has no reason to do.
#define TF_WAKE_ATTEMPTS_MAX 16

struct epoll_state {
    const struct tofu_allocator *allocator;
    int set;
    int alarm; ///< the eventfd
    uint32_t watch_count;
    char padding_before[128]; ///< the wakers' word shares no cache line with ours
    _Atomic bool is_waking;   ///< see epoll_poller_wake()
    char padding_after[128];
    struct epoll_event fetched[TF_EPOLL_EVENTS_MAX];
};

// The alarm is edge-triggered: each write to an eventfd is an edge, even if nobody has read the last
// one, so it is never read. Its count would overflow after 2^64 wake-ups.
static bool alarm_open(struct epoll_state *state)
{
    state->alarm = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (state->alarm < 0) {
        return false;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (epoll_ctl(state->set, EPOLL_CTL_ADD, state->alarm, &event) != 0) {
        (void)close(state->alarm);
        return false;
    }
    return true;
}

static enum tofu_status epoll_poller_open(
    struct tf_poller *poller, const struct tf_poller_options *options)
{
    const struct tofu_allocator *allocator = options->allocator;
    struct epoll_state *state = tf_alloc_zeroed(allocator, sizeof *state);
    if (state == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    state->allocator = allocator;
    atomic_init(&state->is_waking, false);
    state->set = epoll_create1(EPOLL_CLOEXEC);
    if (state->set < 0) {
        goto free_state;
    }
    if (!alarm_open(state)) {
        goto close_set;
    }
    *poller = (struct tf_poller){.ops = &tf_poller_epoll, .state = state};
    return TOFU_OK;

close_set:
    (void)close(state->set);
free_state:
    tf_free(allocator, state, sizeof *state);
    return TOFU_NOTIFICATION_FAILED;
}

static void epoll_poller_close(struct tf_poller *poller)
{
    struct epoll_state *state = poller->state;
    TF_ASSERT(state != NULL);
    TF_ASSERT(state->watch_count == 0);

    (void)close(state->alarm);
    (void)close(state->set);
    tf_free(state->allocator, state, sizeof *state);
    poller->state = NULL;
}

static uint32_t mask_of(uint8_t interest)
{
    if (interest == 0) {
        return EPOLLONESHOT;
    }
    uint32_t mask = 0;
    if ((interest & TF_POLL_READ) != 0) {
        mask |= EPOLLIN | EPOLLRDHUP | EPOLLPRI;
    }
    if ((interest & TF_POLL_WRITE) != 0) {
        mask |= EPOLLOUT;
    }
    return mask;
}

static enum tofu_status epoll_poller_watch(
    struct tf_poller *poller, struct tf_watch *watch, uint8_t interest)
{
    struct epoll_state *state = poller->state;
    TF_ASSERT(watch->socket != TF_SOCKET_NONE);
    TF_ASSERT((interest & ~(TF_POLL_READ | TF_POLL_WRITE)) == 0);

    if (watch->is_registered && watch->interest == interest) {
        return TOFU_OK;
    }
    struct epoll_event event = {.events = mask_of(interest), .data.ptr = watch};
    int operation = watch->is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(state->set, operation, (int)watch->socket, &event) != 0) {
        return errno == ENOMEM ? TOFU_ALLOCATION_FAILED : TOFU_NOTIFICATION_FAILED;
    }
    if (!watch->is_registered) {
        watch->is_registered = true;
        state->watch_count++;
    }
    watch->interest = interest;
    return TOFU_OK;
}

static void epoll_poller_forget(struct tf_poller *poller, struct tf_watch *watch)
{
    struct epoll_state *state = poller->state;
    if (!watch->is_registered) {
        return;
    }
    TF_ASSERT(state->watch_count > 0);

    // It is there, so this cannot fail; and the close of the socket, which follows, would do the same.
    (void)epoll_ctl(state->set, EPOLL_CTL_DEL, (int)watch->socket, NULL);
    watch->is_registered = false;
    watch->interest = 0;
    state->watch_count--;
}

// An error or a hang-up makes both directions worth a try: the call on the socket tells more.
static uint8_t ready_of(uint32_t events, uint8_t interest)
{
    uint8_t ready = 0;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLHUP | EPOLLERR)) != 0) {
        ready |= interest & TF_POLL_READ;
    }
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        ready |= interest & TF_POLL_WRITE;
    }
    if ((events & EPOLLERR) != 0) {
        ready |= TF_POLL_ERROR;
    }
    if ((events & (EPOLLHUP | EPOLLRDHUP | EPOLLPRI)) != 0) {
        ready |= TF_POLL_HANGUP;
    }
    return ready;
}

// Turns what was fetched into the caller's events; returns how many. Says whether the alarm was there.
static uint32_t deliver(
    const struct epoll_state *state,
    uint32_t fetched_count,
    struct tf_poll_event *events,
    bool *is_woken_out)
{
    uint32_t event_count = 0;
    for (uint32_t i = 0; i < fetched_count; i++) {
        const struct tf_watch *watch = state->fetched[i].data.ptr;
        if (watch == NULL) {
            *is_woken_out = true;
            continue;
        }
        TF_ASSERT(watch->is_registered);
        if (watch->interest == 0) {
            // The one hang-up of a disarmed socket; the kernel has switched it off by now.
            continue;
        }
        uint8_t ready = ready_of(state->fetched[i].events, watch->interest);
        TF_ASSERT((ready & watch->interest) != 0);
        events[event_count] = (struct tf_poll_event){.token = watch->token, .ready = ready};
        event_count++;
    }
    return event_count;
}

// The kernel gives events in turn: what is still ready after its event goes to the end of its list, so a
// full array keeps nobody waiting for ever.
static enum tofu_status epoll_poller_wait(
    struct tf_poller *poller,
    uint64_t timeout_ns,
    struct tf_poll_event *events,
    uint32_t capacity,
    uint32_t *event_count_out)
{
    struct epoll_state *state = poller->state;
    TF_ASSERT(capacity > 0);
    int fetch_max = capacity < TF_EPOLL_EVENTS_MAX ? (int)capacity : TF_EPOLL_EVENTS_MAX;
    uint64_t deadline_ns = tf_wait_deadline(timeout_ns);
    uint64_t remaining_ns = timeout_ns;
    bool is_woken = false;
    uint32_t event_count = 0;
    for (;;) {
        int timeout = tf_wait_milliseconds(remaining_ns);
        int count = epoll_wait(state->set, state->fetched, fetch_max, timeout);
        if (count < 0 && errno != EINTR) {
            return TOFU_NOTIFICATION_FAILED;
        }
        if (count > 0) {
            event_count = deliver(state, (uint32_t)count, events, &is_woken);
        }
        if (event_count > 0 || is_woken) {
            break;
        }
        // A signal, a disarmed socket's hang-up, or time: only the last one ends a wait.
        remaining_ns = tf_wait_remaining(deadline_ns);
        if (remaining_ns == 0) {
            break;
        }
    }
    if (is_woken) {
        (void)atomic_exchange_explicit(&state->is_waking, false, memory_order_acq_rel);
    }
    *event_count_out = event_count;
    return TOFU_OK;
}

// The flag is true from a waker's exchange until a wait has taken the alarm's event *and then* cleared
// it. A waker that finds it true may leave: either the event is still to be taken, and a wait that
// takes it returns; or a wait has taken it and is about to clear the flag, in which case that
// exchange reads this waker's, what the waker queued before is visible to who looks after the wait,
// and nothing is lost. Clearing first would let a waker set the flag and write its alarm in between;
// taking that event would leave a flag that is true for ever with no alarm behind it.
static void epoll_poller_wake(struct tf_poller *poller)
{
    struct epoll_state *state = poller->state;
    if (atomic_exchange_explicit(&state->is_waking, true, memory_order_acq_rel)) {
        return;
    }
    uint64_t one = 1;
    for (int i = 0; i < TF_WAKE_ATTEMPTS_MAX; i++) {
        if (write(state->alarm, &one, sizeof one) >= 0) {
            return;
        }
    }
    // There is no alarm, so the next waker has to try: a flag that stayed true would silence it.
    atomic_store_explicit(&state->is_waking, false, memory_order_release);
}

const struct tf_poller_ops tf_poller_epoll = {
    .name = "epoll",
    .open = epoll_poller_open,
    .close = epoll_poller_close,
    .watch = epoll_poller_watch,
    .forget = epoll_poller_forget,
    .wait = epoll_poller_wait,
    .wake = epoll_poller_wake,
};
