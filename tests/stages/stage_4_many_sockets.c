// SPDX-License-Identifier: MIT
// Stage 4: many sockets that come, change and go; ten thousand watches in stable memory; forgetting while
// another thread makes the sockets ready; fifteen hundred armed sockets that are all given up at once, and
// thousands by and by.
#include <stdatomic.h>

#include "contract/poller_fixture.h"
#include "os/thread.h"
#include "stages/account.h"
#include "stages/figures.h"
#include "support/machine.h"
#include "unit/random.h"

#define CYCLES        10000
#define CYCLES_WARM   200
#define RACES         1000
#define ARMED_SOCKETS 1500
#define MANY          100

// Rounds of fresh sockets.
#define ROUNDS        100
#define ROUND_SOCKETS 32

// What a poller may take for them beside what it has when it is open: room for a few rounds, should what the
// kernel owes of one come late. It is 5 slabs of the requests of Windows, of which all rounds are 50.
#define ROUNDS_BYTES_MAX 32768

static void give_up(struct fixture *fixture, struct tf_watch *watch)
{
    forget(fixture, watch);
    contract_close(&fixture->link, watch->socket);
}

// Puts 0 to 99 into an order that is another one in each run, unless TOFU_SEED says which.
static void shuffle(uint32_t order[MANY])
{
    const char *text = getenv("TOFU_SEED");
    struct random_source source = {text == NULL ? machine_now() : strtoull(text, NULL, 10)};
    print_message("TOFU_SEED=%" PRIu64 " repeats this\n", source.state);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t place = (uint32_t)random_below(&source, i + 1);
        order[i] = order[place];
        order[place] = i;
    }
}

static void expect_exactly_the_ready_ones(
    struct fixture *fixture, const uint32_t order[MANY], uint32_t first_ready)
{
    struct tf_poll_event events[CAPACITY_MAX];
    memset(fixture->event_counts, 0, sizeof fixture->event_counts);
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t event_count = wait_once(fixture, QUIET / 4, events, CAPACITY_MAX);
        for (uint32_t j = 0; j < event_count; j++) {
            fixture->event_counts[events[j].token]++;
        }
    }
    for (uint32_t i = 0; i < MANY; i++) {
        const struct tf_watch *watch = &fixture->watches[order[i]];
        bool was_reported = fixture->event_counts[watch->token] != 0;
        assert_int_equal(was_reported, i >= first_ready);
    }
}

// Fifty, anywhere among them, are forgotten, twenty-five changed to what always holds, and twenty-five have bytes to receive: so
// the last fifty are reported, and no other.
static void forgetting_and_changing_some_leaves_the_others(void **state)
{
    struct fixture *fixture = *state;
    static struct account account;
    uint32_t order[MANY] = {0};
    shuffle(order);
    account_open(fixture, &account);
    watch_many(fixture, MANY, TF_POLL_READ);
    assert_int_equal(count_events(fixture, QUIET), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t index = order[i];
        if (i < 50) {
            forget(fixture, &fixture->watches[index]);
        } else if (i < 75) {
            arm(fixture, &fixture->watches[index], TF_POLL_WRITE);
        }
        if (i < 25 || i >= 75) {
            contract_send_text(&fixture->link, fixture->peers[index], "ping");
            contract_await(&fixture->link, fixture->watches[index].socket, TF_POLL_READ);
        }
    }

    expect_exactly_the_ready_ones(fixture, order, 50);
    for (uint32_t i = 0; i < MANY; i++) {
        give_up(fixture, &fixture->watches[i]);
        contract_close(&fixture->link, fixture->peers[i]);
    }
    account_close(fixture, &account);
}

// One socket, watched and forgotten under ever new tokens, with a request in every state of its life.
static void cycle(struct tf_poller *poller, struct tf_watch *watch, uint32_t number)
{
    struct tf_poll_event event;
    uint32_t event_count = 0;
    watch->token++;
    assert_int_equal(poller->ops->watch(poller, watch, TF_POLL_READ), TOFU_OK);
    if (number % 2 == 0) {
        assert_int_equal(poller->ops->wait(poller, 0, &event, 1, &event_count), TOFU_OK);
        assert_int_equal(event_count, 0);
    }
    if (number % 3 == 0) {
        assert_int_equal(poller->ops->watch(poller, watch, TF_POLL_WRITE), TOFU_OK);
        assert_int_equal(
            poller->ops->wait(poller, CONTRACT_DEADLINE, &event, 1, &event_count), TOFU_OK);
        assert_int_equal(event_count, 1);
        assert_int_equal(event.token, watch->token);
    }
    poller->ops->forget(poller, watch);
}

static void ten_thousand_watches_need_no_more_memory_than_two_hundred(void **state)
{
    struct fixture *fixture = *state;
    struct meter meter = {.real = fixture->link.allocator};
    struct tofu_allocator allocator = {meter_allocate, meter_release, &meter};
    struct tf_poller poller = {.ops = fixture->poller.ops};
    struct tf_watch watch = {.socket = fixture->server};
    assert_int_equal(contract_poller_open(&poller, &allocator), TOFU_OK);
    for (uint32_t i = 0; i < CYCLES_WARM; i++) {
        cycle(&poller, &watch, i);
    }
    size_t used_bytes = meter.used_bytes;
    size_t descriptor_count = machine_descriptor_count();
    uint64_t start_ns = tf_clock_now();

    for (uint32_t i = 0; i < CYCLES; i++) {
        cycle(&poller, &watch, i);
    }

    figures_print_rate(poller.ops->name, "watches and forgets", CYCLES, tf_clock_now() - start_ns);
    assert_int_equal(meter.used_bytes, used_bytes);
    assert_int_equal(machine_descriptor_count(), descriptor_count);
    poller.ops->close(&poller);
    assert_string_equal(poller.detail, "");
    assert_int_equal(meter.used_bytes, 0);
}

// Sends one byte whenever it may, so that the loop's cancels race with what makes the socket ready.
struct sender {
    struct tf_thread thread;
    tf_socket socket;
    _Atomic uint32_t allowed;
    uint32_t sent;
};

static bool sender_step(void *context)
{
    struct sender *sender = context;
    static uint8_t byte = 'x';
    if (atomic_load(&sender->allowed) == sender->sent) {
        machine_yield();
        return true;
    }
    sender->sent += (uint32_t)contract_send_some(sender->socket, &byte, 1);
    return sender->sent < RACES;
}

// The interest goes back and forth while the byte comes; then it must be reported.
static void receive_one(struct fixture *fixture, struct tf_watch *watch, uint32_t round)
{
    struct tf_poll_event event;
    uint8_t byte = 0;
    size_t size = 0;
    int error = 0;
    for (uint32_t i = 0; i < round % 4; i++) {
        arm(fixture, watch, TF_POLL_READ);
        (void)wait_once(fixture, 0, &event, 1);
        arm(fixture, watch, i % 2 == 0 ? TF_POLL_WRITE : 0);
        (void)wait_once(fixture, 0, &event, 1);
    }
    if (round % 5 == 0) {
        forget(fixture, watch);
        watch->token = ++fixture->last_token;
    }
    arm(fixture, watch, TF_POLL_READ);
    while (contract_receive(fixture->server, &byte, 1, &size, &error) != TF_IO_DONE) {
        (void)expect(fixture, watch);
    }
    assert_int_equal(byte, 'x');
}

static void a_cancel_that_races_with_readiness_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct tf_watch *watch = watch_add(fixture, fixture->server);
    struct sender sender = {.socket = fixture->client};
    arm(fixture, watch, TF_POLL_READ);
    assert_int_equal(tf_thread_start(&sender.thread, "sender", sender_step, &sender), TOFU_OK);

    uint64_t start_ns = tf_clock_now();
    for (uint32_t i = 0; i < RACES; i++) {
        atomic_fetch_add(&sender.allowed, 1);
        receive_one(fixture, watch, i);
    }

    figures_print_rate(fixture->poller.ops->name, "races", RACES, tf_clock_now() - start_ns);
    tf_thread_join(&sender.thread);
}

static void fifteen_hundred_armed_sockets_are_given_up_without_a_leak(void **state)
{
    struct fixture *fixture = *state;
    static struct account account;
    struct tf_poll_event event;
    account_open(fixture, &account);
    while (fixture->watch_count < ARMED_SOCKETS) {
        tf_socket client = TF_SOCKET_NONE;
        tf_socket server = TF_SOCKET_NONE;
        contract_pair(&fixture->link, &client, &server);
        arm(fixture, watch_add(fixture, client), TF_POLL_READ);
        arm(fixture, watch_add(fixture, server), TF_POLL_READ);
    }
    assert_int_equal(wait_once(fixture, 0, &event, 1), 0);
    uint64_t start_ns = tf_clock_now();

    for (uint32_t i = 0; i < ARMED_SOCKETS; i++) {
        give_up(fixture, &fixture->watches[i]);
    }
    account_close(fixture, &account);

    figures_print_rate(
        fixture->poller.ops->name,
        "armed sockets given up",
        ARMED_SOCKETS,
        tf_clock_now() - start_ns);
}

// The client goes first, so its request is cancelled, while that of the server ends because the peer is gone.
// By a reset, or the system would keep all these connections for a while.
static void come_and_go(struct fixture *fixture)
{
    struct tf_watch watches[ROUND_SOCKETS] = {{0}};
    struct tf_poll_event events[CAPACITY_MAX];
    for (uint32_t i = 0; i < ROUND_SOCKETS; i += 2) {
        contract_pair(&fixture->link, &watches[i].socket, &watches[i + 1].socket);
    }
    for (uint32_t i = 0; i < ROUND_SOCKETS; i++) {
        watches[i].token = ++fixture->last_token;
        arm(fixture, &watches[i], TF_POLL_READ);
    }
    assert_int_equal(wait_once(fixture, 0, events, CAPACITY_MAX), 0);

    for (uint32_t i = 0; i < ROUND_SOCKETS; i++) {
        forget(fixture, &watches[i]);
        contract_reset(&fixture->link, watches[i].socket);
    }
    assert_int_equal(wait_once(fixture, TF_MILLISECOND, events, CAPACITY_MAX), 0);
}

// What is kept of each socket is found here only while the poller is open: its close gives all back.
static void thousands_of_armed_sockets_come_and_go_in_the_memory_of_a_few(void **state)
{
    struct fixture *fixture = *state;
    static struct account account;
    account_open(fixture, &account);
    size_t used_bytes = account.meter.used_bytes;
    uint64_t start_ns = tf_clock_now();

    for (uint32_t i = 0; i < ROUNDS; i++) {
        come_and_go(fixture);
        assert_in_range(account.meter.used_bytes, used_bytes, used_bytes + ROUNDS_BYTES_MAX);
    }

    const char *name = fixture->poller.ops->name;
    figures_print_bytes(name, "memory for them", account.meter.used_bytes - used_bytes);
    figures_print_rate(
        name, "sockets that came and went", ROUNDS * ROUND_SOCKETS, tf_clock_now() - start_ns);
    account_close(fixture, &account);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(forgetting_and_changing_some_leaves_the_others),
    cmocka_unit_test(ten_thousand_watches_need_no_more_memory_than_two_hundred),
    cmocka_unit_test(a_cancel_that_races_with_readiness_loses_nothing),
    cmocka_unit_test(fifteen_hundred_armed_sockets_are_given_up_without_a_leak),
    cmocka_unit_test(thousands_of_armed_sockets_come_and_go_in_the_memory_of_a_few),
};

int main(void)
{
    return poller_contract_run("stage 4: many sockets", cases, sizeof cases / sizeof cases[0]);
}
