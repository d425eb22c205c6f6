// SPDX-License-Identifier: MIT
// The functions that stand before those of Windows: each looks at the plan, and hands on to the imitations
// of Unix sockets and of a connection's numbers what they take.
//
// What a program takes from a DLL it calls through a pointer, `__imp_` and the function's name. So it is
// the pointer that the linker wraps, and there is no function but a variable to define.
#include "contract/failing_calls.h"

#include <winsock2.h>
#include <ws2tcpip.h>

#include "contract/failing_plan.h"
#include "contract/tcp_info_imitation.h"
#include "contract/unix_imitation.h"

// Says whether the call is to fail, and sets the thread's error, which Winsock shares with the rest.
static bool call_fails(const char *call)
{
    int error = 0;
    if (!plan_strikes(call, &error)) {
        return false;
    }
    SetLastError((DWORD)error);
    return true;
}

// Puts a function before one of Windows; `next` is what it calls when the plan lets it.
#define INTERPOSE(type, convention, name, failure, next, parameters, arguments)                    \
    type convention planned_##name parameters;                                                     \
    type convention planned_##name parameters                                                      \
    {                                                                                              \
        return call_fails(#name) ? (failure) : next arguments;                                     \
    }                                                                                              \
    extern __typeof__(&name) __wrap___imp_##name;                                                  \
    __typeof__(&name) __wrap___imp_##name = planned_##name

// And one that the imitation has no part in.
#define INTERPOSE_ALONE(type, convention, name, failure, parameters, arguments)                    \
    extern __typeof__(&name) __real___imp_##name;                                                  \
    INTERPOSE(type, convention, name, failure, __real___imp_##name, parameters, arguments)

INTERPOSE(
    int,
    WSAAPI,
    WSAEnumProtocolsW,
    SOCKET_ERROR,
    imitation_WSAEnumProtocolsW,
    (INT * protocols, WSAPROTOCOL_INFOW *entries, DWORD *size),
    (protocols, entries, size));
INTERPOSE(
    SOCKET,
    WSAAPI,
    WSASocketW,
    INVALID_SOCKET,
    imitation_WSASocketW,
    (int family, int type, int protocol, WSAPROTOCOL_INFOW *info, GROUP group, DWORD flags),
    (family, type, protocol, info, group, flags));
INTERPOSE(
    int,
    WSAAPI,
    bind,
    SOCKET_ERROR,
    imitation_bind,
    (SOCKET socket, const struct sockaddr *name, int size),
    (socket, name, size));
INTERPOSE(
    int,
    WSAAPI,
    connect,
    SOCKET_ERROR,
    imitation_connect,
    (SOCKET socket, const struct sockaddr *name, int size),
    (socket, name, size));
INTERPOSE(
    SOCKET,
    WSAAPI,
    accept,
    INVALID_SOCKET,
    imitation_accept,
    (SOCKET socket, struct sockaddr *name, int *size),
    (socket, name, size));
INTERPOSE(
    int,
    WSAAPI,
    getpeername,
    SOCKET_ERROR,
    imitation_getpeername,
    (SOCKET socket, struct sockaddr *name, int *size),
    (socket, name, size));
INTERPOSE(
    int,
    WSAAPI,
    setsockopt,
    SOCKET_ERROR,
    imitation_setsockopt,
    (SOCKET socket, int level, int option, const char *value, int size),
    (socket, level, option, value, size));
INTERPOSE(int, WSAAPI, closesocket, SOCKET_ERROR, imitation_closesocket, (SOCKET socket), (socket));
INTERPOSE(
    int,
    WSAAPI,
    WSAIoctl,
    SOCKET_ERROR,
    imitation_WSAIoctl,
    (SOCKET socket,
     DWORD code,
     LPVOID in,
     DWORD in_size,
     LPVOID out,
     DWORD out_size,
     LPDWORD written,
     LPWSAOVERLAPPED overlapped,
     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine),
    (socket, code, in, in_size, out, out_size, written, overlapped, routine));
INTERPOSE(
    HANDLE,
    WINAPI,
    CreateFileW,
    INVALID_HANDLE_VALUE,
    imitation_CreateFileW,
    (LPCWSTR path,
     DWORD access,
     DWORD share,
     LPSECURITY_ATTRIBUTES security,
     DWORD disposition,
     DWORD flags,
     HANDLE model),
    (path, access, share, security, disposition, flags, model));
INTERPOSE(
    DWORD,
    WINAPI,
    GetFileAttributesW,
    INVALID_FILE_ATTRIBUTES,
    imitation_GetFileAttributesW,
    (LPCWSTR path),
    (path));
INTERPOSE(
    BOOL,
    WINAPI,
    GetFileInformationByHandleEx,
    FALSE,
    imitation_GetFileInformationByHandleEx,
    (HANDLE file, FILE_INFO_BY_HANDLE_CLASS kind, LPVOID info, DWORD size),
    (file, kind, info, size));

INTERPOSE_ALONE(int, WSAAPI, listen, SOCKET_ERROR, (SOCKET socket, int backlog), (socket, backlog));
INTERPOSE_ALONE(
    int,
    WSAAPI,
    getsockname,
    SOCKET_ERROR,
    (SOCKET socket, struct sockaddr *name, int *size),
    (socket, name, size));
INTERPOSE_ALONE(
    int,
    WSAAPI,
    getsockopt,
    SOCKET_ERROR,
    (SOCKET socket, int level, int option, char *value, int *size),
    (socket, level, option, value, size));
INTERPOSE_ALONE(
    int,
    WSAAPI,
    ioctlsocket,
    SOCKET_ERROR,
    (SOCKET socket, long code, u_long *value),
    (socket, code, value));
INTERPOSE_ALONE(
    int,
    WSAAPI,
    WSARecv,
    SOCKET_ERROR,
    (SOCKET socket,
     LPWSABUF buffers,
     DWORD count,
     LPDWORD size,
     LPDWORD flags,
     LPWSAOVERLAPPED overlapped,
     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine),
    (socket, buffers, count, size, flags, overlapped, routine));
INTERPOSE(
    int,
    WSAAPI,
    WSASend,
    SOCKET_ERROR,
    tcp_info_WSASend,
    (SOCKET socket,
     LPWSABUF buffers,
     DWORD count,
     LPDWORD size,
     DWORD flags,
     LPWSAOVERLAPPED overlapped,
     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine),
    (socket, buffers, count, size, flags, overlapped, routine));
INTERPOSE_ALONE(
    int, WSAAPI, WSAStartup, WSASYSNOTREADY, (WORD version, LPWSADATA data), (version, data));
INTERPOSE_ALONE(
    INT,
    WSAAPI,
    GetAddrInfoW,
    (INT)GetLastError(),
    (PCWSTR host, PCWSTR service, const ADDRINFOW *hints, PADDRINFOW *found),
    (host, service, hints, found));
INTERPOSE_ALONE(
    BOOL,
    WINAPI,
    SetHandleInformation,
    FALSE,
    (HANDLE handle, DWORD mask, DWORD flags),
    (handle, mask, flags));
INTERPOSE_ALONE(
    HANDLE,
    WINAPI,
    CreateThread,
    NULL,
    (LPSECURITY_ATTRIBUTES security,
     SIZE_T stack,
     LPTHREAD_START_ROUTINE run,
     LPVOID argument,
     DWORD flags,
     LPDWORD number),
    (security, stack, run, argument, flags, number));
INTERPOSE_ALONE(
    HANDLE,
    WINAPI,
    CreateEventW,
    NULL,
    (LPSECURITY_ATTRIBUTES security, WINBOOL manual, WINBOOL set, LPCWSTR name),
    (security, manual, set, name));
INTERPOSE_ALONE(
    BOOL,
    WINAPI,
    GetFileInformationByHandle,
    FALSE,
    (HANDLE file, LPBY_HANDLE_FILE_INFORMATION info),
    (file, info));
INTERPOSE_ALONE(
    BOOL,
    WINAPI,
    GetModuleHandleExW,
    FALSE,
    (DWORD flags, LPCWSTR name, HMODULE *module),
    (flags, name, module));
INTERPOSE_ALONE(
    BOOL,
    WINAPI,
    SetKernelObjectSecurity,
    FALSE,
    (HANDLE handle, SECURITY_INFORMATION kind, PSECURITY_DESCRIPTOR descriptor),
    (handle, kind, descriptor));
INTERPOSE_ALONE(
    int,
    WSAAPI,
    select,
    SOCKET_ERROR,
    (int count, fd_set *read, fd_set *write, fd_set *failed, const PTIMEVAL timeout),
    (count, read, write, failed, timeout));
INTERPOSE_ALONE(
    DWORD,
    WINAPI,
    GetFullPathNameW,
    0,
    (LPCWSTR path, DWORD room, LPWSTR full, LPWSTR *name),
    (path, room, full, name));
INTERPOSE_ALONE(
    BOOL,
    WINAPI,
    SetFileInformationByHandle,
    FALSE,
    (HANDLE file, FILE_INFO_BY_HANDLE_CLASS kind, LPVOID info, DWORD size),
    (file, kind, info, size));
INTERPOSE_ALONE(
    BOOL,
    WINAPI,
    OpenProcessToken,
    FALSE,
    (HANDLE process, DWORD access, PHANDLE token),
    (process, access, token));
INTERPOSE_ALONE(
    BOOL,
    WINAPI,
    GetTokenInformation,
    FALSE,
    (HANDLE token, TOKEN_INFORMATION_CLASS kind, LPVOID info, DWORD size, PDWORD needed),
    (token, kind, info, size, needed));
INTERPOSE_ALONE(
    BOOL,
    WINAPI,
    InitializeAcl,
    FALSE,
    (PACL list, DWORD size, DWORD version),
    (list, size, version));
INTERPOSE_ALONE(
    BOOL,
    WINAPI,
    AddAccessAllowedAce,
    FALSE,
    (PACL list, DWORD version, DWORD access, PSID user),
    (list, version, access, user));
INTERPOSE_ALONE(
    BOOL,
    WINAPI,
    InitializeSecurityDescriptor,
    FALSE,
    (PSECURITY_DESCRIPTOR descriptor, DWORD version),
    (descriptor, version));
INTERPOSE_ALONE(
    BOOL,
    WINAPI,
    SetSecurityDescriptorDacl,
    FALSE,
    (PSECURITY_DESCRIPTOR descriptor, WINBOOL has_list, PACL list, WINBOOL is_default),
    (descriptor, has_list, list, is_default));
INTERPOSE_ALONE(
    BOOL,
    WINAPI,
    SetSecurityDescriptorControl,
    FALSE,
    (PSECURITY_DESCRIPTOR descriptor,
     SECURITY_DESCRIPTOR_CONTROL mask,
     SECURITY_DESCRIPTOR_CONTROL bits),
    (descriptor, mask, bits));
