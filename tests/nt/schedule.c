// SPDX-License-Identifier: MIT
// What a seed does: some dozen steps of an application that opens, watches, changes its mind, forgets and
// closes, while peers act, the kernel puts off what it owes, and another thread wakes. Then the world becomes
// quiet, and all that holds has to be reported; and then everything has to come back.
#include "nt/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "nt/chance.h"
#include "nt/sockets.h"
#include "nt/world.h"
#include "os/clock.h"
#include "os/poller.h"
#include "os/windows/poller_afd.h"

#define PLACES_MAX   6
#define CAPACITY_MAX 8
#define STEPS_MAX    60
#define STEPS_LONG   2000
#define TICK         UINT64_C(15600000)

// The poller's, the only one that there is.
#define PORT 0

// A wake-up without memory may be seen so late by a wait that sleeps.
#define VAIN_WAKE_LATE_MAX TF_SECOND

// Threads that wake at a time.
#define WAKERS_MAX 3

// Calls of the kernel in one wait, or in a wake and what comes into its midst.
#define CALLS_MAX 1000

// The poller, a table of slabs, and one slab: so few sockets at a time need no more, however many come and
// go.
#define ALLOCATIONS_MAX 3

/// A socket of the application.
struct place {
    struct tf_watch watch;
    bool reset_told;  ///< with or without interest
    bool has_failed;  ///< as it was told
    uint32_t resets;  ///< reported without interest
    uint8_t reported; ///< since the world is quiet
};

static struct {
    struct tf_poller poller;
    struct tofu_allocator allocator;
    uint64_t last_token;
    struct place places[PLACES_MAX];
    uint64_t posted;        ///< by other threads, each followed by a wake
    uint64_t woken;         ///< of these, the last whose wake is over
    uint64_t seen;          ///< of these, when the last wait returned
    uint32_t waker_count;   ///< wakes that are under way, each in the midst of the one before
    bool is_free;           ///< the I/O thread is in no call of the poller's
    bool is_short;          ///< the innermost of all calls finds no memory
    bool has_wake;          ///< there may be one that no wait has returned for
    bool are_vain;          ///< of the wakes that are under way together, one is without memory
    bool has_vain_wake;     ///< one without memory came in this wait
    uint64_t wake_until_ns; ///< what was posted must be seen by then: at once, if 0
    bool is_endless;        ///< this wait has no timeout
    uint64_t allocated_bytes;
    uint32_t allocation_count;
    uint32_t wider;      ///< interests that became so since the last wait
    uint64_t excuses;    ///< for a cancel: what was forgotten, and interests that became wider
    uint32_t idle_count; ///< calls of nt_world_idle() in this wait
    uint32_t call_count; ///< calls of the kernel in this wait
    bool is_open;
    struct schedule_totals *totals;
} application;

// Memory: what is freed must be ours.

static void *allocate(void *context, size_t size)
{
    (void)context;
    application.allocated_bytes += size;
    application.allocation_count++;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    if (nt_kernel_owns(memory, size)) {
        nt_world_fail("memory is freed that is the kernel's");
    }
    application.allocated_bytes -= size;
    free(memory);
}

// Calls of the application.

static const struct tf_poller_ops *ops(void)
{
    return application.poller.ops;
}

static void declare(struct place *place, uint8_t interest)
{
    struct tf_watch before = place->watch;
    enum tofu_status status = ops()->watch(&application.poller, &place->watch, interest);
    if (status != TOFU_OK) {
        if (before.is_registered != place->watch.is_registered ||
            before.interest != place->watch.interest) {
            nt_world_fail("a watch that was refused has changed something");
        }
        if (before.is_registered && !nt_file_has_failed(model_get(before.socket)->base)) {
            nt_world_fail("an interest was refused for nothing");
        }
        return;
    }
    if (place->has_failed) {
        nt_world_fail("an interest was taken in a socket that is not watched any longer");
    }
    application.wider += (interest & ~before.interest) != 0 ? 1 : 0;
    application.excuses += (interest & ~before.interest) != 0 ? 1 : 0;
    if ((interest & ~before.interest & TF_POLL_READ) != 0) {
        place->reported &= (uint8_t)~TF_POLL_READ;
    }
    nt_world_trace("declare", place->watch.token, interest);
}

static void open_place(struct place *place)
{
    place->watch = (struct tf_watch){
        .socket = model_open((enum model_kind)nt_world_below(3)),
        .token = ++application.last_token};
    declare(place, (uint8_t)nt_world_below(4));
}

static void forget(struct place *place)
{
    ops()->forget(&application.poller, &place->watch);
    application.totals->forgets++;
    application.excuses++;
    place->resets = 0;
    place->reset_told = false;
    place->has_failed = false;
    place->reported = 0;
}

static void close_place(struct place *place)
{
    forget(place);
    model_close(place->watch.socket);
    place->watch.socket = TF_SOCKET_NONE;
}

static struct place *place_of(uint64_t token)
{
    for (uint32_t i = 0; i < PLACES_MAX; i++) {
        struct place *place = &application.places[i];
        if (place->watch.is_registered && place->watch.token == token) {
            return place;
        }
    }
    nt_world_fail("an event carries token %llu, which nobody has", (unsigned long long)token);
}

static void check_event(const struct tf_poll_event *event)
{
    struct place *place = place_of(event->token);
    uint8_t asked = event->ready & (TF_POLL_READ | TF_POLL_WRITE);
    application.totals->events++;
    nt_world_trace("event", event->token, event->ready);
    if (place->has_failed) {
        nt_world_fail("something is heard of a socket that is not watched any longer");
    }
    if (event->ready == TF_POLL_FAILED) {
        if (!nt_file_has_failed(model_get(place->watch.socket)->base)) {
            nt_world_fail("a socket is given up for nothing");
        }
        application.totals->failures++;
        place->has_failed = true;
        return;
    }
    if (event->ready == 0 || (asked & ~place->watch.interest) != 0) {
        nt_world_fail(
            "an event says %x to interest %x", event->ready, (unsigned)place->watch.interest);
    }
    if (place->watch.interest == 0) {
        place->resets++;
        if (place->resets > 1 || !model_get(place->watch.socket)->is_reset) {
            nt_world_fail("a disarmed socket is not silent");
        }
    }
    if ((event->ready & TF_POLL_HANGUP) != 0) {
        place->reset_told = place->reset_told || (event->ready & TF_POLL_ERROR) != 0;
    }
    place->reported |= event->ready;
}

static uint32_t wait_once(uint64_t timeout_ns, uint32_t capacity)
{
    struct tf_poll_event events[CAPACITY_MAX];
    uint32_t count = 0;
    uint64_t start_ns = tf_clock_now();
    uint64_t cancels = nt_kernel_counts()->cancels;
    application.is_endless = timeout_ns == UINT64_MAX;
    application.has_vain_wake = false;
    application.wake_until_ns = 0; // What was owed before is seen at once.
    application.idle_count = 0;
    application.call_count = 0;
    application.totals->waits++;
    enum tofu_status status =
        ops()->wait(&application.poller, timeout_ns, events, capacity, &count);
    application.seen = application.posted;
    uint64_t elapsed_ns = tf_clock_now() - start_ns;
    if (status != TOFU_OK || count > capacity) {
        nt_world_fail("a wait failed, or gave more than there was room for");
    }
    if (count == 0 && !application.has_wake && elapsed_ns < timeout_ns) {
        nt_world_fail("a wait was early by %llu ns", (unsigned long long)(timeout_ns - elapsed_ns));
    }
    if (timeout_ns < TF_SECOND && elapsed_ns > timeout_ns + 2 * TICK) {
        nt_world_fail("a wait was late");
    }
    if (nt_kernel_counts()->cancels - cancels > application.wider) {
        nt_world_fail("a wait cancels for nothing");
    }
    application.wider = 0;
    // A mere look may miss a packet, as may a wait that returns for a wake without one, and a sleep may miss
    // such a wake. Any other wait that gives nothing has taken the wake or slept.
    bool may_be_left = timeout_ns == 0 || application.has_vain_wake ||
                       application.waker_count > 0 || nt_port_has_packets(PORT);
    application.has_wake = application.has_wake && (count > 0 || may_be_left);
    for (uint32_t i = 0; i < count; i++) {
        check_event(&events[i]);
    }
    return count;
}

// The world of the kernel.

static void be_short(bool is_short)
{
    application.is_short = is_short;
    nt_chance_be_short(is_short);
}

// Others may come into the midst of it: another waker, and the I/O thread's wait if that is in none.
static void other_thread_wakes(void)
{
    bool was_short = application.is_short;
    bool is_vain = nt_world_chance(application.is_free ? 300 : 50);
    uint64_t post = ++application.posted;
    application.has_wake = true;
    application.totals->wakes++;
    application.totals->vain_wakes += is_vain ? 1 : 0;
    application.has_vain_wake = application.has_vain_wake || is_vain;
    application.are_vain = is_vain || (application.are_vain && application.waker_count > 0);
    nt_world_trace("wake", application.posted, is_vain);
    application.waker_count++;
    be_short(is_vain);
    application.poller.ops->wake(&application.poller);
    be_short(was_short);
    application.waker_count--;
    application.woken = post > application.woken ? post : application.woken;
    application.wake_until_ns = application.are_vain ? tf_clock_now() + VAIN_WAKE_LATE_MAX : 0;
    if (nt_port_posts(PORT) > 1) {
        nt_world_fail("two wake-ups are on their way");
    }
}

// While the I/O thread is in no call of the poller's. The wait may come into the midst of the wake.
static void other_thread_wakes_meanwhile(void)
{
    application.call_count = 0;
    application.is_free = true;
    other_thread_wakes();
    application.is_free = false;
}

// For what a waker has posted whose wake is under way, no wait needs to return yet.
static bool is_wake_unseen(void)
{
    return application.waker_count == 0 && application.woken > application.seen;
}

static void wait_meanwhile(void)
{
    bool was_short = application.is_short;
    uint64_t timeout_ns = nt_world_below(2) * TF_MILLISECOND;
    application.is_free = false;
    be_short(false);
    (void)wait_once(timeout_ns, 1 + (uint32_t)nt_world_below(CAPACITY_MAX));
    be_short(was_short);
    application.is_free = true;
}

static struct place *any_place(void)
{
    return &application.places[nt_world_below(PLACES_MAX)];
}

static void some_peer_acts(void)
{
    const struct place *place = any_place();
    if (place->watch.socket != TF_SOCKET_NONE) {
        model_peer_acts(place->watch.socket);
    }
}

void nt_world_step(void)
{
    if (application.is_free && nt_world_chance(150)) {
        wait_meanwhile();
    }
    if (application.is_open && application.waker_count < WAKERS_MAX &&
        nt_world_chance(application.is_free ? 200 : 60)) {
        other_thread_wakes();
    }
}

void nt_world_interrupt(void)
{
    application.call_count++;
    if (application.call_count > CALLS_MAX) {
        nt_world_fail("a wait does not end");
    }
    nt_world_step();
    if (nt_world_chance(60)) {
        some_peer_acts();
    }
    if (nt_world_chance(100)) {
        (void)nt_kernel_step();
    }
}

void nt_world_packet(uintptr_t port)
{
    (void)port;
}

bool nt_world_idle(uint64_t deadline_ns)
{
    if (is_wake_unseen() && deadline_ns > application.wake_until_ns) {
        nt_world_fail("a wake was lost: the wait sleeps");
    }
    application.idle_count++;
    if (nt_world_chance(300)) {
        some_peer_acts();
        return true;
    }
    if (nt_kernel_step()) {
        return true;
    }
    if (application.is_endless && !is_wake_unseen()) {
        other_thread_wakes();
        return true;
    }
    nt_clock_reach(deadline_ns + (nt_world_chance(200) ? nt_world_below(TICK) : 0));
    return false;
}

// Steps of the application.

static void wait_somehow(void)
{
    static const uint64_t timeouts_ns[] = {
        0, 0, 1, 99, 1000, TF_MILLISECOND, 20 * TF_MILLISECOND, UINT64_MAX};
    uint64_t timeout_ns = timeouts_ns[nt_world_below(sizeof timeouts_ns / sizeof timeouts_ns[0])];
    (void)wait_once(timeout_ns, 1 + (uint32_t)nt_world_below(CAPACITY_MAX));
}

static void step(void)
{
    struct place *place = any_place();
    uint64_t choice = nt_world_below(100);
    if (place->watch.socket == TF_SOCKET_NONE) {
        open_place(place);
    } else if (choice < 30) {
        declare(place, (uint8_t)nt_world_below(4));
    } else if (choice < 40) {
        close_place(place);
    } else if (choice < 45) {
        // The same socket again, under another token.
        forget(place);
        place->watch.token = ++application.last_token;
        declare(place, (uint8_t)nt_world_below(4));
    } else if (choice < 60) {
        model_owner_drains(place->watch.socket);
    } else if (choice < 75) {
        model_peer_acts(place->watch.socket);
    } else if (choice < 78) {
        (void)nt_kernel_step();
    } else if (choice < 79) {
        (void)models_close_duplicate();
    } else if (choice < 80) {
        application.totals->strays += nt_port_stray(PORT) ? 1 : 0;
    } else if (choice < 83) {
        other_thread_wakes_meanwhile();
    } else {
        wait_somehow();
    }
}

// What must hold in the end.

static void check_reported(struct place *place)
{
    const struct model_socket *model = model_get(place->watch.socket);
    uint8_t interest = place->watch.interest;
    if (place->has_failed) {
        return;
    }
    if (nt_file_has_failed(model->base)) {
        nt_world_fail("nobody heard that a socket is not watched any longer");
    }
    if (interest == 0) {
        if (model->is_reset && !place->reset_told) {
            nt_world_fail("a paused socket did not learn of its reset");
        }
        return;
    }
    uint8_t owed = 0;
    if (model->has_data) {
        owed |= TF_POLL_READ;
    }
    if (model->has_end) {
        owed |= TF_POLL_READ | TF_POLL_HANGUP;
    }
    owed |= model->has_room || model->has_refused ? TF_POLL_WRITE : 0;
    if ((interest & TF_POLL_READ) == 0) {
        owed &= (uint8_t)~TF_POLL_HANGUP;
    }
    owed &= interest | TF_POLL_HANGUP;
    bool is_refusal_owed = model->has_refused && (interest & TF_POLL_WRITE) != 0;
    owed |= model->is_reset || is_refusal_owed ? TF_POLL_ERROR : 0;
    if ((owed & ~place->reported) != 0) {
        nt_world_fail(
            "readiness was lost: token %llu is owed %x and was told %x",
            (unsigned long long)place->watch.token,
            owed,
            place->reported);
    }
}

// Everything that holds is reported within a few waits, some of which only let refused requests rest.
static void settle(void)
{
    nt_chance_be_quiet();
    for (uint32_t i = 0; i < PLACES_MAX; i++) {
        application.places[i].reported = 0;
        // A watch that was refused for want of memory works now.
        if (application.places[i].watch.socket != TF_SOCKET_NONE) {
            declare(&application.places[i], application.places[i].watch.interest);
        }
    }
    for (uint32_t i = 0; i < 3 * PLACES_MAX; i++) {
        while (nt_kernel_step()) {
            // Nothing is put off for ever, however busy the port is.
        }
        nt_clock_reach(tf_clock_now() + 2 * TF_MILLISECOND);
        (void)wait_once(20 * TF_MILLISECOND, CAPACITY_MAX);
    }
    for (uint32_t i = 0; i < PLACES_MAX; i++) {
        if (application.places[i].watch.socket != TF_SOCKET_NONE) {
            check_reported(&application.places[i]);
        }
    }
}

// When nothing holds, a wait waits, and does nothing else.
static void rest(void)
{
    for (uint32_t i = 0; i < PLACES_MAX; i++) {
        struct place *place = &application.places[i];
        if (place->has_failed) {
            close_place(place);
        }
        if (place->watch.socket != TF_SOCKET_NONE) {
            model_owner_drains(place->watch.socket);
            declare(place, model_get(place->watch.socket)->has_end ? TF_POLL_WRITE : TF_POLL_READ);
            if (model_get(place->watch.socket)->is_reset ||
                model_get(place->watch.socket)->has_refused) {
                close_place(place);
            }
        }
    }
    (void)wait_once(TF_SECOND / 2, CAPACITY_MAX);
    (void)wait_once(TF_SECOND / 2, CAPACITY_MAX);
    uint32_t count = wait_once(TF_SECOND / 2, CAPACITY_MAX);
    if (count != 0 || application.idle_count > 2) {
        nt_world_fail("nothing holds, and yet the wait does not rest");
    }
}

static void open_poller(void)
{
    struct tf_poller_options options = {.allocator = &application.allocator};
    application.allocator = (struct tofu_allocator){.allocate = allocate, .release = release};
    application.poller.ops = &tf_poller_afd;
    if (ops()->open(&application.poller, &options) != TOFU_OK) {
        nt_world_fail("the poller does not open");
    }
    application.is_open = true;
}

static void add_counts(struct schedule_totals *totals)
{
    const struct nt_counts *counts = nt_kernel_counts();
    totals->schedules++;
    totals->counts.requests += counts->requests;
    totals->counts.packets += counts->packets;
    totals->counts.cancels += counts->cancels;
    totals->counts.cancels_that_lied += counts->cancels_that_lied;
    totals->counts.doubled += counts->doubled;
    totals->counts.refusals += counts->refusals;
    totals->counts.failures += counts->failures;
}

static void begin(struct schedule_totals *totals)
{
    memset(&application, 0, sizeof application);
    application.totals = totals;
    nt_kernel_begin();
    models_begin();
    for (uint32_t i = 0; i < PLACES_MAX; i++) {
        application.places[i].watch.socket = TF_SOCKET_NONE;
    }
    open_poller();
}

// Everything has to come back.
static void finish(struct schedule_totals *totals)
{
    for (uint32_t i = 0; i < PLACES_MAX; i++) {
        if (application.places[i].watch.socket != TF_SOCKET_NONE) {
            close_place(&application.places[i]);
        }
    }
    application.is_open = false;
    application.seen = application.posted;
    ops()->close(&application.poller);
    if (application.poller.detail[0] != '\0') {
        nt_world_fail("closing says: %s", application.poller.detail);
    }
    if (nt_kernel_counts()->cancels > application.excuses) {
        nt_world_fail("requests are cancelled for nothing");
    }
    while (models_close_duplicate()) {
        // The poller is gone, and whoever inherited a socket closes it at last.
    }
    add_counts(totals);
    if (totals->counts.doubled != 0) {
        nt_world_fail("a socket had two requests at a time");
    }
    nt_kernel_end();
    if (application.allocated_bytes != 0) {
        nt_world_fail("%llu bytes were not freed", (unsigned long long)application.allocated_bytes);
    }
    if (application.allocation_count > ALLOCATIONS_MAX) {
        nt_world_fail("memory grows with the sockets that were");
    }
}

uint64_t schedule_run(uint64_t seed, struct schedule_totals *totals)
{
    nt_chance_begin(seed);
    begin(totals);
    uint64_t step_count = nt_world_chance(6) ? STEPS_LONG : 10 + nt_world_below(STEPS_MAX - 10);
    for (uint64_t i = 0; i < step_count; i++) {
        step();
    }
    if (nt_world_chance(700)) {
        settle();
        rest();
    }
    finish(totals);
    return nt_chance_hash();
}

// One step of a script, at the only place that it has.
static void script_step(char letter)
{
    struct place *place = &application.places[0];
    switch (letter) {
    case 'o':
        place->watch = (struct tf_watch){
            .socket = model_open(MODEL_CONNECTED), .token = ++application.last_token};
        declare(place, TF_POLL_READ);
        break;
    case 'c':
        close_place(place);
        break;
    case 'f':
        forget(place);
        place->watch.token = ++application.last_token;
        declare(place, TF_POLL_READ);
        break;
    case 'p':
        model_peer_acts(place->watch.socket);
        break;
    case 'd':
        model_owner_drains(place->watch.socket);
        break;
    case 'w':
        other_thread_wakes_meanwhile();
        break;
    case 'z':
        (void)wait_once(0, CAPACITY_MAX);
        break;
    case 't':
        (void)wait_once(TF_MILLISECOND, CAPACITY_MAX);
        break;
    default:
        declare(place, (uint8_t)(letter - '0'));
        break;
    }
}

void schedule_run_script(
    const char *script,
    const uint32_t *departures,
    uint32_t departure_count,
    struct schedule_totals *totals)
{
    nt_chance_begin_smooth(departures, departure_count);
    begin(totals);
    for (const char *letter = script; *letter != '\0'; letter++) {
        script_step(*letter);
    }
    settle();
    rest();
    finish(totals);
}
