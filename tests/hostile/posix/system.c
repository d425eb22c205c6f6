// SPDX-License-Identifier: MIT
#include "hostile/system.h"

#include <dirent.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "support/machine.h"

#define MILLISECOND_NS UINT64_C(1000000)
#define SECOND_NS      UINT64_C(1000000000)

// Needs no descriptor: poll passes over an entry without one.
void interval_pass(uint64_t interval_ns)
{
    struct pollfd nothing = {.fd = -1};
    uint64_t end_ns = machine_now() + interval_ns;
    for (uint64_t now_ns = machine_now(); now_ns < end_ns; now_ns = machine_now()) {
        (void)poll(&nothing, 1, (int)((end_ns - now_ns) / MILLISECOND_NS) + 1);
    }
}

// Reads the start of a small file of /proc; returns false if it is gone.
static bool file_read(const char *path, char *text, size_t text_size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t size = fread(text, 1, text_size - 1, file);
    text[size] = '\0';
    (void)fclose(file);
    return true;
}

uint32_t system_thread_number(const char *name)
{
    uint32_t number = 0;
    DIR *directory = opendir("/proc/self/task");
    if (directory == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char path[320];
        char text[64] = "";
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        if (file_read(path, text, sizeof text)) {
            text[strcspn(text, "\n")] = '\0';
        }
        if (strcmp(text, name) == 0) {
            number = (uint32_t)strtoul(entry->d_name, NULL, 10);
        }
    }
    (void)closedir(directory);
    return number;
}

// The kernel makes a thread's processor clock of its number: complemented, and 6 for "of one thread, as
// the scheduler counts" (what pthread_getcpuclockid() does for a thread that one has made oneself).
uint64_t system_thread_processor_ns(uint32_t number)
{
    struct timespec time;
    if (clock_gettime((clockid_t)(~number << 3 | 6u), &time) != 0) {
        return UINT64_MAX;
    }
    return (uint64_t)time.tv_sec * SECOND_NS + (uint64_t)time.tv_nsec;
}

// The scheduler reads a clock.
uint64_t system_processor_tick_ns(void)
{
    return 1;
}

uint32_t system_own_thread_number(void)
{
    return (uint32_t)gettid();
}

// The second of three numbers: the first is time that it ran, the last how often it was put on a processor.
uint64_t system_thread_delay_ns(uint32_t number)
{
    char path[64];
    char text[96] = "";
    char *ran_end = text;
    char *delay_end = text;
    (void)snprintf(path, sizeof path, "/proc/self/task/%u/schedstat", number);
    if (!file_read(path, text, sizeof text)) {
        return UINT64_MAX;
    }
    (void)strtoull(text, &ran_end, 10);
    uint64_t delay_ns = strtoull(ran_end, &delay_end, 10);
    return delay_end > ran_end ? delay_ns : UINT64_MAX;
}

// The second of its numbers, in pages.
uint64_t system_resident_bytes(void)
{
    char text[128] = "";
    char *size_end = text;
    if (!file_read("/proc/self/statm", text, sizeof text)) {
        return 0;
    }
    (void)strtoull(text, &size_end, 10);
    return strtoull(size_end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t system_allow_descriptors(uint64_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    if (limit.rlim_cur < count) {
        struct rlimit wanted = {
            .rlim_cur = count, .rlim_max = limit.rlim_max < count ? count : limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) {
            limit = wanted;
        } else {
            limit.rlim_cur = limit.rlim_max;
            (void)setrlimit(RLIMIT_NOFILE, &limit);
        }
    }
    return limit.rlim_cur;
}

void system_go_first(void)
{
    (void)setpriority(PRIO_PROCESS, 0, -20);
}

void system_take_turns(void)
{
    (void)setpriority(PRIO_PROCESS, 0, 0);
}
