// SPDX-License-Identifier: MIT
// One who takes part in a scene: a group, and the book of its channels.
#ifndef TORTURE_PARTY_H
#define TORTURE_PARTY_H

#include "torture/channel_book.h"
#include "torture/scene.h"

struct party {
    struct scene *scene;
    struct engine_place *place;
    struct tofu_group *group; ///< NULL: none
    struct channel_book book;
    bool is_left_at_will; ///< peers may leave without a Bye, and nothing is wrong
    bool has_ended;       ///< a wait said that nothing more will come
};

/// Creates the group; says whether it is there.
bool party_open(struct party *party, struct scene *scene, struct engine_place *place);

/// Destroys the group, if there is one.
void party_close(struct party *party);

/// Waits once and gives the message, checked and booked, or NULL. Sets has_ended.
struct tofu_message *party_take(struct party *party, uint64_t timeout_ns);

/// As party_take(), but goes on waiting until something is there, and complains when it must come and
/// does not. Returns NULL too when nothing more will come, or may never.
struct tofu_message *party_await(struct party *party);

/// Takes all that is left, and complains if the end of the group is not told, or not of every channel.
void party_drain(struct party *party);

/// Gives an empty message, or NULL, which is then noted.
struct tofu_message *party_get(struct party *party);

/// Puts a message back, or the NULL of none.
void party_put(struct party *party, struct tofu_message *message);

/// Posts. A message that is not taken is put back, and why is noted.
enum tofu_status party_post(
    struct party *party, struct tofu_message *message, struct tofu_header *accepted);

/// Notes that a call said the poller is lost.
void party_note_death(struct party *party, enum tofu_status status);

/// Says whether a message is a closing notice.
bool is_closing_notice(const struct tofu_message *message);

#endif
