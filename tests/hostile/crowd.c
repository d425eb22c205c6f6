// SPDX-License-Identifier: MIT
#include "hostile/crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/side.h"

// A report may need the end of the engine's longest deadline, and ten thousand connections.
#define REPORT_DEADLINE_NS (4 * TEST_DEADLINE_NS)

enum order_kind { ORDER_CONNECT, ORDER_AWAIT, ORDER_LEAVE };

struct order {
    enum order_kind kind;
    uint64_t count;
    size_t size;
    char address[TOFU_ADDRESS_BYTES_MAX];
    char bytes[CROWD_BYTES_MAX];
};

// What follows up to crowd_main() runs in the crowd's process, where no test can fail: it reports.

struct member {
    uint64_t started_ns; ///< before its connect
    int descriptor;      ///< -1: ended, or we left
};

static struct member members[CROWD_CONNECTIONS_MAX];
static struct pollfd watched[CROWD_CONNECTIONS_MAX];
static struct crowd_report report;
static uint64_t left_count;

static uint64_t now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

static int connect_to(const char *address)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_un path;
    } peer;
    memset(&peer, 0, sizeof peer);
    socklen_t size = sizeof peer.ipv4;
    if (strncmp(address, "tcp|127.0.0.1|", 14) == 0) {
        peer.ipv4.sin_family = AF_INET;
        peer.ipv4.sin_port = htons((uint16_t)atoi(address + 14));
        peer.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        size = sizeof peer.path;
        peer.path.sun_family = AF_UNIX;
        memcpy(peer.path.sun_path, address + 4, strnlen(address + 4, TOFU_PATH_BYTES_MAX));
    }
    int descriptor = socket(peer.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor >= 0 && connect(descriptor, &peer.any, size) != 0) {
        (void)close(descriptor);
        descriptor = -1;
    }
    // Whoever goes resets: thousands of ports that wait for their time to pass would be missed, also by others.
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return descriptor;
}

static void connect_many(const struct order *order)
{
    for (uint64_t i = 0; i < order->count; i++) {
        uint64_t started_ns = now();
        int descriptor = report.connected < CROWD_CONNECTIONS_MAX ? connect_to(order->address) : -1;
        if (descriptor < 0) {
            report.failed++;
            continue;
        }
        if (order->size > 0) {
            (void)send(descriptor, order->bytes, order->size, MSG_NOSIGNAL);
        }
        members[report.connected] =
            (struct member){.started_ns = started_ns, .descriptor = descriptor};
        report.connected++;
    }
}

static bool has_ended(int descriptor)
{
    char bytes[256];
    ssize_t size = 0;
    do {
        size = recv(descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
    } while (size > 0);
    return size == 0 || (errno != EAGAIN && errno != EINTR);
}

static void note_end(uint64_t index)
{
    uint64_t time_ns = now() - members[index].started_ns;
    report.ended++;
    report.last_ended = index + 1 > report.last_ended ? index + 1 : report.last_ended;
    report.soonest_ns = time_ns < report.soonest_ns ? time_ns : report.soonest_ns;
    report.latest_ns = time_ns > report.latest_ns ? time_ns : report.latest_ns;
    (void)close(members[index].descriptor);
    members[index].descriptor = -1;
}

static void await_ended(uint64_t wanted)
{
    uint64_t deadline_ns = now() + 3 * TEST_DEADLINE_NS;
    while (report.ended < wanted && now() < deadline_ns) {
        for (uint64_t i = 0; i < report.connected; i++) {
            watched[i] = (struct pollfd){.fd = members[i].descriptor, .events = POLLIN};
        }
        int happened = poll(watched, (nfds_t)report.connected, 100);
        for (uint64_t i = 0; i < report.connected && happened > 0; i++) {
            if (watched[i].revents != 0 && has_ended(members[i].descriptor)) {
                note_end(i);
            }
        }
    }
}

static void leave(uint64_t count)
{
    for (; count > 0 && left_count < report.connected; left_count++) {
        if (members[left_count].descriptor >= 0) {
            (void)close(members[left_count].descriptor);
            members[left_count].descriptor = -1;
            count--;
        }
    }
}

_Noreturn static void crowd_main(int control)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_max = limit.rlim_max < 12000 ? 12000 : limit.rlim_max;
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    // Whoever else is busy on the machine should not slow an attack down.
    (void)setpriority(PRIO_PROCESS, 0, -20);
    static struct order order;
    report = (struct crowd_report){.soonest_ns = UINT64_MAX};
    while (recv(control, &order, sizeof order, 0) == sizeof order) {
        switch (order.kind) {
        case ORDER_CONNECT:
            connect_many(&order);
            break;
        case ORDER_AWAIT:
            await_ended(order.count);
            break;
        case ORDER_LEAVE:
            leave(order.count);
            break;
        }
        (void)send(control, &report, sizeof report, MSG_NOSIGNAL);
    }
    _exit(0);
}

void crowd_open(struct crowd *crowd)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    crowd->process = fork();
    assert_true(crowd->process >= 0);
    if (crowd->process == 0) {
        (void)close(ends[0]);
        crowd_main(ends[1]);
    }
    (void)close(ends[1]);
    crowd->control = ends[0];
}

// Killed, since it may stand in a connect that nobody answers any more.
void crowd_close(struct crowd *crowd)
{
    (void)close(crowd->control);
    (void)kill(crowd->process, SIGKILL);
    (void)waitpid(crowd->process, NULL, 0);
}

static void give(struct crowd *crowd, const struct order *order)
{
    assert_int_equal(send(crowd->control, order, sizeof *order, MSG_NOSIGNAL), sizeof *order);
}

void crowd_order_connect(
    struct crowd *crowd, const char *address, uint64_t count, const void *bytes, size_t size)
{
    struct order order = {.kind = ORDER_CONNECT, .count = count, .size = size};
    assert_true(size <= sizeof order.bytes);
    (void)snprintf(order.address, sizeof order.address, "%s", address);
    if (size > 0) {
        memcpy(order.bytes, bytes, size);
    }
    give(crowd, &order);
}

void crowd_order_await(struct crowd *crowd, uint64_t ended)
{
    const struct order order = {.kind = ORDER_AWAIT, .count = ended};
    give(crowd, &order);
}

void crowd_order_leave(struct crowd *crowd, uint64_t count)
{
    const struct order order = {.kind = ORDER_LEAVE, .count = count};
    give(crowd, &order);
}

bool crowd_has_report(const struct crowd *crowd)
{
    struct pollfd ready = {.fd = crowd->control, .events = POLLIN};
    return poll(&ready, 1, 0) == 1;
}

struct crowd_report crowd_take_report(struct crowd *crowd)
{
    struct crowd_report taken;
    struct pollfd ready = {.fd = crowd->control, .events = POLLIN};
    int count = 0;
    uint64_t deadline_ns = test_now() + REPORT_DEADLINE_NS;
    while (count == 0 && test_now() < deadline_ns) {
        count = poll(&ready, 1, 100);
        count = count < 0 ? 0 : count;
    }
    assert_true_or(count == 1, "the crowd does not report");
    assert_int_equal(recv(crowd->control, &taken, sizeof taken, 0), sizeof taken);
    return taken;
}
