// SPDX-License-Identifier: MIT
#include "os/terminal.h"

#include <windows.h>

// Asks for the escape sequences, which a console obeys only if it is told to. What is no console refuses.
bool terminal_is_there(void)
{
    HANDLE output = GetStdHandle(STD_ERROR_HANDLE);
    DWORD mode = 0;
    return GetConsoleMode(output, &mode) != 0 &&
           SetConsoleMode(output, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0;
}
