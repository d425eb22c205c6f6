// SPDX-License-Identifier: MIT
// What Windows tells of a TCP connection (SIO_TCP_INFO), for a Windows that does not, as Wine: the kernel
// below knows how much of what was sent the peer has not taken, and its list can be read as a file. So
// the numbers are true, and the waiting is real; the rest of the answer is made up.
#ifndef TF_TESTS_CONTRACT_TCP_INFO_IMITATION_H
#define TF_TESTS_CONTRACT_TCP_INFO_IMITATION_H

#include <winsock2.h>

#include <stdint.h>

/// Lets the next answers be about a connection of these numbers instead; `is_short`: too few bytes of it.
void tcp_info_answer(
    uint64_t bytes_out, uint32_t bytes_in_flight, uint32_t bytes_again, BOOL is_short);

/// Back to the kernel's word.
void tcp_info_forget(void);

// The functions that calls_windows.c puts before those of the system.
int WSAAPI tcp_info_WSASend(
    SOCKET socket,
    LPWSABUF buffers,
    DWORD count,
    LPDWORD size,
    DWORD flags,
    LPWSAOVERLAPPED overlapped,
    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);
int WSAAPI tcp_info_WSAIoctl(
    SOCKET socket,
    DWORD code,
    LPVOID in,
    DWORD in_size,
    LPVOID out,
    DWORD out_size,
    LPDWORD written,
    LPWSAOVERLAPPED overlapped,
    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);

#endif
