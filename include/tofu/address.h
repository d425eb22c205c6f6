// SPDX-License-Identifier: MIT
// Where to connect to and where to listen: addresses as text, parsed, and in messages.
//
// Two forms are read: `tcp|HOST|PORT` and `uds|PATH`, which travel on the wire, and the URLs
// `tcp://HOST:PORT` (IPv6 hosts in brackets) and `uds://PATH`, which are rewritten to the first.
// A leading `@` in PATH names Linux's abstract namespace; elsewhere it is a character like any other. A
// relative PATH starts from the working directory that the process has when the engine connects or begins
// to listen. Texts are UTF-8, paths on Windows too.
#ifndef TOFU_ADDRESS_H
#define TOFU_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

#include <tofu/export.h>
#include <tofu/message.h>
#include <tofu/status.h>

/// The usual address when a program has no other: for builders; no text means it by leaving it out.
#define TOFU_DEFAULT_HOST "127.0.0.1"
#define TOFU_DEFAULT_PORT 7099

/// Longest host name (RFC 1035, section 2.3.4) and longest Unix path (sun_path of Linux and Windows), in
/// bytes.
#define TOFU_HOST_BYTES_MAX 253
#define TOFU_PATH_BYTES_MAX 107

/// Room for any address as text, the final NUL included.
#define TOFU_ADDRESS_BYTES_MAX 272

enum tofu_transport { TOFU_TCP, TOFU_UDS };

/// An address, parsed. Texts are NUL-terminated.
struct tofu_address {
    enum tofu_transport transport;
    char host[TOFU_HOST_BYTES_MAX + 1]; ///< TOFU_TCP: IPv4, IPv6 or a name; empty: all interfaces
    uint16_t port;                      ///< TOFU_TCP: 0 lets the system choose (listeners)
    char path[TOFU_PATH_BYTES_MAX + 1]; ///< TOFU_UDS
};

TOFU_EXTERN_C_BEGIN

/// Reads an address in either form.
///
/// Threads: any. Blocks: never; names are not resolved.
/// @retval TOFU_WRONG_ADDRESS  `text` is no address; `*address` is unchanged.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_address_parse(
    const char *text, struct tofu_address *address);

/// Writes an address in its bar form, NUL-terminated; `size` is the room in `text`, in bytes.
///
/// Threads: any.
/// @retval TOFU_WRONG_ADDRESS  the address is none that parse would give, or does not fit.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_address_format(
    const struct tofu_address *address, char *text, size_t size);

/// Makes `message` a HelloRequest to `address`: clears its header, sets the opcode, and replaces an
/// address it had. Its other texts and its body stay.
///
/// Threads: one at a time per object.
/// @retval TOFU_WRONG_ADDRESS        malformed, or without a host or with port 0.
/// @retval TOFU_INVALID_HEADERS_LEN  no room among the text headers.
/// @retval TOFU_ALLOCATION_FAILED    no memory. Whatever the failure, the message is unchanged.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_message_connect_to(
    struct tofu_message *message, const char *address);

/// Makes `message` a WelcomeRequest for `address`, as tofu_message_connect_to() does. The host may be
/// empty (all interfaces) and the port 0 (the system chooses).
///
/// Threads: one at a time per object.
/// @retval TOFU_WRONG_ADDRESS        malformed.
/// @retval TOFU_INVALID_HEADERS_LEN  no room among the text headers.
/// @retval TOFU_ALLOCATION_FAILED    no memory. Whatever the failure, the message is unchanged.
TOFU_API TOFU_NODISCARD enum tofu_status tofu_message_listen_on(
    struct tofu_message *message, const char *address);

TOFU_EXTERN_C_END

#endif
