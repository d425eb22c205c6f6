// SPDX-License-Identifier: MIT
#include "torture/conversation.h"

#include <string.h>

#include "torture/payload.h"
#include "torture/real_calls.h"

#define GREETING "I have come."

struct conversation {
    struct party *party;
    uint16_t channel;
    uint64_t id;           ///< of its HelloRequest
    uint32_t posted_count; ///< parts the engine took
    uint32_t answered_count;
    bool is_aborted;        ///< whatever still comes is let go
    uint32_t returned_next; ///< the part that may come back next; PAYLOAD_COUNT: none came back yet
};

static bool write_hello(struct party *party, struct tofu_message *message)
{
    struct scene *scene = party->scene;
    real_monitor_enter(&scene->monitor);
    enum tofu_status status = tofu_message_connect_to(message, scene->address);
    real_monitor_leave(&scene->monitor);
    return scene_succeeds(scene, "tofu_message_connect_to", status) &&
           scene_succeeds(
               scene,
               "tofu_message_append_text",
               tofu_message_append_text(message, "greeting", GREETING)) &&
           scene_succeeds(
               scene,
               "tofu_message_set_body",
               tofu_message_set_body(message, GREETING, strlen(GREETING)));
}

static bool post_hello(struct conversation *conversation)
{
    struct party *party = conversation->party;
    struct tofu_message *message = party_get(party);
    if (message == NULL) {
        return false;
    }
    if (!write_hello(party, message)) {
        party_put(party, message);
        return false;
    }
    struct tofu_header accepted = {0};
    if (party_post(party, message, &accepted) != TOFU_OK) {
        return false;
    }
    if (!book_open(&party->book, accepted.channel)) {
        scene_complain(party->scene, "the client got channel %u again", accepted.channel);
    }
    conversation->channel = accepted.channel;
    conversation->id = accepted.id;
    return true;
}

// What was accepted and not sent comes back in its order, up to the last one.
static void note_returned(struct conversation *conversation, struct tofu_message *message)
{
    uint32_t index = payload_index(message);
    bool is_next =
        conversation->returned_next == PAYLOAD_COUNT || index == conversation->returned_next;
    if (!is_next || index < conversation->answered_count || index >= conversation->posted_count ||
        !payload_is_whole(message)) {
        scene_complain(
            conversation->party->scene, "part %u came back, out of order or not whole", index);
    }
    conversation->returned_next = index + 1;
}

static void check_end(const struct conversation *conversation)
{
    bool has_returned = conversation->returned_next != PAYLOAD_COUNT;
    if (has_returned && conversation->returned_next != conversation->posted_count) {
        scene_complain(
            conversation->party->scene,
            "part %u came back, and part %u has no fate",
            conversation->returned_next - 1,
            conversation->posted_count - 1);
    }
}

// What is wanted besides the opcodes.
#define AN_UPDATE 100
#define NOTHING   101

// Takes what comes until it is what was wanted, or until nothing will come. A channel that has ended has
// the number 0.
static struct tofu_message *await(struct conversation *conversation, int wanted)
{
    struct party *party = conversation->party;
    while (conversation->channel != 0 || wanted == AN_UPDATE) {
        struct tofu_message *message = party_await(party);
        if (message == NULL) {
            return NULL;
        }
        const struct tofu_header *header = tofu_message_header(message);
        bool is_ours = header->channel == conversation->channel;
        if (header->status == TOFU_RECEIVER_UPDATE) {
            if (wanted == AN_UPDATE) {
                return message;
            }
            scene_complain(party->scene, "the client got an update again");
        } else if (is_ours && is_closing_notice(message)) {
            check_end(conversation);
            conversation->channel = 0;
        } else if (is_ours && header->origin == TOFU_ENGINE && header->opcode == TOFU_REQUEST) {
            note_returned(conversation, message);
        } else if (is_ours && header->origin == TOFU_APPLICATION && header->opcode == wanted) {
            return message;
        } else if (header->origin == TOFU_APPLICATION && !conversation->is_aborted) {
            scene_complain(party->scene, "the client got opcode %u", header->opcode);
        }
        party_put(party, message);
    }
    return NULL;
}

// Returns whether it came.
static bool expect(struct conversation *conversation, enum tofu_opcode opcode, uint64_t id)
{
    struct tofu_message *message = await(conversation, (int)opcode);
    if (message == NULL) {
        scene_miss(conversation->party->scene, "an answer", TOFU_OK);
        return false;
    }
    if (tofu_message_header(message)->id != id) {
        scene_complain(conversation->party->scene, "the answer (opcode %u) to another id", opcode);
    }
    party_put(conversation->party, message);
    return true;
}

static bool expect_closing(struct conversation *conversation)
{
    (void)await(conversation, NOTHING);
    return conversation->channel == 0;
}

static bool open_channel(struct conversation *conversation)
{
    return post_hello(conversation) && expect(conversation, TOFU_HELLO_RESPONSE, conversation->id);
}

static bool post_part(struct conversation *conversation, uint32_t index)
{
    struct party *party = conversation->party;
    struct tofu_message *message = party_get(party);
    if (message == NULL) {
        return false;
    }
    if (!scene_succeeds(party->scene, "writing a message", payload_write(message, index))) {
        party_put(party, message);
        return false;
    }
    tofu_message_header(message)->opcode = TOFU_REQUEST;
    tofu_message_header(message)->channel = conversation->channel;
    if (party_post(party, message, NULL) != TOFU_OK) {
        return false;
    }
    conversation->posted_count++;
    return true;
}

static bool post_parts(struct conversation *conversation)
{
    for (uint32_t i = 0; i < PAYLOAD_COUNT; i++) {
        if (!post_part(conversation, i)) {
            return false;
        }
    }
    return true;
}

static bool take_answers(struct conversation *conversation)
{
    struct party *party = conversation->party;
    for (uint32_t i = 0; i < PAYLOAD_COUNT; i++) {
        struct tofu_message *message = await(conversation, TOFU_RESPONSE);
        if (message == NULL) {
            scene_miss(party->scene, "a Response", TOFU_OK);
            return false;
        }
        if (payload_index(message) != i || !payload_is_whole(message)) {
            scene_complain(
                party->scene,
                "the client got part %u, wanted %u, whole",
                payload_index(message),
                i);
        }
        conversation->answered_count++;
        party_put(party, message);
    }
    return true;
}

static bool take_update(struct conversation *conversation)
{
    struct tofu_message *message = await(conversation, AN_UPDATE);
    party_put(conversation->party, message);
    return message != NULL;
}

static bool update(struct party *party, struct tofu_message *message)
{
    enum tofu_status status = tofu_group_update(party->group, &message);
    party_note_death(party, status);
    party_put(party, message);
    return scene_succeeds(party->scene, "tofu_group_update", status);
}

// The descriptor follows the queue: there is something, there is nothing.
static bool use_descriptor(struct conversation *conversation)
{
    struct party *party = conversation->party;
    tofu_descriptor descriptor = -1;
    enum tofu_status status = tofu_group_descriptor(party->group, &descriptor);
    if (!scene_succeeds(party->scene, "tofu_group_descriptor", status) || !update(party, NULL)) {
        return false;
    }
    if (!real_is_readable(descriptor, SCENE_PATIENCE_NS)) {
        scene_complain(party->scene, "an update, and the descriptor is not readable");
    }
    return take_update(conversation);
}

static bool update_oneself(struct conversation *conversation)
{
    struct party *party = conversation->party;
    struct tofu_message *message = NULL;
    enum tofu_status status =
        tofu_engine_get_within(party->place->engine, SCENE_PATIENCE_NS, &message);
    if (!scene_succeeds(party->scene, "tofu_engine_get_within", status)) {
        return false;
    }
    if (!update(party, message) || !take_update(conversation)) {
        return false;
    }
    return !party->scene->kind->uses_descriptor || use_descriptor(conversation);
}

static enum tofu_status say(
    struct conversation *conversation, enum tofu_opcode opcode, uint64_t *id_out)
{
    struct tofu_message *message = party_get(conversation->party);
    if (message == NULL) {
        return TOFU_ALLOCATION_FAILED;
    }
    tofu_message_header(message)->opcode = (uint8_t)opcode;
    tofu_message_header(message)->channel = conversation->channel;
    struct tofu_header accepted = {0};
    enum tofu_status status = party_post(conversation->party, message, &accepted);
    *id_out = accepted.id;
    return status;
}

static bool say_bye(struct conversation *conversation)
{
    uint64_t id = 0;
    book_say_bye(&conversation->party->book, conversation->channel);
    return say(conversation, TOFU_BYE_REQUEST, &id) == TOFU_OK &&
           expect(conversation, TOFU_BYE_RESPONSE, id) && expect_closing(conversation);
}

// A channel that is closed already takes no ByeSignal; its closing notice is under way.
static bool abort_channel(struct conversation *conversation)
{
    uint64_t id = 0;
    conversation->is_aborted = true;
    enum tofu_status status = say(conversation, TOFU_BYE_SIGNAL, &id);
    return (status == TOFU_OK || status == TOFU_INVALID_CHANNEL_NUMBER) &&
           expect_closing(conversation);
}

static bool converse(struct conversation *conversation, enum conversation_end end)
{
    if (!open_channel(conversation)) {
        return false;
    }
    if (end == CONVERSATION_LEAVE) {
        return true;
    }
    if (!update_oneself(conversation) || !post_parts(conversation)) {
        return false;
    }
    if (end == CONVERSATION_DROP) {
        return true;
    }
    if (!take_answers(conversation)) {
        return false;
    }
    return end == CONVERSATION_BYE ? say_bye(conversation) : abort_channel(conversation);
}

bool conversation_hold(struct party *party, enum conversation_end end)
{
    struct conversation conversation = {.party = party, .returned_next = PAYLOAD_COUNT};
    bool succeeds = converse(&conversation, end);
    if (!succeeds && conversation.channel != 0 && !party->has_ended) {
        (void)abort_channel(&conversation);
    }
    return succeeds;
}
