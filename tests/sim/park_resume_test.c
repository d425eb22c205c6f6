// SPDX-License-Identifier: MIT
// F8: a channel is parked and resumed again and again, and loses nothing.
//
//   park_resume_test [cycles]   how often reading has to rest and goes on [100000]
//
// The server may hold one received message, so every message but the first finds no budget: the channel stops
// reading in the middle of what has come, is fed when the application puts its message back, and goes on.
#include <stdlib.h>

#include "engine/engine.h"
#include "sim/pair.h"

static uint64_t cycles = 100000;

/// Signals of a few bytes, numbered, as fast as the queue takes them.
struct sender {
    struct tf_thread thread;
    struct pair *pair;
    uint64_t next_id;
    bool should_end;
};

static bool send_some(void *context)
{
    struct sender *sender = context;
    struct pair *pair = sender->pair;
    for (int i = 0; i < 16; i++) {
        struct tofu_message *message = pair_message(
            pair->client_engine,
            TOFU_SIGNAL,
            pair->client_channel,
            sender->next_id,
            sender->next_id % 7);
        enum tofu_status status = tofu_group_post(pair->client, &message, NULL);
        tofu_engine_put(pair->client_engine, &message);
        if (status != TOFU_OK) {
            assert_int_equal(status, TOFU_QUEUE_FULL);
            break;
        }
        sender->next_id++;
    }
    sim_sleep(sim_now() + 20000, -1);
    return !sender->should_end;
}

/// What the server has seen.
struct receiver {
    struct pair *pair;
    uint64_t next_id;
    uint64_t cycles; ///< messages that were put back while a channel was parked for want of them
};

static void receive_all(struct receiver *receiver)
{
    struct pair *pair = receiver->pair;
    for (;;) {
        struct tofu_message *message = NULL;
        assert_int_equal(tofu_group_wait(pair->server, 0, &message), TOFU_OK);
        if (message == NULL) {
            return;
        }
        const struct tofu_header *header = tofu_message_header(message);
        if (header->status == TOFU_OK) {
            size_t size = 0;
            (void)tofu_message_body(message, &size);
            assert_int_equal(header->id, receiver->next_id);
            assert_int_equal(size, receiver->next_id % 7);
            receiver->next_id++;
            bool is_parked = !tf_list_is_empty(&pair->server_engine->reactor.starved);
            receiver->cycles += is_parked ? 1 : 0;
        }
        tofu_engine_put(pair->server_engine, &message);
    }
}

// One world of at most this many cycles; returns how many there were.
static uint64_t run_world(uint64_t seed, uint64_t cycles_max)
{
    struct pair pair;
    pair_begin(seed);
    sim_config()->turns_max = UINT64_MAX;
    sim_config()->buffer_bytes_min = 2048;
    sim_config()->buffer_bytes_max = 4096;
    const struct tofu_options options = {.pool_messages_max = 1};
    pair_open(&pair, seed, &options, NULL);
    pair_listen(&pair, seed % 8 < 4 ? "tcp|127.0.0.1|0" : "uds|@park");
    pair_connect(&pair);
    struct sender sender = {.pair = &pair, .next_id = 1};
    sim_actor_start(&sender.thread, "sender", send_some, &sender);

    struct receiver receiver = {.pair = &pair, .next_id = 1};
    while (receiver.cycles < cycles_max) {
        receive_all(&receiver);
        (void)sim_turn(sim_now() + TF_MILLISECOND);
    }
    sender.should_end = true;
    tf_thread_join(&sender.thread);
    uint64_t deadline_ns = sim_now() + TF_SECOND;
    while (receiver.next_id < sender.next_id && sim_now() < deadline_ns) {
        receive_all(&receiver);
        (void)sim_turn(deadline_ns);
    }
    assert_int_equal(receiver.next_id, sender.next_id);
    pair_close(&pair);
    return receiver.cycles;
}

static void f8_a_parked_channel_is_resumed_and_loses_nothing(void **state)
{
    (void)state;
    uint64_t done = 0;
    for (uint64_t seed = 1; done < cycles; seed++) {
        uint64_t left = cycles - done;
        done += run_world(seed, left < 100000 ? left : 100000);
    }
    print_message("%llu times parked and resumed, 0 lost\n", (unsigned long long)done);
    assert_true(done >= cycles);
}

int main(int count, char **texts)
{
    if (count > 1) {
        cycles = strtoull(texts[1], NULL, 10);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f8_a_parked_channel_is_resumed_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
