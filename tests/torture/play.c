// SPDX-License-Identifier: MIT
#include "torture/play.h"

#include <stdio.h>
#include <string.h>

#include "support/machine.h"
#include "torture/conversation.h"
#include "torture/real_calls.h"
#include "torture/responder.h"

#define SHUTDOWN_NS (UINT64_C(2) * 1000000000)

struct stage {
    struct scene scene;
    struct responder responder;
    struct party client;
};

static bool open_client(struct stage *stage)
{
    return stage->client.group != NULL ||
           party_open(&stage->client, &stage->scene, scene_client_place(&stage->scene));
}

// What is left of a conversation that failed goes with its group.
static bool talk(struct stage *stage, enum conversation_end end)
{
    if (!responder_is_listening(&stage->responder) || !open_client(stage)) {
        scene_miss(&stage->scene, "no conversation", TOFU_OK);
        return false;
    }
    bool succeeds = conversation_hold(&stage->client, end);
    if (!succeeds) {
        scene_miss(&stage->scene, "a conversation", TOFU_OK);
    }
    if (!succeeds || end == CONVERSATION_DROP) {
        party_close(&stage->client);
    }
    return succeeds;
}

static void open_all(struct stage *stage)
{
    struct scene *scene = &stage->scene;
    struct engine_place *server = scene_server_place(scene);
    struct engine_place *client = scene_client_place(scene);
    if (!scene_open_engine(scene, server) ||
        (client != server && !scene_open_engine(scene, client))) {
        return;
    }
    if (responder_open(&stage->responder, scene)) {
        (void)responder_listen(&stage->responder);
    }
}

static void live(struct stage *stage)
{
    open_all(stage);
    (void)talk(stage, CONVERSATION_BYE);
    (void)talk(stage, CONVERSATION_ABORT);
    // How far what is dropped has gone is a matter of time.
    if (!stage->scene.fault->is_played_to_the_end) {
        (void)talk(stage, CONVERSATION_DROP);
    }
}

static bool place_is_dead(struct stage *stage, struct engine_place *place)
{
    real_monitor_enter(&stage->scene.monitor);
    bool is_dead = place->is_dead;
    real_monitor_leave(&stage->scene.monitor);
    return is_dead;
}

static void expect_death_told(struct stage *stage, struct party *party)
{
    struct tofu_message *message = NULL;
    if (party->group != NULL &&
        tofu_group_wait(party->group, SCENE_PATIENCE_NS, &message) != TOFU_NOTIFICATION_FAILED) {
        scene_complain(&stage->scene, "a group was not told that its poller is lost");
    }
}

// Every group of a dead engine hears it, and then the engine can be replaced.
static void bury_if_dead(struct stage *stage, struct engine_place *place)
{
    if (place->engine == NULL || !place_is_dead(stage, place)) {
        return;
    }
    if (scene_server_place(&stage->scene) == place) {
        responder_join(&stage->responder);
        expect_death_told(stage, &stage->responder.party);
        responder_close(&stage->responder);
    }
    if (scene_client_place(&stage->scene) == place) {
        party_drain(&stage->client);
        expect_death_told(stage, &stage->client);
        party_close(&stage->client);
    }
    tofu_engine_destroy(&place->engine);
}

static bool serves(struct stage *stage)
{
    struct scene *scene = &stage->scene;
    struct engine_place *places[] = {scene_server_place(scene), scene_client_place(scene)};
    for (size_t i = 0; i < 2; i++) {
        bury_if_dead(stage, places[i]);
        if (places[i]->engine == NULL && !scene_open_engine(scene, places[i])) {
            return false;
        }
    }
    if (!stage->responder.is_running && !responder_open(&stage->responder, scene)) {
        return false;
    }
    if (!responder_is_listening(&stage->responder) && !responder_listen(&stage->responder)) {
        return false;
    }
    return talk(stage, CONVERSATION_BYE);
}

// Trying again makes sense where a deadline was missed, and where a poller or a socket was lost of which nobody
// had heard.
static bool may_try_again(struct scene *scene)
{
    real_monitor_enter(&scene->monitor);
    bool missed_time = scene->missed_time;
    real_monitor_leave(&scene->monitor);
    bool may_lose_sockets = (scene->fault->statuses & status_bit(TOFU_NOTIFICATION_FAILED)) != 0;
    return missed_time || may_lose_sockets || scene->fault->may_kill_engine;
}

// What went wrong while something failed is put aside: it says whether all went well in the end.
static void put_aside_miss(struct scene *scene, char miss_out[SCENE_TEXT_BYTES])
{
    real_monitor_enter(&scene->monitor);
    memcpy(miss_out, scene->miss, SCENE_TEXT_BYTES);
    real_monitor_leave(&scene->monitor);
}

// With the failure gone, everything works as if there had never been one.
static void serve_again(struct stage *stage)
{
    struct scene *scene = &stage->scene;
    uint64_t deadline_ns = machine_now() + SCENE_PATIENCE_NS;
    do {
        real_monitor_enter(&scene->monitor);
        scene->miss[0] = '\0';
        scene->missed_time = false;
        real_monitor_leave(&scene->monitor);
        if (serves(stage)) {
            return;
        }
    } while (may_try_again(scene) && machine_now() < deadline_ns);
    scene_complain(scene, "it does not serve afterwards: %.200s", scene->miss);
}

// The server may hear only now that the client has dropped a channel, and then that one breaks.
static bool is_dropped_only(
    struct stage *stage,
    const struct engine_place *place,
    const struct tofu_shutdown_report *report,
    uint64_t took_ns)
{
    bool may_be_dropped =
        place == scene_server_place(&stage->scene) && !stage->scene.fault->is_played_to_the_end;
    return may_be_dropped && report->channels_forced == 1 && took_ns < SHUTDOWN_NS;
}

static void shut_down(struct stage *stage, struct engine_place *place)
{
    if (place->engine == NULL) {
        return;
    }
    struct tofu_shutdown_report report = {.struct_size = sizeof report};
    uint64_t begin_ns = machine_now();
    enum tofu_status status = tofu_engine_shutdown(place->engine, SHUTDOWN_NS, &report);
    uint64_t took_ns = machine_now() - begin_ns;
    if (took_ns > SHUTDOWN_NS + SCENE_PATIENCE_NS) {
        scene_complain(&stage->scene, "a shutdown took %llu ns", (unsigned long long)took_ns);
    }
    if (status == TOFU_OK && report.channels_forced > 0) {
        scene_complain(&stage->scene, "a graceful shutdown that forced channels");
    }
    if (status != TOFU_TIMED_OUT || !is_dropped_only(stage, place, &report, took_ns)) {
        (void)scene_succeeds(&stage->scene, "tofu_engine_shutdown", status);
    }
}

static void end_in_order(struct stage *stage)
{
    struct scene *scene = &stage->scene;
    struct engine_place *server = scene_server_place(scene);
    struct engine_place *client = scene_client_place(scene);
    shut_down(stage, client);
    party_drain(&stage->client);
    if (client != server) {
        shut_down(stage, server);
    }
    responder_join(&stage->responder);
    party_close(&stage->client);
    responder_close(&stage->responder);
}

// Groups that are still there go with their engine.
static void end_all(struct stage *stage)
{
    if (stage->scene.kind->ends_abruptly) {
        responder_close(&stage->responder);
    } else {
        end_in_order(stage);
    }
    stage->client.group = NULL;
    tofu_engine_destroy(&stage->scene.places[0].engine);
    tofu_engine_destroy(&stage->scene.places[1].engine);
}

// A thread that resolves a name may outlive its engine.
static void await_threads(struct stage *stage)
{
    uint64_t deadline_ns = machine_now() + SCENE_PATIENCE_NS;
    while (real_library_thread_count() > 0) {
        if (machine_now() >= deadline_ns) {
            scene_complain(&stage->scene, "a thread is left");
            return;
        }
        machine_yield();
    }
}

static void check_count(struct scene *scene, const char *what, size_t before, size_t now)
{
    if (now != before) {
        scene_complain(scene, "there were %zu %s, there are %zu", before, what, now);
    }
}

static void check_leftovers(struct stage *stage, const struct real_holdings *before)
{
    await_threads(stage);
    struct scene *scene = &stage->scene;
    struct fault_allocator *memory = &scene->memory;
    bool may_be_left = scene->fault->may_keep_memory && atomic_load(&memory->mistake_count) == 0;
    if (!may_be_left && !fault_allocator_is_clean(memory)) {
        scene_complain(
            scene,
            "%zu blocks are left, %zu bytes; %zu were freed with a wrong size",
            atomic_load(&memory->live_count),
            atomic_load(&memory->live_bytes),
            atomic_load(&memory->mistake_count));
    }
    struct real_holdings now;
    real_count_holdings(&now);
    check_count(scene, "descriptors", before->descriptor_count, now.descriptor_count);
    size_t left_count = may_be_left ? atomic_load(&memory->live_count) : 0;
    check_count(scene, "blocks", before->block_count + left_count, now.block_count);
    check_count(scene, "holds on the network", before->network_count, now.network_count);
}

static void set_up(
    struct stage *stage,
    const struct scene_kind *kind,
    const char *directory,
    struct scene_fault *fault)
{
    memset(stage, 0, sizeof *stage);
    stage->scene.kind = kind;
    stage->scene.fault = fault;
    real_monitor_open(&stage->scene.monitor);
    (void)snprintf(stage->scene.path, sizeof stage->scene.path, "%s/", directory);
    fault_allocator_open(&stage->scene.memory);
}

void play(
    const struct scene_kind *kind,
    const char *directory,
    struct scene_fault *fault,
    struct verdict *verdict_out)
{
    static struct stage stage;
    set_up(&stage, kind, directory, fault);
    struct scene *scene = &stage.scene;
    struct real_holdings before;
    real_count_holdings(&before);

    fault->context = scene;
    fault->start(fault);
    live(&stage);
    char first_miss[SCENE_TEXT_BYTES];
    put_aside_miss(scene, first_miss);
    if (!fault->is_played_to_the_end && fault->has_struck(fault)) {
        fault->mend(fault);
        scene->is_mended = true;
        serve_again(&stage);
    }
    (void)talk(&stage, CONVERSATION_LEAVE);
    end_all(&stage);
    verdict_out->has_struck = fault->has_struck(fault);
    fault->mend(fault);
    check_leftovers(&stage, &before);

    const char *miss = first_miss[0] != '\0' ? first_miss : scene->miss;
    verdict_out->is_perfect = miss[0] == '\0';
    verdict_out->missed_time = scene->has_missed_time;
    verdict_out->is_good = scene->complaint[0] == '\0';
    verdict_out->digest = scene->digest;
    (void)snprintf(
        verdict_out->text,
        sizeof verdict_out->text,
        "%s",
        scene->complaint[0] != '\0' ? scene->complaint : miss);
}
