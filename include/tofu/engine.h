// SPDX-License-Identifier: MIT
// An engine: one I/O thread, one message pool, and all channels of its groups.
//
// Create one, create groups in it, exchange messages, shut it down, destroy it. Several engines in
// one process are independent of each other, and are how a process uses more cores.
//
// After fork() an engine stays with the parent: in the child every call on it answers TOFU_FORKED,
// and tofu_engine_put() and tofu_engine_destroy() only null the pointer.
#ifndef TOFU_ENGINE_H
#define TOFU_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include <tofu/allocator.h>
#include <tofu/export.h>
#include <tofu/log.h>
#include <tofu/message.h>
#include <tofu/status.h>

/// A numeric option without a limit.
#define TOFU_UNLIMITED UINT64_MAX

/// Options of an engine: a plain value; `{0}` means all defaults, which stand in brackets.
struct tofu_options {
    size_t struct_size; ///< sizeof(struct tofu_options), or 0: the layout of version 1

    uint64_t pool_messages_initial; ///< messages made at start [16, lowered to the maximum]
    uint64_t pool_messages_max;     ///< idle messages kept, and received messages under way [64]
    uint64_t channels_max;          ///< channels at a time, 65,534 at most [65,534]
    uint64_t half_open_max;         ///< accepted connections before their HelloRequest [1024]

    uint64_t send_queue_messages_max; ///< messages waiting in one channel [1024]
    uint64_t send_queue_bytes_max;    ///< bytes waiting in one channel [8 MiB]
    uint64_t update_messages_max;     ///< updates waiting in one group [65,536]
    uint64_t text_bytes_max;          ///< text headers of one message, sent or received [65,535]
    uint64_t body_bytes_max;          ///< body of one message, sent or received [65,535]

    uint64_t connect_timeout_ns; ///< name resolution and all addresses together [10 s]
    uint64_t hello_timeout_ns;   ///< from accept to a whole HelloRequest [10 s]
    uint64_t frame_timeout_ns;   ///< from the first byte of a message to its last [30 s]
    uint64_t close_timeout_ns;   ///< without progress while closing [5 s]

    uint64_t
        turn_bytes_max; ///< bytes read from one channel before others do; at most 16 MiB [256 KiB]
    uint64_t keepalive; ///< not 0: TCP keep-alive with the system's intervals [off]
    /// Permission bits of a Unix socket's path [0600]. On Windows two cases of them: without write permission
    /// for group and others only this user may connect, with it those whom the path's directory names.
    uint64_t uds_mode;
    uint64_t lsp_fallback; ///< Windows: accept layered providers; elsewhere it must be 0 [off]

    const char *poller; ///< "epoll", "poll" or "afd"; NULL: the best. Environment: TOFU_POLLER wins
    const char *thread_name;         ///< name of the I/O thread ["tofu"]
    struct tofu_allocator allocator; ///< [malloc and free]
    tofu_log_sink log_sink;          ///< [silent]
    void *log_context;               ///< handed to log_sink
    enum tofu_log_level log_level;   ///< the least important level that is logged [TOFU_LOG_ERROR]
};

/// How a shutdown went. Set struct_size first.
struct tofu_shutdown_report {
    size_t struct_size; ///< sizeof(struct tofu_shutdown_report), or 0: the layout of version 1

    uint64_t messages_delivered; ///< accepted before, and handed to the kernel during the shutdown
    uint64_t messages_returned;  ///< came back to their group
    uint64_t messages_dropped;   ///< received, but there was no budget to deliver them
    uint64_t channels_graceful;  ///< ended with Byes, and listeners that were closed in order
    uint64_t channels_forced;    ///< ended in any other way
    /// Of these, those whose notices were not there yet when the shutdown returned, because the I/O thread was held
    /// up. What became of their messages is in no count: tofu_group_wait() tells it.
    uint64_t channels_left;
};

struct tofu_engine;

/// Where tofu_engine_get() may take a message from.
enum tofu_strategy {
    TOFU_POOL_ONLY, ///< the pool, up to its maximum: absence is not an error
    TOFU_ALWAYS     ///< the pool, else fresh memory
};

TOFU_EXTERN_C_BEGIN

/// Creates an engine and starts its I/O thread.
///
/// Ownership: `*engine` is yours after TOFU_OK, else NULL.
/// Threads: any.
/// @param options  may be NULL; copied.
/// @retval TOFU_NOT_IMPLEMENTED_YET   an option asks for what this version or platform has not got, or
///                                    struct_size is none that this version knows.
/// @retval TOFU_NOT_ALLOWED           an option is out of its range, or the poller's name is unknown.
/// @retval TOFU_ALLOCATION_FAILED     no memory.
/// @retval TOFU_NOTIFICATION_FAILED   the system refused a poller, a wake-up descriptor or a thread.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_engine_create(
    const struct tofu_options *options, struct tofu_engine **engine);

/// Ends the engine: wakes every waiter, aborts every channel, destroys the groups that are still
/// there (their pointers are dead afterwards), and frees everything. Messages the application still
/// holds must be put back first. Calls that are inside end, waits with TOFU_SHUTDOWN_STARTED and no message.
///
/// Ownership: takes `*engine`, which may be NULL, and nulls it.
/// Threads: waits for calls that are inside; none may begin after it has begun.
/// Blocks: never on the network; it always ends.
TOFU_API void tofu_engine_destroy(struct tofu_engine **engine);

/// Gives an empty message.
///
/// TOFU_POOL_ONLY gives an idle message or, while fewer than pool_messages_max exist (received ones
/// not counted), a new one; otherwise TOFU_OK and NULL. TOFU_ALWAYS gives one while there is memory.
///
/// Ownership: `*message` is yours when it is not NULL.
/// Threads: any. Blocks: never; takes the pool's lock.
/// @retval TOFU_ALLOCATION_FAILED  no memory for a new one.
/// @retval TOFU_SHUTDOWN_STARTED   the engine is being destroyed.
/// @retval TOFU_FORKED             the engine is the parent process's.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_engine_get(
    struct tofu_engine *engine, enum tofu_strategy strategy, struct tofu_message **message);

/// Gives a message as TOFU_POOL_ONLY does, and waits for one that comes back if there is none.
///
/// Ownership: `*message` is yours after TOFU_OK, else NULL.
/// Threads: any. Blocks: up to `timeout_ns`; TOFU_WAIT_FOREVER for as long as it takes.
/// @retval TOFU_TIMED_OUT          none came.
/// @retval TOFU_ALLOCATION_FAILED  no memory for a new one.
/// @retval TOFU_SHUTDOWN_STARTED   the engine is being destroyed.
/// @retval TOFU_FORKED             the engine is the parent process's.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_engine_get_within(
    struct tofu_engine *engine, uint64_t timeout_ns, struct tofu_message **message);

/// Gives a message back to its engine. `message` may point to NULL.
///
/// It must have begun before tofu_engine_destroy() begins: that frees the engine, and nothing would be left
/// that could refuse a late one. Whoever holds messages puts them back and is joined first.
///
/// Ownership: takes `*message` and nulls it.
/// Threads: any. Blocks: never; takes the pool's lock.
TOFU_API void tofu_engine_put(struct tofu_engine *engine, struct tofu_message **message);

/// Ends all channels in good order: no new posts and connections, what is queued is sent, every
/// channel says Bye and answers the peer's; what is left when the time is up is aborted. Groups can
/// still be waited on: they give what is queued, then TOFU_SHUTDOWN_STARTED.
///
/// What is aborted has its notices at once, and its connections are reset as fast as the system can: with
/// thousands of them that goes on after the return, and is over when the group or the engine is destroyed.
///
/// Threads: any. Blocks: up to `timeout_ns` + 100 ms, also when the I/O thread is held up, by the machine or
/// by the log sink; then what is left still ends, and until it has, another shutdown is not allowed.
/// @param report  may be NULL; written unless the status is TOFU_FORKED or TOFU_NOT_ALLOWED.
/// @retval TOFU_TIMED_OUT    at least one channel did not end in good order (it had to be aborted, or broke
///                           meanwhile: report->channels_forced), or the I/O thread was held up.
/// @retval TOFU_NOT_ALLOWED  the engine is being shut down already, or report->struct_size is
///                           none that this version knows.
/// @retval TOFU_FORKED       the engine is the parent process's.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_engine_shutdown(
    struct tofu_engine *engine, uint64_t timeout_ns, struct tofu_shutdown_report *report);

TOFU_EXTERN_C_END

#endif
