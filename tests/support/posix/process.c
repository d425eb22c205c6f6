// SPDX-License-Identifier: MIT
#include "support/process.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/posix/fork.h"

struct arguments {
    const char *first;
    const char *second;
};

static int become_program(void *context, int tell)
{
    const struct arguments *arguments = context;
    if (dup2(tell, STDOUT_FILENO) >= 0) {
        (void)execl("/proc/self/exe", "child", arguments->first, arguments->second, (char *)NULL);
    }
    return 127;
}

bool process_start(struct child *child, const char *first, const char *second)
{
    struct arguments arguments = {first, second};
    return process_fork(child, become_program, &arguments);
}

bool process_fork(struct child *child, int (*run)(void *argument, int tell), void *argument)
{
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) {
        return false;
    }
    // What stands in the buffers would be written twice.
    (void)fflush(NULL);
    pid_t process = fork();
    if (process == 0) {
        (void)close(pipe_ends[0]);
        _exit(run(argument, pipe_ends[1]));
    }
    (void)close(pipe_ends[1]);
    if (process < 0) {
        (void)close(pipe_ends[0]);
        return false;
    }
    *child = (struct child){.process = process, .told = pipe_ends[0]};
    return true;
}

int process_read(const struct child *child, char *byte_out, uint64_t timeout_ns)
{
    struct pollfd watched = {.fd = (int)child->told, .events = POLLIN};
    uint64_t milliseconds = timeout_ns / 1000000;
    if (poll(&watched, 1, milliseconds > INT_MAX ? INT_MAX : (int)milliseconds) != 1) {
        return -1;
    }
    return read((int)child->told, byte_out, 1) == 1;
}

int process_join(const struct child *child)
{
    int status = 0;
    bool has_ended = waitpid((pid_t)child->process, &status, 0) == (pid_t)child->process;
    (void)close((int)child->told);
    return has_ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool process_kill(const struct child *child)
{
    return kill((pid_t)child->process, SIGKILL) == 0;
}
