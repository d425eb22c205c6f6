// SPDX-License-Identifier: MIT
// No function of tofu may be called in a signal handler, so there is none: the signals are blocked, and
// a thread waits for them as for anything else.
#include "stop_signal.h"

#include <signal.h>

// Ends the thread when no stop signal came.
#define CLOSE_SIGNAL SIGUSR1

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
    struct stop_signal *stop = context;
    sigset_t signals = signals_of_thread();
    int signal_number = 0;
    int error = sigwait(&signals, &signal_number);
    if (error == 0 && signal_number != CLOSE_SIGNAL) {
        // A refusal means that the group ends already.
        enum tofu_status status = tofu_group_update(stop->group, NULL);
        (void)status;
    }
    return NULL;
}

bool stop_signal_open(struct stop_signal *stop, struct tofu_group *group)
{
    stop->group = group;
    return pthread_create(&stop->thread, NULL, wait_for_signal, stop) == 0;
}

void stop_signal_close(struct stop_signal *stop)
{
    // The thread may have ended with its signal already; until it is joined its id stays valid.
    pthread_kill(stop->thread, CLOSE_SIGNAL);
    pthread_join(stop->thread, NULL);

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}
