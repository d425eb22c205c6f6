// SPDX-License-Identifier: MIT
// Connected sockets of Windows: receiving, sending, the ways to end. Connecting is in connect.c.
//
// Calls are made without an OVERLAPPED, so that they do what there is to do and return, although the
// socket is an overlapped one: readiness, not completion. An error number leaves this file as it came.
#include "os/socket.h"

#include <limits.h>
#include <winsock2.h>

#include <mstcpip.h>

#include "base/assert.h"

// Windows takes a whole write as long as the buffer has one free byte, so a peer that does not read would
// cost as much memory as we let one call write.
#define TF_WRITE_BYTES_MAX (256 * 1024)

// Makes the system's array of ours, of `bytes_max` at most; returns how many entries it has.
static DWORD buffers_from_segments(
    WSABUF *buffers, const struct tf_segment *segments, size_t segment_count, size_t bytes_max)
{
    TF_ASSERT(segment_count > 0);
    TF_ASSERT(segment_count <= TF_SEGMENTS_MAX);

    size_t total = 0;
    DWORD count = 0;
    while (count < segment_count && total < bytes_max) {
        size_t size = segments[count].size;
        size = size < bytes_max - total ? size : bytes_max - total;
        buffers[count] = (WSABUF){.len = (ULONG)size, .buf = (char *)segments[count].data};
        total += size;
        count++;
    }
    // Without room, "no bytes" would read as the end.
    TF_ASSERT(total > 0);
    return count;
}

static enum tf_io io_of_error(int error, int *error_out)
{
    if (error == WSAEWOULDBLOCK) {
        return TF_IO_WOULD_BLOCK;
    }
    *error_out = error;
    return TF_IO_FAILED;
}

// Windows tells of a reset where it is read. Wine's server takes the error for its own use, and what is
// read is an end like any other; but it still knows, and says so to who asks. The question costs a call
// per connection, at its end.
static enum tf_io end_or_reset(SOCKET socket, int *error_out)
{
    WSAPOLLFD entry = {.fd = socket, .events = POLLRDNORM};
    if (WSAPoll(&entry, 1, 0) != 1 || (entry.revents & POLLERR) == 0) {
        return TF_IO_END;
    }
    *error_out = WSAECONNRESET;
    return TF_IO_FAILED;
}

enum tf_io tf_socket_receive(
    tf_socket socket,
    const struct tf_segment *segments,
    size_t segment_count,
    size_t *size_out,
    int *error_out)
{
    WSABUF buffers[TF_SEGMENTS_MAX];
    DWORD count = buffers_from_segments(buffers, segments, segment_count, INT_MAX);
    DWORD size = 0;
    DWORD flags = 0;
    if (WSARecv((SOCKET)socket, buffers, count, &size, &flags, NULL, NULL) != 0) {
        return io_of_error(WSAGetLastError(), error_out);
    }
    if (size == 0) {
        return end_or_reset((SOCKET)socket, error_out);
    }
    *size_out = size;
    return TF_IO_DONE;
}

enum tf_io tf_socket_send(
    tf_socket socket,
    const struct tf_segment *segments,
    size_t segment_count,
    size_t *size_out,
    int *error_out)
{
    WSABUF buffers[TF_SEGMENTS_MAX];
    DWORD count = buffers_from_segments(buffers, segments, segment_count, TF_WRITE_BYTES_MAX);
    DWORD size = 0;
    if (WSASend((SOCKET)socket, buffers, count, &size, 0, NULL, NULL) != 0) {
        return io_of_error(WSAGetLastError(), error_out);
    }
    TF_ASSERT(size > 0);
    *size_out = size;
    return TF_IO_DONE;
}

size_t tf_socket_pending(tf_socket socket)
{
    u_long size = 0;
    return ioctlsocket((SOCKET)socket, (long)FIONREAD, &size) == 0 ? size : 0;
}

// Windows tells of a TCP connection what it has put on the wire and what of that is under way; since 10 1703,
// and Wine not at all. What waits behind that it does not tell: it is what we have sent less what was taken.
// Bytes that went out again are taken once at most. Where they are not in BytesOut at all, which is written
// nowhere, subtracting them makes progress show late, where counting them would have made a dead peer look
// like a slow one.
uint64_t tf_socket_unsent(tf_socket socket, uint64_t sent_bytes)
{
    DWORD version = 0;
    TCP_INFO_v0 info;
    DWORD size = 0;
    int result = WSAIoctl(
        (SOCKET)socket,
        SIO_TCP_INFO,
        &version,
        (DWORD)sizeof version,
        &info,
        (DWORD)sizeof info,
        &size,
        NULL,
        NULL);
    if (result != 0 || size < sizeof info) {
        return 0;
    }
    uint64_t under_way = (uint64_t)info.BytesInFlight + info.BytesRetrans;
    uint64_t taken_bytes = info.BytesOut > under_way ? info.BytesOut - under_way : 0;
    return sent_bytes > taken_bytes ? sent_bytes - taken_bytes : 0;
}

void tf_socket_shutdown_send(tf_socket socket)
{
    (void)shutdown((SOCKET)socket, SD_SEND);
}

// A Unix socket may refuse the option, and has no use for it.
void tf_socket_keep_alive(tf_socket socket)
{
    BOOL yes = TRUE;
    (void)setsockopt((SOCKET)socket, SOL_SOCKET, SO_KEEPALIVE, (const char *)&yes, (int)sizeof yes);
}

// A Unix socket that is closed without having said so may lose what was sent last. To TCP it is the same
// FIN, a moment earlier.
void tf_socket_close(tf_socket socket)
{
    TF_ASSERT(socket != TF_SOCKET_NONE);

    (void)shutdown((SOCKET)socket, SD_SEND);
    (void)closesocket((SOCKET)socket);
}

void tf_socket_reset(tf_socket socket)
{
    TF_ASSERT(socket != TF_SOCKET_NONE);

    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(
        (SOCKET)socket, SOL_SOCKET, SO_LINGER, (const char *)&at_once, (int)sizeof at_once);
    (void)closesocket((SOCKET)socket);
}

// What Windows calls "aborted" is a connection that its own side has given up after the peer's reset.
// Wine says "shut down" where a POSIX system says "broken pipe".
bool tf_socket_error_is_disconnect(int error)
{
    return error == WSAECONNRESET || error == WSAECONNABORTED || error == WSAENETRESET ||
           error == WSAESHUTDOWN;
}
