// SPDX-License-Identifier: MIT
// Honest clients beside peers that are connected and behave badly: that drip, flood, do not read, or whose
// application does not receive. The bound is that of silent ones: twice what one waits beside a decoy.
#include <string.h>

#include "hostile/comparison.h"
#include "hostile/decoy.h"
#include "hostile/measure.h"
#include "hostile/posix/urgency.h"
#include "support/raw_peer.h"
#include "support/worker.h"

#define TRIPS        3000
#define WARM_UP      100
#define BUDGET       8
#define DRIPS        (BUDGET / 2)
#define FLOODS       2
#define FLOOD_BUDGET 64
#define FLOOD_FRAMES 512
#define QUEUE_MAX    100

static struct latencies decoy_times;
static struct latencies engine_times;

/// What is the same in both halves of a round but for its target.
struct scene {
    struct link_fixture *link;
    struct decoy decoy;
    bool is_on_engine;
    uint16_t honest; ///< the server's number of the honest channel
};

static void open_scene(
    struct scene *scene,
    struct link_fixture *link,
    bool is_on_engine,
    const struct tofu_options *options)
{
    const struct decoy_rules rules = {.lifetime_ns = UINT64_MAX, .held_max = UINT64_MAX};
    *scene = (struct scene){.link = link, .is_on_engine = is_on_engine};
    decoy_open(&scene->decoy, link, rules);
    comparison_begin_half();
    link_open_server(link, options);
    link_open_client(link, NULL);
    link_connect(link);
    scene->honest = link->server.channel;
}

static void close_scene(struct scene *scene)
{
    raw_close_all();
    link_close_engine(scene->link, scene->link->client.engine);
    link_close_engine(scene->link, scene->link->server.engine);
    decoy_close(&scene->decoy);
    comparison_end_half();
}

// A peer of the engine that has said hello, or of the decoy.
static int open_peer(struct scene *scene)
{
    if (!scene->is_on_engine) {
        return raw_connect(scene->decoy.address);
    }
    int raw = link_raw_client(scene->link);
    scene->link->server.channel = scene->honest;
    return raw;
}

// What is not the honest request is the attackers', or a notice about them.
static void trip(const struct link_fixture *link, struct latencies *latencies)
{
    uint64_t start_ns = test_now();
    struct tofu_header asked = side_send(&link->client, TOFU_REQUEST, 0, "question");
    struct tofu_message *question = side_await(&link->server);
    while (tofu_message_header(question)->id != asked.id) {
        side_put(&link->server, question);
        question = side_await(&link->server);
    }
    assert_body(question, "question");
    side_put(&link->server, question);
    side_send(&link->server, TOFU_RESPONSE, asked.id, "answer");
    struct tofu_message *answer = side_expect(&link->client, TOFU_RESPONSE);
    assert_int_equal(tofu_message_header(answer)->id, asked.id);
    side_put(&link->client, answer);
    if (latencies != NULL) {
        latencies_add(latencies, test_now() - start_ns);
    }
}

static void warm_up(const struct scene *scene)
{
    for (int i = 0; i < WARM_UP; i++) {
        trip(scene->link, NULL);
    }
}

static void drip(struct link_fixture *link, bool is_on_engine, struct latencies *latencies)
{
    static const uint8_t body[60000];
    static uint8_t bytes[RAW_FRAME_BYTES_MAX];
    const struct raw_frame frame = {
        .channel = 1, .proto = RAW_REQUEST, .id = 99, .body = body, .body_bytes = sizeof body};
    size_t size = raw_pack(&frame, bytes);
    struct scene scene;
    open_scene(
        &scene,
        link,
        is_on_engine,
        &(struct tofu_options){.pool_messages_max = BUDGET, .frame_timeout_ns = 600 * SECOND_NS});
    int drips[DRIPS];
    for (size_t i = 0; i < DRIPS; i++) {
        drips[i] = open_peer(&scene);
        raw_send(drips[i], bytes, RAW_HEADER_BYTES + 1);
    }
    side_expect_stat(&link->server, messages_incoming, is_on_engine ? DRIPS : 0);
    warm_up(&scene);

    for (size_t i = 0; i < TRIPS; i++) {
        assert_true(RAW_HEADER_BYTES + 1 + i < size);
        for (size_t d = 0; d < DRIPS; d++) {
            raw_send(drips[d], bytes + RAW_HEADER_BYTES + 1 + i, 1);
        }
        trip(link, latencies);
    }

    side_expect_stat(&link->server, messages_incoming, is_on_engine ? DRIPS : 0);
    close_scene(&scene);
}

struct flood {
    struct worker worker;
    int descriptor;
};

static struct flood floods[FLOODS];

// As fast as it is taken, from its own thread, which is not urgent and where no test can fail.
static void run_flood(void *argument)
{
    struct flood *flood = argument;
    uint8_t bytes[FLOOD_FRAMES * RAW_HEADER_BYTES];
    const struct raw_frame frame = {.channel = 1, .proto = RAW_SIGNAL, .id = 1};
    for (size_t i = 0; i < FLOOD_FRAMES; i++) {
        (void)raw_pack(&frame, bytes + i * RAW_HEADER_BYTES);
    }
    urgency_drop();
    size_t offset = 0;
    while (worker_is_wanted()) {
        size_t size = raw_send_some(flood->descriptor, bytes + offset, sizeof bytes - offset);
        offset = (offset + size) % sizeof bytes;
        if (size == 0) {
            interval_pass(MILLISECOND_NS);
        }
    }
}

static void flood(struct link_fixture *link, bool is_on_engine, struct latencies *latencies)
{
    struct scene scene;
    // The budget is how much of the floods' can be in the application's queue.
    open_scene(
        &scene, link, is_on_engine, &(struct tofu_options){.pool_messages_max = FLOOD_BUDGET});
    for (size_t i = 0; i < FLOODS; i++) {
        floods[i].descriptor = open_peer(&scene);
    }
    for (size_t i = 0; i < FLOODS; i++) {
        worker_start(&floods[i].worker, run_flood, &floods[i]);
    }
    warm_up(&scene);

    for (size_t i = 0; i < TRIPS; i++) {
        trip(link, latencies);
    }

    for (size_t i = 0; i < FLOODS; i++) {
        worker_dismiss(&floods[i].worker);
    }
    for (size_t i = 0; i < FLOODS; i++) {
        worker_join(&floods[i].worker);
    }
    close_scene(&scene);
}

// Posts Signals until the queue is full; returns whether one more is refused.
static bool fill_queue(const struct side *side)
{
    static const char body[1024];
    enum tofu_status status = TOFU_OK;
    while (status == TOFU_OK) {
        struct tofu_message *message = side_message(side, TOFU_SIGNAL, 1, NULL);
        assert_status(TOFU_OK, tofu_message_set_body(message, body, sizeof body));
        status = tofu_group_post(side->group, &message, NULL);
        side_put(side, message);
    }
    return status == TOFU_QUEUE_FULL;
}

static void read_nothing(struct link_fixture *link, bool is_on_engine, struct latencies *latencies)
{
    struct scene scene;
    open_scene(
        &scene, link, is_on_engine, &(struct tofu_options){.send_queue_messages_max = QUEUE_MAX});
    struct side deaf = link->server;
    if (is_on_engine) {
        (void)link_raw_client(link);
        deaf.channel = link->server.channel;
        link->server.channel = scene.honest;
        assert_true(fill_queue(&deaf));
    }
    warm_up(&scene);

    for (size_t i = 0; i < TRIPS; i++) {
        assert_true(!is_on_engine || fill_queue(&deaf));
        trip(link, latencies);
    }

    close_scene(&scene);
}

// The client has another channel, to an engine whose application receives nothing any more.
static struct side open_stuck_channel(struct link_fixture *link, struct side *stuck)
{
    char address[TOFU_ADDRESS_BYTES_MAX];
    const struct tofu_options options = {.pool_messages_max = BUDGET};
    stuck->engine = link_open_engine(link, &options);
    link_open_group(stuck);
    (void)link_listen(link, stuck, "stuck", address);
    struct side sender = {.engine = link->client.engine};
    link_open_group(&sender);
    sender.channel = side_post(&sender, side_hello(&sender, address)).channel;
    return sender;
}

static void receive_nothing(
    struct link_fixture *link, bool is_on_engine, struct latencies *latencies)
{
    struct scene scene;
    struct side stuck = {0};
    struct side sender = {0};
    open_scene(&scene, link, is_on_engine, NULL);
    if (is_on_engine) {
        sender = open_stuck_channel(link, &stuck);
        assert_true(fill_queue(&sender));
        side_expect_stat(&stuck, messages_incoming, BUDGET);
    }
    warm_up(&scene);

    for (size_t i = 0; i < TRIPS; i++) {
        assert_true(!is_on_engine || fill_queue(&sender));
        trip(link, latencies);
    }

    if (is_on_engine) {
        link_close_engine(link, stuck.engine);
    }
    close_scene(&scene);
}

typedef void (*half_round)(
    struct link_fixture *link, bool is_on_engine, struct latencies *latencies);

static struct comparison compare(struct link_fixture *link, const char *what, half_round half)
{
    struct comparison comparison = {.what = what};
    for (int round = 0; round < comparison_rounds(); round++) {
        half(link, false, &decoy_times);
        half(link, true, &engine_times);
        comparison_add(&comparison, &decoy_times, &engine_times);
    }
    return comparison;
}

static void honest_clients_hardly_notice_drips_on_half_of_the_budget(void **state)
{
    struct comparison comparison = compare(*state, "beside drips", drip);
    comparison_judge(&comparison);
}

// The application takes all that the floods send, one by one.
static void honest_clients_hardly_notice_floods(void **state)
{
    struct comparison comparison = compare(*state, "beside floods", flood);
    comparison_judge(&comparison);
}

static void honest_clients_hardly_notice_a_peer_that_reads_nothing(void **state)
{
    struct comparison comparison = compare(*state, "beside a deaf peer", read_nothing);
    comparison_judge(&comparison);
}

static void honest_clients_hardly_notice_an_application_that_receives_nothing(void **state)
{
    struct comparison comparison =
        compare(*state, "beside an application that receives nothing", receive_nothing);
    comparison_judge(&comparison);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(honest_clients_hardly_notice_drips_on_half_of_the_budget),
        LINK_TEST(honest_clients_hardly_notice_floods),
        LINK_TEST(honest_clients_hardly_notice_a_peer_that_reads_nothing),
        LINK_TEST(honest_clients_hardly_notice_an_application_that_receives_nothing),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
