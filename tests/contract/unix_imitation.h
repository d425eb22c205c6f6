// SPDX-License-Identifier: MIT
// Unix sockets for a Windows that has none, Wine's among them: a socket of TCP, and a file that holds its
// port. It shows that our own care of paths, providers and endings does what it should; how Windows
// itself behaves it cannot show.
//
// What is told of the system: a bind makes the file, or fails if there is anything; a close leaves the file;
// a path without a listener, and one that is not there, refuses; the file has a tag of its own. The
// catalogue has a provider of somebody else in front of the right one.
#ifndef TF_TESTS_CONTRACT_UNIX_IMITATION_H
#define TF_TESTS_CONTRACT_UNIX_IMITATION_H

#include <winsock2.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Lets connections be made, or fail, before connect() returns; else they take their time. Windows does
/// the one or the other.
void imitation_connect_at_once(bool is_at_once);

/// Lets the next `call_count` calls that ask for a file find it closed and not yet gone, as NTFS has it. Wine
/// knows no such state.
void imitation_file_is_going(const char *path, uint32_t call_count);

/// Returns how many sockets are kept open to keep the ports of dead paths.
size_t imitation_kept_sockets(void);

// The functions that calls_windows.c puts before those of the system.
int WSAAPI imitation_WSAEnumProtocolsW(INT *protocols, WSAPROTOCOL_INFOW *entries, DWORD *size);
SOCKET WSAAPI imitation_WSASocketW(
    int family, int type, int protocol, WSAPROTOCOL_INFOW *info, GROUP group, DWORD flags);
int WSAAPI imitation_bind(SOCKET socket, const struct sockaddr *name, int size);
int WSAAPI imitation_connect(SOCKET socket, const struct sockaddr *name, int size);
SOCKET WSAAPI imitation_accept(SOCKET socket, struct sockaddr *name, int *size);
int WSAAPI imitation_getpeername(SOCKET socket, struct sockaddr *name, int *size);
int WSAAPI imitation_setsockopt(SOCKET socket, int level, int option, const char *value, int size);
int WSAAPI imitation_closesocket(SOCKET socket);
int WSAAPI imitation_WSAIoctl(
    SOCKET socket,
    DWORD code,
    LPVOID in,
    DWORD in_size,
    LPVOID out,
    DWORD out_size,
    LPDWORD written,
    LPWSAOVERLAPPED overlapped,
    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);
HANDLE WINAPI imitation_CreateFileW(
    LPCWSTR path,
    DWORD access,
    DWORD share,
    LPSECURITY_ATTRIBUTES security,
    DWORD disposition,
    DWORD flags,
    HANDLE model);
DWORD WINAPI imitation_GetFileAttributesW(LPCWSTR path);
BOOL WINAPI imitation_GetFileInformationByHandleEx(
    HANDLE file, FILE_INFO_BY_HANDLE_CLASS kind, LPVOID info, DWORD size);

#endif
