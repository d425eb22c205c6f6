// SPDX-License-Identifier: MIT
// Every function of the system that src/os calls and that can fail. The build reads this list too: each
// name is wrapped by the linker, and check_imports.cmake holds the list against the objects of src/os.
#ifndef TORTURE_POSIX_FAULT_FUNCTIONS_H
#define TORTURE_POSIX_FAULT_FUNCTIONS_H

#define FAULT_FUNCTIONS(X)                                                                         \
    X(accept4)                                                                                     \
    X(bind)                                                                                        \
    X(close)                                                                                       \
    X(connect)                                                                                     \
    X(epoll_create1)                                                                               \
    X(epoll_ctl)                                                                                   \
    X(epoll_wait)                                                                                  \
    X(eventfd)                                                                                     \
    X(fchmod)                                                                                      \
    X(fchmodat)                                                                                    \
    X(flock)                                                                                       \
    X(fstat)                                                                                       \
    X(fstatat)                                                                                     \
    X(getaddrinfo)                                                                                 \
    X(getpeername)                                                                                 \
    X(getsockname)                                                                                 \
    X(getsockopt)                                                                                  \
    X(ioctl)                                                                                       \
    X(listen)                                                                                      \
    X(malloc)                                                                                      \
    X(openat)                                                                                      \
    X(pipe2)                                                                                       \
    X(poll)                                                                                        \
    X(pthread_atfork)                                                                              \
    X(pthread_attr_init)                                                                           \
    X(pthread_create)                                                                              \
    X(pthread_mutex_init)                                                                          \
    X(pthread_setname_np)                                                                          \
    X(read)                                                                                        \
    X(recv)                                                                                        \
    X(recvmsg)                                                                                     \
    X(send)                                                                                        \
    X(sendmsg)                                                                                     \
    X(setsockopt)                                                                                  \
    X(shutdown)                                                                                    \
    X(socket)                                                                                      \
    X(syscall)                                                                                     \
    X(unlinkat)                                                                                    \
    X(write)

#define FAULT_ENUMERATOR(name) FAULT_##name,
enum { FAULT_FUNCTIONS(FAULT_ENUMERATOR) FAULT_FUNCTION_COUNT };
#undef FAULT_ENUMERATOR

#endif
