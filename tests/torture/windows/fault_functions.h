// SPDX-License-Identifier: MIT
// Every function of the system that src/os calls and that can fail, but for those of Unix sockets alone. The
// build reads this list too: each name is wrapped by the linker, or put into the table of NT's functions,
// and check_imports.cmake holds the list against the objects of src/os.
#ifndef TORTURE_WINDOWS_FAULT_FUNCTIONS_H
#define TORTURE_WINDOWS_FAULT_FUNCTIONS_H

#define FAULT_FUNCTIONS(X)                                                                         \
    X(CreateEventW)                                                                                \
    X(CreateThread)                                                                                \
    X(GetAddrInfoW)                                                                                \
    X(GetModuleHandleExW)                                                                          \
    X(GetModuleHandleW)                                                                            \
    X(GetProcAddress)                                                                              \
    X(NtCancelIoFileEx)                                                                            \
    X(NtCreateIoCompletion)                                                                        \
    X(NtDeviceIoControlFile)                                                                       \
    X(NtRemoveIoCompletionEx)                                                                      \
    X(NtSetInformationFile)                                                                        \
    X(NtSetIoCompletion)                                                                           \
    X(SetHandleInformation)                                                                        \
    X(WSACleanup)                                                                                  \
    X(WSAIoctl)                                                                                    \
    X(WSAPoll)                                                                                     \
    X(WSARecv)                                                                                     \
    X(WSASend)                                                                                     \
    X(WSASocketW)                                                                                  \
    X(WSAStartup)                                                                                  \
    X(WaitOnAddress)                                                                               \
    X(accept)                                                                                      \
    X(bind)                                                                                        \
    X(closesocket)                                                                                 \
    X(connect)                                                                                     \
    X(getpeername)                                                                                 \
    X(getsockname)                                                                                 \
    X(getsockopt)                                                                                  \
    X(ioctlsocket)                                                                                 \
    X(listen)                                                                                      \
    X(malloc)                                                                                      \
    X(setsockopt)                                                                                  \
    X(shutdown)

#define FAULT_ENUMERATOR(name) FAULT_##name,
enum { FAULT_FUNCTIONS(FAULT_ENUMERATOR) FAULT_FUNCTION_COUNT };
#undef FAULT_ENUMERATOR

#endif
