// SPDX-License-Identifier: MIT
// What tests ask of the machine they run on, beside sockets, threads and children: a seam like that of
// src/os, with one implementation per platform. It knows neither the library nor cmocka, so that threads
// and children may use it too; what fails says so in its result.
#ifndef SUPPORT_MACHINE_H
#define SUPPORT_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MACHINE_PATH_BYTES_MAX 512

/// Returns nanoseconds of a clock that only goes forward. Threads: any.
uint64_t machine_now(void);

/// Returns how coarse the system's timers are: a wait may end as much later than it should.
uint64_t machine_timer_tick_ns(void);

/// Lets other threads run. Threads: any.
void machine_yield(void);

/// Sets a variable of the environment, or removes it when `value` is NULL.
bool machine_set_variable(const char *name, const char *value);

/// Waits until a descriptor as tofu_group_descriptor() gives it is readable, or signalled; 0 only looks.
bool machine_await_descriptor(intptr_t descriptor, uint64_t timeout_ns);

/// Returns how many descriptors, or handles, this process has open; the same way each time.
size_t machine_descriptor_count(void);

/// Says whether a child would have a descriptor, socket or handle of ours too.
bool machine_is_inherited(intptr_t descriptor);

struct machine_ids {
    uint32_t user;
    uint32_t group;
    int64_t process;
};

/// Writes the numbers by which the system tells the peer of a Unix socket who we are; false where it knows
/// no users and groups by number.
bool machine_has_ids(struct machine_ids *own_out);

/// Says whether the library can see here how much of what it sent the peer has not taken.
bool machine_tells_unsent(void);

/// Makes a directory that nobody else has, and writes its path.
bool machine_make_directory(char *path_out, size_t path_size);

/// Removes a directory and the files in it.
void machine_remove_directory(const char *path);

/// Says whether there is something of any kind at a path, links not followed.
bool machine_has_file(const char *path);

/// Says whether there is an ordinary file at a path.
bool machine_has_ordinary_file(const char *path);

/// Removes what is at a path: a file or a socket.
bool machine_remove_file(const char *path);

/// Makes a file, if there is none, and locks it as who starts on a Unix path does; -1 if another has it locked.
intptr_t machine_lock_file(const char *path);

/// Lets go of the lock; the file stays.
void machine_unlock_file(intptr_t lock);

#endif
