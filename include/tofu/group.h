// SPDX-License-Identifier: MIT
// A group: a set of channels with one receive queue. Post from any thread, wait in one.
//
// Every message that post took has one fate: handed whole to the kernel, or returned through wait
// with origin TOFU_ENGINE and the status that says why. Every channel ends with exactly one Signal
// of status TOFU_CHANNEL_CLOSED, its last message, with the text headers `~reason` and, where the
// system had something to say, `~detail`.
#ifndef TOFU_GROUP_H
#define TOFU_GROUP_H

#include <stdint.h>

#include <tofu/engine.h>
#include <tofu/export.h>
#include <tofu/message.h>
#include <tofu/status.h>

/// A timeout that never elapses.
#define TOFU_WAIT_FOREVER UINT64_MAX

struct tofu_group;

/// What an event loop can watch. POSIX: a file descriptor; Windows: an event HANDLE.
typedef intptr_t tofu_descriptor;

TOFU_EXTERN_C_BEGIN

/// Creates a group in an engine.
///
/// Ownership: `*group` is yours after TOFU_OK, else NULL.
/// Threads: any.
/// @retval TOFU_ALLOCATION_FAILED  no memory.
/// @retval TOFU_SHUTDOWN_STARTED   the engine is ending.
/// @retval TOFU_NOTIFICATION_FAILED  the poller failed.
/// @retval TOFU_FORKED             the engine is the parent process's.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_group_create(
    struct tofu_engine *engine, struct tofu_group **group);

/// Ends a group: wakes its waiter, aborts its channels as ByeSignal does, gives what is queued back
/// to the pool. When it returns, sockets are closed and Unix paths removed. To deliver first, end
/// the channels with Bye, or shut the engine down.
///
/// The engine keeps the memory and reuses it as late as it can, so a call that races with it gets
/// TOFU_SHUTDOWN_STARTED.
///
/// Ownership: takes `*group`, which may be NULL, and nulls it.
/// Threads: any; waits for calls that are inside.
TOFU_API void tofu_group_destroy(struct tofu_group **group);

/// Hands `*message` to the engine, which sends it or acts on it later.
///
/// TOFU_OK means accepted, not delivered: the outcome comes back as a message from
/// tofu_group_wait(). A Hello or Welcome request opens a channel; every other message travels on
/// the channel named in its header. The checks are made in the order of this list.
///
/// Ownership: read the pointer, not the status. `*message` is NULL once the engine has it (always
///     after TOFU_OK); otherwise it is unchanged and still yours.
/// Threads: any. Posts of one thread keep their order; posts of two threads come in either order.
/// Blocks: never on I/O.
/// @param accepted  may be NULL; after TOFU_OK the header as sent, with channel number and id.
/// @retval TOFU_NULL_MESSAGE            `*message` is NULL.
/// @retval TOFU_INVALID_OP_CODE         the opcode is none.
/// @retval TOFU_INVALID_MESSAGE_ID      a response without the id of its question.
/// @retval TOFU_INVALID_MORE_USAGE      `more` on a Hello, Bye or Welcome.
/// @retval TOFU_INVALID_CHANNEL_NUMBER  no channel for a message that needs one, a channel in a
///                                      Hello or Welcome request, or one unknown or closed.
/// @retval TOFU_INVALID_HEADERS_LEN     text headers over text_bytes_max.
/// @retval TOFU_WRONG_ADDRESS           a Hello or Welcome request without text headers.
/// @retval TOFU_INVALID_BODY_LEN        a body over body_bytes_max.
/// @retval TOFU_INVALID_CHANNEL_GROUP   the channel is another group's.
/// @retval TOFU_NOT_ALLOWED             this opcode cannot follow here (PROTOCOL.md 3.10), or all
///                                      channels are in use.
/// @retval TOFU_QUEUE_FULL              the channel's send queue is full.
/// @retval TOFU_SHUTDOWN_STARTED        the engine or this group is ending.
/// @retval TOFU_INVALID_MESSAGE         the message is another engine's.
/// @retval TOFU_ALLOCATION_FAILED       no memory for a new channel.
/// @retval TOFU_NOTIFICATION_FAILED     the I/O thread has stopped after its poller failed.
/// @retval TOFU_FORKED                  the engine is the parent process's.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_group_post(
    struct tofu_group *group, struct tofu_message **message, struct tofu_header *accepted);

/// Posts as tofu_group_post() does, but waits for room in the send queue.
///
/// A thread that also waits for messages must give a timeout, or two peers that answer each other
/// can wait for each other for ever.
///
/// Ownership, threads: as tofu_group_post().
/// Blocks: up to `timeout_ns`; TOFU_WAIT_FOREVER for as long as it takes.
/// @retval TOFU_TIMED_OUT  no room; `*message` is unchanged and yours. Others as tofu_group_post(),
///                         less TOFU_QUEUE_FULL.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_group_post_within(
    struct tofu_group *group,
    struct tofu_message **message,
    uint64_t timeout_ns,
    struct tofu_header *accepted);

/// Gives the next message of the group: from a peer, from the engine (a notice), or from
/// tofu_group_update().
///
/// All that concerns one channel comes in the order in which it happened. Channels take turns: who has
/// much in the queue is overtaken by who has little.
///
/// Ownership: `*message` is yours when it is not NULL; TOFU_OK with NULL means that none came.
/// Threads: one at a time per object.
/// Blocks: up to `timeout_ns`; 0 only looks, TOFU_WAIT_FOREVER waits for as long as it takes.
/// @retval TOFU_SHUTDOWN_STARTED     nothing is queued, and nothing will come: the engine is shut
///                                   down, or the engine or this group is being destroyed.
/// @retval TOFU_NOTIFICATION_FAILED  nothing is queued, and the poller failed: destroy the engine.
/// @retval TOFU_FORKED               the engine is the parent process's.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_group_wait(
    struct tofu_group *group, uint64_t timeout_ns, struct tofu_message **message);

/// Puts a message into the group's own receive queue, behind what is there: how another thread
/// wakes the one that waits.
///
/// With NULL the waiter gets a Signal from the engine with status TOFU_RECEIVER_UPDATE, channel and
/// id 0; with a message it gets that message, its origin TOFU_APPLICATION and its status
/// TOFU_RECEIVER_UPDATE, the rest untouched.
///
/// Ownership: takes `*update` after TOFU_OK and nulls it; `update` may be NULL or point to NULL.
/// Threads: any. Blocks: never.
/// @retval TOFU_ALLOCATION_FAILED    no memory for the notice.
/// @retval TOFU_QUEUE_FULL           update_messages_max updates are waiting already.
/// @retval TOFU_INVALID_MESSAGE      the message is another engine's.
/// @retval TOFU_SHUTDOWN_STARTED     the engine or this group is ending.
/// @retval TOFU_NOTIFICATION_FAILED  the poller failed.
/// @retval TOFU_FORKED               the engine is the parent process's.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_group_update(
    struct tofu_group *group, struct tofu_message **update);

/// Gives a descriptor for an event loop of your own: readable (signalled) exactly while
/// tofu_group_wait(group, 0), called by the waiting thread, would give a message or a status other
/// than TOFU_OK. Level-triggered. Never read, write or close it.
///
/// Ownership: the group's. Made on first use; closed by tofu_group_destroy(): take it out of your
///     loop first.
/// Threads: any.
/// @retval TOFU_NOTIFICATION_FAILED  the system has no descriptor for us.
/// @retval TOFU_SHUTDOWN_STARTED     this group is being destroyed.
/// @retval TOFU_FORKED               the engine is the parent process's.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_group_descriptor(
    struct tofu_group *group, tofu_descriptor *descriptor);

TOFU_EXTERN_C_END

#endif
