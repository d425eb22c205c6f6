// SPDX-License-Identifier: MIT
#include "hostile/crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile/system.h"
#include "support/machine.h"
#include "support/process.h"
#include "support/side.h"

#define CROWD_ROLE "--crowd"

// The connections, and room for what a process has besides.
#define DESCRIPTORS (CROWD_CONNECTIONS_MAX + 2000)

// A report may need the end of the engine's longest deadline, and ten thousand connections.
#define REPORT_DEADLINE_NS (4 * TEST_DEADLINE_NS)

enum order_kind { ORDER_CONNECT, ORDER_AWAIT, ORDER_ANSWER, ORDER_LEAVE };

struct order {
    enum order_kind kind;
    uint64_t count;
    uint64_t after_ns;
    size_t size;
    char address[TOFU_ADDRESS_BYTES_MAX];
    char bytes[CROWD_BYTES_MAX];
};

// What follows up to crowd_main() runs in the crowd's process, where no test can fail: it reports.

struct member {
    uint64_t started_ns; ///< before its connect
    int descriptor;      ///< RAW_NONE: ended, or we left
};

static struct member members[CROWD_CONNECTIONS_MAX];
static struct raw_watch watched[CROWD_CONNECTIONS_MAX];
static struct crowd_report report;
static uint64_t left_count;

static bool address_read(const char *address, struct raw_address *peer_out)
{
    static const char tcp[] = "tcp|127.0.0.1|";
    if (strncmp(address, tcp, sizeof tcp - 1) == 0) {
        unsigned long port = strtoul(address + sizeof tcp - 1, NULL, 10);
        return raw_address_tcp("127.0.0.1", (uint16_t)port, peer_out);
    }
    return raw_address_path(address + strlen("uds|"), peer_out);
}

static int connect_to(const char *address)
{
    struct raw_address peer;
    int descriptor = address_read(address, &peer) ? raw_socket_open(&peer) : RAW_NONE;
    if (descriptor == RAW_NONE) {
        return RAW_NONE;
    }
    if (!raw_socket_connect(descriptor, &peer)) {
        raw_socket_close(descriptor);
        return RAW_NONE;
    }
    return descriptor;
}

static void connect_many(const struct order *order)
{
    for (uint64_t i = 0; i < order->count; i++) {
        uint64_t started_ns = machine_now();
        bool has_room = report.connected < CROWD_CONNECTIONS_MAX;
        int descriptor = has_room ? connect_to(order->address) : RAW_NONE;
        if (descriptor == RAW_NONE) {
            report.failed++;
            continue;
        }
        // Whoever goes resets: thousands of ports that wait for their time to pass would be missed, also by
        // others.
        raw_socket_reset_at_close(descriptor);
        if (order->size > 0) {
            size_t sent = 0;
            (void)raw_socket_send(descriptor, order->bytes, order->size, &sent);
        }
        members[report.connected] =
            (struct member){.started_ns = started_ns, .descriptor = descriptor};
        report.connected++;
    }
}

static bool has_ended(int descriptor)
{
    char bytes[256];
    size_t size = 0;
    enum raw_outcome outcome = RAW_DONE;
    do {
        outcome = raw_socket_receive(descriptor, bytes, sizeof bytes, &size);
    } while (outcome == RAW_DONE && size > 0);
    return outcome != RAW_NOT_NOW;
}

static void note_end(uint64_t index)
{
    uint64_t time_ns = machine_now() - members[index].started_ns;
    report.ended++;
    report.last_ended = index + 1 > report.last_ended ? index + 1 : report.last_ended;
    report.soonest_ns = time_ns < report.soonest_ns ? time_ns : report.soonest_ns;
    report.latest_ns = time_ns > report.latest_ns ? time_ns : report.latest_ns;
    raw_socket_close(members[index].descriptor);
    members[index].descriptor = RAW_NONE;
}

static void await_ended(uint64_t wanted)
{
    uint64_t deadline_ns = machine_now() + 3 * TEST_DEADLINE_NS;
    while (report.ended < wanted && machine_now() < deadline_ns) {
        for (uint64_t i = 0; i < report.connected; i++) {
            watched[i] = (struct raw_watch){.descriptor = members[i].descriptor};
        }
        (void)raw_socket_await_any(watched, (size_t)report.connected, 100 * MILLISECOND_NS);
        for (uint64_t i = 0; i < report.connected; i++) {
            if (watched[i].is_ready && has_ended(members[i].descriptor)) {
                note_end(i);
            }
        }
    }
}

// Who answers is no attacker, and takes its turn like others.
static void answer_all(const struct order *order)
{
    system_take_turns();
    interval_pass(order->after_ns);
    for (uint64_t i = 0; i < report.connected; i++) {
        if (members[i].descriptor != RAW_NONE) {
            size_t sent = 0;
            (void)raw_socket_send(members[i].descriptor, order->bytes, order->size, &sent);
            (void)raw_socket_finish(members[i].descriptor);
        }
    }
    system_go_first();
}

static void leave(uint64_t count)
{
    for (; count > 0 && left_count < report.connected; left_count++) {
        if (members[left_count].descriptor != RAW_NONE) {
            raw_socket_close(members[left_count].descriptor);
            members[left_count].descriptor = RAW_NONE;
            count--;
        }
    }
}

// Moves a whole order or report over the connection between the crowd and the test. False: it has ended, or
// the time is over.
static bool control_send(int control, const void *bytes, size_t size)
{
    const char *next = bytes;
    while (size > 0) {
        size_t sent = 0;
        enum raw_outcome outcome = raw_socket_send(control, next, size, &sent);
        if (outcome == RAW_NOT_NOW) {
            (void)raw_socket_await(control, false, TEST_DEADLINE_NS);
        } else if (outcome != RAW_DONE) {
            return false;
        }
        next += sent;
        size -= sent;
    }
    return true;
}

static bool control_receive(int control, void *bytes_out, size_t size, uint64_t deadline_ns)
{
    char *next = bytes_out;
    while (size > 0) {
        size_t received = 0;
        uint64_t now_ns = machine_now();
        if (now_ns >= deadline_ns) {
            return false;
        }
        uint64_t left_ns = deadline_ns - now_ns;
        (void)raw_socket_await(
            control, true, left_ns < TEST_DEADLINE_NS ? left_ns : TEST_DEADLINE_NS);
        enum raw_outcome outcome = raw_socket_receive(control, next, size, &received);
        if (outcome != RAW_NOT_NOW && (outcome != RAW_DONE || received == 0)) {
            return false;
        }
        next += received;
        size -= received;
    }
    return true;
}

static int crowd_main(const char *address)
{
    static struct order order;
    int control = connect_to(address);
    if (control == RAW_NONE) {
        return EXIT_FAILURE;
    }
    (void)system_allow_descriptors(DESCRIPTORS);
    // Whoever else is busy on the machine should not slow an attack down.
    system_go_first();
    report = (struct crowd_report){.soonest_ns = UINT64_MAX};
    while (control_receive(control, &order, sizeof order, UINT64_MAX)) {
        switch (order.kind) {
        case ORDER_CONNECT:
            connect_many(&order);
            break;
        case ORDER_AWAIT:
            await_ended(order.count);
            break;
        case ORDER_ANSWER:
            answer_all(&order);
            break;
        case ORDER_LEAVE:
            leave(order.count);
            break;
        }
        if (!control_send(control, &report, sizeof report)) {
            break;
        }
    }
    return EXIT_SUCCESS;
}

void crowd_take_role(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], CROWD_ROLE) == 0) {
        exit(crowd_main(argv[2]));
    }
}

void crowd_open(struct crowd *crowd)
{
    char text[TOFU_ADDRESS_BYTES_MAX];
    struct raw_address own;
    assert_true(raw_address_tcp("127.0.0.1", 0, &own));
    int listener = raw_socket_open(&own);
    assert_true(listener != RAW_NONE);
    assert_true(raw_socket_bind(listener, &own) && raw_socket_listen(listener, 1));
    (void)snprintf(text, sizeof text, "tcp|127.0.0.1|%u", raw_socket_port(listener));
    assert_true(process_start(&crowd->process, CROWD_ROLE, text));
    assert_true(raw_socket_await(listener, true, TEST_DEADLINE_NS));
    crowd->control = raw_socket_accept(listener);
    assert_true(crowd->control != RAW_NONE);
    raw_socket_close(listener);
}

// Killed, since it may stand in a connect that nobody answers any more.
void crowd_close(struct crowd *crowd)
{
    raw_socket_close(crowd->control);
    (void)process_kill(&crowd->process);
    (void)process_join(&crowd->process);
}

static void give(struct crowd *crowd, const struct order *order)
{
    assert_true(control_send(crowd->control, order, sizeof *order));
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

void crowd_order_answer(struct crowd *crowd, uint64_t after_ns, const void *bytes, size_t size)
{
    struct order order = {.kind = ORDER_ANSWER, .after_ns = after_ns, .size = size};
    assert_true(size <= sizeof order.bytes);
    memcpy(order.bytes, bytes, size);
    give(crowd, &order);
}

void crowd_order_leave(struct crowd *crowd, uint64_t count)
{
    const struct order order = {.kind = ORDER_LEAVE, .count = count};
    give(crowd, &order);
}

bool crowd_has_report(const struct crowd *crowd)
{
    return raw_socket_await(crowd->control, true, 0);
}

struct crowd_report crowd_take_report(struct crowd *crowd)
{
    struct crowd_report taken;
    uint64_t deadline_ns = test_now() + REPORT_DEADLINE_NS;
    bool has_come = control_receive(crowd->control, &taken, sizeof taken, deadline_ns);
    assert_true_or(has_come, "the crowd does not report");
    return taken;
}
