// SPDX-License-Identifier: MIT
// Stage 5: bytes. A small echo server and its clients share one loop: megabytes come back byte for byte, a
// client that does not read costs the server its buffer and nothing else, and one that dies midway takes
// nobody with it. Before that, a single write of more than anybody takes at once.
//
// Interest is a function of state, as in the engine: the server reads while its buffer is empty and writes
// while it is not; a client reads, and writes while it has something to send.
#include "contract/poller_fixture.h"
#include "stages/account.h"
#include "stages/figures.h"

#define CONNECTIONS  16
#define ENDS_MAX     (2 * CONNECTIONS)
#define MEGABYTE     (UINT32_C(1) << 20)
#define BUFFER_BYTES 16384

struct end {
    struct tf_watch watch;
    bool is_server;
    bool is_resting; ///< a client that does not read
    bool has_ended;  ///< the peer has sent all it will
    bool has_failed;
    bool has_shut;
    uint32_t total;    ///< a client's: bytes to send, and to get back
    uint32_t sent;     ///< in all
    uint32_t received; ///< in all
    uint32_t start;    ///< the server's: of what is in the buffer
    uint32_t fill;
    uint8_t buffer[BUFFER_BYTES];
};

struct transfer {
    struct fixture *fixture;
    struct end ends[ENDS_MAX];
    uint32_t end_count;
    uint64_t event_count;
};

static struct transfer transfer;

// What a client sends at an offset: no two places of the same kilobyte are alike for long.
static uint8_t pattern(const struct end *end, uint32_t offset)
{
    return (uint8_t)(offset * 31 + (offset >> 8) * 7 + (uint32_t)end->watch.token);
}

static uint8_t interest_of(const struct end *end)
{
    if (end->has_failed) {
        return 0;
    }
    if (end->is_server) {
        return end->fill > 0 ? TF_POLL_WRITE : end->has_ended ? 0 : TF_POLL_READ;
    }
    uint8_t interest = end->is_resting || end->has_ended ? 0 : TF_POLL_READ;
    return end->sent < end->total ? interest | TF_POLL_WRITE : interest;
}

static bool may(struct end *end, enum tf_io result)
{
    end->has_failed = end->has_failed || result == TF_IO_FAILED;
    end->has_ended = end->has_ended || result == TF_IO_END;
    return result == TF_IO_DONE;
}

static void server_step(struct end *end)
{
    for (;;) {
        size_t size = 0;
        int error = 0;
        if (end->fill == 0) {
            end->start = 0;
            enum tf_io result =
                contract_receive(end->watch.socket, end->buffer, BUFFER_BYTES, &size, &error);
            if (!may(end, result)) {
                break;
            }
            end->fill = (uint32_t)size;
            end->received += end->fill;
        }
        struct tf_segment segment = {.data = end->buffer + end->start, .size = end->fill};
        if (!may(end, tf_socket_send(end->watch.socket, &segment, 1, &size, &error))) {
            break;
        }
        end->start += (uint32_t)size;
        end->fill -= (uint32_t)size;
        end->sent += (uint32_t)size;
    }
    if (end->has_ended && end->fill == 0 && !end->has_shut) {
        end->has_shut = true;
        tf_socket_shutdown_send(end->watch.socket);
    }
}

static void client_send(struct end *end)
{
    while (end->sent < end->total) {
        size_t size = 0;
        int error = 0;
        uint32_t left = end->total - end->sent;
        uint32_t some = left < BUFFER_BYTES ? left : BUFFER_BYTES;
        for (uint32_t i = 0; i < some; i++) {
            end->buffer[i] = pattern(end, end->sent + i);
        }
        struct tf_segment segment = {.data = end->buffer, .size = some};
        if (!may(end, tf_socket_send(end->watch.socket, &segment, 1, &size, &error))) {
            return;
        }
        end->sent += (uint32_t)size;
    }
    if (!end->has_shut) {
        end->has_shut = true;
        tf_socket_shutdown_send(end->watch.socket);
    }
}

static void client_receive(struct end *end)
{
    size_t size = 0;
    int error = 0;
    while (
        !end->is_resting &&
        may(end, contract_receive(end->watch.socket, end->buffer, BUFFER_BYTES, &size, &error))) {
        for (uint32_t i = 0; i < size; i++) {
            if (end->buffer[i] != pattern(end, end->received + i)) {
                fail_msg("byte %u came back wrong", (unsigned)(end->received + i));
            }
        }
        end->received += (uint32_t)size;
    }
}

static void declare(struct end *end)
{
    arm(transfer.fixture, &end->watch, interest_of(end));
}

static void end_step(struct end *end)
{
    if (end->is_server) {
        server_step(end);
    } else {
        client_send(end);
        client_receive(end);
    }
    declare(end);
}

// One wait, and a step for whoever had an event. Returns how many had.
static uint32_t turn(uint64_t timeout_ns)
{
    struct tf_poll_event events[CAPACITY_MAX];
    uint32_t event_count = wait_once(transfer.fixture, timeout_ns, events, CAPACITY_MAX);
    for (uint32_t i = 0; i < event_count; i++) {
        for (uint32_t j = 0; j < transfer.end_count; j++) {
            if (transfer.ends[j].watch.token == events[i].token) {
                end_step(&transfer.ends[j]);
            }
        }
    }
    transfer.event_count += event_count;
    return event_count;
}

static struct end *add_end(tf_socket socket, bool is_server)
{
    struct end *end = &transfer.ends[transfer.end_count++];
    *end = (struct end){.is_server = is_server};
    end->watch = (struct tf_watch){.socket = socket, .token = ++transfer.fixture->last_token};
    return end;
}

// Opens a connection whose client sends `total` bytes; returns the client, whose server stands behind it.
static struct end *connect_one(uint32_t total)
{
    tf_socket client = TF_SOCKET_NONE;
    tf_socket server = TF_SOCKET_NONE;
    contract_pair(&transfer.fixture->link, &client, &server);
    struct end *end = add_end(client, false);
    end->total = total;
    declare(end);
    declare(add_end(server, true));
    return end;
}

static bool is_done(const struct end *client)
{
    return client->has_failed || (client->has_ended && client->received == client->total);
}

static void run_until_done(const struct end *client)
{
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    while (!is_done(client)) {
        assert_true(tf_clock_now() < deadline_ns);
        (void)turn(CONTRACT_DEADLINE);
    }
}

// Offers all that is left in one write, until no more is taken. Returns how many writes were taken in part.
static uint32_t send_on(tf_socket socket, uint8_t *bytes, size_t total, size_t *sent)
{
    uint32_t part_count = 0;
    while (*sent < total) {
        size_t size = 0;
        int error = 0;
        struct tf_segment segment = {.data = bytes + *sent, .size = total - *sent};
        enum tf_io result = tf_socket_send(socket, &segment, 1, &size, &error);
        if (result == TF_IO_WOULD_BLOCK) {
            return part_count;
        }
        assert_int_equal(result, TF_IO_DONE);
        assert_in_range(size, 1, total - *sent);
        part_count += size < segment.size ? 1 : 0;
        *sent += size;
    }
    return part_count;
}

static void receive_on(tf_socket socket, const uint8_t *bytes, size_t total, size_t *received)
{
    uint8_t buffer[BUFFER_BYTES];
    size_t size = 0;
    int error = 0;
    while (contract_receive(socket, buffer, BUFFER_BYTES, &size, &error) == TF_IO_DONE) {
        assert_in_range(size, 1, total - *received);
        assert_memory_equal(buffer, bytes + *received, size);
        *received += size;
    }
}

static void a_write_that_is_taken_in_part_goes_on_where_it_stopped(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t bytes[8 * MEGABYTE];
    struct tf_watch *client = watch_add(fixture, fixture->client);
    struct tf_watch *server = watch_add(fixture, fixture->server);
    size_t sent = 0;
    size_t received = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 31 + (i >> 8) * 7);
    }

    uint32_t part_count = send_on(client->socket, bytes, sizeof bytes, &sent);
    assert_in_range(part_count, 1, UINT32_MAX);
    assert_in_range(sent, 1, sizeof bytes - 1);
    arm(fixture, server, TF_POLL_READ);
    while (received < sizeof bytes) {
        arm(fixture, client, sent < sizeof bytes ? TF_POLL_WRITE : 0);
        struct tf_poll_event events[2];
        assert_in_range(wait_once(fixture, CONTRACT_DEADLINE, events, 2), 1, 2);
        receive_on(server->socket, bytes, sizeof bytes, &received);
        (void)send_on(client->socket, bytes, sizeof bytes, &sent);
    }
    assert_int_equal(sent, sizeof bytes);
}

static void begin(void **state)
{
    memset(&transfer, 0, sizeof transfer);
    transfer.fixture = *state;
}

static void forget_all(void)
{
    for (uint32_t i = 0; i < transfer.end_count; i++) {
        forget(transfer.fixture, &transfer.ends[i].watch);
    }
}

static void a_megabyte_comes_back_on_each_of_many_connections(void **state)
{
    begin(state);
    uint64_t start_ns = tf_clock_now();
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        (void)connect_one(MEGABYTE);
    }

    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        const struct end *client = &transfer.ends[2 * i];
        run_until_done(client);
        assert_false(client->has_failed);
        assert_int_equal(client->sent, MEGABYTE);
        assert_int_equal(client->received, MEGABYTE);
    }

    figures_print_rate(
        transfer.fixture->poller.ops->name,
        "kilobytes echoed",
        CONNECTIONS * MEGABYTE / 1024,
        tf_clock_now() - start_ns);
    forget_all();
}

// Turns until nothing happens. The kernel may make a little more room by its own timers; twice quiet is quiet.
static void run_until_quiet(void)
{
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    do {
        while (turn(QUIET) > 0) {
            assert_true(tf_clock_now() < deadline_ns);
        }
    } while (turn(QUIET) > 0);
}

static void close_all(void)
{
    forget_all();
    for (uint32_t i = 0; i < transfer.end_count; i++) {
        contract_close(&transfer.fixture->link, transfer.ends[i].watch.socket);
    }
}

// What the client sends fills its own buffers, the system's and the server's; then all is quiet, until the
// client reads. Beside these buffers only the poller has memory, which knows its sockets before the first byte.
static void a_slow_consumer_costs_the_server_its_buffer_and_no_more(void **state)
{
    static struct account account;
    begin(state);
    account_open(transfer.fixture, &account);
    struct end *client = connect_one(64 * MEGABYTE);
    const struct end *server = client + 1;
    client->is_resting = true;
    declare(client);
    size_t used_bytes = account.meter.used_bytes;
    run_until_quiet();
    assert_in_range(client->sent, 1, client->total - 1);
    assert_int_equal(server->received - server->sent, server->fill);
    size_t stalled_bytes = account.meter.used_bytes;

    // It has no more to say than it has said, so that the test ends soon.
    client->total = client->sent;
    client->is_resting = false;
    end_step(client);
    run_until_done(client);
    assert_false(client->has_failed);
    assert_int_equal(client->received, client->total);
    size_t done_bytes = account.meter.used_bytes;
    close_all();
    assert_int_equal(stalled_bytes, used_bytes);
    assert_int_equal(done_bytes, used_bytes);
    account_close(transfer.fixture, &account);
}

static void a_peer_that_dies_midway_takes_nobody_with_it(void **state)
{
    begin(state);
    struct end *victim = connect_one(MEGABYTE);
    struct end *survivor = connect_one(MEGABYTE);
    const struct end *victim_server = victim + 1;
    victim->total = MEGABYTE + 1; // It never comes to its end.
    while (victim_server->received < MEGABYTE / 4) {
        assert_true(turn(CONTRACT_DEADLINE) > 0);
    }

    forget(transfer.fixture, &victim->watch);
    contract_reset(&transfer.fixture->link, victim->watch.socket);
    run_until_done(survivor);
    uint64_t deadline_ns = tf_deadline(tf_clock_now(), CONTRACT_DEADLINE);
    while (!victim_server->has_failed && !victim_server->has_ended) {
        assert_true(tf_clock_now() < deadline_ns);
        (void)turn(CONTRACT_DEADLINE);
    }

    assert_false(survivor->has_failed);
    assert_int_equal(survivor->received, MEGABYTE);
    forget_all();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_write_that_is_taken_in_part_goes_on_where_it_stopped),
    cmocka_unit_test(a_megabyte_comes_back_on_each_of_many_connections),
    cmocka_unit_test(a_slow_consumer_costs_the_server_its_buffer_and_no_more),
    cmocka_unit_test(a_peer_that_dies_midway_takes_nobody_with_it),
};

int main(void)
{
    return poller_contract_run("stage 5: bytes", cases, sizeof cases / sizeof cases[0]);
}
