// SPDX-License-Identifier: MIT
// Honest clients beside thousands of connections that say nothing: while they come, stay, leave, press against
// the limit, and run into their deadline. The bound is that of F6: twice what one waits beside a decoy.
//
// A server that waits with poll(2) has every connection looked at each time, attackers' or not, and no engine
// can change that. So there the decoy is such a server, too, and an honest client asks both of them: the engine
// and the decoy, one after the other, in both halves. Then either is compared with the other.
#include <stdlib.h>
#include <string.h>

#include "hostile/comparison.h"
#include "hostile/crowd.h"
#include "hostile/decoy.h"
#include "hostile/measure.h"
#include "support/raw_peer.h"
#include "support/raw_socket.h"

#define SILENT_COUNT      10000
#define SILENT_COUNT_POLL 1000
#define STAYING_TRIPS     2000
#define LIFETIME_NS       SECOND_NS

/// Phases of one attack. Both sides of a comparison have their own.
enum phase { COMING, STAYING, LEAVING, PHASE_COUNT };

static struct latencies decoy_times[PHASE_COUNT];
static struct latencies engine_times[PHASE_COUNT];

// poll(2) costs every descriptor in every turn, whoever calls it: it is shown at the engine's own limit.
static uint64_t silent_count(void)
{
    const char *poller = getenv("TOFU_POLLER");
    bool is_poll = poller != NULL && strcmp(poller, "poll") == 0;
    uint64_t count = scaled("silent connections", is_poll ? SILENT_COUNT_POLL : SILENT_COUNT);
    uint64_t granted = system_allow_descriptors(count + 100);
    assert_true_or(granted >= count + 100, "the system grants %llu", (unsigned long long)granted);
    return count;
}

/// One attack: everything but its target is the same for both.
struct attack {
    struct crowd crowd;
    struct decoy decoy;
    const char *target;
    struct link_fixture *link;
    int guest; ///< connection to a decoy that serves; RAW_NONE: it does not
};

#define TRIP_BYTES 24

static void ask_decoy(int guest)
{
    char bytes[TRIP_BYTES] = {0};
    raw_send(guest, bytes, sizeof bytes);
    raw_receive_bytes(guest, bytes, sizeof bytes);
}

static void trip(const struct attack *attack, struct latencies *latencies)
{
    if (attack->guest == RAW_NONE) {
        round_trip(attack->link, latencies);
        return;
    }
    uint64_t start_ns = test_now();
    round_trip(attack->link, NULL);
    ask_decoy(attack->guest);
    if (latencies != NULL) {
        latencies_add(latencies, test_now() - start_ns);
    }
}

static void attack_open(
    struct attack *attack,
    struct link_fixture *link,
    bool is_on_engine,
    struct decoy_rules rules,
    struct tofu_options options)
{
    attack->link = link;
    crowd_open(&attack->crowd);
    rules.serves_first = comparison_is_on_poll();
    decoy_open(&attack->decoy, link, rules);
    attack->guest = rules.serves_first ? raw_connect(attack->decoy.address) : RAW_NONE;
    comparison_begin_half();
    link_open_server(link, &options);
    link_open_client(link, NULL);
    link_connect(link);
    for (int i = 0; i < 100; i++) {
        trip(attack, NULL);
    }
    attack->target = is_on_engine ? link->address : attack->decoy.address;
}

static void attack_close(struct attack *attack, struct link_fixture *link)
{
    crowd_close(&attack->crowd);
    raw_close_all();
    decoy_close(&attack->decoy);
    link_close_engine(link, link->client.engine);
    link_close_engine(link, link->server.engine);
    comparison_end_half();
}

static struct crowd_report trips_until_report(struct attack *attack, struct latencies *latencies)
{
    do {
        trip(attack, latencies);
    } while (!crowd_has_report(&attack->crowd));
    return crowd_take_report(&attack->crowd);
}

static void come_stay_and_leave(
    struct link_fixture *link, bool is_on_engine, uint64_t count, struct latencies *latencies)
{
    struct attack attack;
    const struct decoy_rules rules = {.lifetime_ns = UINT64_MAX, .held_max = UINT64_MAX};
    attack_open(
        &attack,
        link,
        is_on_engine,
        rules,
        (struct tofu_options){
            .half_open_max = 2 * SILENT_COUNT, .hello_timeout_ns = 600 * SECOND_NS});

    crowd_order_connect(&attack.crowd, attack.target, count, NULL, 0);
    struct crowd_report report = trips_until_report(&attack, &latencies[COMING]);
    assert_int_equal(report.connected, count);
    side_expect_stat(&link->server, half_open, is_on_engine ? count : 0);
    for (int i = 0; i < STAYING_TRIPS; i++) {
        trip(&attack, &latencies[STAYING]);
    }
    crowd_order_leave(&attack.crowd, count);
    (void)trips_until_report(&attack, &latencies[LEAVING]);

    side_expect_stat(&link->server, half_open, 0);
    attack_close(&attack, link);
}

static void honest_clients_hardly_notice_who_comes_stays_and_leaves(void **state)
{
    struct link_fixture *link = *state;
    uint64_t count = silent_count();
    struct comparison comparisons[PHASE_COUNT] = {
        [COMING] = {.what = "while they come"},
        [STAYING] = {.what = "while they stay"},
        [LEAVING] = {.what = "while they leave"}};
    for (int round = 0; round < comparison_rounds(); round++) {
        come_stay_and_leave(link, false, count, decoy_times);
        come_stay_and_leave(link, true, count, engine_times);
        for (int phase = 0; phase < PHASE_COUNT; phase++) {
            comparison_add(&comparisons[phase], &decoy_times[phase], &engine_times[phase]);
        }
    }
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        comparison_judge(&comparisons[phase]);
    }
}

static void end_by_age(
    struct link_fixture *link, bool is_on_engine, uint64_t count, struct latencies *latencies)
{
    struct attack attack;
    const struct decoy_rules rules = {.lifetime_ns = LIFETIME_NS, .held_max = UINT64_MAX};
    attack_open(
        &attack,
        link,
        is_on_engine,
        rules,
        (struct tofu_options){.half_open_max = 2 * SILENT_COUNT, .hello_timeout_ns = LIFETIME_NS});
    crowd_order_connect(&attack.crowd, attack.target, count, NULL, 0);
    assert_int_equal(crowd_take_report(&attack.crowd).connected, count);

    // From the first end to the last one.
    crowd_order_await(&attack.crowd, 1);
    (void)trips_until_report(&attack, NULL);
    crowd_order_await(&attack.crowd, count);
    struct crowd_report report = trips_until_report(&attack, latencies);

    assert_int_equal(report.ended, count);
    attack_close(&attack, link);
}

static void honest_clients_hardly_notice_thousands_of_deadlines(void **state)
{
    struct link_fixture *link = *state;
    uint64_t count = silent_count();
    struct comparison comparison = {.what = "while they end at their deadline"};
    for (int round = 0; round < comparison_rounds(); round++) {
        end_by_age(link, false, count, &decoy_times[0]);
        end_by_age(link, true, count, &engine_times[0]);
        comparison_add(&comparison, &decoy_times[0], &engine_times[0]);
    }
    comparison_judge(&comparison);
}

static void press_against_the_limit(
    struct link_fixture *link, bool is_on_engine, uint64_t count, struct latencies *latencies)
{
    struct attack attack;
    const struct decoy_rules rules = {.lifetime_ns = UINT64_MAX, .held_max = 1024};
    attack_open(
        &attack,
        link,
        is_on_engine,
        rules,
        (struct tofu_options){.hello_timeout_ns = 600 * SECOND_NS});

    crowd_order_connect(&attack.crowd, attack.target, count, NULL, 0);
    struct crowd_report report = trips_until_report(&attack, latencies);

    assert_int_equal(report.connected, count);
    assert_in_range(side_stats(&link->server).half_open, 0, 1024);
    attack_close(&attack, link);
}

// The limit of half-open connections is the default one, so ten thousand are no more to poll(2).
static void honest_clients_hardly_notice_who_presses_against_the_default_limit(void **state)
{
    struct link_fixture *link = *state;
    uint64_t count = scaled("silent connections", SILENT_COUNT);
    struct comparison comparison = {.what = "while they press against the default limit"};
    for (int round = 0; round < comparison_rounds(); round++) {
        press_against_the_limit(link, false, count, &decoy_times[0]);
        press_against_the_limit(link, true, count, &engine_times[0]);
        comparison_add(&comparison, &decoy_times[0], &engine_times[0]);
    }
    comparison_judge(&comparison);
}

int main(int argc, char **argv)
{
    crowd_take_role(argc, argv);
    const struct CMUnitTest tests[] = {
        LINK_TEST(honest_clients_hardly_notice_who_comes_stays_and_leaves),
        LINK_TEST(honest_clients_hardly_notice_thousands_of_deadlines),
        LINK_TEST(honest_clients_hardly_notice_who_presses_against_the_default_limit),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
