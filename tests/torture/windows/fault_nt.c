// SPDX-License-Identifier: MIT
// The functions of NT: the library looks them up into a table, in which ours are put in their place.
#include "torture/fault_layer.h"
#include "torture/windows/fault_functions.h"

#include "os/windows/nt.h"

// Those of the system, the same for every engine.
static struct tf_nt real;

static bool refuses(fault_function function, tf_nt_status *status_out)
{
    enum fault_way way = FAULT_INSTEAD;
    int error = 0;
    bool is_struck = fault_strikes(function, &way, &error);
    *status_out = error;
    return is_struck;
}

static tf_nt_status create_port(
    tf_nt_handle *port_out, uint32_t access, void *attributes, uint32_t thread_count)
{
    tf_nt_status status = 0;
    return refuses(FAULT_NtCreateIoCompletion, &status)
               ? status
               : real.NtCreateIoCompletion(port_out, access, attributes, thread_count);
}

static tf_nt_status set_completion(
    tf_nt_handle port, void *key, void *context, tf_nt_status result, uintptr_t information)
{
    tf_nt_status status = 0;
    return refuses(FAULT_NtSetIoCompletion, &status)
               ? status
               : real.NtSetIoCompletion(port, key, context, result, information);
}

// A wait that failed may have written to its count.
static tf_nt_status remove_completions(
    tf_nt_handle port,
    struct tf_nt_packet *packets,
    uint32_t capacity,
    uint32_t *count_out,
    int64_t *timeout,
    uint8_t is_alertable)
{
    tf_nt_status status = 0;
    if (refuses(FAULT_NtRemoveIoCompletionEx, &status)) {
        *count_out = 1;
        return status;
    }
    return real.NtRemoveIoCompletionEx(port, packets, capacity, count_out, timeout, is_alertable);
}

static tf_nt_status control(
    tf_nt_handle file,
    tf_nt_handle event,
    void *apc,
    void *context,
    struct tf_nt_io_status *io_status,
    uint32_t code,
    void *input,
    uint32_t input_size,
    void *output,
    uint32_t output_size)
{
    tf_nt_status status = 0;
    return refuses(FAULT_NtDeviceIoControlFile, &status) ? status
                                                         : real.NtDeviceIoControlFile(
                                                               file,
                                                               event,
                                                               apc,
                                                               context,
                                                               io_status,
                                                               code,
                                                               input,
                                                               input_size,
                                                               output,
                                                               output_size);
}

// Whatever it says, it has been asked: it only looks for the request.
static tf_nt_status cancel(
    tf_nt_handle file, struct tf_nt_io_status *request, struct tf_nt_io_status *io_status)
{
    tf_nt_status status = 0;
    tf_nt_status answer = real.NtCancelIoFileEx(file, request, io_status);
    return refuses(FAULT_NtCancelIoFileEx, &status) ? status : answer;
}

static tf_nt_status set_information(
    tf_nt_handle file,
    struct tf_nt_io_status *io_status,
    void *information,
    uint32_t size,
    uint32_t class)
{
    tf_nt_status status = 0;
    return refuses(FAULT_NtSetInformationFile, &status)
               ? status
               : real.NtSetInformationFile(file, io_status, information, size, class);
}

const char *__real_tf_nt_open(struct tf_nt *nt);
const char *__wrap_tf_nt_open(struct tf_nt *nt);
const char *__wrap_tf_nt_open(struct tf_nt *nt)
{
    const char *missing = __real_tf_nt_open(nt);
    if (missing != NULL) {
        return missing;
    }
    real = *nt;
    nt->NtCreateIoCompletion = create_port;
    nt->NtSetIoCompletion = set_completion;
    nt->NtRemoveIoCompletionEx = remove_completions;
    nt->NtDeviceIoControlFile = control;
    nt->NtCancelIoFileEx = cancel;
    nt->NtSetInformationFile = set_information;
    return NULL;
}
