// SPDX-License-Identifier: MIT
// A query is a thread of its own in GetAddrInfoW.
//
// GetAddrInfoW may block for minutes and cannot be stopped. So the query holds copies of all that its
// thread touches, and is freed by the second of the two that let go of it: the asker, or the thread when
// it has its answer. Its memory is not the engine's, since it may outlive the engine; for the same
// reason the thread has its own hold on Winsock and on the module whose code it runs.
#include "os/resolver.h"

#include <string.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "os/error.h"
#include "os/network.h"
#include "os/thread.h"
#include "os/windows/endpoint.h"
#include "os/windows/text.h"
#include "os/windows/thread_name.h"

struct tf_query {
    struct tf_mutex lock;
    struct tofu_allocator allocator;
    struct tofu_address address;
    HMODULE module;     ///< ours, so that it stays while the thread runs in it
    tf_query_done done; ///< under the lock, as all below; NULL once the asker has let go
    void *context;
    bool has_ended; ///< the resolution is there and does not change any more
    struct tf_resolution resolution;
};

static void query_free(struct tf_query *query)
{
    struct tofu_allocator allocator = query->allocator;
    tf_mutex_close(&query->lock);
    tf_free(&allocator, query, sizeof *query);
}

static void endpoint_add(
    struct tf_resolution *resolution, const struct addrinfoW *entry, uint16_t port)
{
    struct sockaddr_storage address;
    TF_ASSERT(entry->ai_addrlen <= sizeof address);
    memset(&address, 0, sizeof address);
    memcpy(&address, entry->ai_addr, entry->ai_addrlen);
    if (entry->ai_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)&address)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)(void *)&address)->sin_port = htons(port);
    }
    tf_endpoint_set(
        &resolution->endpoints[resolution->endpoint_count], &address, entry->ai_addrlen);
    resolution->endpoint_count++;
}

// Copies the endpoints in the order in which the system prefers them.
static void endpoints_add(
    struct tf_resolution *resolution, const struct addrinfoW *found, uint16_t port)
{
    for (const struct addrinfoW *entry = found; entry != NULL; entry = entry->ai_next) {
        if (resolution->endpoint_count == TF_ENDPOINTS_MAX) {
            break;
        }
        if (entry->ai_family == AF_INET || entry->ai_family == AF_INET6) {
            endpoint_add(resolution, entry, port);
        }
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

static void resolve(const struct tofu_address *address, struct tf_resolution *resolution_out)
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

static DWORD WINAPI query_run(void *context)
{
    struct tf_query *query = context;
    HMODULE module = query->module;
    struct tf_resolution resolution;
    tf_thread_name_self("tofu-resolver");
    resolve(&query->address, &resolution);

    tf_mutex_lock(&query->lock);
    query->resolution = resolution;
    query->has_ended = true;
    bool is_wanted = query->done != NULL;
    if (is_wanted) {
        query->done(query->context);
    }
    tf_mutex_unlock(&query->lock);
    if (!is_wanted) {
        query_free(query);
    }
    FreeLibraryAndExitThread(module, 0);
}

// The thread's hold on our code is taken before it is there, and let go of by it, or here if it never is.
static bool query_start(struct tf_query *query)
{
    DWORD flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    const wchar_t *address = NULL;
    DWORD(WINAPI * run)(void *) = query_run;
    memcpy(&address, &run, sizeof address);
    if (GetModuleHandleExW(flags, address, &query->module) == 0) {
        return false;
    }
    HMODULE module = query->module;
    HANDLE thread = CreateThread(NULL, 0, query_run, query, 0, NULL);
    if (thread == NULL) {
        (void)FreeLibrary(module);
        return false;
    }
    (void)CloseHandle(thread);
    return true;
}

enum tofu_status tf_query_open(
    struct tf_query **query, const struct tofu_address *address, tf_query_done done, void *context)
{
    TF_ASSERT(address->transport == TOFU_TCP);
    TF_ASSERT(done != NULL);

    struct tofu_allocator allocator = tf_allocator_or_default((struct tofu_allocator){0});
    struct tf_query *made = tf_alloc_zeroed(&allocator, sizeof *made);
    if (made == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    made->allocator = allocator;
    made->address = *address;
    made->done = done;
    made->context = context;
    enum tofu_status status = tf_mutex_open(&made->lock);
    if (status != TOFU_OK) {
        tf_free(&allocator, made, sizeof *made);
        return status;
    }
    if (!query_start(made)) {
        query_free(made);
        return TOFU_NOTIFICATION_FAILED;
    }
    *query = made;
    return TOFU_OK;
}

const struct tf_resolution *tf_query_resolution(struct tf_query *query)
{
    TF_ASSERT(query != NULL);

    tf_mutex_lock(&query->lock);
    bool has_ended = query->has_ended;
    tf_mutex_unlock(&query->lock);
    return has_ended ? &query->resolution : NULL;
}

void tf_query_close(struct tf_query **query)
{
    struct tf_query *closing = *query;
    if (closing == NULL) {
        return;
    }
    *query = NULL;
    tf_mutex_lock(&closing->lock);
    bool has_ended = closing->has_ended;
    closing->done = NULL;
    tf_mutex_unlock(&closing->lock);
    if (has_ended) {
        query_free(closing);
    }
}
