// SPDX-License-Identifier: MIT
// How a contract test waits for a socket without the poller under test: a socket may belong to one
// poller only (on Windows a second one is refused), so the test needs another way to look.
//
// Each system that the contract programs are linked with has its own.
#ifndef TF_TESTS_CONTRACT_AWAIT_H
#define TF_TESTS_CONTRACT_AWAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "os/poller.h"

/// Waits until a socket is ready for what `interest` names, TF_POLL_READ or TF_POLL_WRITE. False: the time
/// is over.
bool contract_socket_await(tf_socket socket, uint8_t interest, uint64_t timeout_ns);

#endif
