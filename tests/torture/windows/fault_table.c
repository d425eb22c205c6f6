// SPDX-License-Identifier: MIT
// The table follows Microsoft's pages of each function, and the kernel's habits. Left out is what only our own
// mistakes can bring about (WSAEFAULT, WSAENOTSOCK, WSANOTINITIALISED, invalid handles), since TF_ASSERT is
// for those, with the exception of the poller's own wait: there somebody else in the process may have
// closed the port. Unix sockets are not here: see infallible.txt.
#include "torture/fault_rows.h"

#include <assert.h>
#include <winsock2.h>

#include "os/windows/nt.h"
#include "torture/windows/fault_functions.h"

// Of NT's, what the library has no name for.
#define STATUS_OF_ABANDONED_WAIT         0x00000080
#define STATUS_OF_INVALID_HANDLE         ((int)0xC0000008)
#define STATUS_OF_INVALID_DEVICE_REQUEST ((int)0xC0000010)
#define STATUS_OF_ACCESS_DENIED          ((int)0xC0000022)

// The packets that say what the kernel is done with cannot be taken any more.
#define KILLS (FAULT_KILLS_ENGINE | FAULT_KEEPS_MEMORY)

const struct fault_row fault_rows[] = {
    ROW(OPENING, WSASocketW, WSAENOBUFS, 0, LISTEN | CONNECT, "no memory for the socket"),
    ROW(OPENING, WSASocketW, WSAEMFILE, 0, LISTEN | CONNECT, "no more sockets"),
    ROW(OPENING, WSASocketW, WSAENETDOWN, 0, LISTEN | CONNECT, "the network has failed"),
    ROW(OPENING, WSASocketW, WSAEACCES, 0, LISTEN | CONNECT, "forbidden, as in a sandbox"),
    ROW(OPENING, WSASocketW, WSAEAFNOSUPPORT, 0, LISTEN | CONNECT, "without the family"),
    ROW(OPENING, WSASocketW, WSAEPROTONOSUPPORT, 0, LISTEN | CONNECT, "without the protocol"),
    ROW(OPENING, WSASocketW, WSAEPROVIDERFAILEDINIT, 0, LISTEN | CONNECT, "a provider is broken"),
    ROW(OPENING, WSASocketW, WSAEINVALIDPROVIDER, 0, LISTEN | CONNECT, "a provider is too old"),

    ROW(OPENING, ioctlsocket, WSAENETDOWN, 0, LISTEN | CONNECT, "the network has failed"),
    ROW(OPENING, ioctlsocket, WSAENOBUFS, 0, LISTEN | CONNECT, "no memory"),

    ROW(OPENING, bind, WSAEADDRINUSE, 0, LISTEN, "somebody else listens there"),
    ROW(OPENING, bind, WSAEADDRNOTAVAIL, 0, LISTEN, "the address is not of this machine"),
    ROW(OPENING, bind, WSAEACCES, 0, LISTEN, "somebody has the port for himself"),
    ROW(OPENING, bind, WSAENETDOWN, 0, LISTEN, "the network has failed"),
    ROW(OPENING, bind, WSAENOBUFS, 0, LISTEN, "no memory"),

    ROW(OPENING, listen, WSAEADDRINUSE, 0, LISTEN, "somebody else was faster"),
    ROW(OPENING, listen, WSAEMFILE, 0, LISTEN, "no more sockets"),
    ROW(OPENING, listen, WSAENOBUFS, 0, LISTEN, "no memory for the backlog"),
    ROW(OPENING, listen, WSAENETDOWN, 0, LISTEN, "the network has failed"),
    ROW(OPENING, listen, WSAEOPNOTSUPP, 0, LISTEN, "a provider that cannot"),

    ROW(OPENING, connect, WSAECONNREFUSED, 0, CONNECT, "nobody listens there"),
    ROW(OPENING, connect, WSAETIMEDOUT, 0, CONNECT, "nobody answers"),
    ROW(OPENING, connect, WSAENETUNREACH, 0, CONNECT, "no route"),
    ROW(OPENING, connect, WSAEHOSTUNREACH, 0, CONNECT, "no route to the host"),
    ROW(OPENING, connect, WSAENETDOWN, 0, CONNECT, "the network has failed"),
    ROW(OPENING, connect, WSAEADDRNOTAVAIL, 0, CONNECT, "an address that nobody can have"),
    ROW(OPENING, connect, WSAEADDRINUSE, 0, CONNECT, "no local port left"),
    ROW(OPENING, connect, WSAEACCES, 0, CONNECT, "a firewall forbids it"),
    ROW(OPENING, connect, WSAEAFNOSUPPORT, 0, CONNECT, "an address of another family"),
    ROW(OPENING, connect, WSAEINVAL, 0, CONNECT, "an address that makes no sense to the protocol"),
    ROW(OPENING, connect, WSAENOBUFS, 0, CONNECT, "no memory, or no local port left"),
    ROW_AFTER(OPENING, connect, WSAEALREADY, 0, CONNECT, "a second try while the first goes on"),

    ROW(OPENING, getsockopt, WSAENETDOWN, 0, CONNECT, "the network has failed"),
    ROW(OPENING, getsockopt, WSAENOBUFS, 0, CONNECT, "no memory"),
    ROW_VALUE(OPENING, getsockopt, WSAECONNREFUSED, 0, CONNECT, "nobody listens there"),
    ROW_VALUE(OPENING, getsockopt, WSAETIMEDOUT, 0, CONNECT, "nobody answers"),
    ROW_VALUE(OPENING, getsockopt, WSAEHOSTUNREACH, 0, CONNECT, "no route to the host"),
    ROW_VALUE(OPENING, getsockopt, WSAECONNRESET, 0, CONNECT, "the peer was gone at once"),

    ROW(OPENING, getpeername, WSAENOTCONN, INVISIBLE, CONNECT, "readiness for nothing"),
    ROW(OPENING, getpeername, WSAENETDOWN, 0, CONNECT, "the network has failed"),
    ROW(OPENING, getpeername, WSAENOBUFS, 0, CONNECT, "no memory"),

    ROW(OPENING, getsockname, WSAENETDOWN, 0, LISTEN, "the network has failed"),
    ROW(OPENING, getsockname, WSAENOBUFS, 0, LISTEN, "no memory"),

    ROW(OPENING, setsockopt, WSAENOBUFS, 0, OPTION, "no memory"),
    ROW(OPENING, setsockopt, WSAENETDOWN, 0, OPTION, "the network has failed"),
    ROW(OPENING, setsockopt, WSAENOPROTOOPT, 0, OPTION, "a provider without the option"),
    ROW(OPENING, setsockopt, WSAEINVAL, 0, OPTION, "a system without the option"),
    ROW(OPENING, setsockopt, WSAENETRESET, 0, OPTION, "keep-alive is late, the connection is gone"),
    ROW(OPENING, setsockopt, WSAENOTCONN, 0, OPTION, "the connection is gone"),

    ROW(ACCEPTING, accept, WSAEWOULDBLOCK, PASSES, BREAK, "the peer left, or another took it"),
    ROW(ACCEPTING, accept, WSAECONNRESET, INVISIBLE, ACCEPT, "the peer left while it waited"),
    ROW(ACCEPTING, accept, WSAECONNABORTED, INVISIBLE, ACCEPT, "the peer left, others say"),
    ROW(ACCEPTING, accept, WSAETIMEDOUT, INVISIBLE, ACCEPT, "the new socket's network error"),
    ROW(ACCEPTING, accept, WSAENETRESET, INVISIBLE, ACCEPT, "the new socket's network error"),
    ROW(ACCEPTING, accept, WSAEHOSTUNREACH, INVISIBLE, ACCEPT, "the new socket's network error"),
    ROW(ACCEPTING, accept, WSAENETUNREACH, INVISIBLE, ACCEPT, "the new socket's network error"),
    ROW(ACCEPTING, accept, WSAEMFILE, 0, ACCEPT, "no more sockets"),
    ROW(ACCEPTING, accept, WSAENOBUFS, 0, ACCEPT, "no memory for the socket"),
    ROW(ACCEPTING, accept, WSA_NOT_ENOUGH_MEMORY, 0, ACCEPT, "no memory for the socket"),
    ROW(ACCEPTING, accept, WSAENETDOWN, 0, ACCEPT, "the network has failed"),
    ROW(ACCEPTING, accept, WSAEINVAL, 0, ACCEPT, "the listener was shut down from outside"),
    ROW_AFTER(ACCEPTING, accept, WSAECONNRESET, 0, ACCEPT, "the peer is gone with its error"),
    ROW_AFTER(ACCEPTING, accept, WSAECONNABORTED, 0, ACCEPT, "the peer is gone with its error"),

    ROW(ACCEPTING,
        SetHandleInformation,
        ERROR_INVALID_HANDLE,
        0,
        ACCEPT,
        "the sockets of a provider are no handles"),
    ROW(ACCEPTING, SetHandleInformation, ERROR_ACCESS_DENIED, 0, ACCEPT, "somebody protects it"),

    ROW(RECEIVING, WSARecv, WSAEWOULDBLOCK, PASSES, BREAK, "readiness for nothing"),
    ROW(RECEIVING, WSARecv, WSAECONNRESET, 0, BREAK, "the peer reset the connection"),
    ROW(RECEIVING, WSARecv, WSAECONNABORTED, 0, BREAK, "the own side gave the connection up"),
    ROW(RECEIVING, WSARecv, WSAENETRESET, 0, BREAK, "keep-alive found the peer gone"),
    ROW(RECEIVING, WSARecv, WSAESHUTDOWN, 0, BREAK, "the connection is gone"),
    ROW(RECEIVING, WSARecv, WSAETIMEDOUT, 0, RECEIVE, "the peer is gone"),
    ROW(RECEIVING, WSARecv, WSAENOTCONN, 0, RECEIVE, "the connection is gone"),
    ROW(RECEIVING, WSARecv, WSAEDISCON, 0, RECEIVE, "a provider says the end as an error"),
    ROW(RECEIVING, WSARecv, WSAEHOSTUNREACH, 0, RECEIVE, "no route any more"),
    ROW(RECEIVING, WSARecv, WSAENETDOWN, 0, RECEIVE, "the network has failed"),
    ROW(RECEIVING, WSARecv, WSAENOBUFS, 0, RECEIVE, "no memory"),

    ROW(RECEIVING, WSAPoll, WSAENOBUFS, INVISIBLE, BREAK, "no memory"),
    ROW(RECEIVING, WSAPoll, WSAENETDOWN, INVISIBLE, BREAK, "the network has failed"),

    ROW(SENDING, WSASend, WSAEWOULDBLOCK, PASSES, BREAK, "the peer reads slowly"),
    ROW(SENDING, WSASend, WSAECONNRESET, 0, BREAK, "the peer reset the connection"),
    ROW(SENDING, WSASend, WSAECONNABORTED, 0, BREAK, "the own side gave the connection up"),
    ROW(SENDING, WSASend, WSAENETRESET, 0, BREAK, "keep-alive found the peer gone"),
    ROW(SENDING, WSASend, WSAESHUTDOWN, 0, BREAK, "the peer reads no more"),
    ROW(SENDING, WSASend, WSAETIMEDOUT, 0, SEND, "the peer is gone"),
    ROW(SENDING, WSASend, WSAENOTCONN, 0, SEND, "the connection is gone"),
    ROW(SENDING, WSASend, WSAEHOSTUNREACH, 0, SEND, "no route any more"),
    ROW(SENDING, WSASend, WSAENETDOWN, 0, SEND, "the network has failed"),
    ROW(SENDING, WSASend, WSAEACCES, 0, SEND, "a firewall forbids it by now"),
    ROW(SENDING, WSASend, WSAENOBUFS, 0, SEND, "no memory"),
    ROW(SENDING, WSASend, WSAEINVAL, 0, SEND, "a provider that is lost"),

    ROW(SENDING, shutdown, WSAENOTCONN, 0, BREAK, "the connection is gone"),
    ROW(SENDING, shutdown, WSAECONNRESET, 0, BREAK, "the peer reset the connection"),
    ROW(SENDING, shutdown, WSAECONNABORTED, 0, BREAK, "the own side gave the connection up"),
    ROW(SENDING, shutdown, WSAENETDOWN, 0, BREAK, "the network has failed"),

    ROW(SENDING, closesocket, WSAENETDOWN, INVISIBLE, BREAK, "the network has failed"),
    ROW(SENDING, closesocket, WSAENOTSOCK, INVISIBLE, BREAK, "a provider has lost it"),

    ROW(POLLING,
        NtCreateIoCompletion,
        TF_NT_INSUFFICIENT_RESOURCES,
        0,
        NOTIFICATION,
        "no memory for the port"),
    ROW(POLLING, NtCreateIoCompletion, TF_NT_NO_MEMORY, 0, NOTIFICATION, "no memory"),
    ROW(POLLING, NtCreateIoCompletion, TF_NT_QUOTA_EXCEEDED, 0, NOTIFICATION, "a limit of the job"),
    ROW(POLLING, NtCreateIoCompletion, STATUS_OF_ACCESS_DENIED, 0, NOTIFICATION, "forbidden"),

    ROW(POLLING,
        NtSetInformationFile,
        TF_NT_INSUFFICIENT_RESOURCES,
        0,
        NOTIFICATION,
        "no memory for the socket's port"),
    ROW(POLLING, NtSetInformationFile, TF_NT_INVALID_PARAMETER, 0, NOTIFICATION, "it has another"),

    ROW(POLLING,
        NtDeviceIoControlFile,
        TF_NT_INSUFFICIENT_RESOURCES,
        INVISIBLE,
        BREAK,
        "no memory for the request"),
    ROW(POLLING, NtDeviceIoControlFile, TF_NT_NO_MEMORY, INVISIBLE, BREAK, "no memory"),
    ROW(POLLING,
        NtDeviceIoControlFile,
        TF_NT_QUOTA_EXCEEDED,
        INVISIBLE,
        BREAK,
        "a limit of the job"),
    ROW(POLLING,
        NtDeviceIoControlFile,
        STATUS_OF_INVALID_DEVICE_REQUEST,
        0,
        NOTIFICATION,
        "a filter that will not have it"),
    ROW(POLLING, NtDeviceIoControlFile, STATUS_OF_ACCESS_DENIED, 0, NOTIFICATION, "forbidden"),

    ROW(POLLING, NtCancelIoFileEx, TF_NT_NOT_FOUND, INVISIBLE, BREAK, "it is ending right now"),

    ROW(POLLING, NtRemoveIoCompletionEx, TF_NT_TIMEOUT, PASSES, BREAK, "a tick too early"),
    ROW(POLLING,
        NtRemoveIoCompletionEx,
        TF_NT_INSUFFICIENT_RESOURCES,
        INVISIBLE | KILLS,
        NOTIFICATION,
        "no memory for so many packets"),
    ROW(POLLING,
        NtRemoveIoCompletionEx,
        STATUS_OF_INVALID_HANDLE,
        KILLS,
        NOTIFICATION,
        "closed by somebody else"),
    ROW(POLLING,
        NtRemoveIoCompletionEx,
        STATUS_OF_ABANDONED_WAIT,
        KILLS,
        NOTIFICATION,
        "closed by somebody else while it waited"),

    ROW(POLLING,
        NtSetIoCompletion,
        TF_NT_INSUFFICIENT_RESOURCES,
        INVISIBLE,
        BREAK,
        "no memory for the packet"),

    ROW(POLLING, WSAIoctl, WSAEOPNOTSUPP, 0, NOTIFICATION, "a provider that hides the socket"),
    ROW(POLLING, WSAIoctl, WSAENOBUFS, 0, NOTIFICATION, "no memory"),
    ROW(POLLING, WSAIoctl, WSAENETDOWN, 0, NOTIFICATION, "the network has failed"),

    ROW(POLLING, CreateEventW, ERROR_NOT_ENOUGH_MEMORY, 0, NOTIFICATION, "no memory"),
    ROW(POLLING, CreateEventW, ERROR_NO_SYSTEM_RESOURCES, 0, NOTIFICATION, "a limit of handles"),

    ROW(POLLING, WaitOnAddress, 0, INVISIBLE | FAULT_IS_SAMPLED, BREAK, "it wakes for nothing"),
    ROW(POLLING, WaitOnAddress, ERROR_TIMEOUT, INVISIBLE, BREAK, "it is too early"),

    // First of its area: the names of threads are not asked for before.
    ROW(THREADS, GetModuleHandleW, ERROR_MOD_NOT_FOUND, 0, NOTIFICATION, "another system"),
    ROW(THREADS, GetProcAddress, ERROR_PROC_NOT_FOUND, 0, NOTIFICATION, "an older system"),
    ROW(THREADS, GetModuleHandleExW, ERROR_MOD_NOT_FOUND, 0, NOTIFICATION, "loaded by hand"),
    ROW(THREADS, CreateThread, ERROR_NOT_ENOUGH_MEMORY, 0, NOTIFICATION, "no memory"),
    ROW(THREADS, CreateThread, ERROR_NO_SYSTEM_RESOURCES, 0, NOTIFICATION, "a limit of the job"),
    ROW(THREADS, CreateThread, ERROR_ACCESS_DENIED, 0, NOTIFICATION, "forbidden"),

    ROW(THREADS, WSAStartup, WSASYSNOTREADY, 0, NOTIFICATION | NAME, "the network is not there"),
    ROW(THREADS, WSAStartup, WSAVERNOTSUPPORTED, 0, NOTIFICATION | NAME, "another Winsock"),
    ROW(THREADS, WSAStartup, WSAEPROCLIM, 0, NOTIFICATION | NAME, "a limit of processes"),
    ROW(THREADS, WSAStartup, WSAEINPROGRESS, 0, NOTIFICATION | NAME, "an old call is under way"),
    ROW(THREADS, WSACleanup, WSAENETDOWN, INVISIBLE, BREAK, "the network has failed"),

    ROW(THREADS, malloc, ERROR_NOT_ENOUGH_MEMORY, FAULT_IS_SAMPLED, MEMORY, "no memory"),

    ROW(THREADS, GetAddrInfoW, WSATRY_AGAIN, 0, NAME, "the name server does not answer now"),
    ROW(THREADS, GetAddrInfoW, WSANO_RECOVERY, 0, NAME, "the name server fails"),
    ROW(THREADS, GetAddrInfoW, WSAHOST_NOT_FOUND, 0, NAME, "the name is not known"),
    ROW(THREADS, GetAddrInfoW, WSANO_DATA, 0, NAME, "the name has no address"),
    ROW(THREADS, GetAddrInfoW, WSAEAFNOSUPPORT, 0, NAME, "the system has no such family"),
    ROW(THREADS, GetAddrInfoW, WSATYPE_NOT_FOUND, 0, NAME, "the system has no such service"),
    ROW(THREADS, GetAddrInfoW, WSA_NOT_ENOUGH_MEMORY, 0, NAME, "no memory"),
};

const size_t fault_row_count = sizeof fault_rows / sizeof fault_rows[0];

#define FUNCTION_NAME(name) #name,
const char *const fault_function_names[] = {FAULT_FUNCTIONS(FUNCTION_NAME)};
#undef FUNCTION_NAME

static_assert(FAULT_FUNCTION_COUNT <= FAULT_FUNCTIONS_MAX, "all functions have a place");

// There is one poller.
bool fault_function_is_of(fault_function function, const char *poller)
{
    (void)function;
    (void)poller;
    return true;
}

static const fault_function blocking[] = {FAULT_accept, FAULT_WSARecv, FAULT_WSASend};

const struct fault_turns fault_blocking = {
    .error = WSAEWOULDBLOCK,
    .function_count = sizeof blocking / sizeof blocking[0],
    .functions = blocking};
