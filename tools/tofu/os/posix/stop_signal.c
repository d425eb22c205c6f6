// SPDX-License-Identifier: MIT
// No function of tofu may be called in a signal handler, so there is none: the signals are blocked, and
// a thread waits for them as for anything else.
#include "os/stop_signal.h"

#include <pthread.h>
#include <signal.h>

// Ends the thread when no stop signal came.
#define CLOSE_SIGNAL SIGUSR1

// Signals are the process's, so there is one of it.
static pthread_t waiting_thread;

static sigset_t signals_of_thread(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, CLOSE_SIGNAL);
    return signals;
}

void stop_signal_block(void)
{
    sigset_t signals = signals_of_thread();
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

static void *wait_for_signal(void *context)
{
    struct tofu_group *group = context;
    sigset_t signals = signals_of_thread();
    int signal_number = 0;
    int error = sigwait(&signals, &signal_number);
    if (error == 0 && signal_number != CLOSE_SIGNAL) {
        // A refusal means that the group ends already.
        enum tofu_status status = tofu_group_update(group, NULL);
        (void)status;
    }
    return NULL;
}

bool stop_signal_open(struct tofu_group *group)
{
    return pthread_create(&waiting_thread, NULL, wait_for_signal, group) == 0;
}

void stop_signal_close(void)
{
    // The thread may have ended with its signal already; until it is joined its id stays valid.
    pthread_kill(waiting_thread, CLOSE_SIGNAL);
    pthread_join(waiting_thread, NULL);

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}
