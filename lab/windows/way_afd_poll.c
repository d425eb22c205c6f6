// SPDX-License-Identifier: MIT
// AFD_POLL on the socket itself, the yardstick: one request per socket is with the kernel and comes
// back through the completion port once the socket is readable; then the socket is read and the
// request made again. No handle beside the port, no thread beside the server's.
#include "nt.h"
#include "port.h"

#include <mswsock.h>
#include <stdlib.h>

const DWORD way_socket_flags = WSA_FLAG_OVERLAPPED;

/// One socket's request. The kernel writes into it until its packet has been taken.
struct request {
    IO_STATUS_BLOCK io;
    struct afd_poll poll;
    HANDLE base;
};

static struct {
    HANDLE port;
    struct request *requests;
    nt_device_io_control_file control;
    nt_cancel_io_file_ex cancel;
} way;

void way_probe(void)
{
    lab_find("ntdll.dll", "NtDeviceIoControlFile", &way.control);
    lab_find("ntdll.dll", "NtCancelIoFileEx", &way.cancel);
}

static void arm(struct request *request)
{
    request->io = (IO_STATUS_BLOCK){0};
    request->poll = (struct afd_poll){
        .timeout.QuadPart = INT64_MAX,
        .handle_count = 1,
        .handle = request->base,
        .events = AFD_RECEIVE | AFD_DISCONNECT | AFD_ABORT,
    };
    NTSTATUS status = way.control(
        request->base,
        NULL,
        NULL,
        request,
        &request->io,
        AFD_IOCTL_POLL,
        &request->poll,
        sizeof request->poll,
        &request->poll,
        sizeof request->poll);
    if (status != 0 && status != NT_PENDING) {
        lab_fail("NtDeviceIoControlFile, AFD_POLL", (unsigned long)status);
    }
}

void way_open(struct lab *lab)
{
    way.port = port_open();
    way.requests = lab_alloc(lab->count, sizeof *way.requests);
    for (uint32_t index = 0; index < lab->count; index++) {
        struct request *request = &way.requests[index];
        DWORD bytes = 0;
        if (WSAIoctl(
                lab->sockets[index],
                SIO_BASE_HANDLE,
                NULL,
                0,
                &request->base,
                sizeof request->base,
                &bytes,
                NULL,
                NULL) != 0) {
            lab_fail("SIO_BASE_HANDLE", (unsigned long)WSAGetLastError());
        }
        port_add(way.port, request->base, index);
        arm(request);
    }
}

bool way_turn(struct lab *lab)
{
    struct port_batch batch;
    port_wait(way.port, &batch);
    bool is_woken = false;
    for (ULONG at = 0; at < batch.count; at++) {
        ULONG_PTR key = batch.entries[at].lpCompletionKey;
        if (key == PORT_KEY_WAKE) {
            is_woken = true;
        } else if (lab_echo(lab, (uint32_t)key)) {
            arm(&way.requests[key]);
        }
    }
    return is_woken;
}

void way_wake(void)
{
    port_post(way.port, PORT_KEY_WAKE);
}

bool way_rearm(struct lab *lab, uint32_t index)
{
    (void)lab;
    struct request *request = &way.requests[index];
    IO_STATUS_BLOCK io = {0};
    NTSTATUS status = way.cancel(request->base, &request->io, &io);
    if (status != 0) {
        lab_fail("NtCancelIoFileEx", (unsigned long)status);
    }
    port_wait_for(way.port, index);
    arm(request);
    return true;
}

void way_close(void)
{
    free(way.requests);
    CloseHandle(way.port);
}
