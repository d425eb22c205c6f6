// SPDX-License-Identifier: MIT
// Stage 6: the engine itself. One I/O thread has more than a hundred connections, with both ends of each; a
// second thread injects heartbeats into all of them, a third one shuts the engine down, and the test's
// own thread echoes. Then everything is gone.
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include "support/link_fixture.h"
#include "support/machine.h"
#include "support/worker.h"

#define CONNECTIONS 120
#define ROUNDS      10
#define HEARTBEATS  ((uint64_t)CONNECTIONS * ROUNDS)

struct heart {
    struct side side;
    uint16_t channels[CONNECTIONS];
    enum tofu_status status;
    uint64_t answered;
    atomic_bool is_done;
    struct worker worker;
};

struct ender {
    struct tofu_engine *engine;
    struct heart *heart;
    enum tofu_status status;
    struct tofu_shutdown_report report;
    struct worker worker;
};

static struct heart heart;
static struct ender ender;

static enum tofu_status beat(const struct heart *beating, uint16_t channel, uint64_t id)
{
    struct tofu_message *message = NULL;
    enum tofu_status status = tofu_engine_get(beating->side.engine, TOFU_ALWAYS, &message);
    if (status != TOFU_OK) {
        return status;
    }
    struct tofu_header *header = tofu_message_header(message);
    header->opcode = TOFU_REQUEST;
    header->channel = channel;
    header->id = id;
    status = tofu_group_post_within(beating->side.group, &message, TEST_DEADLINE_NS, NULL);
    tofu_engine_put(beating->side.engine, &message);
    return status;
}

// Waits for one answer of the peer; notices of the engine do not count.
static enum tofu_status await_answer(struct heart *beating)
{
    for (;;) {
        struct tofu_message *message = NULL;
        enum tofu_status status = tofu_group_wait(beating->side.group, TEST_DEADLINE_NS, &message);
        if (status != TOFU_OK || message == NULL) {
            return status != TOFU_OK ? status : TOFU_TIMED_OUT;
        }
        bool is_answer = tofu_message_header(message)->opcode == TOFU_RESPONSE;
        tofu_engine_put(beating->side.engine, &message);
        if (is_answer) {
            beating->answered++;
            return TOFU_OK;
        }
    }
}

static void beat_all(void *argument)
{
    struct heart *beating = argument;
    for (uint64_t round = 0; round < ROUNDS && beating->status == TOFU_OK; round++) {
        for (uint64_t i = 0; i < CONNECTIONS && beating->status == TOFU_OK; i++) {
            beating->status = beat(beating, beating->channels[i], round * CONNECTIONS + i + 1);
        }
        for (uint64_t i = 0; i < CONNECTIONS && beating->status == TOFU_OK; i++) {
            beating->status = await_answer(beating);
        }
    }
    atomic_store(&beating->is_done, true);
}

static void end_all(void *argument)
{
    struct ender *ending = argument;
    while (!atomic_load(&ending->heart->is_done)) {
        machine_yield();
    }
    ending->status = tofu_engine_shutdown(ending->engine, TEST_DEADLINE_NS, &ending->report);
}

// Answers every Request with a Response until the engine has been shut down. Returns how many there were.
static uint64_t echo_until_the_end(const struct side *side)
{
    uint64_t count = 0;
    for (;;) {
        struct tofu_message *message = NULL;
        enum tofu_status status = tofu_group_wait(side->group, TEST_DEADLINE_NS, &message);
        if (status == TOFU_SHUTDOWN_STARTED) {
            return count;
        }
        assert_status(TOFU_OK, status);
        assert_non_null(message);
        struct tofu_header *header = tofu_message_header(message);
        if (header->opcode == TOFU_REQUEST) {
            header->opcode = TOFU_RESPONSE;
            count++;
            assert_status(TOFU_OK, tofu_group_post(side->group, &message, NULL));
        }
        tofu_engine_put(side->engine, &message);
    }
}

static void a_hundred_connections_echo_heartbeats_and_shut_down(void **state)
{
    struct link_fixture *link = *state;
    size_t descriptor_count = machine_descriptor_count();
    heart = (struct heart){0};
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        link_connect(link);
        heart.channels[i] = link->client.channel;
    }
    heart.side = link->client;
    ender = (struct ender){.engine = link->server.engine, .heart = &heart};
    uint64_t start_ns = test_now();
    worker_start(&heart.worker, beat_all, &heart);
    worker_start(&ender.worker, end_all, &ender);

    uint64_t echoed = echo_until_the_end(&link->server);

    uint64_t elapsed_ns = test_now() - start_ns;
    worker_join(&heart.worker);
    worker_join(&ender.worker);
    (void)printf(
        "figure: %" PRIu64 " heartbeats over %d connections in %.1f ms, shutdown included\n",
        echoed,
        CONNECTIONS,
        (double)elapsed_ns / 1000000);
    assert_status(TOFU_OK, heart.status);
    assert_status(TOFU_OK, ender.status);
    assert_int_equal(echoed, HEARTBEATS);
    assert_int_equal(heart.answered, HEARTBEATS);
    assert_int_equal(ender.report.channels_forced, 0);
    assert_int_equal(ender.report.messages_dropped, 0);
    link_close_engine(link, link->server.engine);
    assert_int_equal(machine_descriptor_count(), descriptor_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(a_hundred_connections_echo_heartbeats_and_shut_down),
    };
    return LINK_RUN(tests, LINK_TCP_ONE_ENGINE | LINK_UDS_ONE_ENGINE);
}
