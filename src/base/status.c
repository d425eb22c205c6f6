// SPDX-License-Identifier: MIT
// Names and sentences of statuses, from TOFU_STATUS_LIST.
#include <tofu/status.h>

#include <assert.h>

static_assert(TOFU_UNKNOWN_ERROR == 31, "the last status of the wire format");
static_assert(TOFU_QUEUE_FULL == 64, "local statuses start above every byte a peer may mean");

const char *tofu_status_name(enum tofu_status status)
{
    switch (status) {
#define STATUS_NAME(enumerator, value, name, text)                                                 \
    case enumerator:                                                                               \
        return name;
        TOFU_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    }
    return "unknown_error";
}

const char *tofu_status_text(enum tofu_status status)
{
    switch (status) {
#define STATUS_TEXT(enumerator, value, name, text)                                                 \
    case enumerator:                                                                               \
        return text;
        TOFU_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return tofu_status_text(TOFU_UNKNOWN_ERROR);
}
