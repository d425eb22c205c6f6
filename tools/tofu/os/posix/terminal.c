// SPDX-License-Identifier: MIT
#include "os/terminal.h"

#include <unistd.h>

bool terminal_is_there(void)
{
    return isatty(STDERR_FILENO) == 1;
}
