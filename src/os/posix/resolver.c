// SPDX-License-Identifier: MIT
// A query is a detached thread in getaddrinfo.
//
// getaddrinfo may block for minutes and cannot be stopped. So the query holds copies of all that its
// thread touches, and is freed by the second of the two that let go of it: the asker, or the thread when
// it has its answer. Its memory is not the engine's, since it may outlive the engine.
//
// The flag AI_ADDRCONFIG is left off: it hides the loopback addresses of a family that has no other, and
// an endpoint that cannot be reached costs one refused connect, as the addresses are tried in turn.
#include "os/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "os/error.h"
#include "os/posix/native.h"
#include "os/thread.h"

struct tf_query {
    struct tf_mutex lock;
    struct tofu_allocator allocator;
    struct tofu_address address;
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

static void endpoint_set_port(struct tf_endpoint *endpoint, int family, uint16_t port)
{
    if (family == AF_INET6) {
        struct sockaddr_in6 version_6;
        memcpy(&version_6, endpoint->storage, sizeof version_6);
        version_6.sin6_port = htons(port);
        memcpy(endpoint->storage, &version_6, sizeof version_6);
        return;
    }
    struct sockaddr_in version_4;
    memcpy(&version_4, endpoint->storage, sizeof version_4);
    version_4.sin_port = htons(port);
    memcpy(endpoint->storage, &version_4, sizeof version_4);
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
        TF_ASSERT(entry->ai_addrlen <= sizeof endpoint->storage);
        memcpy(endpoint->storage, entry->ai_addr, entry->ai_addrlen);
        endpoint->size = (uint32_t)entry->ai_addrlen;
        endpoint_set_port(endpoint, entry->ai_family, port);
        resolution->endpoint_count++;
    }
}

static void resolve(const struct tofu_address *address, struct tf_resolution *resolution_out)
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

static void *query_run(void *context)
{
    struct tf_query *query = context;
    struct tf_resolution resolution;
    tf_native_name_thread("tofu-resolver");
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
    return NULL;
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
    pthread_t thread;
    if (tf_native_thread_start(&thread, true, query_run, made) != 0) {
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
