// SPDX-License-Identifier: MIT
#include "listener.h"

#include <stdio.h>
#include <string.h>

#include "console.h"
#include "json_line.h"

enum tofu_status listener_start(
    struct tofu_engine *engine, struct tofu_group *group, const char *address)
{
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_engine_get(engine, TOFU_ALWAYS, &message);
    if (status == TOFU_OK) {
        status = tofu_message_listen_on(message, address);
    }
    if (status == TOFU_OK) {
        status = tofu_group_post(group, &message, NULL);
    }
    tofu_engine_put(engine, &message);
    return status;
}

bool listener_take_welcome(struct tofu_message *message, char address_out[TOFU_ADDRESS_BYTES_MAX])
{
    const char *value = "";
    size_t size = 0;
    (void)tofu_message_find_text(message, "~listen_on", &value, &size);
    enum tofu_status status = (enum tofu_status)tofu_message_header(message)->status;
    if (status != TOFU_OK) {
        complain(
            "could not listen on %.*s: %s: %s",
            (int)size,
            value,
            tofu_status_name(status),
            tofu_status_text(status));
        return false;
    }
    size = size < TOFU_ADDRESS_BYTES_MAX ? size : TOFU_ADDRESS_BYTES_MAX - 1;
    memcpy(address_out, value, size);
    address_out[size] = '\0';
    return true;
}

void listener_print(const char *address, bool is_json)
{
    if (is_json) {
        json_line_print(json_pack("{s:s, s:s}", "event", "listening", "address", address));
        return;
    }
    printf("listening %s\n", address);
    fflush(stdout);
}
