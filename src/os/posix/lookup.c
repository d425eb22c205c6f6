// SPDX-License-Identifier: MIT
// A lookup is getaddrinfo, on a detached thread with all signals blocked.
//
// The flag AI_ADDRCONFIG is left off: it hides the loopback addresses of a family that has no other, and
// an endpoint that cannot be reached costs one refused connect, as the addresses are tried in turn.
#include "os/lookup.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "os/endpoint.h"
#include "os/error.h"
#include "os/posix/native.h"

static void resolution_set_detail(struct tf_resolution *resolution, int failure, int error)
{
    if (failure == EAI_SYSTEM) {
        tf_error_text(error, resolution->detail, sizeof resolution->detail);
        return;
    }
    const char *words = gai_strerror(failure);
    size_t size = strnlen(words, sizeof resolution->detail - 1);
    memcpy(resolution->detail, words, size);
    resolution->detail[size] = '\0';
}

// Copies the endpoints in the order in which the system prefers them.
static void resolution_set_endpoints(
    struct tf_resolution *resolution, const struct addrinfo *found, uint16_t port)
{
    for (const struct addrinfo *entry = found; entry != NULL; entry = entry->ai_next) {
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

void tf_lookup(const struct tofu_address *address, struct tf_resolution *resolution_out)
{
    memset(resolution_out, 0, sizeof *resolution_out);
    struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failure = getaddrinfo(address->host, NULL, &wanted, &found);
    int error = errno;
    if (failure == 0) {
        resolution_set_endpoints(resolution_out, found, address->port);
        freeaddrinfo(found);
        failure = EAI_NONAME;
    }
    if (resolution_out->endpoint_count == 0) {
        resolution_out->status = TOFU_INVALID_ADDRESS;
        resolution_set_detail(resolution_out, failure, error);
    }
}

/// What a new thread is to run: it frees this.
struct start {
    void (*run)(void *context);
    void *context;
};

static void *thread_run(void *argument)
{
    struct tofu_allocator allocator = tf_allocator_or_default((struct tofu_allocator){0});
    struct start start = *(struct start *)argument;
    tf_free(&allocator, argument, sizeof start);
    tf_native_name_thread("tofu-resolver");
    start.run(start.context);
    return NULL;
}

enum tofu_status tf_lookup_thread_start(void (*run)(void *context), void *context)
{
    struct tofu_allocator allocator = tf_allocator_or_default((struct tofu_allocator){0});
    struct start *start = tf_alloc(&allocator, sizeof *start);
    if (start == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    *start = (struct start){.run = run, .context = context};
    pthread_t thread;
    if (tf_native_thread_start(&thread, true, thread_run, start) != 0) {
        tf_free(&allocator, start, sizeof *start);
        return TOFU_NOTIFICATION_FAILED;
    }
    return TOFU_OK;
}
