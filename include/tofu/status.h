// SPDX-License-Identifier: MIT
// One enum for everything that can go wrong, in calls and on the wire.
//
// TOFU_STATUS_LIST holds each status once: name, value, text name, sentence. The values 0..31 are
// part of the wire format (PROTOCOL.md, section 8); those from 64 on never leave the process.
#ifndef TOFU_STATUS_H
#define TOFU_STATUS_H

#include <tofu/export.h>

#define TOFU_STATUS_LIST(X)                                                                        \
    X(TOFU_OK, 0, "success", "The call did what it was asked to do.")                              \
    X(TOFU_NOT_IMPLEMENTED_YET,                                                                    \
      1,                                                                                           \
      "not_implemented_yet",                                                                       \
      "This version or platform has no such feature; leave the option at 0.")                      \
    X(TOFU_WRONG_ADDRESS,                                                                          \
      2,                                                                                           \
      "wrong_address",                                                                             \
      "The address is missing or malformed; write tcp|HOST|PORT or uds|PATH.")                     \
    X(TOFU_NOT_ALLOWED,                                                                            \
      3,                                                                                           \
      "not_allowed",                                                                               \
      "The call or message is not legal here; see which opcode may follow which.")                 \
    X(TOFU_NULL_MESSAGE, 4, "null_message", "There is no message; get one from the engine first.") \
    X(TOFU_INVALID_MESSAGE,                                                                        \
      5,                                                                                           \
      "invalid_message",                                                                           \
      "The message breaks the rules: text headers, engine, or what it answers.")                   \
    X(TOFU_INVALID_OP_CODE, 6, "invalid_op_code", "The opcode is not one of 0 to 9.")              \
    X(TOFU_INVALID_HEADERS_LEN,                                                                    \
      7,                                                                                           \
      "invalid_headers_len",                                                                       \
      "The text headers are longer than the limit; shorten them.")                                 \
    X(TOFU_INVALID_BODY_LEN,                                                                       \
      8,                                                                                           \
      "invalid_body_len",                                                                          \
      "The body is longer than the limit; stream it with `more`.")                                 \
    X(TOFU_INVALID_MORE_USAGE,                                                                     \
      9,                                                                                           \
      "invalid_more_usage",                                                                        \
      "Only a Request, Response or Signal may announce more.")                                     \
    X(TOFU_INVALID_CHANNEL_NUMBER,                                                                 \
      10,                                                                                          \
      "invalid_channel_number",                                                                    \
      "The channel is unknown or closed; use the number of an open one.")                          \
    X(TOFU_INVALID_CHANNEL_GROUP,                                                                  \
      11,                                                                                          \
      "invalid_channel_group",                                                                     \
      "The channel belongs to another group; post it there.")                                      \
    X(TOFU_INVALID_MESSAGE_ID,                                                                     \
      12,                                                                                          \
      "invalid_message_id",                                                                        \
      "A response needs the id of the message it answers.")                                        \
    X(TOFU_INVALID_ADDRESS,                                                                        \
      13,                                                                                          \
      "invalid_address",                                                                           \
      "The engine could not use the address; check its form and the host name.")                   \
    X(TOFU_UDS_PATH_NOT_FOUND,                                                                     \
      14,                                                                                          \
      "uds_path_not_found",                                                                        \
      "Nothing listens on that Unix socket path; start the server first.")                         \
    X(TOFU_NOTIFICATION_DISABLED,                                                                  \
      15,                                                                                          \
      "notification_disabled",                                                                     \
      "The engine cannot be woken any more; destroy it.")                                          \
    X(TOFU_NOTIFICATION_FAILED,                                                                    \
      16,                                                                                          \
      "notification_failed",                                                                       \
      "The poller failed and the engine has stopped; destroy it.")                                 \
    X(TOFU_PEER_DISCONNECTED,                                                                      \
      17,                                                                                          \
      "peer_disconnected",                                                                         \
      "The peer ended the connection without saying Bye; reconnect.")                              \
    X(TOFU_COMMUNICATION_FAILED, 18, "communication_failed", "The connection broke; reconnect.")   \
    X(TOFU_POOL_EMPTY,                                                                             \
      19,                                                                                          \
      "pool_empty",                                                                                \
      "Reading rests until received messages are put back; put some back.")                        \
    X(TOFU_ALLOCATION_FAILED, 20, "allocation_failed", "There is no memory for this; free some.")  \
    X(TOFU_RECEIVER_UPDATE, 21, "receiver_update", "Another thread called tofu_group_update().")   \
    X(TOFU_CHANNEL_CLOSED, 22, "channel_closed", "The channel has ended; its number is dead.")     \
    X(TOFU_SHUTDOWN_STARTED,                                                                       \
      23,                                                                                          \
      "shutdown_started",                                                                          \
      "The engine or the group is ending and takes no more.")                                      \
    X(TOFU_CONNECT_FAILED,                                                                         \
      24,                                                                                          \
      "connect_failed",                                                                            \
      "The peer could not be reached; is it running, and is the address right?")                   \
    X(TOFU_LISTEN_FAILED,                                                                          \
      25,                                                                                          \
      "listen_failed",                                                                             \
      "The address could not be listened on; it may be in use, or not ours.")                      \
    X(TOFU_ACCEPT_FAILED, 26, "accept_failed", "A connection could not be accepted.")              \
    X(TOFU_SEND_FAILED, 27, "send_failed", "The system refused to send; the connection is gone.")  \
    X(TOFU_RECV_FAILED, 28, "recv_failed", "The system refused to read; the connection is gone.")  \
    X(TOFU_SETSOCKOPT_FAILED, 29, "setsockopt_failed", "The system refused a socket option.")      \
    X(TOFU_PROCESSING_FAILED, 30, "processing_failed", "The message could not be processed.")      \
    X(TOFU_UNKNOWN_ERROR, 31, "unknown_error", "An error this version does not know.")             \
    X(TOFU_QUEUE_FULL,                                                                             \
      64,                                                                                          \
      "queue_full",                                                                                \
      "Too much is waiting to be sent or received; wait, or use tofu_group_post_within().")        \
    X(TOFU_TIMED_OUT, 65, "timed_out", "It did not happen within the time allowed.")               \
    X(TOFU_FORKED,                                                                                 \
      66,                                                                                          \
      "forked",                                                                                    \
      "The engine belongs to the parent process; create one of your own after fork().")

#define TOFU_STATUS_ENUMERATOR(enumerator, value, name, text) enumerator = (value),
enum tofu_status { TOFU_STATUS_LIST(TOFU_STATUS_ENUMERATOR) };
#undef TOFU_STATUS_ENUMERATOR

TOFU_EXTERN_C_BEGIN

/// Returns the name of a status, such as "connect_failed"; "unknown_error" for any other value.
///
/// Ownership: a constant of the library.
/// Threads: any.
TOFU_API const char *tofu_status_name(enum tofu_status status);

/// Returns one sentence about a status: what happened and what to do.
///
/// Ownership: a constant of the library.
/// Threads: any.
TOFU_API const char *tofu_status_text(enum tofu_status status);

TOFU_EXTERN_C_END

#endif
