// SPDX-License-Identifier: MIT
// The I/O thread: a step function over the seam, and the lists that make its cost follow activity.
//
// One step: forget that we slept; take what others posted and asked; act on events and deadlines; step
// the channels that can do something; hand over what came, in one chain per group; tell the poller what
// changed; say "asleep", look once more, wait. Everything but the three mailboxes at the top of the
// struct belongs to the I/O thread alone.
#ifndef TF_ENGINE_REACTOR_H
#define TF_ENGINE_REACTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tofu/engine.h>

#include "base/list.h"
#include "base/log.h"
#include "engine/channel.h"
#include "engine/channel_table.h"
#include "engine/commands.h"
#include "engine/counters.h"
#include "engine/mailbox.h"
#include "engine/message_stack.h"
#include "engine/pool.h"
#include "engine/settings.h"
#include "engine/timers.h"
#include "engine/tokens.h"
#include "os/poller.h"
#include "os/thread.h"

/// Events taken from the poller in one turn.
#define TF_EVENTS_MAX 256

/// What one receive brings at most, shared by all channels; and what is gathered for one send.
#define TF_RECEIVE_BUFFER_BYTES (64u << 10)
#define TF_STAGING_BYTES        (256u << 10)

/// The one receive buffer. While a starved channel has unparsed bytes in it, it is that channel's, and
/// the others read frame by frame straight to where the bytes belong.
struct tf_receive_buffer {
    uint8_t *data;
    struct tf_channel *owner; ///< NULL: free
    size_t begin;             ///< of the owner's bytes
    size_t end;
};

struct tf_shutdown;

struct tf_reactor {
    struct tf_message_stack posts;    ///< any thread pushes
    struct tf_command_queue commands; ///< any thread adds
    _Atomic bool has_resolutions;     ///< set by resolver helpers
    _Atomic uint32_t is_asleep;       ///< about to wait in the poller, or waiting
    _Atomic uint64_t wakeups;         ///< times another thread had to wake it
    _Atomic bool is_dead;             ///< the poller failed: the thread parks on is_asleep instead
    char padding[TF_CACHE_LINE_BYTES];

    // The engine's, shared.
    const struct tofu_allocator *allocator;
    const struct tf_settings *settings;
    struct tf_log *log;
    struct tf_pool *pool;
    struct tf_channel_table *table;
    struct tofu_engine *engine;
    struct tf_thread thread;

    struct tf_resolver *resolver;
    struct tf_poller poller;
    struct tf_poll_event events[TF_EVENTS_MAX]; ///< of the last wait, to be acted on
    uint32_t event_count;
    uint64_t now_ns;        ///< when this turn began
    uint64_t looked_at_ns;  ///< before a look at the poller that did not wait; 0: the last one did
    uint32_t strangers_max; ///< waiting connections, half-open ones, deadlines: so many of each

    struct tf_list groups;        ///< that have or had channels
    struct tf_list outboxes;      ///< groups with something to deliver
    struct tf_list ready;         ///< channels that can do something without the poller's word
    struct tf_list knocking;      ///< of these, the half-open ones: a few of them step in a turn
    struct tf_list accepting;     ///< of these, the listeners: they step after all others
    struct tf_list starved;       ///< in line for the receiving budget, first come first served
    const struct tf_channel *fed; ///< of these, the one that may take from the budget now
    uint64_t fed_share;           ///< messages that it may still take
    struct tf_list placeless;  ///< in line for a place among the unfinished, whole frames excepted
    struct tf_list unfinished; ///< in the middle of a message, the longest without bytes first
    uint64_t place_count;      ///< of these, and of those that wait for the budget with a place
    uint64_t look_at_ns;       ///< when to look whether frames in line for a place are whole
    uint64_t look_pause_ns;    ///< until the look after that, if nothing is found
    uint64_t judged_ns;        ///< when an unfinished frame was closed for others
    struct tf_list dirty;      ///< channels whose interest may have changed
    struct tf_list resolving;  ///< channels that wait for a name
    struct tf_list half_open;  ///< accepted connections without a HelloRequest, the oldest first
    struct tf_list resting;    ///< listeners that wait for a descriptor
    struct tf_list closed;     ///< channels that wait to give their closing notice
    struct tf_list abandoned;  ///< ended connections that are still to be reset
    struct tf_tokens tokens;
    struct tf_timers timers;

    struct tf_receive_buffer receive_buffer;
    struct tf_segment staging;
    struct tf_message_queue finished; ///< sent in this turn; they go back to the pool together
    uint64_t pool_empty_episode;      ///< number of the present or last one
    bool is_pool_empty;               ///< an episode is on
    bool is_stopping;
    bool is_death_told; ///< the mailboxes were stopped after the poller had failed
    bool is_shutting_down;
    bool is_aborting;             ///< nothing is waited for any more, and nothing opens
    struct tf_list running;       ///< commands to be finished at the end of the turn
    struct tf_shutdown *shutdown; ///< to be finished when the last channel has ended
    struct tf_counters counters;
};

/// Opens the poller and the buffers, and starts the thread. The engine's other parts are open.
TOFU_NODISCARD enum tofu_status tf_reactor_open(
    struct tf_reactor *reactor, struct tofu_engine *engine);

/// Closes a reactor; TF_COMMAND_STOP was issued. Waits for the thread.
void tf_reactor_close(struct tf_reactor *reactor);

/// One turn; `context` is the reactor. Returns false after TF_COMMAND_STOP.
bool tf_reactor_step(void *context);

/// Makes the I/O thread look at its mailboxes; costs one load while it is awake. Threads: any.
void tf_reactor_wake(struct tf_reactor *reactor);

/// Queues an accepted message. Threads: any.
void tf_reactor_post(struct tf_reactor *reactor, struct tofu_message *message);

/// Has a command run; wait with tf_command_wait(). Threads: any other.
void tf_reactor_command(struct tf_reactor *reactor, struct tf_command *command);

// What the flows (admit, connect, listen, transfer, ending) use; the I/O thread only.

/// Has the channel stepped in this turn or the next.
void tf_reactor_schedule(struct tf_reactor *reactor, struct tf_channel *channel);

/// Has its interest reconciled at the end of the turn. Called whenever an input of
/// tf_channel_interest() changed.
void tf_reactor_touch(struct tf_reactor *reactor, struct tf_channel *channel);

/// Reconciles its interest now. Says whether the poller could; if not, the channel has begun to end, with the
/// poller's status.
bool tf_reactor_watch(struct tf_reactor *reactor, struct tf_channel *channel);

/// Sees to it that the timer fires no later than tf_channel_deadline().
void tf_reactor_arm(struct tf_reactor *reactor, struct tf_channel *channel);

/// Puts a channel on its group's list.
void tf_reactor_adopt(struct tf_reactor *reactor, struct tf_channel *channel);

#endif
