// SPDX-License-Identifier: MIT
// The functions that stand before those of the C library.
#include "contract/failing_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "contract/failing_plan.h"

// Declares the C library's function and puts ours before it.
#define INTERPOSE(type, name, failure, parameters, arguments)                                      \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return plan_strikes(#name, &errno) ? (failure) : __real_##name arguments;                  \
    }

INTERPOSE(int, socket, -1, (int family, int type, int protocol), (family, type, protocol))
INTERPOSE(int, bind, -1, (int fd, const struct sockaddr *name, socklen_t size), (fd, name, size))
INTERPOSE(int, listen, -1, (int fd, int backlog), (fd, backlog))
INTERPOSE(int, connect, -1, (int fd, const struct sockaddr *name, socklen_t size), (fd, name, size))
INTERPOSE(
    int,
    accept4,
    -1,
    (int fd, struct sockaddr *name, socklen_t *size, int flags),
    (fd, name, size, flags))
INTERPOSE(
    int,
    setsockopt,
    -1,
    (int fd, int level, int option, const void *value, socklen_t size),
    (fd, level, option, value, size))
INTERPOSE(
    int,
    getsockopt,
    -1,
    (int fd, int level, int option, void *value, socklen_t *size),
    (fd, level, option, value, size))
INTERPOSE(int, getsockname, -1, (int fd, struct sockaddr *name, socklen_t *size), (fd, name, size))
INTERPOSE(ssize_t, recv, -1, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))
INTERPOSE(
    ssize_t, send, -1, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
INTERPOSE(int, epoll_create1, -1, (int flags), (flags))
INTERPOSE(
    int,
    epoll_ctl,
    -1,
    (int set, int operation, int fd, struct epoll_event *event),
    (set, operation, fd, event))
INTERPOSE(
    int,
    epoll_wait,
    -1,
    (int set, struct epoll_event *events, int count, int timeout),
    (set, events, count, timeout))
INTERPOSE(int, eventfd, -1, (unsigned count, int flags), (count, flags))
INTERPOSE(int, pipe2, -1, (int ends[2], int flags), (ends, flags))
INTERPOSE(
    int, poll, -1, (struct pollfd * entries, nfds_t count, int timeout), (entries, count, timeout))
INTERPOSE(ssize_t, read, -1, (int fd, void *data, size_t size), (fd, data, size))
INTERPOSE(ssize_t, write, -1, (int fd, const void *data, size_t size), (fd, data, size))
INTERPOSE(int, flock, -1, (int fd, int operation), (fd, operation))
INTERPOSE(int, fstat, -1, (int fd, struct stat *file), (fd, file))
INTERPOSE(
    int,
    fstatat,
    -1,
    (int folder, const char *path, struct stat *file, int flags),
    (folder, path, file, flags))
INTERPOSE(
    int, fchmodat, -1, (int fd, const char *path, mode_t mode, int flags), (fd, path, mode, flags))
INTERPOSE(void *, malloc, NULL, (size_t size), (size))
INTERPOSE(
    int,
    pthread_create,
    errno,
    (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context),
    (thread, attributes, run, context))
INTERPOSE(
    int,
    pthread_atfork,
    errno,
    (void (*before)(void), void (*parent)(void), void (*child)(void)),
    (before, parent, child))

uint32_t open_descriptors(void)
{
    uint32_t count = 0;
    for (int i = 0; i < 200; i++) {
        count += fcntl(i, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}
