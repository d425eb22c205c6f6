// SPDX-License-Identifier: MIT
// sim-afd: the poller of Windows itself, over a simulated NT kernel (tests/nt), over the simulated network.
//
// The poller's own wait is only ever asked to look; sleeping is the schedule's, as in poller.c. A thread of
// the library that finds nothing sleeps in its call, until the kernel has a packet for its port. What the
// kernel puts off happens a little later.
#include "os/windows/poller_afd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "nt/kernel.h"
#include "nt/world.h"
#include "os/clock.h"
#include "sim/os/network.h"
#include "sim/os/pollers.h"
#include "sim/os/schedule.h"

// The longest that the kernel puts something off.
#define PUT_OFF_NS_MAX 5000

struct sim_afd {
    struct sim_afd *next;
    struct tf_poller inner;
    uintptr_t port; ///< its number among the ports
    struct sim_wait wait;
};

static struct {
    struct sim_afd *first;
    uintptr_t port_count;
    struct sim_due put_off;
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

// The flows expect each connection to work that nobody broke: shortages are for tests/nt.
bool nt_world_is_short(void)
{
    return false;
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

// Only close() waits, for what the kernel owes.
bool nt_world_idle(uint64_t deadline_ns)
{
    (void)deadline_ns;
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

// A look of the poller's may miss packets that are there, but not for ever.
static bool look(
    void *context, struct tf_poll_event *events, uint32_t capacity, uint32_t *count_out)
{
    struct sim_afd *afd = context;
    uint64_t taken_before = nt_port_posts_taken(afd->port);
    bool is_woken = false;
    do {
        if (tf_poller_afd.wait(&afd->inner, 0, events, capacity, count_out) != TOFU_OK) {
            sim_fail("a wait failed: %s", afd->inner.detail);
        }
        is_woken = nt_port_posts_taken(afd->port) != taken_before;
    } while (*count_out == 0 && !is_woken && nt_port_has_packets(afd->port));
    expect_put_off();
    if (is_woken) {
        sim_actor_note_progress();
    }
    return *count_out > 0 || is_woken;
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
    return tf_poller_afd.watch(&afd->inner, watch, interest);
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
    tf_poller_afd.wake(&afd->inner);
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
    nt_kernel_begin();
}

void sim_afd_end(void)
{
    nt_kernel_end();
}
