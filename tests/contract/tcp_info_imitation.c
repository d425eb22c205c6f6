// SPDX-License-Identifier: MIT
#include "contract/tcp_info_imitation.h"

#include <mstcpip.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// The kernel's connections, as Wine shows its files.
#define CONNECTIONS "Z:\\proc\\net\\tcp"

// Handles are multiples of four, and a test has few.
#define SOCKETS_MAX 16384

// Sent once more; the system of this imitation counts that among what went out.
#define BYTES_AGAIN 1448

extern __typeof__(&WSASend) __real___imp_WSASend;
extern __typeof__(&WSAIoctl) __real___imp_WSAIoctl;
extern __typeof__(&getsockname) __real___imp_getsockname;
extern __typeof__(&getpeername) __real___imp_getpeername;

struct ports {
    uint16_t own;
    uint16_t peer;
};

// What was sent over a connection. A socket's number is given again, its two ports are not, so soon.
struct sent {
    struct ports ports;
    uint64_t bytes;
};

static struct sent all_sent[SOCKETS_MAX];
static TCP_INFO_v0 answer;
static bool has_answer;
static bool is_answer_short;

static bool ports_of(SOCKET socket, struct ports *ports_out)
{
    struct sockaddr_in own;
    struct sockaddr_in peer;
    int own_size = sizeof own;
    int peer_size = sizeof peer;
    bool is_connected =
        __real___imp_getsockname(socket, (struct sockaddr *)&own, &own_size) == 0 &&
        __real___imp_getpeername(socket, (struct sockaddr *)&peer, &peer_size) == 0 &&
        own.sin_family == AF_INET;
    if (is_connected) {
        *ports_out = (struct ports){.own = ntohs(own.sin_port), .peer = ntohs(peer.sin_port)};
    }
    return is_connected;
}

static struct sent *sent_of(SOCKET socket, const struct ports *ports)
{
    struct sent *sent = &all_sent[socket / 4 % SOCKETS_MAX];
    if (sent->ports.own != ports->own || sent->ports.peer != ports->peer) {
        *sent = (struct sent){.ports = *ports};
    }
    return sent;
}

int WSAAPI tcp_info_WSASend(
    SOCKET socket,
    LPWSABUF buffers,
    DWORD count,
    LPDWORD size,
    DWORD flags,
    LPWSAOVERLAPPED overlapped,
    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    struct ports ports;
    int result = __real___imp_WSASend(socket, buffers, count, size, flags, overlapped, routine);
    DWORD error = GetLastError();
    if (result == 0 && ports_of(socket, &ports)) {
        sent_of(socket, &ports)->bytes += *size;
    }
    SetLastError(error);
    return result;
}

// Reads how many bytes the kernel has of us that the peer's has not acknowledged. A line of its list:
// number, own address and port, the peer's, state, bytes not acknowledged and not read, all in hexadecimal.
static bool kernel_has(const struct ports *ports, uint64_t *bytes_out)
{
    char line[256];
    bool is_found = false;
    FILE *file = fopen(CONNECTIONS, "rb");
    if (file == NULL) {
        return false;
    }
    while (!is_found && fgets(line, sizeof line, file) != NULL) {
        unsigned own = 0;
        unsigned peer = 0;
        unsigned bytes = 0;
        is_found = sscanf(line, "%*s %*8x:%x %*8x:%x %*x %x:", &own, &peer, &bytes) == 3 &&
                   own == ports->own && peer == ports->peer;
        *bytes_out = bytes;
    }
    (void)fclose(file);
    return is_found;
}

// Half of what is not acknowledged is on its way, the rest waits.
static bool ask_kernel(SOCKET socket)
{
    struct ports ports;
    uint64_t unsent = 0;
    if (!ports_of(socket, &ports) || !kernel_has(&ports, &unsent)) {
        return false;
    }
    uint64_t sent = sent_of(socket, &ports)->bytes;
    unsent = unsent < sent ? unsent : sent;
    answer = (TCP_INFO_v0){
        .BytesOut = sent - unsent / 2 + BYTES_AGAIN,
        .BytesInFlight = (ULONG)(unsent - unsent / 2),
        .BytesRetrans = BYTES_AGAIN};
    return true;
}

int WSAAPI tcp_info_WSAIoctl(
    SOCKET socket,
    DWORD code,
    LPVOID in,
    DWORD in_size,
    LPVOID out,
    DWORD out_size,
    LPDWORD written,
    LPWSAOVERLAPPED overlapped,
    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    if (code != SIO_TCP_INFO || !(has_answer || ask_kernel(socket))) {
        return __real___imp_WSAIoctl(
            socket, code, in, in_size, out, out_size, written, overlapped, routine);
    }
    DWORD version = UINT32_MAX;
    memcpy(&version, in, in_size == sizeof version ? sizeof version : 0);
    if (version != 0 || out_size < sizeof answer) {
        WSASetLastError(WSAEINVAL);
        return SOCKET_ERROR;
    }
    memcpy(out, &answer, sizeof answer);
    *written = is_answer_short ? sizeof answer / 2 : sizeof answer;
    return 0;
}

void tcp_info_answer(
    uint64_t bytes_out, uint32_t bytes_in_flight, uint32_t bytes_again, BOOL is_short)
{
    answer = (TCP_INFO_v0){
        .BytesOut = bytes_out, .BytesInFlight = bytes_in_flight, .BytesRetrans = bytes_again};
    has_answer = true;
    is_answer_short = is_short;
}

void tcp_info_forget(void)
{
    has_answer = false;
    is_answer_short = false;
}
