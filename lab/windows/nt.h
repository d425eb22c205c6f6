// SPDX-License-Identifier: MIT
// The NT functions the lab calls, looked up in ntdll when the program runs.
#ifndef NT_H
#define NT_H

#include "lab.h"

#include <winternl.h>

enum {
    NT_PENDING = 0x103,
    AFD_IOCTL_POLL = 0x00012024,
    AFD_RECEIVE = 0x001,
    AFD_DISCONNECT = 0x008,
    AFD_ABORT = 0x010
};

/// The request and the answer of an AFD_POLL on one socket; its layout is the kernel's.
struct afd_poll {
    LARGE_INTEGER timeout;
    ULONG handle_count;
    ULONG exclusive;
    HANDLE handle;
    ULONG events;
    NTSTATUS status;
};
_Static_assert(sizeof(struct afd_poll) == 32, "as on x86_64");

typedef NTSTATUS(NTAPI *nt_device_io_control_file)(
    HANDLE file,
    HANDLE event,
    void *apc,
    void *apc_context,
    IO_STATUS_BLOCK *io,
    ULONG code,
    void *input,
    ULONG input_bytes,
    void *output,
    ULONG output_bytes);
typedef NTSTATUS(NTAPI *nt_cancel_io_file_ex)(
    HANDLE file, IO_STATUS_BLOCK *request, IO_STATUS_BLOCK *io);
typedef NTSTATUS(NTAPI *nt_create_wait_completion_packet)(
    HANDLE *packet_out, ACCESS_MASK access, void *attributes);
typedef NTSTATUS(NTAPI *nt_associate_wait_completion_packet)(
    HANDLE packet,
    HANDLE port,
    HANDLE target,
    void *key,
    void *apc_context,
    NTSTATUS status,
    ULONG_PTR information,
    BOOLEAN *is_signalled_out);
typedef NTSTATUS(NTAPI *nt_cancel_wait_completion_packet)(HANDLE packet, BOOLEAN remove_signalled);

#endif
