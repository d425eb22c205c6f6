// SPDX-License-Identifier: MIT
// Names wait in a line; helpers, at most TF_RESOLVER_HELPERS_MAX, take them from it and end when it is empty.
//
// A name stays in the list while its lookup is under way, so that whoever asks for it again joins in: an
// application that tries again and again to reach a host whose lookup hangs has one helper in it, not
// one per try. A helper that hangs keeps the resolver's memory, and nothing else, alive.
#include "os/resolver.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"
#include "os/lookup.h"
#include "os/thread.h"

struct tf_resolver {
    struct tf_mutex lock;
    struct tofu_allocator allocator;
    bool is_closed;        ///< under the lock, as all below: the engine has let go
    uint32_t helper_count; ///< helpers that will look at the line again
    struct tf_list waiting;
    struct tf_list running;
};

/// One name, and who wants to know: freed when nobody does, but not during its lookup.
struct name {
    struct tf_list link;
    struct tf_list queries;
    struct tofu_address address;
    bool is_running;
};

struct tf_query {
    struct tf_resolver *resolver;
    struct tf_list link; ///< in the name's queries, until there is a resolution
    struct name *name;
    tf_query_done done;
    void *context;
    bool has_ended; ///< the resolution is there and does not change any more
    struct tf_resolution resolution;
};

enum tofu_status tf_resolver_open(struct tf_resolver **resolver)
{
    struct tofu_allocator allocator = tf_allocator_or_default((struct tofu_allocator){0});
    struct tf_resolver *made = tf_alloc_zeroed(&allocator, sizeof *made);
    if (made == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    enum tofu_status status = tf_mutex_open(&made->lock);
    if (status != TOFU_OK) {
        tf_free(&allocator, made, sizeof *made);
        return status;
    }
    made->allocator = allocator;
    tf_list_init(&made->waiting);
    tf_list_init(&made->running);
    *resolver = made;
    return TOFU_OK;
}

static void resolver_free(struct tf_resolver *resolver)
{
    TF_ASSERT(tf_list_is_empty(&resolver->waiting) && tf_list_is_empty(&resolver->running));

    struct tofu_allocator allocator = resolver->allocator;
    tf_mutex_close(&resolver->lock);
    tf_free(&allocator, resolver, sizeof *resolver);
}

void tf_resolver_close(struct tf_resolver **resolver)
{
    struct tf_resolver *closing = *resolver;
    *resolver = NULL;
    tf_mutex_lock(&closing->lock);
    TF_ASSERT(tf_list_is_empty(&closing->waiting));
    closing->is_closed = true;
    bool is_last = closing->helper_count == 0;
    tf_mutex_unlock(&closing->lock);
    if (is_last) {
        resolver_free(closing);
    }
}

static void name_free(struct tf_resolver *resolver, struct name *name)
{
    TF_ASSERT(tf_list_is_empty(&name->queries));

    tf_list_remove(&name->link);
    tf_free(&resolver->allocator, name, sizeof *name);
}

static void name_answer(
    struct tf_resolver *resolver, struct name *name, const struct tf_resolution *resolution)
{
    for (struct tf_list *link = tf_list_take_first(&name->queries); link != NULL;
         link = tf_list_take_first(&name->queries)) {
        struct tf_query *query = TF_CONTAINER_OF(link, struct tf_query, link);
        query->name = NULL;
        query->resolution = *resolution;
        query->has_ended = true;
        query->done(query->context);
    }
    name_free(resolver, name);
}

static void helper_run(void *context)
{
    struct tf_resolver *resolver = context;
    tf_mutex_lock(&resolver->lock);
    for (struct tf_list *link = tf_list_take_first(&resolver->waiting); link != NULL;
         link = tf_list_take_first(&resolver->waiting)) {
        struct name *name = TF_CONTAINER_OF(link, struct name, link);
        struct tf_resolution resolution;
        name->is_running = true;
        tf_list_append(&resolver->running, &name->link);
        tf_mutex_unlock(&resolver->lock);
        tf_lookup(&name->address, &resolution);
        tf_mutex_lock(&resolver->lock);
        name_answer(resolver, name, &resolution);
    }
    resolver->helper_count--;
    bool is_last = resolver->helper_count == 0 && resolver->is_closed;
    tf_mutex_unlock(&resolver->lock);
    if (is_last) {
        resolver_free(resolver);
    }
}

static struct name *name_find_in(const struct tf_list *names, const struct tofu_address *address)
{
    for (struct tf_list *link = names->next; link != names; link = link->next) {
        struct name *name = TF_CONTAINER_OF(link, struct name, link);
        if (name->address.port == address->port && strcmp(name->address.host, address->host) == 0) {
            return name;
        }
    }
    return NULL;
}

// With as many helpers as there may be, or a system that gives no further thread, the name waits for one
// of those that are there.
static enum tofu_status name_get_helper(struct tf_resolver *resolver)
{
    if (resolver->helper_count == TF_RESOLVER_HELPERS_MAX) {
        return TOFU_OK;
    }
    enum tofu_status status = tf_lookup_thread_start(helper_run, resolver);
    if (status == TOFU_OK) {
        resolver->helper_count++;
    }
    return resolver->helper_count > 0 ? TOFU_OK : status;
}

// Gives the name that is in the line or under way, or a new one at the end of the line.
static enum tofu_status name_get(
    struct tf_resolver *resolver, const struct tofu_address *address, struct name **name_out)
{
    struct name *name = name_find_in(&resolver->running, address);
    if (name == NULL) {
        name = name_find_in(&resolver->waiting, address);
    }
    if (name != NULL) {
        *name_out = name;
        return TOFU_OK;
    }
    name = tf_alloc_zeroed(&resolver->allocator, sizeof *name);
    if (name == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    name->address = *address;
    tf_list_init(&name->link);
    tf_list_init(&name->queries);
    tf_list_append(&resolver->waiting, &name->link);
    enum tofu_status status = name_get_helper(resolver);
    if (status != TOFU_OK) {
        name_free(resolver, name);
        return status;
    }
    *name_out = name;
    return TOFU_OK;
}

enum tofu_status tf_query_open(
    struct tf_resolver *resolver,
    struct tf_query **query,
    const struct tofu_address *address,
    tf_query_done done,
    void *context)
{
    TF_ASSERT(address->transport == TOFU_TCP);
    TF_ASSERT(done != NULL);

    struct tf_query *made = tf_alloc_zeroed(&resolver->allocator, sizeof *made);
    if (made == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    made->resolver = resolver;
    made->done = done;
    made->context = context;
    tf_list_init(&made->link);
    tf_mutex_lock(&resolver->lock);
    enum tofu_status status = name_get(resolver, address, &made->name);
    if (status == TOFU_OK) {
        tf_list_append(&made->name->queries, &made->link);
    }
    tf_mutex_unlock(&resolver->lock);
    if (status != TOFU_OK) {
        tf_free(&resolver->allocator, made, sizeof *made);
        return status;
    }
    *query = made;
    return TOFU_OK;
}

const struct tf_resolution *tf_query_resolution(struct tf_query *query)
{
    TF_ASSERT(query != NULL);

    tf_mutex_lock(&query->resolver->lock);
    bool has_ended = query->has_ended;
    tf_mutex_unlock(&query->resolver->lock);
    return has_ended ? &query->resolution : NULL;
}

void tf_query_close(struct tf_query **query)
{
    struct tf_query *closing = *query;
    if (closing == NULL) {
        return;
    }
    *query = NULL;
    struct tf_resolver *resolver = closing->resolver;
    tf_mutex_lock(&resolver->lock);
    struct name *name = closing->name;
    if (name != NULL) {
        tf_list_remove(&closing->link);
        if (!name->is_running && tf_list_is_empty(&name->queries)) {
            name_free(resolver, name);
        }
    }
    tf_mutex_unlock(&resolver->lock);
    tf_free(&resolver->allocator, closing, sizeof *closing);
}
