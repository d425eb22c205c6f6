// SPDX-License-Identifier: MIT
// One run: two engines, a few groups, and an actor per group that uses the public API at random.
#ifndef TF_SIM_FLOW_H
#define TF_SIM_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/tofu.h>

#include "os/thread.h"
#include "sim/coverage.h"
#include "sim/ledger.h"
#include "sim/simulation.h"

#define ENGINES_MAX      2
#define APPLICATIONS_MAX 4
#define LISTENERS_MAX    3
#define HELD_MAX         8
#define UPDATES_MAX      16

/// Defects of the applications, behind those of the simulated system.
enum flow_defect {
    FLOW_FORGET_MESSAGE = SIM_OS_DEFECT_END, ///< a received message is not entered in the books
    FLOW_COUNT_TWICE,                        ///< a received message is entered twice
    FLOW_KEEP_MESSAGE,                       ///< a message is never put back
    FLOW_CHANGE_MESSAGE,                     ///< a message is changed after it was entered
    FLOW_FORGET_NOTICE,                      ///< a closing notice is not entered
};

enum flow_phase {
    FLOW_RUN,      ///< anything goes
    FLOW_CLOSE,    ///< connections end with Byes
    FLOW_UNLISTEN, ///< listeners end
    FLOW_DONE,
};

enum flow_ending { FLOW_BYE, FLOW_SHUTDOWN, FLOW_DESTROY };

enum listener_state { LISTENER_NONE, LISTENER_OPENING, LISTENER_OPEN, LISTENER_CLOSING };

struct listener {
    enum listener_state state;
    uint16_t channel;
    uint64_t id;
    bool has_failed;
    char address[TOFU_ADDRESS_BYTES_MAX];
};

struct flow_engine {
    struct tofu_engine *engine;
    uint64_t number; ///< from 0
    uint64_t pool_messages_max;
    uint64_t update_messages_max;
    uint64_t channels_max;
    bool is_shut_down; ///< a shutdown has begun
    bool is_gone;      ///< or is about to be
    uint64_t accepted; ///< by post
    uint64_t consumed; ///< Byes whose fate is a closing notice
    uint64_t delivered;
    uint64_t returned;
    bool has_left_groups; ///< some of its groups were destroyed with work under way
    uint64_t welcomed;    ///< WelcomeRequests that came back with success
};

struct application {
    struct flow *flow;
    struct flow_engine *home;
    struct tofu_group *group;         ///< NULL: destroyed
    struct tofu_group *leaving_group; ///< while tofu_group_destroy() is under way
    struct tf_thread actor;
    bool is_getting;    ///< blocked until the pool has a message
    bool has_heard_end; ///< wait answered TOFU_SHUTDOWN_STARTED
    bool uses_descriptor;
    tofu_descriptor descriptor;
    uint32_t actions_left;
    uint32_t idle_sleeps; ///< since it last received something
    struct listener listeners[LISTENERS_MAX];
    struct tofu_message *held[HELD_MAX];
    size_t held_count;
    struct tofu_message *pool_empty_notice; ///< kept for a while, or NULL
    uint64_t updates[UPDATES_MAX];          ///< serials, in order; 0: an update without a message
    size_t update_count;
    struct side *stream; ///< that gets a message in parts
    uint64_t stream_id;
};

struct flow {
    uint64_t seed;
    enum flow_phase phase;
    enum flow_ending ending;
    bool is_gentle;
    bool both_say_bye;
    uint32_t body_bytes_max;
    uint32_t text_bytes_max;
    uint32_t hold_rate;
    struct flow_engine engines[ENGINES_MAX];
    struct application applications[APPLICATIONS_MAX];
    size_t application_count;
    struct ledger ledger;
};

struct flow_result {
    uint64_t hash;
    uint64_t turns;
    uint64_t messages;
};

/// Runs one seed, `defect` planted; whatever breaks ends the program (sim_fail).
struct flow_result flow_run(uint64_t seed, uint32_t defect, uint32_t defect_skip);

/// Says whether the engine was told to end, or its poller has failed: then much is forgiven.
bool flow_engine_is_ending(const struct flow_engine *home);
/// Says whether its poller has failed.
bool flow_engine_has_failed(const struct flow_engine *home);

// Checks (flow_checks.c).
/// After every turn; `context` is the flow.
void flow_check_gauges(void *context);
/// When all channels have ended: every accepted message has one fate.
void flow_check_balance(const struct flow_engine *home);
/// When all groups are destroyed: nothing is left.
void flow_check_rest(const struct flow_engine *home);

// What an application does (application.c).
bool application_step(void *context);
void application_open(struct application *application);
/// Destroys the group; what it had posted has no fate any more.
void application_leave(struct application *application);
/// Puts all held messages back.
void application_release(struct application *application);

// What it receives (receiving.c). Returns false if there was nothing.
bool application_receive(struct application *application, uint64_t timeout_ns);

// What it posts that belongs to no connection (opening.c).
void posting_connect(struct application *application);
void posting_listen(struct application *application);
void posting_unlisten(struct application *application, struct listener *listener);
void posting_update(struct application *application);

// What it posts on its connections (posting.c).
/// A fresh message with random texts and body, or NULL if the pool has none.
struct tofu_message *posting_message(struct application *application);
/// Gives a message a serial of its own, as its user pointer.
uint64_t posting_tag(struct application *application, struct tofu_message *message);
/// Fails unless a call that cannot fail succeeded.
void posting_must(enum tofu_status status, const char *what);
/// Posts, one way or the other, and checks what the calls promise.
enum tofu_status posting_post(
    struct application *application,
    uint64_t patience_ns,
    struct tofu_message **message,
    struct tofu_header *accepted);
/// Posts a part of a stream, or a single message, on some connection.
void posting_part(struct application *application);
/// Posts on a channel where the rules allow it; otherwise, and when refused, puts the message back.
void posting_submit(
    struct application *application, struct side *side, struct tofu_message *message);
void posting_bye(struct application *application, struct side *side, uint8_t opcode);
bool side_may_post(const struct side *side, uint8_t opcode);
/// Puts a message back, and nulls the pointer.
void posting_put(struct application *application, struct tofu_message **message);

// What must be refused (trespass.c).
void trespass(struct application *application);
/// Uses a group that somebody else is destroying right now, if there is one.
void trespass_on_leaving(struct application *application);

#endif
