// SPDX-License-Identifier: MIT
// Says what was being played when a program hangs or aborts.
#ifndef TORTURE_WATCHDOG_H
#define TORTURE_WATCHDOG_H

#define WATCHDOG_TEXT_BYTES 256

/// Starts to watch this process.
void watchdog_open(void);

/// Says what is played from now on, and gives it four minutes; NULL: nothing.
void watchdog_note(const char *text);

#endif
