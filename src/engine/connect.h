// SPDX-License-Identifier: MIT
// From a posted HelloRequest to a connected socket: the address, the name, each endpoint in turn, all
// within one deadline. The I/O thread only.
#ifndef TF_ENGINE_CONNECT_H
#define TF_ENGINE_CONNECT_H

#include "engine/channel.h"
#include "engine/reactor.h"

/// Starts to connect; the channel's queue begins with its HelloRequest.
void tf_connect_start(struct tf_reactor *reactor, struct tf_channel *channel);

/// Goes on with a connect that an event says has ended.
void tf_connect_step(struct tf_reactor *reactor, struct tf_channel *channel);

/// Looks, when a deadline has come, whether the connect has ended or can be tried again.
void tf_connect_look_again(struct tf_reactor *reactor, struct tf_channel *channel);

/// Goes on at a deadline, after that look: it is the next endpoint's turn, or time is up.
void tf_connect_timer(struct tf_reactor *reactor, struct tf_channel *channel);

/// Reads the address of the opening message and finds its endpoints: at once, or in phase RESOLVING.
/// Returns whether they are there; when it returns false the channel waits for a name or has ended.
bool tf_attempt_start(struct tf_reactor *reactor, struct tf_channel *channel);

/// Goes on with every channel whose name has been resolved.
void tf_connect_resolutions(struct tf_reactor *reactor);

/// Lets the channel be looked at again after a while, which doubles each time.
void tf_attempt_put_off(struct tf_reactor *reactor, struct tf_channel *channel);

/// Frees what the attempt needed.
void tf_attempt_end(struct tf_reactor *reactor, struct tf_channel *channel);

#endif
