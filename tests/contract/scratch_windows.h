// SPDX-License-Identifier: MIT
// What the first question for Unix sockets may have left behind.
#ifndef TF_TESTS_CONTRACT_SCRATCH_WINDOWS_H
#define TF_TESTS_CONTRACT_SCRATCH_WINDOWS_H

#include <winsock2.h>

#include "contract/contract_link.h"

/// How many files there are in the directory of temporary files whose names the probe could have given.
static inline uint32_t scratch_count(void)
{
    char pattern[MAX_PATH + 32];
    WIN32_FIND_DATAA found;
    uint32_t count = 0;
    DWORD length = GetTempPathA(MAX_PATH, pattern);
    assert_in_range(length, 1, MAX_PATH);
    (void)snprintf(pattern + length, 32, "tofu-unix-%lx-*", (unsigned long)GetCurrentProcessId());
    HANDLE search = FindFirstFileA(pattern, &found);
    if (search == INVALID_HANDLE_VALUE) {
        return 0;
    }
    do {
        count++;
    } while (FindNextFileA(search, &found));
    (void)FindClose(search);
    return count;
}

#endif
