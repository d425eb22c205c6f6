// SPDX-License-Identifier: MIT
// The descriptor of an epoll set becomes that of another file; poll refuses an array that is longer than
// the process may have descriptors.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hostile/poller_breaker.h"

#define EPOLL_LINK "anon_inode:[eventpoll]"

static struct rlimit normal_limit;

static bool is_epoll(void)
{
    const char *poller = getenv("TOFU_POLLER");
    return poller == NULL || strcmp(poller, "poll") != 0;
}

static bool break_epoll(void)
{
    int replaced = 0;
    int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 1024 && other >= 0; i++) {
        char path[64];
        char target[64] = "";
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", i);
        bool is_set =
            readlink(path, target, sizeof target - 1) > 0 && strcmp(target, EPOLL_LINK) == 0;
        replaced += is_set && dup3(other, i, O_CLOEXEC) == i ? 1 : 0;
    }
    (void)close(other);
    return replaced == 1;
}

static bool break_poll(void)
{
    if (getrlimit(RLIMIT_NOFILE, &normal_limit) != 0) {
        return false;
    }
    struct rlimit limit = {.rlim_cur = 0, .rlim_max = normal_limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

bool poller_break(void)
{
    return is_epoll() ? break_epoll() : break_poll();
}

void poller_mend(void)
{
    if (normal_limit.rlim_cur != 0) {
        (void)setrlimit(RLIMIT_NOFILE, &normal_limit);
        normal_limit.rlim_cur = 0;
    }
}
