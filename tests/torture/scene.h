// SPDX-License-Identifier: MIT
// A scene: a server and a client, on two engines or two groups of one, live through all that the public
// functions can do, while something fails.
//
// Whoever plays goes on as far as the failures allow, as an application would, and keeps two records: what
// went wrong, which a failure excuses, and complaints, which nothing excuses: a status that is not
// documented, a message that is not whole or not in order, a notice too many or too few, a wait without end.
#ifndef TORTURE_SCENE_H
#define TORTURE_SCENE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tofu/tofu.h>

#include "support/fault_allocator.h"
#include "torture/real_calls.h"

#define SCENE_TEXT_BYTES 256

/// Short enough to leave room for a name, in a path that a socket can have.
#define SCENE_PATH_BYTES 64

/// How long anything may take that must happen; paid only by a test that fails.
#define SCENE_PATIENCE_NS (UINT64_C(20) * 1000000000)

/// Which scene is played.
struct scene_kind {
    const char *name;
    bool is_one_engine;
    bool is_replacing;    ///< a dead socket is in the listener's place
    bool uses_descriptor; ///< the client asks for its group's descriptor
    bool ends_abruptly;   ///< engines are destroyed without a shutdown
    const char
        *listen_on; ///< the listener's address; NULL: a path of the scene's own; "@": abstract
    const char *connect_to; ///< the client's host by name; NULL: as the WelcomeResponse says
};

#define SCENE_KIND_COUNT 4
extern const struct scene_kind scene_kinds[SCENE_KIND_COUNT];

/// What fails, and what that excuses.
struct scene_fault {
    void (*start)(struct scene_fault *fault); ///< failures from now on
    bool (*has_struck)(struct scene_fault *fault);
    void (*mend)(struct scene_fault *fault); ///< no more of them
    void *context;

    uint64_t timeout_ns; ///< of all that the engines wait for
    uint64_t statuses;   ///< set of status_bit(): what the application may be told
    bool is_for_ever; ///< it goes on failing: the application does not wait for what may never come
    bool may_kill_engine;      ///< the poller may be lost with it
    bool may_keep_memory;      ///< what the system has in hand may not come back with it
    bool is_played_to_the_end; ///< the application lives with it: nothing is mended
};

/// Says whether this machine has what the scene is played over.
bool scene_is_possible(const struct scene_kind *kind);

/// Returns the set that has just this status.
uint64_t status_bit(enum tofu_status status);

struct engine_place {
    struct tofu_engine *engine; ///< NULL: none
    bool is_dead;               ///< its poller failed
};

struct scene {
    const struct scene_kind *kind;
    struct scene_fault *fault;
    struct fault_allocator memory; ///< of all its engines
    struct engine_place places[2];
    bool is_mended;
    char path[SCENE_PATH_BYTES]; ///< of a Unix listener

    struct real_monitor monitor;          ///< the lock of all below
    char address[TOFU_ADDRESS_BYTES_MAX]; ///< where the client connects to
    char complaint[SCENE_TEXT_BYTES];     ///< the first one; "": none
    char miss[SCENE_TEXT_BYTES];          ///< the first thing that went wrong; "": all went well
    bool missed_time;                     ///< of what went wrong, something was a deadline
    bool has_missed_time;                 ///< that, since the beginning
    uint64_t digest; ///< of all messages that the application saw, in any order
};

/// Notes what nothing excuses.
void scene_complain(struct scene *scene, const char *format, ...)
    __attribute__((format(__printf__, 2, 3)));

/// Notes that something did not work, which is a complaint if the fault does not excuse this status.
void scene_miss(struct scene *scene, const char *what, enum tofu_status status);

/// Notes a status as scene_miss() does, unless it is TOFU_OK; says whether it is.
bool scene_succeeds(struct scene *scene, const char *what, enum tofu_status status);

/// Says whether something may be waited for that a lasting failure may keep from coming.
bool scene_may_give_up(struct scene *scene);

/// Returns the engine's place of the server or of the client.
struct engine_place *scene_server_place(struct scene *scene);
struct engine_place *scene_client_place(struct scene *scene);

/// Creates the engine of a place; says whether it is there.
bool scene_open_engine(struct scene *scene, struct engine_place *place);

#endif
