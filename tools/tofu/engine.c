// SPDX-License-Identifier: MIT
#include "engine.h"

#include <stdlib.h>

#include "console.h"

static void log_to_console(void *context, const struct tofu_log_record *record)
{
    (void)context;
    complain("%s", record->line);
}

bool engine_open(uint64_t pool, struct tofu_engine **engine, struct tofu_group **group)
{
    struct tofu_options options = {.pool_messages_max = pool, .log_sink = log_to_console};
    enum tofu_status status = tofu_engine_create(&options, engine);
    if (status == TOFU_OK) {
        status = tofu_group_create(*engine, group);
    }
    const char *poller = getenv("TOFU_POLLER");
    if (status == TOFU_NOT_ALLOWED && poller != NULL) {
        complain("no engine: TOFU_POLLER asks for the poller '%s', which is not here", poller);
    } else if (status != TOFU_OK) {
        complain("no engine: %s: %s", tofu_status_name(status), tofu_status_text(status));
    }
    return status == TOFU_OK;
}
