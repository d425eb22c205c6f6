// SPDX-License-Identifier: MIT
// The table follows the manual pages of Linux and, where they say more, of POSIX and the BSDs, and the
// kernel's habits. Left out is what only our own mistakes can bring about (EBADF, EFAULT, ENOTSOCK, EINVAL
// of most calls), since TF_ASSERT is for those, with the exception of the poller's own wait: there
// somebody else in the process may have closed the descriptor.
#include "torture/fault_rows.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "torture/posix/fault_functions.h"

// The probe of a path that is to be replaced connects too.
#define CONNECT_PATH (CONNECT | BIT(TOFU_UDS_PATH_NOT_FOUND))
// A listener that cannot be watched, or whose engine is lost, goes, and its path too.
#define UNWATCHED (NOTIFICATION | BIT(TOFU_UDS_PATH_NOT_FOUND))
#define DEATH     UNWATCHED

const struct fault_row fault_rows[] = {
    ROW(OPENING, socket, EMFILE, 0, LISTEN | CONNECT, "the process has no descriptor left"),
    ROW(OPENING, socket, ENFILE, 0, LISTEN | CONNECT, "the system has no descriptor left"),
    ROW(OPENING, socket, ENOBUFS, 0, LISTEN | CONNECT, "no memory for the socket"),
    ROW(OPENING, socket, ENOMEM, 0, LISTEN | CONNECT, "no memory for the socket"),
    ROW(OPENING, socket, EACCES, 0, LISTEN | CONNECT, "forbidden by a security module"),
    ROW(OPENING, socket, EPERM, 0, LISTEN | CONNECT, "forbidden by a filter"),
    ROW(OPENING, socket, EAFNOSUPPORT, 0, LISTEN | CONNECT, "a kernel without the family"),
    ROW(OPENING, socket, EPROTONOSUPPORT, 0, LISTEN | CONNECT, "a kernel without the protocol"),

    ROW(OPENING, bind, EADDRINUSE, 0, LISTEN, "somebody else listens there"),
    ROW(OPENING, bind, EADDRNOTAVAIL, 0, LISTEN, "the address is not of this machine"),
    ROW(OPENING, bind, EACCES, 0, LISTEN, "a low port, or a directory we may not write to"),
    ROW(OPENING, bind, EPERM, 0, LISTEN, "forbidden by a security module"),
    ROW(OPENING, bind, EINVAL, 0, LISTEN, "the family is there, the address's kind is not"),
    ROW(OPENING, bind, EAFNOSUPPORT, 0, LISTEN, "a kernel without the family"),
    ROW(OPENING, bind, ENOENT, 0, LISTEN, "the directory is gone"),
    ROW(OPENING, bind, ENOTDIR, 0, LISTEN, "a file is in the directory's place"),
    ROW(OPENING, bind, ELOOP, 0, LISTEN, "links in a circle"),
    ROW(OPENING, bind, ENAMETOOLONG, 0, LISTEN, "a file system with shorter names"),
    ROW(OPENING, bind, EROFS, 0, LISTEN, "a file system that is read only"),
    ROW(OPENING, bind, ENOSPC, 0, LISTEN, "a file system that is full"),
    ROW(OPENING, bind, EIO, 0, LISTEN, "a disk that is broken"),
    ROW(OPENING, bind, ENOMEM, 0, LISTEN, "no memory"),

    ROW(OPENING, listen, EADDRINUSE, 0, LISTEN, "another socket with SO_REUSEADDR was faster"),
    ROW(OPENING, listen, EOPNOTSUPP, 0, LISTEN, "a socket type that cannot, in some sandboxes"),
    ROW(OPENING, listen, EACCES, 0, LISTEN, "forbidden by a security module"),
    ROW(OPENING, listen, ENOBUFS, 0, LISTEN, "no memory for the backlog"),
    ROW(OPENING, listen, ENOMEM, 0, LISTEN, "no memory for the backlog"),

    ROW(ACCEPTING, accept4, EAGAIN, PASSES, BREAK, "the peer left, or another process took it"),
    ROW(ACCEPTING, accept4, EINTR, INVISIBLE, ACCEPT, "a signal"),
    ROW(ACCEPTING, accept4, ECONNABORTED, INVISIBLE, ACCEPT, "the peer left while it waited"),
    ROW(ACCEPTING,
        accept4,
        EPROTO,
        INVISIBLE,
        ACCEPT,
        "the peer left while it waited, older kernels"),
    ROW(ACCEPTING, accept4, EPERM, INVISIBLE, ACCEPT, "a firewall forbids this peer"),
    ROW(ACCEPTING, accept4, ENETDOWN, INVISIBLE, ACCEPT, "the new socket's network error"),
    ROW(ACCEPTING, accept4, ENETUNREACH, INVISIBLE, ACCEPT, "the new socket's network error"),
    ROW(ACCEPTING, accept4, EHOSTDOWN, INVISIBLE, ACCEPT, "the new socket's network error"),
    ROW(ACCEPTING, accept4, EHOSTUNREACH, INVISIBLE, ACCEPT, "the new socket's network error"),
    ROW(ACCEPTING, accept4, ENOPROTOOPT, INVISIBLE, ACCEPT, "the new socket's network error"),
    ROW(ACCEPTING, accept4, EOPNOTSUPP, INVISIBLE, ACCEPT, "the new socket's network error"),
    ROW(ACCEPTING, accept4, ETIMEDOUT, INVISIBLE, ACCEPT, "the new socket's network error"),
    ROW(ACCEPTING, accept4, ENONET, 0, ACCEPT, "the new socket's network error, Linux only"),
    ROW(ACCEPTING, accept4, EMFILE, 0, ACCEPT, "the process has no descriptor left"),
    ROW(ACCEPTING, accept4, ENFILE, 0, ACCEPT, "the system has no descriptor left"),
    ROW(ACCEPTING, accept4, ENOBUFS, 0, ACCEPT, "no memory for the socket"),
    ROW(ACCEPTING, accept4, ENOMEM, 0, ACCEPT, "no memory for the socket"),
    ROW(ACCEPTING, accept4, EINVAL, 0, ACCEPT, "the listener was shut down from outside"),
    ROW_AFTER(ACCEPTING, accept4, ECONNABORTED, 0, ACCEPT, "the peer is gone with its error"),
    ROW_AFTER(ACCEPTING, accept4, ETIMEDOUT, 0, ACCEPT, "the peer is gone with its error"),

    ROW(OPENING, connect, ECONNREFUSED, 0, CONNECT, "nobody listens there"),
    ROW(OPENING, connect, ETIMEDOUT, 0, CONNECT, "nobody answers"),
    ROW(OPENING, connect, ENETUNREACH, 0, CONNECT, "no route"),
    ROW(OPENING, connect, EHOSTUNREACH, 0, CONNECT, "no route to the host"),
    ROW(OPENING, connect, ENETDOWN, 0, CONNECT, "the interface is down"),
    ROW(OPENING, connect, EADDRNOTAVAIL, 0, CONNECT, "no local port left"),
    ROW(OPENING, connect, EADDRINUSE, 0, CONNECT, "no local port left"),
    ROW(OPENING, connect, EAGAIN, 0, CONNECT, "a Unix backlog that is full; no local port left"),
    ROW(OPENING, connect, EACCES, 0, CONNECT, "a path we may not write to, or a broadcast address"),
    ROW(OPENING, connect, EPERM, 0, CONNECT, "a firewall forbids it"),
    ROW(OPENING, connect, EAFNOSUPPORT, 0, CONNECT, "an address of another family"),
    ROW(OPENING, connect, EPROTOTYPE, 0, CONNECT, "a Unix socket of another type"),
    ROW(OPENING, connect, ENOENT, 0, CONNECT_PATH, "the path is not there"),
    ROW(OPENING, connect, ENOTDIR, 0, CONNECT_PATH, "a file is in the directory's place"),
    ROW(OPENING, connect, ELOOP, 0, CONNECT, "links in a circle"),
    ROW(OPENING, connect, ECONNRESET, 0, CONNECT, "the peer was gone at once"),
    ROW(OPENING, connect, EINVAL, 0, CONNECT, "an address that makes no sense to the protocol"),
    ROW(OPENING, connect, ENOBUFS, 0, CONNECT, "no memory"),
    ROW(OPENING, connect, ENOMEM, 0, CONNECT, "no memory"),
    ROW(OPENING, connect, EINTR, PASSES, BREAK, "a signal before anything was done"),
    ROW_AFTER(OPENING, connect, EINTR, PASSES, BREAK, "a signal while the connection begins"),
    ROW_AFTER(OPENING, connect, EALREADY, 0, CONNECT, "a second try while the first goes on"),

    ROW(OPENING, getsockopt, ENOBUFS, 0, CONNECT, "no memory"),
    ROW(OPENING, getsockopt, ENOMEM, 0, CONNECT, "no memory"),
    ROW(OPENING, getsockopt, EINVAL, 0, CONNECT, "a socket that was shut down, on BSDs"),
    ROW_VALUE(OPENING, getsockopt, ECONNREFUSED, 0, CONNECT, "nobody listens there"),
    ROW_VALUE(OPENING, getsockopt, ETIMEDOUT, 0, CONNECT, "nobody answers"),
    ROW_VALUE(OPENING, getsockopt, ENETUNREACH, 0, CONNECT, "no route"),
    ROW_VALUE(OPENING, getsockopt, EHOSTUNREACH, 0, CONNECT, "no route to the host"),
    ROW_VALUE(OPENING, getsockopt, ECONNRESET, 0, CONNECT, "the peer was gone at once"),

    ROW(OPENING, getpeername, ENOTCONN, INVISIBLE, CONNECT, "readiness was reported for nothing"),
    ROW(OPENING, getpeername, ENOBUFS, 0, CONNECT, "no memory"),
    ROW(OPENING, getpeername, EINVAL, 0, CONNECT, "a socket that was reset, on BSDs"),

    ROW(OPENING, getsockname, ENOBUFS, 0, LISTEN, "no memory"),
    ROW(OPENING, getsockname, EINVAL, 0, LISTEN, "a socket that was reset, on BSDs"),

    ROW(OPENING, setsockopt, ENOBUFS, 0, OPTION, "no memory"),
    ROW(OPENING, setsockopt, ENOMEM, 0, OPTION, "no memory"),
    ROW(OPENING, setsockopt, ENOPROTOOPT, 0, OPTION, "a kernel without the option"),
    ROW(OPENING, setsockopt, EINVAL, 0, OPTION, "a socket that was reset, on BSDs"),
    ROW(OPENING, setsockopt, EPERM, 0, OPTION, "forbidden by a security module"),

    ROW(RECEIVING, recv, EAGAIN, PASSES, BREAK, "readiness was reported for nothing"),
    ROW(RECEIVING, recv, EINTR, PASSES, BREAK, "a signal"),
    ROW(RECEIVING, recv, ECONNRESET, 0, BREAK, "the peer reset the connection"),
    ROW(RECEIVING, recv, EPIPE, 0, BREAK, "the connection is gone"),
    ROW(RECEIVING, recv, ETIMEDOUT, 0, RECEIVE, "keep-alive found the peer gone"),
    ROW(RECEIVING, recv, ECONNREFUSED, 0, RECEIVE, "the peer's host refuses it by now"),
    ROW(RECEIVING, recv, EHOSTUNREACH, 0, RECEIVE, "keep-alive found no route"),
    ROW(RECEIVING, recv, ENETUNREACH, 0, RECEIVE, "keep-alive found no route"),
    ROW(RECEIVING, recv, ENOTCONN, 0, RECEIVE, "the connection is gone, on BSDs"),
    ROW(RECEIVING, recv, ENOMEM, 0, RECEIVE, "no memory"),
    ROW(RECEIVING, recv, ENOBUFS, 0, RECEIVE, "no memory"),
    ROW(RECEIVING, recv, EACCES, 0, RECEIVE, "forbidden by a security module by now"),

    ROW(RECEIVING, recvmsg, EAGAIN, PASSES, BREAK, "readiness was reported for nothing"),
    ROW(RECEIVING, recvmsg, EINTR, PASSES, BREAK, "a signal"),
    ROW(RECEIVING, recvmsg, ECONNRESET, 0, BREAK, "the peer reset the connection"),
    ROW(RECEIVING, recvmsg, EPIPE, 0, BREAK, "the connection is gone"),
    ROW(RECEIVING, recvmsg, ETIMEDOUT, 0, RECEIVE, "keep-alive found the peer gone"),
    ROW(RECEIVING, recvmsg, EHOSTUNREACH, 0, RECEIVE, "keep-alive found no route"),
    ROW(RECEIVING, recvmsg, ENOTCONN, 0, RECEIVE, "the connection is gone, on BSDs"),
    ROW(RECEIVING, recvmsg, ENOMEM, 0, RECEIVE, "no memory"),
    ROW(RECEIVING, recvmsg, ENOBUFS, 0, RECEIVE, "no memory"),
    ROW(RECEIVING, recvmsg, EACCES, 0, RECEIVE, "forbidden by a security module by now"),

    ROW(SENDING, send, EAGAIN, PASSES, BREAK, "the peer reads slowly"),
    ROW(SENDING, send, EINTR, PASSES, BREAK, "a signal"),
    ROW(SENDING, send, EPIPE, 0, BREAK, "the peer reads no more"),
    ROW(SENDING, send, ECONNRESET, 0, BREAK, "the peer reset the connection"),
    ROW(SENDING, send, ETIMEDOUT, 0, SEND, "the peer is gone"),
    ROW(SENDING, send, EHOSTUNREACH, 0, SEND, "no route any more"),
    ROW(SENDING, send, ENETUNREACH, 0, SEND, "no route any more"),
    ROW(SENDING, send, ENETDOWN, 0, SEND, "the interface is down"),
    ROW(SENDING, send, ENOTCONN, 0, SEND, "the connection is gone, on BSDs"),
    ROW(SENDING, send, EPERM, 0, SEND, "a firewall forbids it by now"),
    ROW(SENDING, send, EACCES, 0, SEND, "forbidden by a security module by now"),
    ROW(SENDING, send, ENOBUFS, 0, SEND, "the interface's queue is full"),
    ROW(SENDING, send, ENOMEM, 0, SEND, "no memory"),

    ROW(SENDING, sendmsg, EAGAIN, PASSES, BREAK, "the peer reads slowly"),
    ROW(SENDING, sendmsg, EINTR, PASSES, BREAK, "a signal"),
    ROW(SENDING, sendmsg, EPIPE, 0, BREAK, "the peer reads no more"),
    ROW(SENDING, sendmsg, ECONNRESET, 0, BREAK, "the peer reset the connection"),
    ROW(SENDING, sendmsg, ETIMEDOUT, 0, SEND, "the peer is gone"),
    ROW(SENDING, sendmsg, EHOSTUNREACH, 0, SEND, "no route any more"),
    ROW(SENDING, sendmsg, ENETUNREACH, 0, SEND, "no route any more"),
    ROW(SENDING, sendmsg, ENETDOWN, 0, SEND, "the interface is down"),
    ROW(SENDING, sendmsg, ENOTCONN, 0, SEND, "the connection is gone, on BSDs"),
    ROW(SENDING, sendmsg, EMSGSIZE, 0, SEND, "too many pieces for this system"),
    ROW(SENDING, sendmsg, EPERM, 0, SEND, "a firewall forbids it by now"),
    ROW(SENDING, sendmsg, EACCES, 0, SEND, "forbidden by a security module by now"),
    ROW(SENDING, sendmsg, ENOBUFS, 0, SEND, "the interface's queue is full"),
    ROW(SENDING, sendmsg, ENOMEM, 0, SEND, "no memory"),

    ROW(SENDING, shutdown, ENOTCONN, 0, BREAK, "the connection is gone"),
    ROW(SENDING, shutdown, ENOBUFS, 0, BREAK, "no memory, on BSDs"),

    ROW(SENDING, ioctl, ENOTTY, INVISIBLE, BREAK, "a sandbox without the question"),
    ROW(SENDING, ioctl, EINVAL, INVISIBLE, BREAK, "a kernel without the question"),
    ROW(SENDING, ioctl, EPERM, INVISIBLE, BREAK, "forbidden by a filter"),

    ROW(SENDING, close, EINTR, INVISIBLE, BREAK, "a signal; the descriptor is gone all the same"),
    ROW(SENDING, close, EIO, INVISIBLE, BREAK, "a disk that is broken, under the lock file"),
    ROW(SENDING, close, ENOSPC, INVISIBLE, BREAK, "a full network file system, likewise"),
    ROW(SENDING, close, EDQUOT, INVISIBLE, BREAK, "a full network file system, likewise"),
    ROW(SENDING, close, ECONNRESET, INVISIBLE, BREAK, "the peer reset the connection, on BSDs"),

    ROW(POLLING, epoll_create1, EMFILE, 0, NOTIFICATION, "the process has no descriptor left"),
    ROW(POLLING, epoll_create1, ENFILE, 0, NOTIFICATION, "the system has no descriptor left"),
    ROW(POLLING, epoll_create1, ENOMEM, 0, NOTIFICATION, "no memory"),

    ROW(POLLING, epoll_ctl, ENOMEM, 0, UNWATCHED | MEMORY, "no memory"),
    ROW(POLLING, epoll_ctl, ENOSPC, 0, UNWATCHED, "the user's limit of watches"),
    ROW(POLLING, epoll_ctl, EPERM, 0, UNWATCHED, "forbidden by a filter"),

    ROW(POLLING, epoll_wait, EINTR, PASSES, BREAK, "a signal"),
    ROW(POLLING, epoll_wait, EBADF, FAULT_KILLS_ENGINE, DEATH, "closed by somebody else"),
    ROW(POLLING, epoll_wait, EINVAL, FAULT_KILLS_ENGINE, DEATH, "its number is another file's"),

    ROW(POLLING, poll, EINTR, PASSES, BREAK, "a signal"),
    ROW(POLLING, poll, ENOMEM, INVISIBLE | FAULT_KILLS_ENGINE, DEATH, "no memory"),
    ROW(POLLING, poll, EAGAIN, INVISIBLE | FAULT_KILLS_ENGINE, DEATH, "no memory, on others"),
    ROW(POLLING, poll, EINVAL, FAULT_KILLS_ENGINE, DEATH, "more entries than RLIMIT_NOFILE by now"),

    ROW(POLLING, eventfd, EMFILE, 0, NOTIFICATION, "the process has no descriptor left"),
    ROW(POLLING, eventfd, ENFILE, 0, NOTIFICATION, "the system has no descriptor left"),
    ROW(POLLING, eventfd, ENOMEM, 0, NOTIFICATION, "no memory"),
    ROW(POLLING, eventfd, ENODEV, 0, NOTIFICATION, "the kernel's anonymous inodes are not there"),

    ROW(POLLING, pipe2, EMFILE, 0, NOTIFICATION, "the process has no descriptor left"),
    ROW(POLLING, pipe2, ENFILE, 0, NOTIFICATION, "the system has no descriptor left"),

    ROW(POLLING, read, EINTR, PASSES, BREAK, "a signal"),
    ROW(POLLING,
        read,
        EAGAIN,
        PASSES | FAULT_SPARES_LEVELS,
        BREAK,
        "the wake-up was taken already"),

    ROW(POLLING, write, EINTR, PASSES, BREAK, "a signal"),
    ROW(POLLING,
        write,
        EAGAIN,
        PASSES | FAULT_SPARES_LEVELS,
        BREAK,
        "the wake-ups before were not taken"),

    ROW(POLLING, syscall, EINTR, INVISIBLE, BREAK, "a signal ends the futex wait"),
    ROW(POLLING, syscall, EAGAIN, INVISIBLE, BREAK, "the futex's word was changed just before"),

    // First of its area: it is asked once in the life of a process.
    ROW(THREADS, pthread_atfork, ENOMEM, INVISIBLE, BREAK, "no memory"),
    ROW(THREADS, pthread_attr_init, ENOMEM, 0, NOTIFICATION, "no memory"),
    ROW(THREADS, pthread_create, EAGAIN, 0, NOTIFICATION, "no memory, or a limit of threads"),
    ROW(THREADS, pthread_create, EPERM, 0, NOTIFICATION, "forbidden by a filter"),
    ROW(THREADS, pthread_mutex_init, ENOMEM, 0, MEMORY, "no memory"),
    ROW(THREADS, pthread_mutex_init, EAGAIN, 0, MEMORY, "no other resources"),
    ROW(THREADS, pthread_setname_np, ERANGE, INVISIBLE, BREAK, "a system with shorter names"),
    ROW(THREADS, pthread_setname_np, EPERM, INVISIBLE, BREAK, "forbidden by a filter"),

    ROW(THREADS, malloc, ENOMEM, 0, MEMORY, "no memory"),

    ROW(THREADS, getaddrinfo, EAI_AGAIN, 0, NAME, "the name server does not answer now"),
    ROW(THREADS, getaddrinfo, EAI_FAIL, 0, NAME, "the name server fails"),
    ROW(THREADS, getaddrinfo, EAI_NONAME, 0, NAME, "the name is not known"),
    ROW(THREADS, getaddrinfo, EAI_NODATA, 0, NAME, "the name has no address"),
    ROW(THREADS, getaddrinfo, EAI_ADDRFAMILY, 0, NAME, "the name has no address of such a family"),
    ROW(THREADS, getaddrinfo, EAI_FAMILY, 0, NAME, "the system has no such family"),
    ROW(THREADS, getaddrinfo, EAI_SERVICE, 0, NAME, "the system has no such service"),
    ROW(THREADS, getaddrinfo, EAI_MEMORY, 0, NAME, "no memory"),
    ROW(THREADS, getaddrinfo, EAI_OVERFLOW, 0, NAME, "an answer that is too long"),
    ROW(THREADS, getaddrinfo, EAI_SYSTEM, 0, NAME, "the resolver has no descriptor left"),

    ROW(PATHS, openat, EACCES, 0, LISTEN, "a directory we may not write to"),
    ROW(PATHS, openat, EPERM, 0, LISTEN, "forbidden by a security module"),
    ROW(PATHS, openat, EMFILE, 0, LISTEN, "the process has no descriptor left"),
    ROW(PATHS, openat, ENFILE, 0, LISTEN, "the system has no descriptor left"),
    ROW(PATHS, openat, ENOENT, 0, LISTEN, "the directory is gone"),
    ROW(PATHS, openat, ENOTDIR, 0, LISTEN, "a file is in the directory's place"),
    ROW(PATHS, openat, EISDIR, 0, LISTEN, "a directory is in the lock's place"),
    ROW(PATHS, openat, ELOOP, 0, LISTEN, "a link is in the lock's place"),
    ROW(PATHS, openat, ENAMETOOLONG, 0, LISTEN, "the lock's name is too long here"),
    ROW(PATHS, openat, ENXIO, 0, LISTEN, "a socket or a pipe is in the lock's place"),
    ROW(PATHS, openat, EROFS, 0, LISTEN, "a file system that is read only"),
    ROW(PATHS, openat, ENOSPC, 0, LISTEN, "a file system that is full"),
    ROW(PATHS, openat, EDQUOT, 0, LISTEN, "the user's part of it is full"),
    ROW(PATHS, openat, EIO, 0, LISTEN, "a disk that is broken"),
    ROW(PATHS, openat, ENOMEM, 0, LISTEN, "no memory"),
    ROW(PATHS, openat, EINTR, PASSES, BREAK, "a signal"),

    ROW(PATHS, flock, EWOULDBLOCK, 0, LISTEN, "another starter is at it"),
    ROW(PATHS, flock, EINTR, PASSES, BREAK, "a signal"),
    ROW(PATHS, flock, ENOLCK, 0, LISTEN, "no memory for locks"),
    ROW(PATHS, flock, EOPNOTSUPP, 0, LISTEN, "a file system without locks"),
    ROW(PATHS, flock, EIO, 0, LISTEN, "a network file system that is gone"),

    ROW(PATHS, fstat, EIO, 0, LISTEN, "a disk that is broken"),
    ROW(PATHS, fstat, ENOMEM, 0, LISTEN, "no memory"),
    ROW(PATHS, fstat, EOVERFLOW, 0, LISTEN, "a file larger than this program can say"),

    ROW(PATHS, fstatat, ENOENT, 0, LISTEN, "somebody removed it"),
    ROW(PATHS, fstatat, EACCES, 0, LISTEN, "a directory we may not look into by now"),
    ROW(PATHS, fstatat, ENOTDIR, 0, LISTEN, "a file is in the directory's place by now"),
    ROW(PATHS, fstatat, ELOOP, 0, LISTEN, "links in a circle by now"),
    ROW(PATHS, fstatat, EIO, 0, LISTEN, "a disk that is broken"),
    ROW(PATHS, fstatat, ENOMEM, 0, LISTEN, "no memory"),

    ROW(PATHS, unlinkat, ENOENT, 0, LISTEN, "somebody removed it"),
    ROW(PATHS, unlinkat, EACCES, 0, LISTEN, "a directory we may not write to by now"),
    ROW(PATHS, unlinkat, EPERM, 0, LISTEN, "a directory whose files belong to their owners"),
    ROW(PATHS, unlinkat, EBUSY, 0, LISTEN, "somebody mounted something on it"),
    ROW(PATHS, unlinkat, EROFS, 0, LISTEN, "a file system that is read only by now"),
    ROW(PATHS, unlinkat, EIO, 0, LISTEN, "a disk that is broken"),
    ROW(PATHS, unlinkat, ENOMEM, 0, LISTEN, "no memory"),

    ROW(PATHS, fchmod, EINVAL, INVISIBLE, BREAK, "sockets have no mode, on BSDs"),
    ROW(PATHS, fchmod, EPERM, INVISIBLE, BREAK, "forbidden by a security module"),
    ROW(PATHS, fchmod, EROFS, INVISIBLE, BREAK, "a file system that is read only"),
    ROW(PATHS, fchmod, EIO, INVISIBLE, BREAK, "a disk that is broken"),

    ROW(PATHS, fchmodat, EPERM, 0, LISTEN, "the path is another user's by now"),
    ROW(PATHS, fchmodat, ENOENT, 0, LISTEN, "somebody removed it"),
    ROW(PATHS, fchmodat, EROFS, 0, LISTEN, "a file system that is read only"),
    ROW(PATHS, fchmodat, EOPNOTSUPP, 0, LISTEN, "a link in its place, or no /proc"),
    ROW(PATHS, fchmodat, EMFILE, 0, LISTEN, "the C library needs a descriptor for it"),
    ROW(PATHS, fchmodat, EIO, 0, LISTEN, "a disk that is broken"),
};

const size_t fault_row_count = sizeof fault_rows / sizeof fault_rows[0];

#define FUNCTION_NAME(name) #name,
const char *const fault_function_names[] = {FAULT_FUNCTIONS(FUNCTION_NAME)};
#undef FUNCTION_NAME

static_assert(FAULT_FUNCTION_COUNT <= FAULT_FUNCTIONS_MAX, "all functions have a place");

bool fault_function_is_of(fault_function function, const char *poller)
{
    bool is_poll = poller != NULL && strcmp(poller, "poll") == 0;
    switch (function) {
    case FAULT_epoll_create1:
    case FAULT_epoll_ctl:
    case FAULT_epoll_wait:
        return !is_poll;
    case FAULT_pipe2:
    case FAULT_poll:
        return is_poll;
    default:
        return true;
    }
}

static const fault_function blocking[] = {
    FAULT_accept4, FAULT_recv, FAULT_recvmsg, FAULT_send, FAULT_sendmsg};

const struct fault_turns fault_blocking = {
    .error = EAGAIN, .function_count = sizeof blocking / sizeof blocking[0], .functions = blocking};
