// SPDX-License-Identifier: MIT
#include "support/machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

uint64_t machine_now(void)
{
    // With this clock and a place for its time it cannot fail.
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

// The clock of the timers is as fine as they are.
uint64_t machine_timer_tick_ns(void)
{
    struct timespec tick = {0};
    (void)clock_getres(CLOCK_MONOTONIC, &tick);
    return (uint64_t)tick.tv_sec * UINT64_C(1000000000) + (uint64_t)tick.tv_nsec;
}

void machine_yield(void)
{
    (void)sched_yield();
}

bool machine_set_variable(const char *name, const char *value)
{
    return (value == NULL ? unsetenv(name) : setenv(name, value, 1)) == 0;
}

bool machine_await_descriptor(intptr_t descriptor, uint64_t timeout_ns)
{
    struct pollfd watched = {.fd = (int)descriptor, .events = POLLIN};
    uint64_t milliseconds = timeout_ns / 1000000;
    int timeout = milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
    return poll(&watched, 1, timeout) == 1 && (watched.revents & POLLIN) != 0;
}

size_t machine_descriptor_count(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        return 0;
    }
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    return count;
}

bool machine_is_inherited(intptr_t descriptor)
{
    return (fcntl((int)descriptor, F_GETFD) & FD_CLOEXEC) == 0;
}

bool machine_has_ids(struct machine_ids *own_out)
{
    *own_out = (struct machine_ids){.user = geteuid(), .group = getegid(), .process = getpid()};
    return true;
}

bool machine_tells_unsent(void)
{
    return true;
}

bool machine_make_directory(char *path_out, size_t path_size)
{
    const char *parent = getenv("TMPDIR");
    bool is_short = parent != NULL && strlen(parent) < 32;
    int size = snprintf(path_out, path_size, "%s/tofu-XXXXXX", is_short ? parent : "/tmp");
    return size > 0 && (size_t)size < path_size && mkdtemp(path_out) != NULL;
}

void machine_remove_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        (void)unlinkat(dirfd(directory), entry->d_name, 0);
    }
    (void)closedir(directory);
    (void)rmdir(path);
}

bool machine_has_file(const char *path)
{
    struct stat found;
    return lstat(path, &found) == 0;
}

bool machine_has_ordinary_file(const char *path)
{
    struct stat found;
    return lstat(path, &found) == 0 && S_ISREG(found.st_mode);
}

bool machine_remove_file(const char *path)
{
    return unlink(path) == 0;
}

intptr_t machine_lock_file(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        (void)close(descriptor);
        return -1;
    }
    return descriptor;
}

void machine_unlock_file(intptr_t lock)
{
    (void)close((int)lock);
}
