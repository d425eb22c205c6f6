// SPDX-License-Identifier: MIT
// Registered I/O (Windows 8 and later): a proactor whose requests and completions pass through
// memory shared with the kernel, with buffers registered beforehand. One completion queue serves
// all connections; the completion port is told when it is no longer empty.
#include "port.h"

#include <stdlib.h>

const DWORD way_socket_flags = WSA_FLAG_REGISTERED_IO | WSA_FLAG_OVERLAPPED;

#define GET_MULTIPLE_FUNCTIONS 0xC8000024 // SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER
#define RIO_CORRUPT            0xFFFFFFFF
#define RIO_NO_BUFFER          ((void *)(ULONG_PTR)0xFFFFFFFF)
#define KEY_COMPLETIONS        ((ULONG_PTR)-2)

enum { NOTIFY_BY_PORT = 2 };

struct rio_buffer {
    void *id;
    ULONG offset;
    ULONG byte_count;
};

struct rio_result {
    LONG status;
    ULONG byte_count;
    ULONGLONG socket_context;
    ULONGLONG request_context;
};

struct rio_notification {
    int type;
    struct {
        HANDLE port;
        void *key;
        void *overlapped;
    } port;
};

typedef BOOL(WINAPI *rio_transfer)(
    void *requests, struct rio_buffer *buffer, ULONG buffer_count, DWORD flags, void *context);
typedef void *(WINAPI *rio_create_completions)(DWORD size, struct rio_notification *notification);
typedef void(WINAPI *rio_close_completions)(void *completions);
typedef void *(WINAPI *rio_create_requests)(
    SOCKET socket,
    ULONG receive_max,
    ULONG receive_buffer_max,
    ULONG send_max,
    ULONG send_buffer_max,
    void *receive_completions,
    void *send_completions,
    void *socket_context);
typedef ULONG(WINAPI *rio_dequeue)(void *completions, struct rio_result *results, ULONG count);
typedef void *(WINAPI *rio_register_buffer)(char *bytes, DWORD byte_count);
typedef void(WINAPI *rio_deregister_buffer)(void *id);
typedef int(WINAPI *rio_notify)(void *completions);

/// RIO_EXTENSION_FUNCTION_TABLE; functions that are not called here are pointers to nothing known.
struct rio {
    DWORD bytes;
    rio_transfer receive;
    void *receive_ex;
    rio_transfer send;
    void *send_ex;
    rio_close_completions close_completions;
    rio_create_completions create_completions;
    rio_create_requests create_requests;
    rio_dequeue dequeue;
    rio_deregister_buffer deregister_buffer;
    rio_notify notify;
    rio_register_buffer register_buffer;
    void *resize_completions;
    void *resize_requests;
};

struct connection {
    void *requests;
    bool is_sending;
};

static struct {
    struct rio rio;
    HANDLE port;
    OVERLAPPED notified; // the port wants one; nobody looks at it
    void *completions;
    void *buffer;
    char *bytes; // LAB_BUFFER_BYTES for each connection
    struct connection *connections;
} way;

void way_probe(void)
{
    GUID id = {0x8509e081, 0x96dd, 0x4005, {0xb1, 0x65, 0x9e, 0x2e, 0xe8, 0xc7, 0x9e, 0x3f}};
    SOCKET probe = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, way_socket_flags);
    if (probe == INVALID_SOCKET) {
        lab_not_here("socket for registered I/O", (unsigned long)WSAGetLastError());
    }
    DWORD bytes = 0;
    way.rio.bytes = sizeof way.rio;
    if (WSAIoctl(
            probe,
            GET_MULTIPLE_FUNCTIONS,
            &id,
            sizeof id,
            &way.rio,
            sizeof way.rio,
            &bytes,
            NULL,
            NULL) != 0) {
        lab_not_here("function of registered I/O", (unsigned long)WSAGetLastError());
    }
    closesocket(probe);
}

static void transfer(uint32_t index, bool is_sending, ULONG byte_count)
{
    struct connection *connection = &way.connections[index];
    struct rio_buffer buffer = {
        .id = way.buffer, .offset = index * LAB_BUFFER_BYTES, .byte_count = byte_count};
    connection->is_sending = is_sending;
    rio_transfer start = is_sending ? way.rio.send : way.rio.receive;
    if (!start(connection->requests, &buffer, 1, 0, NULL)) {
        lab_fail("RIOSend, RIOReceive", (unsigned long)WSAGetLastError());
    }
}

static void ask_to_be_told(void)
{
    int code = way.rio.notify(way.completions);
    if (code != 0) {
        lab_fail("RIONotify", (unsigned long)code);
    }
}

static void open_queue(uint32_t connection_count)
{
    struct rio_notification notification = {
        .type = NOTIFY_BY_PORT,
        .port = {.port = way.port, .key = (void *)KEY_COMPLETIONS, .overlapped = &way.notified}};
    // A connection may have a receive and a send in its queues, though it has one at a time.
    way.completions = way.rio.create_completions(2 * connection_count, &notification);
    if (way.completions == NULL) {
        lab_fail("RIOCreateCompletionQueue", (unsigned long)WSAGetLastError());
    }
    way.bytes = lab_alloc(connection_count, LAB_BUFFER_BYTES);
    way.buffer = way.rio.register_buffer(way.bytes, connection_count * LAB_BUFFER_BYTES);
    if (way.buffer == RIO_NO_BUFFER) {
        lab_fail("RIORegisterBuffer", (unsigned long)WSAGetLastError());
    }
}

void way_open(struct lab *lab)
{
    way.port = port_open();
    open_queue(lab->count);
    way.connections = lab_alloc(lab->count, sizeof *way.connections);
    for (uint32_t index = 0; index < lab->count; index++) {
        way.connections[index].requests = way.rio.create_requests(
            lab->sockets[index],
            1,
            1,
            1,
            1,
            way.completions,
            way.completions,
            (void *)(ULONG_PTR)index);
        if (way.connections[index].requests == NULL) {
            lab_fail("RIOCreateRequestQueue", (unsigned long)WSAGetLastError());
        }
        transfer(index, false, LAB_BUFFER_BYTES);
    }
    ask_to_be_told();
}

static void complete(struct lab *lab, const struct rio_result *result)
{
    uint32_t index = (uint32_t)result->socket_context;
    if (result->status != 0) {
        lab_fail("a completed request", (unsigned long)result->status);
    }
    if (way.connections[index].is_sending) {
        lab->byte_count += result->byte_count;
        transfer(index, false, LAB_BUFFER_BYTES);
    } else if (result->byte_count == 0) {
        lab_end(lab, index);
    } else {
        transfer(index, true, result->byte_count);
    }
}

static void complete_all(struct lab *lab)
{
    struct rio_result results[LAB_BATCH];
    ULONG count = LAB_BATCH;
    while (count == LAB_BATCH) {
        count = way.rio.dequeue(way.completions, results, LAB_BATCH);
        if (count == RIO_CORRUPT) {
            lab_fail("RIODequeueCompletion", count);
        }
        for (ULONG at = 0; at < count; at++) {
            complete(lab, &results[at]);
        }
    }
    if (lab->open_count > 0) {
        ask_to_be_told();
    }
}

bool way_turn(struct lab *lab)
{
    struct port_batch batch;
    port_wait(way.port, &batch);
    bool is_woken = false;
    for (ULONG at = 0; at < batch.count; at++) {
        if (batch.entries[at].lpCompletionKey == PORT_KEY_WAKE) {
            is_woken = true;
        } else {
            complete_all(lab);
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
    // A registered request ends with its socket and not before.
    (void)lab;
    (void)index;
    return false;
}

void way_close(void)
{
    way.rio.close_completions(way.completions);
    way.rio.deregister_buffer(way.buffer);
    free(way.bytes);
    free(way.connections);
    CloseHandle(way.port);
}
