// SPDX-License-Identifier: MIT
// A lookup is GetAddrInfoW, on a thread of its own.
//
// The thread may outlive the engine, so it has its own hold on Winsock and on the module whose code it
// runs.
#include "os/lookup.h"

#include <string.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include "base/alloc.h"
#include "os/endpoint.h"
#include "os/error.h"
#include "os/network.h"
#include "os/windows/text.h"
#include "os/windows/thread_name.h"

// Copies the endpoints in the order in which the system prefers them.
static void endpoints_add(
    struct tf_resolution *resolution, const struct addrinfoW *found, uint16_t port)
{
    for (const struct addrinfoW *entry = found; entry != NULL; entry = entry->ai_next) {
        if (resolution->endpoint_count == TF_ENDPOINTS_MAX) {
            break;
        }
        if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) {
            continue;
        }
        struct tf_endpoint *endpoint = &resolution->endpoints[resolution->endpoint_count];
        tf_endpoint_set(endpoint, entry->ai_addr, entry->ai_addrlen);
        tf_endpoint_set_port(endpoint, port);
        resolution->endpoint_count++;
    }
}

static int endpoints_find(const struct tofu_address *address, struct tf_resolution *resolution)
{
    wchar_t host[TOFU_HOST_BYTES_MAX + 1];
    if (!tf_text_to_wide(address->host, host, TOFU_HOST_BYTES_MAX + 1)) {
        return WSAHOST_NOT_FOUND;
    }
    struct addrinfoW wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfoW *found = NULL;
    int error = GetAddrInfoW(host, NULL, &wanted, &found);
    if (error != 0) {
        return error;
    }
    endpoints_add(resolution, found, address->port);
    FreeAddrInfoW(found);
    return resolution->endpoint_count > 0 ? 0 : WSAHOST_NOT_FOUND;
}

void tf_lookup(const struct tofu_address *address, struct tf_resolution *resolution_out)
{
    memset(resolution_out, 0, sizeof *resolution_out);
    int error = WSANOTINITIALISED;
    if (tf_network_open() == TOFU_OK) {
        error = endpoints_find(address, resolution_out);
        tf_network_close();
    }
    if (error != 0) {
        resolution_out->status = TOFU_INVALID_ADDRESS;
        tf_error_text(error, resolution_out->detail, sizeof resolution_out->detail);
    }
}

/// What a new thread is to run: it frees this.
struct start {
    void (*run)(void *context);
    void *context;
    HMODULE module; ///< ours, so that it stays while the thread runs in it
};

static DWORD WINAPI thread_run(void *argument)
{
    struct tofu_allocator allocator = tf_allocator_or_default((struct tofu_allocator){0});
    struct start start = *(struct start *)argument;
    tf_free(&allocator, argument, sizeof start);
    tf_thread_name_self("tofu-resolver");
    start.run(start.context);
    FreeLibraryAndExitThread(start.module, 0);
}

// The thread's hold on our code is taken before it is there, and let go of by it, or here if it never is.
static bool thread_start(struct start *start)
{
    DWORD flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    const wchar_t *address = NULL;
    DWORD(WINAPI * run)(void *) = thread_run;
    memcpy(&address, &run, sizeof address);
    if (GetModuleHandleExW(flags, address, &start->module) == 0) {
        return false;
    }
    HMODULE module = start->module;
    HANDLE thread = CreateThread(NULL, 0, thread_run, start, 0, NULL);
    if (thread == NULL) {
        (void)FreeLibrary(module);
        return false;
    }
    (void)CloseHandle(thread);
    return true;
}

enum tofu_status tf_lookup_thread_start(void (*run)(void *context), void *context)
{
    struct tofu_allocator allocator = tf_allocator_or_default((struct tofu_allocator){0});
    struct start *start = tf_alloc(&allocator, sizeof *start);
    if (start == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    *start = (struct start){.run = run, .context = context};
    if (!thread_start(start)) {
        tf_free(&allocator, start, sizeof *start);
        return TOFU_NOTIFICATION_FAILED;
    }
    return TOFU_OK;
}
