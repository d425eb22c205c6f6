// SPDX-License-Identifier: MIT
// Windows: one completion port, and at most one AFD_POLL request per socket, on the socket itself.
//
// A request is asked once and answered once. So a socket that was reported goes on the dirty list, and the
// next wait asks again; the kernel looks at the socket when it is asked, which makes a level of it. A
// changed interest goes on the same list: what one turn changes back and forth costs nothing. Then the
// wait takes packets: those of requests (key 0), which free or report, and the wake-up (key 1).
//
// Memory is the danger: a request's block is the kernel's until its packet is taken, so blocks never move,
// and whoever forgets a socket leaves a zombie behind for its packet to free (afd_op.h). A packet names
// its block by index and generation, never by address.
//
// The I/O thread only, but for the wake.
#include "os/windows/poller_afd.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "os/clock.h"
#include "os/windows/afd_base.h"
#include "os/windows/afd_blocks.h"
#include "os/windows/afd_op.h"
#include "os/windows/nt.h"

// Packets fetched by one call, whatever more the caller would take.
#define TF_AFD_PACKETS_MAX 256

// How long a request for which the kernel had no memory rests. Its socket is reported before, once per rest,
// so that its owner tries for itself: slow, but neither lost nor a spin.
#define TF_AFD_REST (10 * TF_MILLISECOND)

// How long close() waits for the kernel to give all blocks back.
#define TF_AFD_CLOSE_LIMIT (5 * TF_SECOND)

// How often a wake-up is tried when the system refuses it, for which it has no reason but want of memory.
#define TF_WAKE_ATTEMPTS_MAX 16

// The longest sleep in one call of the kernel: so late may a wait see a wake-up that was refused that often
// while it slept already.
#define TF_AFD_SLEEP_MAX TF_SECOND

// NT counts in 100 ns.
#define TF_NT_TICK_NS 100

// watch->slot is the index of its block, plus 1. After forget it stays, to tell that the socket has got our
// port and which block was its last.
#define SLOT_NONE 0

// Whose packet it is.
#define KEY_SOCKET NULL
#define KEY_WAKE   ((void *)1)

struct afd_state {
    struct tf_nt nt;
    const struct tofu_allocator *allocator;
    bool lsp_fallback;
    tf_nt_handle port;
    struct tf_afd_blocks blocks;
    struct tf_list dirty;   ///< to be reconciled before the next wait
    struct tf_list untold;  ///< the kernel has failed them, which their owners are to be told
    struct tf_list refused; ///< these were told; become dirty at rest_ends_ns
    uint64_t rest_ends_ns;
    bool is_port_first; ///< whose turn it is to fill the events: the port's, or that of the untold
    uint32_t watch_count;
    uint32_t request_count; ///< blocks that are the kernel's
    char padding_before[128];
    _Atomic bool is_waking;    ///< see afd_poller_wake(); shares no cache line with the rest
    _Atomic bool is_wake_owed; ///< a wake-up had no packet: the wait has to see it here
    char padding_after[128];
    struct tf_nt_packet packets[TF_AFD_PACKETS_MAX];
};

/// What one wait has found so far.
struct gathering {
    struct tf_poll_event *events;
    uint32_t capacity;
    uint32_t count;
    bool is_woken; ///< by a packet
    bool was_owed; ///< a wake-up without one
};

static void gather(struct gathering *found, const struct tf_watch *watch, uint8_t ready)
{
    TF_ASSERT(found->count < found->capacity);

    found->events[found->count] = (struct tf_poll_event){.token = watch->token, .ready = ready};
    found->count++;
}

static enum tofu_status afd_poller_open(
    struct tf_poller *poller, const struct tf_poller_options *options)
{
    struct afd_state *state = tf_alloc_zeroed(options->allocator, sizeof *state);
    if (state == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    state->allocator = options->allocator;
    state->lsp_fallback = options->lsp_fallback;
    atomic_init(&state->is_waking, false);
    atomic_init(&state->is_wake_owed, false);
    tf_list_init(&state->dirty);
    tf_list_init(&state->untold);
    tf_list_init(&state->refused);
    tf_afd_blocks_open(&state->blocks, options->allocator);
    const char *missing = tf_nt_open(&state->nt);
    if (missing != NULL) {
        (void)snprintf(poller->detail, sizeof poller->detail, "ntdll has no %s", missing);
        goto free_state;
    }
    tf_nt_status status =
        state->nt.NtCreateIoCompletion(&state->port, TF_NT_IO_COMPLETION_ALL_ACCESS, NULL, 1);
    if (status != TF_NT_SUCCESS) {
        (void)snprintf(
            poller->detail,
            sizeof poller->detail,
            "NtCreateIoCompletion: 0x%08" PRIX32,
            (uint32_t)status);
        goto free_state;
    }
    *poller = (struct tf_poller){.ops = &tf_poller_afd, .state = state};
    return TOFU_OK;

free_state:
    tf_free(options->allocator, state, sizeof *state);
    return TOFU_NOTIFICATION_FAILED;
}

static void free_block(struct afd_state *state, struct tf_afd_op *op)
{
    tf_list_remove(&op->link);
    tf_afd_blocks_put(&state->blocks, op);
}

// Gives the socket's base our port, for as long as the socket lives: the system knows no way back. A second
// time is refused, which is no news if the first time was ours.
static bool give_port(
    struct tf_poller *poller, const struct tf_watch *watch, tf_nt_handle base, bool *had_it_out)
{
    struct afd_state *state = poller->state;
    struct tf_nt_io_status io_status;
    struct tf_nt_completion completion = {.port = state->port, .key = KEY_SOCKET};
    tf_nt_status status = state->nt.NtSetInformationFile(
        base, &io_status, &completion, sizeof completion, TF_NT_FILE_COMPLETION_INFORMATION);
    *had_it_out = status == TF_NT_INVALID_PARAMETER && watch->slot != SLOT_NONE;
    if (status == TF_NT_SUCCESS || *had_it_out) {
        return true;
    }
    (void)snprintf(
        poller->detail,
        sizeof poller->detail,
        "NtSetInformationFile: 0x%08" PRIX32 "%s",
        (uint32_t)status,
        status == TF_NT_INVALID_PARAMETER ? "; the socket is not overlapped, or has another port"
                                          : "");
    return false;
}

// Finds the block of a socket that is watched again, if the kernel still has it.
static struct tf_afd_op *zombie_of(
    const struct afd_state *state, const struct tf_watch *watch, tf_nt_handle base)
{
    struct tf_afd_op *op = tf_afd_blocks_at(&state->blocks, watch->slot - 1);
    return op->is_zombie && op->base == base ? op : NULL;
}

static enum tofu_status register_socket(struct tf_poller *poller, struct tf_watch *watch)
{
    struct afd_state *state = poller->state;
    tf_nt_handle base = NULL;
    bool had_port = false;
    poller->detail[0] = '\0';
    struct tf_afd_op *op = tf_afd_blocks_get(&state->blocks);
    if (op == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    if (!tf_afd_base_find(&state->nt, watch->socket, state->lsp_fallback, &base, poller->detail) ||
        !give_port(poller, watch, base, &had_port)) {
        tf_afd_blocks_put(&state->blocks, op);
        return TOFU_NOTIFICATION_FAILED;
    }
    struct tf_afd_op *zombie = had_port ? zombie_of(state, watch, base) : NULL;
    if (zombie != NULL) {
        // A second request beside the one that is being cancelled would be one too many.
        tf_afd_blocks_put(&state->blocks, op);
        op = zombie;
        tf_afd_op_revive(op, watch);
    } else {
        tf_afd_op_begin(op, watch, base);
    }
    watch->slot = op->index + 1;
    watch->is_registered = true;
    watch->interest = 0;
    state->watch_count++;
    return TOFU_OK;
}

static void make_dirty(struct afd_state *state, struct tf_afd_op *op)
{
    tf_list_remove(&op->link);
    tf_list_append(&state->dirty, &op->link);
}

static struct tf_afd_op *op_of(struct afd_state *state, const struct tf_watch *watch)
{
    struct tf_afd_op *op = tf_afd_blocks_at(&state->blocks, watch->slot - 1);
    TF_ASSERT(op->watch == watch);
    return op;
}

static void describe_failure(struct tf_poller *poller, tf_nt_status status)
{
    (void)snprintf(
        poller->detail,
        sizeof poller->detail,
        "IOCTL_AFD_POLL: 0x%08" PRIX32 "; the system will not watch this socket",
        (uint32_t)status);
}

static enum tofu_status afd_poller_watch(
    struct tf_poller *poller, struct tf_watch *watch, uint8_t interest)
{
    struct afd_state *state = poller->state;
    TF_ASSERT(watch->socket != TF_SOCKET_NONE);
    TF_ASSERT((interest & ~(TF_POLL_READ | TF_POLL_WRITE)) == 0);

    bool is_new = !watch->is_registered;
    if (is_new) {
        enum tofu_status status = register_socket(poller, watch);
        if (status != TOFU_OK) {
            return status;
        }
    }
    struct tf_afd_op *op = op_of(state, watch);
    if (op->failure != TF_NT_SUCCESS) {
        describe_failure(poller, op->failure);
        return TOFU_NOTIFICATION_FAILED;
    }
    if (is_new || watch->interest != interest) {
        watch->interest = interest;
        // A new interest is no reason to ask before the rest is over: it would make a spin of it.
        if (!op->is_refused) {
            make_dirty(state, op);
        }
    }
    return TOFU_OK;
}

static void afd_poller_forget(struct tf_poller *poller, struct tf_watch *watch)
{
    struct afd_state *state = poller->state;
    if (!watch->is_registered) {
        return;
    }
    TF_ASSERT(state->watch_count > 0);

    struct tf_afd_op *op = op_of(state, watch);
    tf_list_remove(&op->link);
    if (tf_afd_op_abandon(op, &state->nt)) {
        free_block(state, op);
    }
    watch->is_registered = false;
    watch->interest = 0;
    state->watch_count--;
}

// A shortage passes; whatever else is wrong with a socket is wrong for good, and asking again would never end.
static void refuse(struct afd_state *state, struct tf_afd_op *op, tf_nt_status status)
{
    TF_ASSERT(op->state == TF_AFD_IDLE);
    TF_ASSERT(tf_nt_is_refusal(status));

    op->is_refused = true;
    op->failure = tf_nt_is_shortage(status) ? TF_NT_SUCCESS : status;
    tf_list_remove(&op->link);
    tf_list_append(&state->untold, &op->link);
}

// Their owners try for themselves, and after a rest the kernel is asked again; or they hear that it will not be.
// Those for whom there is no room stay in front of all that are refused later.
static void tell_refused(struct afd_state *state, struct gathering *found)
{
    while (found->count < found->capacity && !tf_list_is_empty(&state->untold)) {
        struct tf_list *link = tf_list_take_first(&state->untold);
        const struct tf_afd_op *op = TF_CONTAINER_OF(link, struct tf_afd_op, link);
        TF_ASSERT(op->is_refused);
        if (op->failure != TF_NT_SUCCESS) {
            gather(found, op->watch, TF_POLL_FAILED);
            continue;
        }
        if (tf_list_is_empty(&state->refused)) {
            state->rest_ends_ns = tf_deadline(tf_clock_now(), TF_AFD_REST);
        }
        tf_list_append(&state->refused, link);
        if (op->watch->interest != 0) {
            gather(found, op->watch, op->watch->interest | TF_POLL_ERROR);
        }
    }
}

static void reconcile(struct afd_state *state)
{
    if (!tf_list_is_empty(&state->refused) && tf_clock_now() >= state->rest_ends_ns) {
        tf_list_append_all(&state->dirty, &state->refused);
    }
    for (struct tf_list *link = tf_list_take_first(&state->dirty); link != NULL;
         link = tf_list_take_first(&state->dirty)) {
        struct tf_afd_op *op = TF_CONTAINER_OF(link, struct tf_afd_op, link);
        bool was_idle = op->state == TF_AFD_IDLE;
        op->is_refused = false;
        tf_nt_status status = tf_afd_op_reconcile(op, &state->nt);
        if (status != TF_NT_SUCCESS) {
            refuse(state, op, status);
        } else if (was_idle && op->state != TF_AFD_IDLE) {
            state->request_count++;
        }
    }
}

static void take_packet(
    struct afd_state *state, const struct tf_nt_packet *packet, struct gathering *found)
{
    if (packet->key == KEY_WAKE) {
        found->is_woken = true;
        return;
    }
    struct tf_afd_op *op = tf_afd_blocks_find(&state->blocks, (uintptr_t)packet->context);
    if (op == NULL || op->state == TF_AFD_IDLE) {
        return; // Of somebody else's call on a socket: whatever is overlapped there comes to its port.
    }
    TF_ASSERT(state->request_count > 0);

    tf_nt_status status = packet->io_status.status;
    uint8_t ready = tf_afd_op_complete(op, status);
    state->request_count--;
    if (op->is_zombie) {
        free_block(state, op);
        return;
    }
    if (tf_afd_op_has_failed(status)) {
        refuse(state, op, status);
        return;
    }
    make_dirty(state, op);
    if (ready != 0) {
        gather(found, op->watch, ready);
    }
}

// NT's relative time is negative. Rounded up, so that no wait is early by our doing.
static int64_t *nt_timeout(uint64_t timeout_ns, int64_t *timeout)
{
    if (timeout_ns == UINT64_MAX) {
        return NULL;
    }
    uint64_t ticks = timeout_ns / TF_NT_TICK_NS + (timeout_ns % TF_NT_TICK_NS != 0 ? 1 : 0);
    *timeout = -(int64_t)ticks;
    return timeout;
}

static tf_nt_status fetch_once(
    struct afd_state *state, uint64_t timeout_ns, uint32_t count_max, uint32_t *count_out)
{
    int64_t timeout = 0;
    return state->nt.NtRemoveIoCompletionEx(
        state->port, state->packets, count_max, count_out, nt_timeout(timeout_ns, &timeout), 0);
}

// Waits for at most `capacity` packets; none after the timeout. Many may need memory of the system's, of which
// one needs none.
static tf_nt_status fetch(
    struct afd_state *state, uint64_t timeout_ns, uint32_t capacity, uint32_t *count_out)
{
    uint32_t count = 0;
    uint32_t count_max = capacity < TF_AFD_PACKETS_MAX ? capacity : TF_AFD_PACKETS_MAX;
    tf_nt_status status = fetch_once(state, timeout_ns, count_max, &count);
    if (tf_nt_is_shortage(status)) {
        status = fetch_once(state, timeout_ns, 1, &count);
    }
    // The count means something after success only: some systems write 1 on a timeout.
    *count_out = status == TF_NT_SUCCESS ? count : 0;
    bool is_news = status != TF_NT_TIMEOUT && status != TF_NT_USER_APC && status != TF_NT_ALERTED;
    return is_news ? status : TF_NT_SUCCESS;
}

static uint64_t remaining_until(uint64_t deadline_ns)
{
    if (deadline_ns == 0 || deadline_ns == UINT64_MAX) {
        return deadline_ns;
    }
    uint64_t now_ns = tf_clock_now();
    return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

static uint64_t shorter(uint64_t first_ns, uint64_t second_ns)
{
    return first_ns < second_ns ? first_ns : second_ns;
}

// Refused requests cut the wait short: they must be tried again. So do refused wake-ups: whether there is one
// must be looked at again.
static uint64_t time_to_wait(
    const struct afd_state *state, const struct gathering *found, uint64_t remaining_ns)
{
    if (found->count > 0 || found->was_owed || !tf_list_is_empty(&state->untold)) {
        return 0;
    }
    uint64_t sleep_ns = shorter(remaining_ns, TF_AFD_SLEEP_MAX);
    return tf_list_is_empty(&state->refused)
               ? sleep_ns
               : shorter(sleep_ns, remaining_until(state->rest_ends_ns));
}

// Takes what the port has, as far as there is room, and waits if nothing was found before.
static enum tofu_status take_packets(
    struct tf_poller *poller,
    uint64_t remaining_ns,
    struct gathering *found,
    uint32_t *packet_count_out)
{
    struct afd_state *state = poller->state;
    *packet_count_out = 0;
    if (found->count == found->capacity) {
        return TOFU_OK;
    }
    tf_nt_status status = fetch(
        state,
        time_to_wait(state, found, remaining_ns),
        found->capacity - found->count,
        packet_count_out);
    if (status != TF_NT_SUCCESS) {
        (void)snprintf(
            poller->detail,
            sizeof poller->detail,
            "NtRemoveIoCompletionEx: 0x%08" PRIX32,
            (uint32_t)status);
        return TOFU_NOTIFICATION_FAILED;
    }
    for (uint32_t i = 0; i < *packet_count_out; i++) {
        take_packet(state, &state->packets[i], found);
    }
    return TOFU_OK;
}

static bool take_owed_wake(struct afd_state *state)
{
    // There is none nearly always, and then a load is all it costs.
    return atomic_load_explicit(&state->is_wake_owed, memory_order_relaxed) &&
           atomic_exchange_explicit(&state->is_wake_owed, false, memory_order_acq_rel);
}

// Packets come in the order in which requests ended, and a socket that is still ready asks anew behind all
// others; sockets whose requests were refused have a line of their own, and the two are first by turns. So
// each has its turn, however few events are taken at a time.
static enum tofu_status afd_poller_wait(
    struct tf_poller *poller,
    uint64_t timeout_ns,
    struct tf_poll_event *events,
    uint32_t capacity,
    uint32_t *event_count_out)
{
    struct afd_state *state = poller->state;
    TF_ASSERT(capacity > 0);
    struct gathering found = {.events = events, .capacity = capacity};
    bool has_end = timeout_ns != 0 && timeout_ns != UINT64_MAX;
    uint64_t deadline_ns = has_end ? tf_deadline(tf_clock_now(), timeout_ns) : timeout_ns;
    uint64_t remaining_ns = timeout_ns;
    uint32_t packet_count = 0;
    do {
        reconcile(state);
        found.was_owed = take_owed_wake(state);
        if (!state->is_port_first) {
            tell_refused(state, &found);
        }
        enum tofu_status status = take_packets(poller, remaining_ns, &found, &packet_count);
        if (status != TOFU_OK) {
            return status;
        }
        tell_refused(state, &found);
        remaining_ns = remaining_until(deadline_ns);
        // A zombie's packet or that of a cancel is nothing to return for, but may be followed by more.
    } while (found.count == 0 && !found.is_woken && !found.was_owed &&
             (packet_count > 0 || remaining_ns > 0));
    state->is_port_first = !state->is_port_first;
    if (found.is_woken) {
        (void)atomic_exchange_explicit(&state->is_waking, false, memory_order_acq_rel);
    }
    *event_count_out = found.count;
    return TOFU_OK;
}

// Every request was cancelled when its socket was forgotten, so all packets are due. If one does not come,
// the kernel may still write to its block: then the slabs stay, and the owner has words for the log.
static void afd_poller_close(struct tf_poller *poller)
{
    struct afd_state *state = poller->state;
    TF_ASSERT(state != NULL);
    TF_ASSERT(state->watch_count == 0);

    struct gathering none = {0};
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), TF_AFD_CLOSE_LIMIT);
    uint64_t remaining_ns = TF_AFD_CLOSE_LIMIT;
    tf_nt_status status = TF_NT_SUCCESS;
    while (state->request_count > 0 && remaining_ns > 0 && status == TF_NT_SUCCESS) {
        uint32_t packet_count = 0;
        status = fetch(state, remaining_ns, TF_AFD_PACKETS_MAX, &packet_count);
        for (uint32_t i = 0; i < packet_count; i++) {
            take_packet(state, &state->packets[i], &none);
        }
        remaining_ns = remaining_until(deadline_ns);
    }
    poller->detail[0] = '\0';
    if (state->request_count > 0) {
        (void)snprintf(
            poller->detail,
            sizeof poller->detail,
            "%" PRIu32 " requests did not come back; their memory stays",
            state->request_count);
    }
    (void)state->nt.NtClose(state->port);
    tf_afd_blocks_close(&state->blocks, state->request_count == 0);
    tf_free(state->allocator, state, sizeof *state);
    poller->state = NULL;
}

// The flag is true from a waker's exchange until a wait has taken the packet *and then* cleared it, so there
// is never more than one on its way that the next wait would not take. A waker that finds the flag true
// may leave: either the packet is still to be taken, and a wait that takes it returns; or a wait has taken
// it and is about to clear the flag, in which case that exchange reads this waker's, what the waker
// queued before is visible to who looks after the wait, and nothing is lost. Clearing first would let a
// waker set the flag and send its packet in between; taking that packet in the same wait would leave a
// flag that is true for ever with no packet behind it.
static void afd_poller_wake(struct tf_poller *poller)
{
    struct afd_state *state = poller->state;
    if (atomic_exchange_explicit(&state->is_waking, true, memory_order_acq_rel)) {
        return;
    }
    for (int i = 0; i < TF_WAKE_ATTEMPTS_MAX; i++) {
        tf_nt_status status =
            state->nt.NtSetIoCompletion(state->port, KEY_WAKE, NULL, TF_NT_SUCCESS, 0);
        if (status == TF_NT_SUCCESS) {
            return;
        }
    }
    // There is no packet, so the next waker has to try: a flag that stayed true would silence it. It is
    // cleared first and by an exchange, which reads those of the wakers that found it true and left; and the
    // debt is entered by an exchange, which keeps what earlier ones published. So who takes the debt sees
    // what all of them queued. A wait that sleeps already looks when its sleep in the kernel ends.
    (void)atomic_exchange_explicit(&state->is_waking, false, memory_order_acq_rel);
    (void)atomic_exchange_explicit(&state->is_wake_owed, true, memory_order_acq_rel);
}

const struct tf_poller_ops tf_poller_afd = {
    .name = "afd",
    .has_lsp_fallback = true,
    .open = afd_poller_open,
    .close = afd_poller_close,
    .watch = afd_poller_watch,
    .forget = afd_poller_forget,
    .wait = afd_poller_wait,
    .wake = afd_poller_wake,
};
