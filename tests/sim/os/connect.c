// SPDX-License-Identifier: MIT
// The connecting side: at once, after a while, later perhaps, or never.
#include <string.h>

#include "os/clock.h"
#include "os/poller.h"
#include "sim/os/address.h"
#include "sim/os/network.h"
#include "sim/os/schedule.h"

static void establish(struct sim_connection *connection, struct sim_listener *listener)
{
    sim_connection_open(connection);
    sim_listener_add(listener, &connection->ends[1]);
    sim_end_announce(&connection->ends[0], TF_POLL_WRITE);
}

static void refuse(struct sim_connection *connection)
{
    connection->ends[1].is_closed = true;
    sim_end_break(&connection->ends[0], SIM_ERROR_REFUSED);
}

// A full TCP backlog drops the attempt, and the system makes another one.
static void arrive(struct sim_due *due)
{
    struct sim_connection *connection = TF_CONTAINER_OF(due, struct sim_connection, connecting);
    struct sim_listener *listener = sim_listener_find(&connection->endpoint);
    if (listener == NULL || sim_chance(sim_config()->refuse_rate)) {
        refuse(connection);
    } else if (sim_listener_is_full(listener)) {
        sim_due_set(due, sim_now() + TF_MILLISECOND + sim_delay(), arrive);
    } else {
        establish(connection, listener);
    }
}

static struct sim_connection *create(const struct tf_endpoint *endpoint, bool is_unix)
{
    struct sim_connection *connection = sim_connection_create(is_unix);
    connection->endpoint = *endpoint;
    connection->ends[0].socket = sim_socket_open(&connection->ends[0], NULL);
    return connection;
}

static enum tf_connect connect_unix(
    const struct tf_endpoint *endpoint,
    tf_socket *socket_out,
    enum tofu_status *status_out,
    int *error_out)
{
    struct sim_listener *listener = sim_listener_find(endpoint);
    if (listener == NULL) {
        *status_out = TOFU_UDS_PATH_NOT_FOUND;
        *error_out = SIM_ERROR_NO_PATH;
        return TF_CONNECT_FAILED;
    }
    if (sim_chance(sim_config()->refuse_rate)) {
        *status_out = TOFU_CONNECT_FAILED;
        *error_out = SIM_ERROR_REFUSED;
        return TF_CONNECT_FAILED;
    }
    if (sim_listener_is_full(listener)) {
        sim_trace("congested", 0, 0);
        return TF_CONNECT_CONGESTED;
    }
    struct sim_connection *connection = create(endpoint, true);
    *socket_out = connection->ends[0].socket;
    establish(connection, listener);
    return TF_CONNECT_DONE;
}

static enum tf_connect connect_tcp(
    const struct tf_endpoint *endpoint, const struct tofu_address *address, tf_socket *socket_out)
{
    struct sim_connection *connection = create(endpoint, false);
    *socket_out = connection->ends[0].socket;
    struct sim_listener *listener = sim_listener_find(endpoint);
    if (listener != NULL && !sim_listener_is_full(listener) && sim_chance(100)) {
        establish(connection, listener);
        return TF_CONNECT_DONE;
    }
    if (strcmp(address->host, SIM_SILENT_HOST) != 0) {
        sim_due_set(&connection->connecting, sim_now() + sim_delay(), arrive);
    }
    return TF_CONNECT_PENDING;
}

enum tf_connect tf_socket_connect(
    const struct tf_endpoint *endpoint,
    tf_socket *socket_out,
    enum tofu_status *status_out,
    int *error_out)
{
    sim_tick();
    struct tofu_address address;
    sim_endpoint_read(endpoint, &address);
    sim_trace("connect", address.transport, address.port);
    sim_actor_note_progress();
    if (address.transport == TOFU_UDS) {
        return connect_unix(endpoint, socket_out, status_out, error_out);
    }
    return connect_tcp(endpoint, &address, socket_out);
}

enum tf_connect tf_socket_connect_finish(
    tf_socket socket, enum tofu_status *status_out, int *error_out)
{
    sim_tick();
    struct sim_end *end = sim_socket_get(socket)->end;
    switch (end->state) {
    case SIM_CONNECTING:
        return TF_CONNECT_PENDING;
    case SIM_OPEN:
        return TF_CONNECT_DONE;
    case SIM_BROKEN:
        break;
    }
    *status_out = TOFU_CONNECT_FAILED;
    *error_out = end->error;
    end->error = 0;
    return TF_CONNECT_FAILED;
}
