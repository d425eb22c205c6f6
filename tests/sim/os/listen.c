// SPDX-License-Identifier: MIT
// Listeners, and how connections come about.
#include <stdlib.h>
#include <string.h>

#include "os/poller.h"
#include "sim/coverage.h"
#include "sim/os/address.h"
#include "sim/os/network.h"
#include "sim/os/schedule.h"

#define LISTENERS_MAX        64
#define FIRST_EPHEMERAL_PORT 40000

static struct {
    struct sim_listener *open[LISTENERS_MAX];
    uint16_t next_port;
    uint64_t next_inode;
} network;

static bool accepts_host(const char *listening, const char *wanted)
{
    bool is_version_6 = strchr(wanted, ':') != NULL;
    return listening[0] == '\0' || (strcmp(listening, "0.0.0.0") == 0 && !is_version_6) ||
           (strcmp(listening, "::") == 0 && is_version_6) || strcmp(listening, wanted) == 0;
}

// Says whether an address is one that this world's only machine has.
static bool is_own_host(const char *host)
{
    return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 ||
           strcmp(host, "::1") == 0 || strncmp(host, "127.", 4) == 0;
}

static bool matches(const struct tofu_address *listening, const struct tofu_address *wanted)
{
    if (listening->transport != wanted->transport) {
        return false;
    }
    if (listening->transport == TOFU_UDS) {
        return strcmp(listening->path, wanted->path) == 0;
    }
    return listening->port == wanted->port && accepts_host(listening->host, wanted->host);
}

static struct sim_listener *find(const struct tofu_address *wanted)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        if (network.open[i] != NULL && matches(&network.open[i]->address, wanted)) {
            return network.open[i];
        }
    }
    return NULL;
}

struct sim_listener *sim_listener_find(const struct tf_endpoint *endpoint)
{
    struct tofu_address wanted;
    sim_endpoint_read(endpoint, &wanted);
    return find(&wanted);
}

bool sim_listener_is_full(const struct sim_listener *listener)
{
    return listener->waiting_count >= listener->waiting_max;
}

void sim_listener_add(struct sim_listener *listener, struct sim_end *end)
{
    bool was_empty = listener->waiting_count == 0;
    listener->waiting[listener->waiting_count++] = end;
    sim_trace("knock", listener->waiting_count, 0);
    if (was_empty || !sim_config()->coalesces_edges) {
        sim_socket_announce(sim_socket_get(listener->socket), TF_POLL_READ);
    }
}

static enum tofu_status choose_port(struct tofu_address *address)
{
    if (address->transport == TOFU_TCP && address->port == 0) {
        address->port = network.next_port++;
    }
    return find(address) == NULL ? TOFU_OK : TOFU_LISTEN_FAILED;
}

static struct sim_listener **free_place(void)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        if (network.open[i] == NULL) {
            return &network.open[i];
        }
    }
    sim_fail("more than %d listeners", LISTENERS_MAX);
}

static bool has_path(const struct tofu_address *address)
{
    return address->transport == TOFU_UDS && address->path[0] != '@';
}

bool tf_listener_error_is_busy(int error)
{
    return error == SIM_ERROR_BUSY;
}

enum tofu_status tf_listener_open(
    struct tf_listener *listener, const struct tofu_address *address, uint32_t mode, int *error_out)
{
    (void)mode;
    struct tofu_address real = *address;
    if (address->transport == TOFU_TCP && !sim_host_is_numeric(address->host, true)) {
        *error_out = 0;
        return TOFU_INVALID_ADDRESS;
    }
    if (address->transport == TOFU_TCP && !is_own_host(address->host)) {
        *error_out = SIM_ERROR_NOT_OURS;
        return TOFU_LISTEN_FAILED;
    }
    if (has_path(&real) && sim_chance(sim_config()->busy_rate)) {
        *error_out = SIM_ERROR_BUSY;
        return TOFU_LISTEN_FAILED;
    }
    if (choose_port(&real) != TOFU_OK) {
        *error_out = SIM_ERROR_IN_USE;
        return TOFU_LISTEN_FAILED;
    }

    struct sim_listener *made = sim_memory(1, sizeof *made);
    made->address = real;
    made->waiting_max = sim_config()->backlog_max;
    made->waiting = sim_memory(made->waiting_max, sizeof(struct sim_end *));
    made->socket = sim_socket_open(NULL, made);
    *free_place() = made;

    *listener = (struct tf_listener){.socket = made->socket, .address = real, .reserve = -1};
    listener->path_device = has_path(&real) ? 1 : 0;
    listener->path_inode = has_path(&real) ? ++network.next_inode : 0;
    sim_trace("listen", (uint64_t)made->socket, real.port);
    return TOFU_OK;
}

static struct sim_end *take_waiting(struct sim_listener *listener)
{
    struct sim_end *end = listener->waiting[0];
    listener->waiting_count--;
    memmove(
        listener->waiting,
        listener->waiting + 1,
        listener->waiting_count * sizeof(struct sim_end *));
    return end;
}

void tf_listener_close(struct tf_listener *listener)
{
    struct sim_listener *made = sim_socket_get(listener->socket)->listener;
    sim_trace("unlisten", (uint64_t)listener->socket, 0);
    sim_socket_close(listener->socket);
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        if (network.open[i] == made) {
            network.open[i] = NULL;
        }
    }
    while (made->waiting_count > 0) {
        sim_end_reset(take_waiting(made));
    }
    free(made->waiting);
    free(made);
    listener->socket = TF_SOCKET_NONE;
}

// A kernel may skip what ended while it waited, or hand it out and let the caller find out.
static bool is_skipped(const struct sim_end *end)
{
    return end->state == SIM_BROKEN && sim_chance(500);
}

enum tf_io tf_listener_accept(struct tf_listener *listener, tf_socket *socket_out, int *error_out)
{
    sim_tick();
    struct sim_listener *made = sim_socket_get(listener->socket)->listener;
    while (made->waiting_count > 0) {
        struct sim_end *end = take_waiting(made);
        if (is_skipped(end)) {
            sim_end_close(end);
            continue;
        }
        if (sim_chance(sim_config()->exhausted_rate)) {
            sim_cover(SIM_ACCEPT_EXHAUSTED, 1);
            sim_end_reset(end);
            sim_actor_note_progress();
            *error_out = SIM_ERROR_TOO_MANY;
            return TF_IO_EXHAUSTED;
        }
        end->socket = sim_socket_open(end, NULL);
        *socket_out = end->socket;
        sim_actor_note_progress();
        sim_trace("accept", (uint64_t)end->socket, 0);
        return TF_IO_DONE;
    }
    return TF_IO_WOULD_BLOCK;
}

void sim_listeners_begin(void)
{
    memset(&network, 0, sizeof network);
    network.next_port = FIRST_EPHEMERAL_PORT;
}

void sim_listeners_end(void)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        if (network.open[i] != NULL) {
            sim_fail("a listener was never closed");
        }
    }
}
