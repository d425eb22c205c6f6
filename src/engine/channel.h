// SPDX-License-Identifier: MIT
// One channel: a listener, or a connection with its frames, its session and its queue.
//
// The struct is plain state of the I/O thread (posters see the slot in the channel table). What the
// poller should watch and when the channel must be looked at again are pure functions of it.
#ifndef TF_ENGINE_CHANNEL_H
#define TF_ENGINE_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include <tofu/message.h>

#include "base/list.h"
#include "engine/settings.h"
#include "engine/timers.h"
#include "os/poller.h"
#include "os/resolver.h"
#include "os/socket.h"
#include "wire/frame_reader.h"
#include "wire/frame_writer.h"
#include "wire/rules.h"

enum tf_phase {
    TF_PHASE_OPENING,    ///< posted; the I/O thread has not seen it yet
    TF_PHASE_RESOLVING,  ///< a helper looks for the host's addresses
    TF_PHASE_CONNECTING, ///< a connect is under way, or waits to be tried again
    TF_PHASE_QUEUEING, ///< a listener to be: another one is at its Unix path, and it waits to try again
    TF_PHASE_LISTENING,
    TF_PHASE_HALF_OPEN, ///< accepted; no HelloRequest yet, so no number, and no notice
    TF_PHASE_OPEN,
    TF_PHASE_DRAINING, ///< the session has ended: write what is queued, shut down, read to the end
    TF_PHASE_CLOSED,   ///< the socket is gone; the closing notice waits until nothing can follow it
};

/// What finding an address and connecting to it, or listening on it, needs, and only that long.
struct tf_attempt {
    struct tofu_address address;
    struct tf_query *query;    ///< NULL for a numeric host or a path
    struct tf_endpoint single; ///< the one endpoint of a numeric host or a path
    const struct tf_endpoint *endpoints;
    size_t endpoint_count;
    size_t next_endpoint;
    uint64_t go_on_at_ns;    ///< when to try a Unix path again, or the next endpoint; 0: never
    uint64_t retry_delay_ns; ///< the next one
};

struct tf_channel {
    struct tf_watch watch;
    struct tofu_group *group; ///< a half-open connection's: the listener's
    uint64_t opening_id;      ///< id of the message that opened it
    uint64_t peer_bye_id;     ///< id of the peer's ByeRequest
    uint32_t ticket;          ///< the life of `number` that is this channel's
    uint16_t number;          ///< 0 while half-open
    uint8_t phase;            ///< enum tf_phase
    uint8_t side;             ///< enum tf_side
    uint8_t session;          ///< enum tf_session, in the order of the queue
    uint8_t end_status;       ///< of messages that come back once it is closed

    bool can_read : 1;               ///< the last read did not say "would block"
    bool is_write_blocked : 1;       ///< the last write did
    bool has_hangup : 1;             ///< an event said so: short reads prove nothing
    bool has_read_end : 1;           ///< the peer has sent all it will
    bool is_starved : 1;             ///< waits in line for a message to receive into
    bool has_place : 1;              ///< may hold a message whose bytes are not all at hand
    bool is_send_shut : 1;           ///< shutdown(WR) was done
    bool is_graceful : 1;            ///< has ended, by Byes
    bool is_rest_told : 1;           ///< of a listener: the application knows that it rests
    bool is_bye_request_written : 1; ///< whole, so that it can be answered

    int write_error; ///< not 0: sending has failed; what can be read still is
    struct tf_frame_reader reader;
    struct tf_frame_writer writer; ///< before the connection is there, what waits for it

    struct tf_timer timer;
    uint64_t since_ns;         ///< start of connecting, or of being half-open
    uint64_t rests_until_ns;   ///< of a listener; 0: it does not rest
    uint64_t frame_since_ns;   ///< first byte of the unfinished frame; 0: there is none
    uint64_t progress_ns;      ///< last byte either way while ending, or taken out of the kernel
    uint64_t looked_ns;        ///< while ending: when unsent_bytes was read
    uint64_t unsent_bytes;     ///< what the kernel still had to send then
    uint64_t sent_bytes;       ///< what the kernel has taken from us in all
    uint64_t starved_since_ns; ///< while is_starved
    uint64_t bytes_ns;         ///< last bytes of the unfinished message, while it has a place

    struct tf_list group_link;      ///< the group's channels
    struct tf_list ready_link;      ///< can do something without the poller's word
    struct tf_list starved_link;    ///< waits in line for the receiving budget, or for a place
    struct tf_list unfinished_link; ///< holds a message and a place, and is not whole yet
    struct tf_list dirty_link;      ///< interest to be reconciled
    struct tf_list phase_link;      ///< resolving, half-open or closed ones, and resting listeners

    struct tofu_message *closing_notice; ///< reserved with the number
    struct tf_attempt *attempt;          ///< only while resolving, connecting and queueing
    struct tf_listener *listener;        ///< only of a listener
};

/// Returns a channel in phase OPENING without socket or number, or NULL without memory.
struct tf_channel *tf_channel_create(
    const struct tofu_allocator *allocator, struct tofu_group *group, enum tf_side side);

/// Frees a channel that is in no list and owns nothing any more.
void tf_channel_destroy(const struct tofu_allocator *allocator, struct tf_channel *channel);

/// Says what the poller should watch: TF_POLL_READ | TF_POLL_WRITE.
uint8_t tf_channel_interest(const struct tf_channel *channel);

/// Returns when the channel must be looked at even if nothing happens; UINT64_MAX: never.
uint64_t tf_channel_deadline(const struct tf_channel *channel, const struct tf_settings *settings);

/// Stops the clocks that count only while we are willing to read, and lets them go on.
void tf_channel_starve(struct tf_channel *channel, uint64_t now_ns);
void tf_channel_feed(struct tf_channel *channel, uint64_t now_ns);

/// Says whether our ByeRequest is queued or sent and has no answer yet.
bool tf_channel_awaits_bye(const struct tf_channel *channel);

/// Says whether an end is under way that must not take longer than close_timeout_ns without progress.
bool tf_channel_is_closing(const struct tf_channel *channel);

#endif
