// SPDX-License-Identifier: MIT
#include "closing.h"

#include <stdio.h>
#include <string.h>

bool closing_read(struct tofu_message *message, struct closing *closing_out)
{
    const char *reason = NULL;
    size_t reason_size = 0;
    if (tofu_message_header(message)->origin != TOFU_ENGINE ||
        !tofu_message_find_text(message, "~reason", &reason, &reason_size)) {
        return false;
    }
    const char *detail = "";
    size_t detail_size = 0;
    (void)tofu_message_find_text(message, "~detail", &detail, &detail_size);
    snprintf(
        closing_out->why,
        sizeof closing_out->why,
        "%.*s%s%.*s",
        (int)reason_size,
        reason,
        detail_size > 0 ? ": " : "",
        (int)detail_size,
        detail);
    const char *graceful = tofu_status_name(TOFU_OK);
    closing_out->is_graceful =
        reason_size == strlen(graceful) && memcmp(reason, graceful, reason_size) == 0;
    return true;
}
