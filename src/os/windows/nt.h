// SPDX-License-Identifier: MIT
// The calls of Windows NT that the poller makes, as one table, and the layouts that they take.
//
// Nothing of this needs a system header, and that is the point: the poller compiles wherever there are
// 64 bits, and runs over whatever fills the table. tf_nt_open() comes from nt.c on Windows and from a
// deterministic kernel of the tests elsewhere.
#ifndef TF_OS_WINDOWS_NT_H
#define TF_OS_WINDOWS_NT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void *tf_nt_handle;
typedef int32_t tf_nt_status;

// What these calls answer. Zero alone is "done": TIMEOUT and its kind count as success in NT's own sense.
#define TF_NT_SUCCESS                ((tf_nt_status)0)
#define TF_NT_USER_APC               ((tf_nt_status)0x000000C0)
#define TF_NT_ALERTED                ((tf_nt_status)0x00000101)
#define TF_NT_TIMEOUT                ((tf_nt_status)0x00000102)
#define TF_NT_PENDING                ((tf_nt_status)0x00000103)
#define TF_NT_PAGEFILE_QUOTA         ((tf_nt_status)0xC0000007)
#define TF_NT_INVALID_PARAMETER      ((tf_nt_status)0xC000000D)
#define TF_NT_NO_MEMORY              ((tf_nt_status)0xC0000017)
#define TF_NT_QUOTA_EXCEEDED         ((tf_nt_status)0xC0000044)
#define TF_NT_INSUFFICIENT_RESOURCES ((tf_nt_status)0xC000009A)
#define TF_NT_WORKING_SET_QUOTA      ((tf_nt_status)0xC00000A1)
#define TF_NT_CANCELLED              ((tf_nt_status)0xC0000120)
#define TF_NT_COMMITMENT_LIMIT       ((tf_nt_status)0xC000012D)
#define TF_NT_NOT_FOUND              ((tf_nt_status)0xC0000225)

/// Says whether a call refused: then there is no request, and no packet will come. Success, information and
/// warning all mean that one will.
static inline bool tf_nt_is_refusal(tf_nt_status status)
{
    return (uint32_t)status >= UINT32_C(0xC0000000);
}

/// Says whether a refusal is for want of memory or of a quota of it: then the same call may work later.
static inline bool tf_nt_is_shortage(tf_nt_status status)
{
    return status == TF_NT_INSUFFICIENT_RESOURCES || status == TF_NT_NO_MEMORY ||
           status == TF_NT_QUOTA_EXCEEDED || status == TF_NT_PAGEFILE_QUOTA ||
           status == TF_NT_WORKING_SET_QUOTA || status == TF_NT_COMMITMENT_LIMIT;
}

/// IO_STATUS_BLOCK: how a request ended.
struct tf_nt_io_status {
    union {
        tf_nt_status status;
        void *pointer;
    };
    uintptr_t information;
};

/// AFD_POLL_HANDLE_INFO: what is asked of one socket, and what holds.
struct tf_nt_poll_handle {
    tf_nt_handle handle;
    uint32_t events; ///< TF_AFD_*, or-ed
    tf_nt_status status;
};

/// AFD_POLL_INFO with its one entry: given with the request, overwritten by its end.
struct tf_nt_poll {
    int64_t timeout; ///< INT64_MAX: none
    uint32_t handle_count;
    uint32_t exclusive;
    struct tf_nt_poll_handle handles[1];
};

/// FILE_IO_COMPLETION_INFORMATION: a packet taken from a completion port.
struct tf_nt_packet {
    void *key;
    void *context;
    struct tf_nt_io_status io_status;
};

/// FILE_COMPLETION_INFORMATION: the port that gets a file's packets, and their key.
struct tf_nt_completion {
    tf_nt_handle port;
    void *key;
};

static_assert(sizeof(void *) == 8, "the layouts are those of 64 bits");
static_assert(sizeof(struct tf_nt_io_status) == 16, "IO_STATUS_BLOCK");
static_assert(sizeof(struct tf_nt_poll_handle) == 16, "AFD_POLL_HANDLE_INFO");
static_assert(sizeof(struct tf_nt_poll) == 32, "AFD_POLL_INFO");
static_assert(offsetof(struct tf_nt_poll, handle_count) == 8, "AFD_POLL_INFO");
static_assert(offsetof(struct tf_nt_poll, handles) == 16, "AFD_POLL_INFO");
static_assert(sizeof(struct tf_nt_packet) == 32, "FILE_IO_COMPLETION_INFORMATION");
static_assert(sizeof(struct tf_nt_completion) == 16, "FILE_COMPLETION_INFORMATION");

#define TF_NT_IOCTL_AFD_POLL              UINT32_C(0x00012024)
#define TF_NT_FILE_COMPLETION_INFORMATION 30
#define TF_NT_IO_COMPLETION_ALL_ACCESS    UINT32_C(0x001F0003)

enum tf_afd_event {
    TF_AFD_RECEIVE = 0x1,
    TF_AFD_RECEIVE_EXPEDITED = 0x2,
    TF_AFD_SEND = 0x4,
    TF_AFD_DISCONNECT = 0x8,
    TF_AFD_ABORT = 0x10,
    TF_AFD_LOCAL_CLOSE = 0x20,
    TF_AFD_CONNECT = 0x40,
    TF_AFD_ACCEPT = 0x80,
    TF_AFD_CONNECT_FAIL = 0x100
};

// Winsock's questions for the socket below the providers that stand before the system's own.
#define TF_NT_SIO_BASE_HANDLE     UINT32_C(0x48000022)
#define TF_NT_SIO_BSP_HANDLE_POLL UINT32_C(0x4800001D)

/// Longest name of a provider, NUL included.
#define TF_NT_PROVIDER_BYTES_MAX 128

/// The functions, under their own names. NT's ULONG is uint32_t, its LARGE_INTEGER int64_t, its BOOLEAN
/// uint8_t.
struct tf_nt {
    tf_nt_status (*NtCreateIoCompletion)(
        tf_nt_handle *port_out, uint32_t access, void *attributes, uint32_t thread_count);

    tf_nt_status (*NtSetIoCompletion)(
        tf_nt_handle port, void *key, void *context, tf_nt_status status, uintptr_t information);

    tf_nt_status (*NtRemoveIoCompletionEx)(
        tf_nt_handle port,
        struct tf_nt_packet *packets,
        uint32_t capacity,
        uint32_t *count_out,
        int64_t *timeout,
        uint8_t is_alertable);

    tf_nt_status (*NtDeviceIoControlFile)(
        tf_nt_handle file,
        tf_nt_handle event,
        void *apc,
        void *context,
        struct tf_nt_io_status *io_status,
        uint32_t code,
        void *input,
        uint32_t input_size,
        void *output,
        uint32_t output_size);

    tf_nt_status (*NtCancelIoFileEx)(
        tf_nt_handle file, struct tf_nt_io_status *request, struct tf_nt_io_status *io_status);

    tf_nt_status (*NtSetInformationFile)(
        tf_nt_handle file,
        struct tf_nt_io_status *io_status,
        void *information,
        uint32_t size,
        uint32_t class);

    tf_nt_status (*NtClose)(tf_nt_handle handle);

    /// Asks Winsock for the socket below `socket`. Returns 0, or Winsock's error.
    int (*base_of)(tf_nt_handle socket, uint32_t question, tf_nt_handle *base_out);

    /// Writes the name of the socket's provider in printable ASCII, "" if it is not to be had.
    void (*provider_of)(tf_nt_handle socket, char name[TF_NT_PROVIDER_BYTES_MAX]);
};

/// Fills the table. Returns NULL, or the name of a function that this system has not got. Threads: any.
const char *tf_nt_open(struct tf_nt *nt);

#endif
