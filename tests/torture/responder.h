// SPDX-License-Identifier: MIT
// The server of a scene: a thread of its own that answers whatever it is asked, with the very message
// that it got, so that it can answer without memory too.
#ifndef TORTURE_RESPONDER_H
#define TORTURE_RESPONDER_H

#include "torture/party.h"

struct responder {
    struct party party; ///< the thread's, while it runs
    struct test_thread thread;
    bool is_running; ///< the thread was started and not joined
    uint32_t next_part[BOOK_CHANNELS_MAX];

    struct real_monitor monitor; ///< the lock of all below, and the word that they changed
    bool is_answered;            ///< the last WelcomeRequest has its WelcomeResponse
    bool has_ended;              ///< nothing more will be answered
    uint16_t listener;           ///< 0: none
};

/// Opens the group and starts the thread; says whether it runs.
bool responder_open(struct responder *responder, struct scene *scene);

/// Listens at a fresh address of the scene, and writes down where the client finds it. Says whether it does.
bool responder_listen(struct responder *responder);

/// Says whether it runs and listens.
bool responder_is_listening(struct responder *responder);

/// Waits for the thread's end, which the end of the engine brings about, and checks what was told.
void responder_join(struct responder *responder);

/// Destroys the group while the thread waits in it, and waits for the thread.
void responder_close(struct responder *responder);

#endif
