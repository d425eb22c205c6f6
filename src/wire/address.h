// SPDX-License-Identifier: MIT
// Addresses inside messages; the grammar itself is public (tofu/address.h).
#ifndef TF_WIRE_ADDRESS_H
#define TF_WIRE_ADDRESS_H

#include <tofu/address.h>
#include <tofu/message.h>
#include <tofu/status.h>

/// Reads the address that a HelloRequest (`~connect_to`) or WelcomeRequest (`~listen_on`) carries; bar
/// form only, as it travels.
///
/// @retval TOFU_INVALID_ADDRESS  there is none, or it is malformed, or, to connect, it has no host or
///                               port 0.
TOFU_NODISCARD enum tofu_status tf_message_address(
    const struct tofu_message *message, struct tofu_address *address_out);

/// Puts the real address into a WelcomeResponse, in place of what `~listen_on` said. The room was
/// reserved with tf_message_reserve_address(), so it cannot fail.
void tf_message_set_listen_on(struct tofu_message *message, const struct tofu_address *address);

/// Makes room for the longest address in a WelcomeRequest.
///
/// @retval TOFU_ALLOCATION_FAILED  no memory.
/// @retval TOFU_INVALID_HEADERS_LEN  the other text headers leave no room.
TOFU_NODISCARD enum tofu_status tf_message_reserve_address(struct tofu_message *message);

#endif
