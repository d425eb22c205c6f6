// SPDX-License-Identifier: MIT
// Whether there are Unix sockets, found out without the library.
#include <stdio.h>

#include "support/machine.h"
#include "support/raw_peer.h"
#include "support/raw_socket.h"

// Binds and connects: a system may know the kind of socket and still have none.
static bool can_connect_to_path(const struct raw_address *address)
{
    int listener = raw_socket_open(address);
    int client = raw_socket_open(address);
    bool can_connect = listener != RAW_NONE && client != RAW_NONE &&
                       raw_socket_bind(listener, address) && raw_socket_listen(listener, 1) &&
                       raw_socket_connect(client, address);
    if (client != RAW_NONE) {
        raw_socket_close(client);
    }
    if (listener != RAW_NONE) {
        raw_socket_close(listener);
    }
    return can_connect;
}

bool raw_has_unix(void)
{
    char directory[MACHINE_PATH_BYTES_MAX];
    char path[MACHINE_PATH_BYTES_MAX + 8];
    struct raw_address address;
    if (!machine_make_directory(directory, sizeof directory)) {
        return false;
    }
    (void)snprintf(path, sizeof path, "%s/probe", directory);
    bool has_unix = raw_address_path(path, &address) && can_connect_to_path(&address);
    machine_remove_directory(directory);
    return has_unix;
}
