// SPDX-License-Identifier: MIT
#include "os/process.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

// Many clients need many descriptors; a soft limit is a default, not a decision of somebody.
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        // Without it there is less room, and what does not fit is told where it fails.
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

bool process_open(int *argc, char ***argv)
{
    // The arguments are what a shell made of them, and that is what names of files are too.
    (void)argc;
    (void)argv;
    raise_descriptor_limit();
    return true;
}

void process_close(void)
{
    // The system takes back everything.
}

void process_outlive_output(void)
{
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
}

uint64_t process_id(void)
{
    return (uint64_t)getpid();
}
