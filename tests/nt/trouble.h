// SPDX-License-Identifier: MIT
// The poller of Windows over the kernel of kernel.h, in a world that a test sets: who is ready, what there is
// no memory for, what a call answers. Nothing is drawn. Sockets are numbers from 1.
//
// The linker sends tf_nt_open to __wrap_tf_nt_open, which changes the kernel's table for a test. Include
// cmocka.h before.
#ifndef TF_NT_TROUBLE_H
#define TF_NT_TROUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nt/kernel.h"
#include "os/poller.h"

#define SOCKETS_MAX 1200

// Blocks of a slab of the poller's: who frees one and takes so many has it again.
#define TROUBLE_SLAB_BLOCKS 64

struct trouble_system {
    uint64_t now_ns;
    uint64_t call_count;
    size_t allocated_bytes;
    uint32_t fails_in; ///< so many allocations of the poller from now, the last one fails; 0: none
    bool is_short;     ///< no memory for requests and ports
    bool
        wakes_in_vain; ///< the next time that somebody sleeps, another thread wakes, but there is no memory
    bool keeps_back; ///< the kernel never finishes what it put off
    bool puts_off;   ///< and puts off everything
    uint32_t ready[SOCKETS_MAX];
    int base_errors[SOCKETS_MAX]; ///< what SIO_BASE_HANDLE answers
    int poll_error;               ///< what SIO_BSP_HANDLE_POLL answers
    uintptr_t below[SOCKETS_MAX]; ///< the socket below, for SIO_BSP_HANDLE_POLL
    tf_nt_handle files[SOCKETS_MAX];
    const char *missing;      ///< a function that this system has not got
    tf_nt_status wait_status; ///< what NtRemoveIoCompletionEx answers, unless 0
    tf_nt_status create_status;
    tf_nt_status taken_status;   ///< what a request that is taken is answered, unless 0
    bool has_room_for_one;       ///< and for no more packets in one call
    tf_nt_status request_status; ///< what a request is refused with, or ends with, unless 0
};

struct trouble_fixture {
    struct tf_poller poller;
    struct tofu_allocator allocator;
    uint32_t watch_count;
};

extern struct trouble_system trouble_system;
extern struct trouble_fixture trouble_fixture;

/// A test's set-up and tear-down: the latter fails if memory was not freed, or if the test left watches behind,
/// as one that failed does.
int trouble_set_up(void **state);
int trouble_tear_down(void **state);

/// A case of a test between the two.
#define TROUBLE_CASE(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, trouble_set_up, trouble_tear_down)

/// Opens the poller of the fixture.
enum tofu_status trouble_open(bool lsp_fallback);

/// Opens a socket. Returns a watch for it, whose token is the number.
struct tf_watch trouble_socket(uintptr_t number, bool is_overlapped);

enum tofu_status trouble_watch(struct tf_watch *watch, uint8_t interest);
void trouble_forget(struct tf_watch *watch);

/// Waits, which must succeed. Returns the number of events.
uint32_t trouble_wait(uint64_t timeout_ns, struct tf_poll_event *events, uint32_t capacity);

/// Ends a socket's request, which must be there, with an error.
void trouble_end_request(uintptr_t number, tf_nt_status status);

/// Expects that a socket cannot be watched, and that the poller's detail has these words.
void trouble_expect_refused(struct tf_watch *watched, const char *words);

/// Frees memory of the poller, which must not be the kernel's.
void trouble_release(void *context, void *memory, size_t size);

/// Another thread wakes, and there is no memory for it.
void trouble_wake_in_vain(void);

#endif
