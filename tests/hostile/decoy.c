// SPDX-License-Identifier: MIT
#include "hostile/decoy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile/crowd.h"
#include "hostile/measure.h"
#include "support/raw_peer.h"

#define EVENTS_MAX 256
#define TICK_MS    10

// What follows up to decoy_main() runs in the decoy's process, where no test can fail.

// In the order in which they came. An index below `ended` is over.
struct held {
    uint64_t since_ns;
    int descriptor; ///< -1: the peer has ended it
};

static struct held held[CROWD_CONNECTIONS_MAX];
static size_t came;
static size_t ended;
static size_t open_count;

static void end(size_t index, bool is_reset)
{
    struct linger at_once = {.l_onoff = is_reset ? 1 : 0, .l_linger = 0};
    if (held[index].descriptor >= 0) {
        (void)setsockopt(held[index].descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        (void)close(held[index].descriptor);
        held[index].descriptor = -1;
        open_count--;
    }
}

static void take_waiting(int set, int listener)
{
    while (came < CROWD_CONNECTIONS_MAX) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) {
            return;
        }
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = came};
        (void)epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event);
        held[came] = (struct held){.since_ns = test_now(), .descriptor = descriptor};
        came++;
        open_count++;
    }
}

static void discard(size_t index)
{
    static char bytes[65536];
    ssize_t size = recv(held[index].descriptor, bytes, sizeof bytes, 0);
    if (size == 0 || (size < 0 && errno != EAGAIN)) {
        end(index, false);
    }
}

static void end_old_ones(const struct decoy_rules *rules)
{
    uint64_t now_ns = test_now();
    while (ended < came && (held[ended].descriptor < 0 || open_count > rules->held_max ||
                            now_ns - held[ended].since_ns >= rules->lifetime_ns)) {
        end(ended, true);
        ended++;
    }
}

_Noreturn static void decoy_main(int listener, const struct decoy_rules *rules)
{
    const uint64_t listening = UINT64_MAX;
    struct epoll_event events[EVENTS_MAX];
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = listening};
    int set = epoll_create1(EPOLL_CLOEXEC);
    (void)epoll_ctl(set, EPOLL_CTL_ADD, listener, &event);
    int timeout = rules->lifetime_ns == UINT64_MAX ? -1 : TICK_MS;
    for (;;) {
        int count = epoll_wait(set, events, EVENTS_MAX, timeout);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == listening) {
                take_waiting(set, listener);
            } else if (held[events[i].data.u64].descriptor >= 0) {
                discard(events[i].data.u64);
            }
        }
        end_old_ones(rules);
    }
}

void decoy_open(struct decoy *decoy, const struct link_fixture *link, struct decoy_rules rules)
{
    bool is_tcp = link->transport == TOFU_TCP;
    int listener = raw_listen(is_tcp, link->directory, "decoy", SOMAXCONN, decoy->address);
    decoy->process = fork();
    assert_true(decoy->process >= 0);
    if (decoy->process == 0) {
        // It has no orders to wait for, so it must not outlive a test that ends early.
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)setpriority(PRIO_PROCESS, 0, -20);
        int flags = fcntl(listener, F_GETFL);
        (void)fcntl(listener, F_SETFL, flags | O_NONBLOCK);
        (void)system_allow_descriptors(CROWD_CONNECTIONS_MAX + 100);
        decoy_main(listener, &rules);
    }
    raw_close(listener);
}

void decoy_close(struct decoy *decoy)
{
    (void)kill(decoy->process, SIGKILL);
    (void)waitpid(decoy->process, NULL, 0);
    if (strncmp(decoy->address, "uds|", 4) == 0) {
        (void)unlink(decoy->address + 4);
    }
}
