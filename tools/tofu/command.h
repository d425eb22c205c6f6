// SPDX-License-Identifier: MIT
// The subcommands, each in a file command_*.c. `argv` starts with the subcommand's name.
#ifndef TOOL_COMMAND_H
#define TOOL_COMMAND_H

#include "exit_code.h"

enum exit_code command_echo(int argc, char **argv);
enum exit_code command_echo_server(int argc, char **argv);
enum exit_code command_explain(int argc, char **argv);
enum exit_code command_ping(int argc, char **argv);
enum exit_code command_receive(int argc, char **argv);
enum exit_code command_send(int argc, char **argv);
enum exit_code command_stats(int argc, char **argv);

#endif
