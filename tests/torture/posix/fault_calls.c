// SPDX-License-Identifier: MIT
// The wrapped functions. The linker demands their names: __wrap_X is called for X, __real_X is X.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "torture/posix/wrapping.h"

// A function that says -1 and sets errno, and of which nothing more is to be known.
#define WRAP(name, parameters, arguments)                                                          \
    DECLARE(int, name, parameters);                                                                \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        return strikes(FAULT_##name) ? -1 : __real_##name arguments;                               \
    }

// A function of threads, which returns its error.
#define WRAP_THREAD(name, parameters, arguments)                                                   \
    DECLARE(int, name, parameters);                                                                \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        return strikes(FAULT_##name) ? errno : __real_##name arguments;                            \
    }

WRAP(bind, (int a, const struct sockaddr *b, socklen_t c), (a, b, c))
WRAP(epoll_create1, (int flags), (flags))
WRAP(epoll_ctl, (int a, int b, int c, struct epoll_event *d), (a, b, c, d))
WRAP(epoll_wait, (int a, struct epoll_event *b, int c, int d), (a, b, c, d))
WRAP(eventfd, (unsigned a, int b), (a, b))
WRAP(fchmod, (int a, mode_t b), (a, b))
WRAP(fchmodat, (int a, const char *b, mode_t c, int d), (a, b, c, d))
WRAP(flock, (int a, int b), (a, b))
WRAP(fstat, (int a, struct stat *b), (a, b))
WRAP(fstatat, (int a, const char *b, struct stat *c, int d), (a, b, c, d))
WRAP(getpeername, (int a, struct sockaddr *b, socklen_t *c), (a, b, c))
WRAP(getsockname, (int a, struct sockaddr *b, socklen_t *c), (a, b, c))
WRAP(listen, (int a, int b), (a, b))
WRAP(pipe2, (int *a, int b), (a, b))
WRAP(poll, (struct pollfd * a, nfds_t b, int c), (a, b, c))
WRAP(setsockopt, (int a, int b, int c, const void *d, socklen_t e), (a, b, c, d, e))
WRAP(shutdown, (int a, int b), (a, b))
WRAP(socket, (int a, int b, int c), (a, b, c))
WRAP(unlinkat, (int a, const char *b, int c), (a, b, c))

WRAP_THREAD(pthread_atfork, (void (*a)(void), void (*b)(void), void (*c)(void)), (a, b, c))
WRAP_THREAD(pthread_attr_init, (pthread_attr_t * a), (a))
WRAP_THREAD(pthread_mutex_init, (pthread_mutex_t * a, const pthread_mutexattr_t *b), (a, b))
WRAP_THREAD(pthread_setname_np, (pthread_t a, const char *b), (a, b))

// A descriptor is never kept from being closed: on Linux it is gone whatever close says.
DECLARE(int, close, (int descriptor));
int __wrap_close(int descriptor)
{
    int result = __real_close(descriptor);
    return strikes(FAULT_close) ? -1 : result;
}

// Afterwards: the connection that waited is gone, and its error is what accept says.
DECLARE(int, accept4, (int listener, struct sockaddr *address, socklen_t *size, int flags));
int __wrap_accept4(int listener, struct sockaddr *address, socklen_t *size, int flags)
{
    enum fault_way way = FAULT_INSTEAD;
    int error = 0;
    if (!fault_strikes(FAULT_accept4, &way, &error)) {
        return __real_accept4(listener, address, size, flags);
    }
    if (way == FAULT_AFTER) {
        int accepted = __real_accept4(listener, address, size, flags);
        if (accepted < 0) {
            return -1;
        }
        (void)__real_close(accepted);
    }
    errno = error;
    return -1;
}

// Afterwards: the connection has begun, as when a signal comes in the middle.
DECLARE(int, connect, (int descriptor, const struct sockaddr *address, socklen_t size));
int __wrap_connect(int descriptor, const struct sockaddr *address, socklen_t size)
{
    enum fault_way way = FAULT_INSTEAD;
    int error = 0;
    if (!fault_strikes(FAULT_connect, &way, &error)) {
        return __real_connect(descriptor, address, size);
    }
    if (way == FAULT_AFTER && __real_connect(descriptor, address, size) != 0 &&
        errno != EINPROGRESS) {
        return -1;
    }
    errno = error;
    return -1;
}

DECLARE(int, getsockopt, (int descriptor, int level, int option, void *value, socklen_t *size));
int __wrap_getsockopt(int descriptor, int level, int option, void *value, socklen_t *size)
{
    enum fault_way way = FAULT_INSTEAD;
    int error = 0;
    if (!fault_strikes(FAULT_getsockopt, &way, &error)) {
        return __real_getsockopt(descriptor, level, option, value, size);
    }
    if (way == FAULT_VALUE && *size == sizeof error) {
        memcpy(value, &error, sizeof error);
        return 0;
    }
    return -1;
}

DECLARE(
    int,
    getaddrinfo,
    (const char *name,
     const char *service,
     const struct addrinfo *wanted,
     struct addrinfo **found));
int __wrap_getaddrinfo(
    const char *name, const char *service, const struct addrinfo *wanted, struct addrinfo **found)
{
    enum fault_way way = FAULT_INSTEAD;
    int failure = 0;
    if (!fault_strikes(FAULT_getaddrinfo, &way, &failure)) {
        return __real_getaddrinfo(name, service, wanted, found);
    }
    errno = failure == EAI_SYSTEM ? EMFILE : 0;
    return failure;
}

DECLARE(int, openat, (int folder, const char *path, int flags, ...));
int __wrap_openat(int folder, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return strikes(FAULT_openat) ? -1 : __real_openat(folder, path, flags, mode);
}

// What is asked is a number of bytes, to be written to an int.
DECLARE(int, ioctl, (int descriptor, unsigned long request, ...));
int __wrap_ioctl(int descriptor, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    int *value = va_arg(arguments, int *);
    va_end(arguments);
    return strikes(FAULT_ioctl) ? -1 : __real_ioctl(descriptor, request, value);
}

// Of futex only the wait can fail in a way that is not our own mistake.
DECLARE(long, syscall, (long number, ...));
long __wrap_syscall(long number, ...)
{
    long values[6];
    va_list arguments;
    va_start(arguments, number);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        values[i] = va_arg(arguments, long);
    }
    va_end(arguments);
    bool is_wait = number == SYS_futex && (values[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
    if (is_wait && strikes(FAULT_syscall)) {
        return -1;
    }
    return __real_syscall(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}

DECLARE(ssize_t, read, (int descriptor, void *bytes, size_t size));
ssize_t __wrap_read(int descriptor, void *bytes, size_t size)
{
    return strikes(FAULT_read) ? -1 : __real_read(descriptor, bytes, size);
}

DECLARE(ssize_t, write, (int descriptor, const void *bytes, size_t size));
ssize_t __wrap_write(int descriptor, const void *bytes, size_t size)
{
    return strikes(FAULT_write) ? -1 : __real_write(descriptor, bytes, size);
}

static size_t cut(size_t size)
{
    size_t bytes_max = fault_bytes_max();
    return bytes_max != 0 && size > bytes_max ? bytes_max : size;
}

DECLARE(ssize_t, recv, (int descriptor, void *bytes, size_t size, int flags));
ssize_t __wrap_recv(int descriptor, void *bytes, size_t size, int flags)
{
    return strikes(FAULT_recv) ? -1 : __real_recv(descriptor, bytes, cut(size), flags);
}

DECLARE(ssize_t, send, (int descriptor, const void *bytes, size_t size, int flags));
ssize_t __wrap_send(int descriptor, const void *bytes, size_t size, int flags)
{
    return strikes(FAULT_send) ? -1 : __real_send(descriptor, bytes, cut(size), flags);
}

#define VECTORS_MAX 64

// Copies the vectors, as many of their bytes as one call may move.
static struct msghdr cut_message(const struct msghdr *message, struct iovec *vectors)
{
    struct msghdr cut_message = *message;
    size_t bytes_max = fault_bytes_max();
    if (bytes_max == 0) {
        return cut_message;
    }
    cut_message.msg_iov = vectors;
    cut_message.msg_iovlen = 0;
    for (size_t i = 0; i < message->msg_iovlen && i < VECTORS_MAX && bytes_max > 0; i++) {
        struct iovec *vector = &vectors[cut_message.msg_iovlen++];
        *vector = message->msg_iov[i];
        vector->iov_len = vector->iov_len < bytes_max ? vector->iov_len : bytes_max;
        bytes_max -= vector->iov_len;
    }
    return cut_message;
}

DECLARE(ssize_t, recvmsg, (int descriptor, struct msghdr *message, int flags));
ssize_t __wrap_recvmsg(int descriptor, struct msghdr *message, int flags)
{
    struct iovec vectors[VECTORS_MAX];
    struct msghdr some = cut_message(message, vectors);
    return strikes(FAULT_recvmsg) ? -1 : __real_recvmsg(descriptor, &some, flags);
}

DECLARE(ssize_t, sendmsg, (int descriptor, const struct msghdr *message, int flags));
ssize_t __wrap_sendmsg(int descriptor, const struct msghdr *message, int flags)
{
    struct iovec vectors[VECTORS_MAX];
    struct msghdr some = cut_message(message, vectors);
    return strikes(FAULT_sendmsg) ? -1 : __real_sendmsg(descriptor, &some, flags);
}
