// SPDX-License-Identifier: MIT
// The subcommands, each in a file command_*.c. `argv` starts with the subcommand's name.
#ifndef TOOL_COMMAND_H
#define TOOL_COMMAND_H

#include "exit_code.h"

enum exit_code command_echo(int argc, char **argv);
enum exit_code command_echo_server(int argc, char **argv);

#endif
