// SPDX-License-Identifier: MIT
// sim-afd: the poller of Windows itself, over a simulated NT kernel (tests/nt), over the simulated network.
//
// The poller's own wait is only ever asked to look; sleeping is the schedule's, as in poller.c. A thread of
// the library that finds nothing sleeps in its call, until the kernel has a packet for its port, or the poller
// would look by itself, which it does while sockets rest and, for wake-ups that had no packet, now and then.
// What the kernel puts off happens a little later.
#include "os/windows/poller_afd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nt/kernel.h"
#include "nt/world.h"
#include "os/clock.h"
#include "sim/coverage.h"
#include "sim/os/network.h"
#include "sim/os/pollers.h"
#include "sim/os/schedule.h"

// The longest that the kernel puts something off.
#define PUT_OFF_NS_MAX 5000

// How long the poller sleeps at most: while a socket rests, and always.
#define REST_NS      (10 * TF_MILLISECOND)
#define SLEEP_NS_MAX TF_SECOND

#define NT_INVALID_DEVICE_REQUEST ((tf_nt_status)0xC0000010)

// A waker gives up after 16 refusals, so some shortages end before that, and some do not.
#define WAKES_SHORT_MAX 32

struct sim_afd {
    struct sim_afd *next;
    struct tf_poller inner;
    uintptr_t port;        ///< its number among the ports
    uint64_t rest_ends_ns; ///< of the sockets that were refused last
    bool has_slept;        ///< or would have, in the wait that was only to look
    struct sim_wait wait;
};

static struct {
    struct sim_afd *first;
    uintptr_t port_count;
    struct sim_due put_off;
    struct sim_afd *looking; ///< whose wait is only asked to look; NULL: nobody
    uint64_t wakes_short;    ///< so many wake-ups more find no memory
    bool was_wake_short;     ///< as the last one did
} all;

// The world that the kernel stands in.

uint64_t nt_world_below(uint64_t limit)
{
    return sim_below(limit);
}

bool nt_world_chance(uint32_t rate)
{
    return sim_config()->puts_off && sim_chance(rate);
}

static bool is_wake_short(void)
{
    if (all.wakes_short == 0 && sim_chance(sim_config()->wake_short_rate)) {
        all.wakes_short = sim_below(WAKES_SHORT_MAX);
    }
    all.was_wake_short = all.wakes_short > 0;
    all.wakes_short -= all.was_wake_short ? 1 : 0;
    return all.was_wake_short;
}

bool nt_world_is_short(enum nt_need need)
{
    bool is_short = false;
    switch (need) {
    case NT_NEED_WAKE:
        return is_wake_short();
    case NT_NEED_REQUEST:
        is_short = sim_chance(sim_config()->request_short_rate);
        sim_cover(SIM_REQUEST_SHORT, is_short);
        return is_short;
    case NT_NEED_PORT:
        is_short = sim_chance(sim_config()->port_short_rate);
        sim_cover(SIM_PORT_SHORT, is_short);
        return is_short;
    }
    return false;
}

tf_nt_status nt_world_failure(void)
{
    bool is_next = sim_config()->request_fail_next > 0;
    sim_config()->request_fail_next -= is_next ? 1 : 0;
    bool has_failed = is_next || sim_chance(sim_config()->request_fail_rate);
    sim_cover(SIM_REQUEST_FAILED, has_failed);
    return has_failed ? NT_INVALID_DEVICE_REQUEST : TF_NT_SUCCESS;
}

void nt_world_interrupt(void)
{
    sim_preempt();
}

void nt_world_trace(const char *what, uint64_t number, uint64_t value)
{
    sim_trace_named(what, (uint8_t)what[0], number, value);
}

uint32_t nt_world_ready(uintptr_t socket)
{
    const struct sim_socket *place = sim_socket_get((tf_socket)socket);
    uint8_t ready = sim_ready(place->end, place->listener);
    if (place->listener != NULL) {
        return ready != 0 ? TF_AFD_ACCEPT : 0;
    }
    if (place->end->state == SIM_BROKEN) {
        bool is_refused = place->end->error == SIM_ERROR_REFUSED;
        return is_refused ? TF_AFD_CONNECT_FAIL : TF_AFD_ABORT | TF_AFD_RECEIVE | TF_AFD_SEND;
    }
    uint32_t holds = 0;
    holds |= (ready & TF_POLL_READ) != 0 ? TF_AFD_RECEIVE : 0;
    holds |= (ready & TF_POLL_WRITE) != 0 ? TF_AFD_SEND | TF_AFD_CONNECT : 0;
    holds |= (ready & TF_POLL_HANGUP) != 0 ? TF_AFD_DISCONNECT : 0;
    return holds;
}

int nt_world_base_of(uintptr_t socket, uint32_t question, tf_nt_handle *base_out)
{
    struct sim_socket *place = sim_socket_get((tf_socket)socket);
    if (question != TF_NT_SIO_BASE_HANDLE) {
        return -1;
    }
    if (place->file == NULL) {
        place->file = nt_file_open(socket, true);
    }
    *base_out = place->file;
    return 0;
}

void nt_world_packet(uintptr_t port)
{
    for (struct sim_afd *afd = all.first; afd != NULL; afd = afd->next) {
        if (afd->port == port) {
            (void)sim_wait_end(&afd->wait);
        }
    }
}

// Who looks has seen all there is, and the moment that it asked for is over. Else it is close() that waits,
// for what the kernel owes.
bool nt_world_idle(uint64_t deadline_ns)
{
    if (all.looking != NULL) {
        all.looking->has_slept = true;
        sim_time_reach(deadline_ns);
        return false;
    }
    if (!nt_kernel_step()) {
        sim_fail("a poller waits for a request that nothing will end");
    }
    return true;
}

_Noreturn void nt_world_fail(const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sim_fail("%s", text);
}

static void finish_put_off(struct sim_due *due)
{
    (void)nt_kernel_step();
    if (nt_kernel_owes()) {
        sim_due_set(due, sim_now() + sim_below(PUT_OFF_NS_MAX), finish_put_off);
    }
}

static void expect_put_off(void)
{
    if (nt_kernel_owes() && !sim_due_is_set(&all.put_off)) {
        sim_due_set(&all.put_off, sim_now() + sim_below(PUT_OFF_NS_MAX), finish_put_off);
    }
}

void sim_file_changed(void *file)
{
    nt_file_changed(file);
    expect_put_off();
}

void sim_file_close(void *file)
{
    if (file != NULL) {
        nt_handle_close(file);
        expect_put_off();
    }
}

// The poller.

// Asks for a wait of no length worth mentioning: whether the poller sleeps in it says whether it has anything
// to come back for, be it no event. What others did meanwhile counts, so a look at last comes after that.
static bool ask(
    struct sim_afd *afd, struct tf_poll_event *events, uint32_t capacity, uint32_t *count_out)
{
    do {
        struct sim_afd *interrupted = all.looking;
        all.looking = afd;
        afd->has_slept = false;
        if (tf_poller_afd.wait(&afd->inner, 1, events, capacity, count_out) != TOFU_OK) {
            sim_fail("a wait failed: %s", afd->inner.detail);
        }
        all.looking = interrupted;
    } while (*count_out == 0 && afd->has_slept && nt_port_has_packets(afd->port));
    return *count_out > 0 || !afd->has_slept;
}

static uint64_t next_look(const struct sim_afd *afd)
{
    if (afd->rest_ends_ns > sim_now()) {
        return afd->rest_ends_ns;
    }
    return sim_config()->wake_short_rate == 0 ? TF_NEVER : sim_now() + SLEEP_NS_MAX;
}

static bool look(
    void *context, struct tf_poll_event *events, uint32_t capacity, uint32_t *count_out)
{
    struct sim_afd *afd = context;
    uint64_t taken_before = nt_port_posts_taken(afd->port);
    uint64_t refused_before = nt_kernel_counts()->refusals;
    bool has_ended = ask(afd, events, capacity, count_out);
    if (nt_kernel_counts()->refusals != refused_before) {
        afd->rest_ends_ns = sim_now() + REST_NS;
    }
    afd->wait.look_again_ns = next_look(afd);
    expect_put_off();
    if (nt_port_posts_taken(afd->port) != taken_before) {
        sim_actor_note_progress();
    }
    return has_ended;
}

static enum tofu_status open_afd(struct tf_poller *poller, const struct tf_poller_options *options)
{
    struct sim_afd *afd = sim_memory(1, sizeof *afd);
    afd->inner.ops = &tf_poller_afd;
    afd->port = all.port_count;
    enum tofu_status status = tf_poller_afd.open(&afd->inner, options);
    if (status != TOFU_OK) {
        free(afd);
        return status;
    }
    all.port_count++;
    afd->wait.look = look;
    afd->wait.context = afd;
    sim_wait_open(&afd->wait);
    afd->next = all.first;
    all.first = afd;
    poller->state = afd;
    return TOFU_OK;
}

static void close_afd(struct tf_poller *poller)
{
    struct sim_afd *afd = poller->state;
    struct sim_afd **place = &all.first;
    while (*place != afd) {
        place = &(*place)->next;
    }
    *place = afd->next;
    tf_poller_afd.close(&afd->inner);
    if (afd->inner.detail[0] != '\0') {
        sim_fail("closing a poller: %s", afd->inner.detail);
    }
    sim_wait_close(&afd->wait);
    free(afd);
    poller->state = NULL;
}

static enum tofu_status watch_afd(
    struct tf_poller *poller, struct tf_watch *watch, uint8_t interest)
{
    struct sim_afd *afd = poller->state;
    sim_trace("watch", (uint64_t)watch->socket, interest);
    enum tofu_status status = tf_poller_afd.watch(&afd->inner, watch, interest);
    if (status != TOFU_OK) {
        memcpy(poller->detail, afd->inner.detail, sizeof poller->detail);
    }
    return status;
}

static void forget_afd(struct tf_poller *poller, struct tf_watch *watch)
{
    struct sim_afd *afd = poller->state;
    sim_trace("forget", (uint64_t)watch->socket, 0);
    tf_poller_afd.forget(&afd->inner, watch);
    expect_put_off();
}

static enum tofu_status wait_afd(
    struct tf_poller *poller,
    uint64_t timeout_ns,
    struct tf_poll_event *events,
    uint32_t capacity,
    uint32_t *event_count_out)
{
    struct sim_afd *afd = poller->state;
    return sim_wait(&afd->wait, timeout_ns, events, capacity, event_count_out);
}

static void wake_afd(struct tf_poller *poller)
{
    struct sim_afd *afd = poller->state;
    sim_trace("wake", afd->wait.number, 0);
    if (sim_defect_strikes(SIM_LOSE_WAKE)) {
        return;
    }
    all.was_wake_short = false;
    tf_poller_afd.wake(&afd->inner);
    sim_cover(SIM_WAKE_OWED, all.was_wake_short);
}

const struct tf_poller_ops sim_afd_ops = {
    .name = "sim-afd",
    .open = open_afd,
    .close = close_afd,
    .watch = watch_afd,
    .forget = forget_afd,
    .wait = wait_afd,
    .wake = wake_afd,
};

void sim_afd_begin(void)
{
    all.first = NULL;
    all.port_count = 0;
    all.put_off = (struct sim_due){0};
    all.looking = NULL;
    all.wakes_short = 0;
    nt_kernel_begin();
}

void sim_afd_end(void)
{
    nt_kernel_end();
}
