// SPDX-License-Identifier: MIT
#include "torture/scene.h"

#include <stdarg.h>
#include <stdio.h>

#include "support/machine.h"
#include "support/raw_peer.h"
#include "support/raw_socket.h"

const struct scene_kind scene_kinds[SCENE_KIND_COUNT] = {
    {.name = "tcp, two engines", .listen_on = "tcp|localhost|0"},
    {.name = "unix, two engines", .is_replacing = true},
    {.name = "tcp, one engine",
     .is_one_engine = true,
     .uses_descriptor = true,
     .ends_abruptly = true,
     .listen_on = "tcp||0",
     .connect_to = "localhost"},
    {.name = "abstract unix, one engine",
     .is_one_engine = true,
     .uses_descriptor = true,
     .listen_on = "@"},
};

// Names are abstract where the system has such addresses; elsewhere "@" begins a path.
static bool has_abstract_names(void)
{
    struct raw_address address;
    return raw_address_path("@x", &address);
}

bool scene_is_possible(const struct scene_kind *kind)
{
    bool is_unix = kind->listen_on == NULL || kind->listen_on[0] == '@';
    bool is_abstract = is_unix && kind->listen_on != NULL;
    return !is_unix || (raw_has_unix() && (!is_abstract || has_abstract_names()));
}

uint64_t status_bit(enum tofu_status status)
{
    return UINT64_C(1) << ((unsigned)status % 64 + (status >= 64 ? 32 : 0));
}

void scene_complain(struct scene *scene, const char *format, ...)
{
    char text[SCENE_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    real_monitor_enter(&scene->monitor);
    if (scene->complaint[0] == '\0') {
        (void)snprintf(scene->complaint, sizeof scene->complaint, "%s", text);
    }
    real_monitor_leave(&scene->monitor);
}

// What follows from any failure: connections break, also while they are made, and channels are gone when one
// posts to them.
static bool is_excused(const struct scene *scene, enum tofu_status status)
{
    uint64_t always = status_bit(TOFU_OK) | status_bit(TOFU_PEER_DISCONNECTED) |
                      status_bit(TOFU_CONNECT_FAILED) | status_bit(TOFU_CHANNEL_CLOSED) |
                      status_bit(TOFU_SHUTDOWN_STARTED) | status_bit(TOFU_INVALID_CHANNEL_NUMBER);
    return ((always | scene->fault->statuses) & status_bit(status)) != 0;
}

// A machine that stands still misses deadlines without any fault: whoever plays then plays again.
void scene_miss(struct scene *scene, const char *what, enum tofu_status status)
{
    real_monitor_enter(&scene->monitor);
    if (scene->miss[0] == '\0') {
        (void)snprintf(scene->miss, sizeof scene->miss, "%s: %s", what, tofu_status_name(status));
    }
    scene->missed_time = scene->missed_time || status == TOFU_TIMED_OUT;
    scene->has_missed_time = scene->has_missed_time || scene->missed_time;
    real_monitor_leave(&scene->monitor);
    if (status != TOFU_TIMED_OUT && !is_excused(scene, status)) {
        scene_complain(scene, "%s: %s", what, tofu_status_name(status));
    }
}

bool scene_succeeds(struct scene *scene, const char *what, enum tofu_status status)
{
    if (status != TOFU_OK) {
        scene_miss(scene, what, status);
    }
    return status == TOFU_OK;
}

bool scene_may_give_up(struct scene *scene)
{
    return scene->fault->is_for_ever && !scene->is_mended && scene->fault->has_struck(scene->fault);
}

struct engine_place *scene_server_place(struct scene *scene)
{
    return &scene->places[0];
}

struct engine_place *scene_client_place(struct scene *scene)
{
    return &scene->places[scene->kind->is_one_engine ? 0 : 1];
}

bool scene_open_engine(struct scene *scene, struct engine_place *place)
{
    // Bytes one by one take long; otherwise a deadline is what ends what nobody else can.
    uint64_t timeout_ns =
        scene->fault->is_played_to_the_end ? SCENE_PATIENCE_NS : scene->fault->timeout_ns;
    // Few messages, so that the pool runs empty and fills up again; a mode that the umask cuts.
    struct tofu_options options = {
        .pool_messages_initial = 2,
        .pool_messages_max = 6,
        .connect_timeout_ns = timeout_ns,
        .hello_timeout_ns = timeout_ns,
        .frame_timeout_ns = 5 * timeout_ns,
        .close_timeout_ns = timeout_ns,
        .uds_mode = 0666,
        .keepalive = 1,
        .allocator = fault_allocator_functions(&scene->memory),
    };
    *place = (struct engine_place){0};
    enum tofu_status status = tofu_engine_create(&options, &place->engine);
    if ((status == TOFU_OK) != (place->engine != NULL)) {
        scene_complain(scene, "tofu_engine_create: %s and no engine", tofu_status_name(status));
    }
    return scene_succeeds(scene, "tofu_engine_create", status);
}
