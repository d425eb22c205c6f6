// SPDX-License-Identifier: MIT
#include "hostile/decoy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile/comparison.h"
#include "hostile/crowd.h"
#include "hostile/measure.h"
#include "hostile/posix/urgency.h"
#include "support/raw_peer.h"

#define EVENTS_MAX 256
#define TICK_MS    10

// What epoll says of the listener.
#define LISTENER UINT64_MAX

// Entries for poll(2) that stand before those of the held ones.
enum { POLL_LISTENER, POLL_GUEST, POLL_ANSWERS, POLL_HELD };

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
static int guest = -1;              // whom it serves
static int questions[2] = {-1, -1}; // pipe to its application
static int answers[2] = {-1, -1};   // and back

// For poll(2). What is over leaves its entries to the first three, so that all that is polled is one piece.
static struct pollfd polled[CROWD_CONNECTIONS_MAX + POLL_HELD];

static void end(size_t index, bool is_reset)
{
    struct linger at_once = {.l_onoff = is_reset ? 1 : 0, .l_linger = 0};
    if (held[index].descriptor >= 0) {
        (void)setsockopt(held[index].descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        (void)close(held[index].descriptor);
        held[index].descriptor = -1;
        polled[index + POLL_HELD].fd = -1;
        open_count--;
    }
}

static void watch(int set, int descriptor, uint64_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = number};
    if (set >= 0) {
        (void)epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event);
    } else {
        polled[number + POLL_HELD] = (struct pollfd){.fd = descriptor, .events = POLLIN};
    }
}

static void take_waiting(int set, int listener, const struct decoy_rules *rules)
{
    while (came < CROWD_CONNECTIONS_MAX) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) {
            return;
        }
        if (rules->serves_first && guest == -1) {
            guest = descriptor;
            continue;
        }
        watch(set, descriptor, came);
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

// The application answers what is asked, with the same words.
static void *run_application(void *unused)
{
    char bytes[256];
    (void)unused;
    for (;;) {
        ssize_t size = read(questions[0], bytes, sizeof bytes);
        if (size <= 0 || write(answers[1], bytes, (size_t)size) != size) {
            return NULL;
        }
    }
}

// As a library does: what is received goes to the application's thread, which has its own time to answer, and
// wakes the thread that sends.
static void open_application(void)
{
    pthread_t thread;
    (void)urgency_raise(); // Honest clients wait for it.
    if (pipe(questions) == 0 && pipe(answers) == 0) {
        (void)pthread_create(&thread, NULL, run_application, NULL);
    }
}

static void pass_question(void)
{
    char bytes[256];
    ssize_t size = recv(guest, bytes, sizeof bytes, 0);
    if (size <= 0 || write(questions[1], bytes, (size_t)size) != size) {
        (void)close(guest);
        guest = -2;
    }
}

static void pass_answer(void)
{
    char bytes[256];
    ssize_t size = read(answers[0], bytes, sizeof bytes);
    if (size > 0) {
        (void)send(guest, bytes, (size_t)size, MSG_NOSIGNAL);
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

static int timeout_ms(const struct decoy_rules *rules)
{
    return rules->lifetime_ns == UINT64_MAX ? -1 : TICK_MS;
}

_Noreturn static void run_on_epoll(int listener, const struct decoy_rules *rules)
{
    struct epoll_event events[EVENTS_MAX];
    int set = epoll_create1(EPOLL_CLOEXEC);
    watch(set, listener, LISTENER);
    for (;;) {
        int count = epoll_wait(set, events, EVENTS_MAX, timeout_ms(rules));
        for (int i = 0; i < count; i++) {
            uint64_t number = events[i].data.u64;
            if (number == LISTENER) {
                take_waiting(set, listener, rules);
            } else if (held[number].descriptor >= 0) {
                discard(number);
            }
        }
        end_old_ones(rules);
    }
}

static void set_polled(size_t index, int descriptor)
{
    polled[index] = (struct pollfd){.fd = descriptor, .events = POLLIN};
}

_Noreturn static void run_on_poll(int listener, const struct decoy_rules *rules)
{
    if (rules->serves_first) {
        open_application();
    }
    for (;;) {
        struct pollfd *entries = &polled[ended];
        size_t count = came - ended;
        set_polled(ended + POLL_LISTENER, listener);
        set_polled(ended + POLL_GUEST, guest);
        set_polled(ended + POLL_ANSWERS, answers[0]);
        (void)poll(entries, POLL_HELD + count, timeout_ms(rules));
        if (entries[POLL_GUEST].revents != 0) {
            pass_question();
        }
        if (entries[POLL_ANSWERS].revents != 0) {
            pass_answer();
        }
        for (size_t i = 0; i < count; i++) {
            if (entries[POLL_HELD + i].revents != 0 && held[ended + i].descriptor >= 0) {
                discard(ended + i);
            }
        }
        if (entries[POLL_LISTENER].revents != 0) {
            take_waiting(-1, listener, rules);
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
        if (comparison_is_on_poll()) {
            run_on_poll(listener, &rules);
        }
        run_on_epoll(listener, &rules);
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
