// SPDX-License-Identifier: MIT
// Listeners: from a WelcomeRequest to accepted connections. The I/O thread only.
#ifndef TF_ENGINE_LISTEN_H
#define TF_ENGINE_LISTEN_H

#include "engine/channel.h"
#include "engine/reactor.h"

/// Starts to listen; the channel's queue is its WelcomeRequest.
void tf_listen_start(struct tf_reactor *reactor, struct tf_channel *channel);

/// Goes on when the host's name has been resolved.
void tf_listen_resolved(struct tf_reactor *reactor, struct tf_channel *channel);

/// Tries again to listen on a Unix path that another one was at.
void tf_listen_again(struct tf_reactor *reactor, struct tf_channel *channel);

/// Accepts what waits, up to a bound per turn.
void tf_listen_step(struct tf_reactor *reactor, struct tf_channel *channel);

/// Ends a listener's rest.
void tf_listen_timer(struct tf_reactor *reactor, struct tf_channel *channel);

/// Ends the rest of all listeners that have one, since a descriptor was closed.
void tf_listen_resume(struct tf_reactor *reactor);

#endif
