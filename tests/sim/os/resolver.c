// SPDX-License-Identifier: MIT
// Names: a short table, and the answer after a while.
#include "os/resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "sim/coverage.h"
#include "sim/os/address.h"
#include "sim/os/network.h"
#include "sim/os/world.h"

struct tf_query {
    struct tf_resolution resolution;
    bool is_done;
    tf_query_done done;
    void *context;
    struct sim_due due;
};

#define HOSTS_MAX 3

/// The first hosts of a name may be some where nobody listens, or SIM_SILENT_HOST. One without hosts is
/// asked for and never answered.
static const struct {
    const char *name;
    const char *hosts[HOSTS_MAX];
} names[] = {
    {"localhost", {"127.0.0.1"}},
    {"server.sim", {"127.0.0.1"}},
    {"second.sim", {"10.0.0.99", "127.0.0.1"}},
    {"both.sim", {"::1", "127.0.0.1"}},
    {"many.sim", {"10.0.0.98", "10.0.0.99", "::1"}},
    {"hole.sim", {SIM_SILENT_HOST, "127.0.0.1"}},
    {"away.sim", {"10.0.0.99"}},
    {"mute.sim", {NULL}},
};

static uint64_t open_queries;

static void add_host(struct tf_resolution *resolution, const char *host, uint16_t port)
{
    struct tofu_address address = {.transport = TOFU_TCP, .port = port};
    memcpy(address.host, host, strlen(host) + 1);
    sim_endpoint_write(&address, &resolution->endpoints[resolution->endpoint_count++]);
}

// Returns whether there will ever be an answer.
static bool resolve(struct tf_resolution *resolution, const struct tofu_address *address)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, address->host) != 0) {
            continue;
        }
        sim_cover(SIM_NEXT_ADDRESS, names[i].hosts[1] != NULL);
        for (size_t j = 0; j < HOSTS_MAX && names[i].hosts[j] != NULL; j++) {
            add_host(resolution, names[i].hosts[j], address->port);
        }
        return names[i].hosts[0] != NULL;
    }
    if (sim_host_is_numeric(address->host, false)) {
        add_host(resolution, address->host, address->port);
        return true;
    }
    resolution->status = TOFU_INVALID_ADDRESS;
    snprintf(resolution->detail, sizeof resolution->detail, "no such simulated name");
    return true;
}

static void answer(struct sim_due *due)
{
    struct tf_query *query = TF_CONTAINER_OF(due, struct tf_query, due);
    query->is_done = true;
    sim_trace("resolved", query->resolution.endpoint_count, 0);
    query->done(query->context);
}

/// Has no helpers: what is due answers.
struct tf_resolver {
    char unused;
};

enum tofu_status tf_resolver_open(struct tf_resolver **resolver)
{
    *resolver = sim_memory(1, sizeof **resolver);
    return TOFU_OK;
}

void tf_resolver_close(struct tf_resolver **resolver)
{
    free(*resolver);
    *resolver = NULL;
}

enum tofu_status tf_query_open(
    struct tf_resolver *resolver,
    struct tf_query **query,
    const struct tofu_address *address,
    tf_query_done done,
    void *context)
{
    (void)resolver;
    struct tf_query *made = sim_memory(1, sizeof *made);
    made->done = done;
    made->context = context;
    if (resolve(&made->resolution, address)) {
        sim_due_set(&made->due, sim_now() + sim_delay(), answer);
    } else {
        sim_cover(SIM_NAME_UNANSWERED, 1);
    }
    open_queries++;
    *query = made;
    return TOFU_OK;
}

const struct tf_resolution *tf_query_resolution(struct tf_query *query)
{
    return query->is_done ? &query->resolution : NULL;
}

void tf_query_close(struct tf_query **query)
{
    if (*query != NULL) {
        sim_due_clear(&(*query)->due);
        // Whoever still reads the resolution shall not find it.
        memset(*query, '\n', sizeof **query - 1);
        free(*query);
        *query = NULL;
        open_queries--;
    }
}

void sim_resolver_begin(void)
{
    open_queries = 0;
}

void sim_resolver_end(void)
{
    if (open_queries != 0) {
        sim_fail("%llu queries were never closed", (unsigned long long)open_queries);
    }
}
