// SPDX-License-Identifier: MIT
// One client of a run: what it sends, and what it makes of what comes back.
#ifndef TOOL_ECHO_CLIENT_H
#define TOOL_ECHO_CLIENT_H

#include <tofu/tofu.h>

#include "echo_run.h"

/// Starts to connect.
void echo_client_connect(struct echo_run *run, struct echo_client *client);

/// Sends what the window allows, and Bye when all is verified.
void echo_client_go_on(struct echo_run *run, struct echo_client *client);

/// Takes a message of the client's channel. It may be posted again; what is left is the caller's.
void echo_client_take(
    struct echo_run *run, struct echo_client *client, struct tofu_message **message);

/// Ends the run because the system refuses something that it needs.
void echo_run_give_up(struct echo_run *run, enum tofu_status status);

/// Notes that something went wrong; `format` is printf's.
void echo_run_note_failure(struct echo_run *run, const char *format, ...);

#endif
