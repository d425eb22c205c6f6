// SPDX-License-Identifier: MIT
#include "os/windows/afd_op.h"

#include "base/assert.h"

void tf_afd_op_begin(struct tf_afd_op *op, struct tf_watch *watch, tf_nt_handle base)
{
    TF_ASSERT(op->state == TF_AFD_IDLE);
    TF_ASSERT(op->watch == NULL && !op->is_zombie);

    op->generation++;
    op->watch = watch;
    op->base = base;
    op->is_refused = false;
    op->reset_told = false;
    op->failure = TF_NT_SUCCESS;
}

void tf_afd_op_revive(struct tf_afd_op *op, struct tf_watch *watch)
{
    TF_ASSERT(op->state == TF_AFD_CANCELLING);
    TF_ASSERT(op->watch == NULL && op->is_zombie);
    TF_ASSERT(op->failure == TF_NT_SUCCESS);

    op->is_zombie = false;
    op->watch = watch;
    op->reset_told = false;
}

// What the kernel is to be asked for. RECEIVE alone misses the peer's end, SEND alone a refused connection.
// CONNECT is in no mask, because SEND says the same and CONNECT never stops. A reset holds for ever, so once it
// was told it is left out where nobody has to act on it. An end is a level like others: whoever has read it
// asks for no more reading, and who still asks has not come to it.
static uint32_t target_of(const struct tf_afd_op *op)
{
    uint8_t interest = op->watch->interest;
    if (interest == 0) {
        return op->reset_told ? 0 : TF_AFD_ABORT;
    }
    uint32_t target = TF_AFD_ABORT;
    if ((interest & TF_POLL_READ) != 0) {
        target |= TF_AFD_RECEIVE | TF_AFD_DISCONNECT | TF_AFD_ACCEPT;
    }
    if ((interest & TF_POLL_WRITE) != 0) {
        target |= TF_AFD_SEND | TF_AFD_CONNECT_FAIL;
    }
    return target;
}

uint64_t tf_afd_op_context(const struct tf_afd_op *op)
{
    return (uint64_t)op->generation << 32 | ((uint64_t)op->index + 1);
}

static tf_nt_status arm(struct tf_afd_op *op, const struct tf_nt *nt, uint32_t mask)
{
    op->io_status = (struct tf_nt_io_status){.status = TF_NT_PENDING};
    op->poll = (struct tf_nt_poll){
        .timeout = INT64_MAX,
        .handle_count = 1,
        .handles = {{.handle = op->base, .events = mask}},
    };
    op->armed = mask;
    op->state = TF_AFD_PENDING;
    tf_nt_status status = nt->NtDeviceIoControlFile(
        op->base,
        NULL,
        NULL,
        (void *)(uintptr_t)tf_afd_op_context(op),
        &op->io_status,
        TF_NT_IOCTL_AFD_POLL,
        &op->poll,
        sizeof op->poll,
        &op->poll,
        sizeof op->poll);
    if (!tf_nt_is_refusal(status)) {
        return TF_NT_SUCCESS; // Done at once or not, the packet comes.
    }
    op->armed = 0;
    op->state = TF_AFD_IDLE;
    return status;
}

// The answer proves nothing: "not found" may mean that the request is being completed right now, and
// "done" does not mean that it will not complete with success.
static void cancel(struct tf_afd_op *op, const struct tf_nt *nt)
{
    struct tf_nt_io_status ignored;
    (void)nt->NtCancelIoFileEx(op->base, &op->io_status, &ignored);
    op->state = TF_AFD_CANCELLING;
}

tf_nt_status tf_afd_op_reconcile(struct tf_afd_op *op, const struct tf_nt *nt)
{
    TF_ASSERT(op->watch != NULL && op->failure == TF_NT_SUCCESS);
    TF_ASSERT(!op->is_zombie);

    uint32_t target = target_of(op);
    switch ((enum tf_afd_state)op->state) {
    case TF_AFD_IDLE:
        return target == 0 ? TF_NT_SUCCESS : arm(op, nt, target);
    case TF_AFD_PENDING:
        // A request for more than is wanted may fire for nothing, once; that is cheaper than a cancel.
        if ((target & ~op->armed) != 0) {
            cancel(op, nt);
        }
        return TF_NT_SUCCESS;
    case TF_AFD_CANCELLING:
        return TF_NT_SUCCESS; // The packet brings us back.
    }
    return TF_NT_SUCCESS;
}

// A reset makes both directions worth a try: the call on the socket tells more.
static uint8_t ready_of(uint32_t events, uint8_t interest)
{
    uint8_t ready = 0;
    if ((events & (TF_AFD_RECEIVE | TF_AFD_ACCEPT | TF_AFD_DISCONNECT)) != 0) {
        ready |= interest & TF_POLL_READ;
    }
    if ((events & (TF_AFD_SEND | TF_AFD_CONNECT_FAIL)) != 0) {
        ready |= interest & TF_POLL_WRITE;
    }
    if ((events & TF_AFD_DISCONNECT) != 0 && (interest & TF_POLL_READ) != 0) {
        ready |= TF_POLL_HANGUP;
    }
    if ((events & TF_AFD_CONNECT_FAIL) != 0 && (interest & TF_POLL_WRITE) != 0) {
        ready |= TF_POLL_ERROR;
    }
    if ((events & (TF_AFD_ABORT | TF_AFD_LOCAL_CLOSE)) != 0) {
        ready |= interest | TF_POLL_ERROR | TF_POLL_HANGUP;
    }
    return ready;
}

bool tf_afd_op_has_failed(tf_nt_status status)
{
    return status != TF_NT_CANCELLED && tf_nt_is_refusal(status);
}

uint8_t tf_afd_op_complete(struct tf_afd_op *op, tf_nt_status status)
{
    TF_ASSERT(op->state != TF_AFD_IDLE);
    TF_ASSERT(op->armed != 0);

    op->state = TF_AFD_IDLE;
    op->armed = 0;
    // After a cancel the buffer still holds what was asked for: the status and the count decide.
    if (op->is_zombie || status != TF_NT_SUCCESS || op->poll.handle_count == 0) {
        return 0;
    }
    uint32_t events = op->poll.handles[0].events;
    uint8_t interest = op->watch->interest;
    bool was_reset_told = op->reset_told;
    op->reset_told = was_reset_told || (events & TF_AFD_ABORT) != 0;
    return interest == 0 && was_reset_told ? 0 : ready_of(events, interest);
}

bool tf_afd_op_abandon(struct tf_afd_op *op, const struct tf_nt *nt)
{
    TF_ASSERT(op->watch != NULL);
    TF_ASSERT(!op->is_zombie);

    op->watch = NULL;
    if (op->state == TF_AFD_IDLE) {
        return true;
    }
    op->is_zombie = true;
    if (op->state == TF_AFD_PENDING) {
        cancel(op, nt);
    }
    return false;
}
