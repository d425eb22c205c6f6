// SPDX-License-Identifier: MIT
// Raises the soft limit of descriptors before main(), for tests that open thousands of sockets. Linked
// with them on systems that have such a limit; the tests themselves know nothing of it.
#include <stdio.h>
#include <sys/resource.h>

#define DESCRIPTORS_WANTED 8192

__attribute__((constructor)) static void descriptor_limit_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS_WANTED) {
        return;
    }
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        (void)fprintf(stderr, "the limit of descriptors could not be raised\n");
    }
}
