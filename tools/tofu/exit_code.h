// SPDX-License-Identifier: MIT
// What the tool's exit status tells; part of its interface, so the numbers stay.
#ifndef TOOL_EXIT_CODE_H
#define TOOL_EXIT_CODE_H

enum exit_code {
    EXIT_CODE_OK = 0,          // All that was asked for was done.
    EXIT_CODE_FAILED = 1,      // Something was asked for and did not come about.
    EXIT_CODE_USAGE = 2,       // The command line makes no sense.
    EXIT_CODE_UNREACHABLE = 3, // Could not connect, or could not listen.
    EXIT_CODE_SYSTEM = 4       // No memory, no engine, or nowhere to write to.
};

#define EXIT_CODE_HELP                                                                             \
    "Exit status:\n"                                                                               \
    "  0  all that was asked for was done\n"                                                       \
    "  1  an echo differed, a ping got lost, a file was not taken over, or a\n"                    \
    "     connection or listener was lost\n"                                                       \
    "  2  the command line makes no sense\n"                                                       \
    "  3  could not connect, or could not listen\n"                                                \
    "  4  the system refused memory, an engine or the output\n"

#endif
