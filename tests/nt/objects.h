// SPDX-License-Identifier: MIT
// The kernel's objects, shared by kernel.c, request.c and calls.c.
#ifndef TF_NT_OBJECTS_H
#define TF_NT_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "nt/kernel.h"

enum nt_request_state {
    NT_WAITING, ///< for the socket
    NT_ENDING,  ///< the result is fixed, the packet is not there yet
    NT_QUEUED   ///< the packet is in its port, unless that was closed
};

/// The file of a socket.
struct nt_file {
    uintptr_t socket; ///< the world's
    bool is_overlapped;
    uint32_t handle_count;
    uint32_t request_count;
    struct tf_list requests;
    struct nt_port *port; ///< NULL: none yet
    void *key;
    void *context;        ///< of the last request; NULL: none yet
    void *failed_context; ///< of the last one that failed for good; NULL: none yet
    bool has_failed;      ///< and none was accepted since
};

// Sockets that are gone and remembered.
#define NT_GONE_MAX 256

struct nt_port {
    struct tf_list link;
    uintptr_t number;
    bool is_open;
    uint32_t file_count;  ///< files that have it
    uint64_t posts_taken; ///< packets of NtSetIoCompletion that were taken
    struct tf_list packets;
    void *gone_contexts[NT_GONE_MAX]; ///< of the last requests on sockets that are gone, a ring
    uint64_t gone_count;              ///< ever
};

/// What a handle value stands for: a file, a port, or neither.
struct nt_handle {
    struct nt_file *file;
    struct nt_port *port;
};

/// A packet: of a request, or of NtSetIoCompletion.
struct nt_queued {
    struct tf_list link;
    void *key;
    struct nt_request *request; ///< NULL: posted
    void *context;              ///< of a posted one
    tf_nt_status status;
    uintptr_t information;
};

struct nt_request {
    struct tf_list file_link;
    struct tf_list put_off_link;
    struct nt_file *file;
    enum nt_request_state state;
    void *context;
    uint32_t mask;
    bool was_cancelled; ///< and told so, but it has not ended
    bool is_deaf;       ///< another request on the socket got what this one waited for
    tf_nt_status status;
    uint32_t events;
    struct nt_queued packet;

    uint32_t place;                    ///< in the list of what the kernel owns
    struct tf_nt_io_status *io_status; ///< the caller's, ours for now
    struct tf_nt_poll *poll;
    struct tf_nt_io_status io_status_given; ///< as they were
    struct tf_nt_poll poll_given;
};

/// Memory of a caller's that is the kernel's while its request is under way. Apart from the request, and one
/// beside the other, because each piece of memory that comes or goes is compared with all of it.
struct nt_loan {
    struct nt_request *request;
    const struct tf_nt_io_status *io_status;
    const struct tf_nt_poll *poll;
};

struct nt_kernel {
    struct nt_handle *handles;
    uint32_t handle_capacity;
    uint32_t handle_lowest; ///< none below is free
    uint64_t port_count;    ///< opened ever
    struct tf_list ports;   ///< open now
    struct nt_loan *loans;  ///< one per request under way
    uint32_t loan_count;
    uint32_t loan_capacity;
    struct tf_list put_off;
    uint32_t put_off_count;
    struct nt_counts counts;
};

extern struct nt_kernel nt_kernel;

/// Memory of the kernel itself, zero; never NULL.
void *nt_allocate(size_t size);
/// Gives an array of twice the capacity with the same begin, and frees the old one.
void *nt_grow(void *array, uint32_t *capacity, size_t size);

// Handles and files (kernel.c).
tf_nt_handle nt_port_open(void);
/// Gives what the value stands for, or NULL.
struct nt_handle *nt_handle_find(tf_nt_handle value);
/// Frees what nobody needs any more.
void nt_file_release(struct nt_file *file);
void nt_port_release(struct nt_port *port);
void nt_port_push(struct nt_port *port, struct nt_queued *packet);

// Requests (request.c).
/// Takes over the caller's memory; the poll has been checked.
struct nt_request *nt_request_begin(
    struct nt_file *file,
    void *context,
    struct tf_nt_io_status *io_status,
    struct tf_nt_poll *poll);
/// Gives the file's request with this status block, or NULL.
struct nt_request *nt_request_find(
    const struct nt_file *file, const struct tf_nt_io_status *io_status);
/// A request that is refused, or ends, for good.
void nt_file_fail(struct nt_file *file, void *context);
/// Returns what a cancel answers.
tf_nt_status nt_request_cancel(struct nt_request *request);
/// Fixes the result.
void nt_request_end(struct nt_request *request, tf_nt_status status, uint32_t events);
/// Writes the result into the caller's memory, gives that back, and frees the request.
void nt_request_finish(struct nt_request *request, struct tf_nt_packet *packet_out);
/// Looks whether requests on the file have what they wait for.
void nt_file_look(struct nt_file *file);

#endif
