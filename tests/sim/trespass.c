// SPDX-License-Identifier: MIT
// Posts that must be refused, with the status that PROTOCOL.md, section 3, gives for each.
#include "sim/flow.h"

static void refuse(
    struct application *application,
    struct tofu_message **message,
    enum tofu_status expected,
    const char *what)
{
    struct tofu_message *const same = *message;
    struct tofu_header before = {0};
    if (same != NULL) {
        before = *tofu_message_header(same);
    }
    enum tofu_status status = tofu_group_post(application->group, message, NULL);
    if (status != expected) {
        sim_fail(
            "%s answers %s, not %s", what, tofu_status_name(status), tofu_status_name(expected));
    }
    if (*message != same || (same != NULL && tofu_message_header(same)->id != before.id)) {
        sim_fail("%s was refused and touched", what);
    }
}

static void refuse_nonsense(struct application *application, struct tofu_message *message)
{
    struct tofu_header *header = tofu_message_header(message);
    struct tofu_message *none = NULL;
    switch (sim_below(7)) {
    case 0:
        refuse(application, &none, TOFU_NULL_MESSAGE, "no message");
        break;
    case 1:
        header->opcode = (uint8_t)sim_between(10, 255);
        refuse(application, &message, TOFU_INVALID_OP_CODE, "no opcode");
        break;
    case 2:
        header->opcode = TOFU_RESPONSE;
        refuse(application, &message, TOFU_INVALID_MESSAGE_ID, "a Response to nothing");
        break;
    case 3:
        header->opcode = TOFU_BYE_REQUEST;
        header->more = 1;
        refuse(application, &message, TOFU_INVALID_MORE_USAGE, "more than a Bye");
        break;
    case 4:
        refuse(application, &message, TOFU_INVALID_CHANNEL_NUMBER, "a Request to nobody");
        break;
    case 5:
        header->opcode = TOFU_HELLO_REQUEST;
        header->channel = 7;
        refuse(application, &message, TOFU_INVALID_CHANNEL_NUMBER, "a Hello on a channel");
        break;
    default:
        header->opcode = TOFU_HELLO_REQUEST;
        tofu_message_clear_texts(message);
        refuse(application, &message, TOFU_WRONG_ADDRESS, "a Hello to nowhere");
        break;
    }
}

// What the session forbids; while the channel ends behind our back it may be the channel that is gone.
static void refuse_forbidden(
    struct application *application, struct side *side, struct tofu_message *message)
{
    struct tofu_header *header = tofu_message_header(message);
    static const uint8_t opcodes[] = {
        TOFU_REQUEST, TOFU_SIGNAL, TOFU_HELLO_RESPONSE, TOFU_BYE_REQUEST, TOFU_BYE_RESPONSE};
    header->opcode = opcodes[sim_below(5)];
    header->id = 1;
    header->channel = side->channel;
    // A ByeRequest may be there that the application has not looked at.
    bool may_answer = header->opcode == TOFU_BYE_RESPONSE && !side->has_answered_bye;
    if (may_answer || side_may_post(side, header->opcode)) {
        return;
    }
    struct tofu_message *const same = message;
    enum tofu_status status = tofu_group_post(application->group, &message, NULL);
    bool is_legal =
        status == TOFU_NOT_ALLOWED ||
        (status == TOFU_INVALID_CHANNEL_NUMBER &&
         (!application->flow->is_gentle || side->has_said_bye || side->has_answered_bye));
    if (!is_legal || message != same) {
        sim_fail(
            "opcode %u, which cannot follow, answers %s", header->opcode, tofu_status_name(status));
    }
}

static void refuse_channel(
    struct application *application, struct side *side, struct tofu_message *message)
{
    struct tofu_header *header = tofu_message_header(message);
    header->channel = side->channel;
    if (side->application == application && side->state == SIDE_OPEN) {
        refuse_forbidden(application, side, message);
        return;
    }
    if (side->state == SIDE_CLOSED && side->application == application &&
        ledger_find(&application->flow->ledger, application, side->channel) == NULL) {
        enum tofu_status status = tofu_group_post(application->group, &message, NULL);
        // The number may be somebody else's by now, but only in another group.
        if (status != TOFU_INVALID_CHANNEL_NUMBER && status != TOFU_INVALID_CHANNEL_GROUP) {
            sim_fail("a post on a closed channel answers %s", tofu_status_name(status));
        }
        return;
    }
    if (side->state == SIDE_OPEN && side->application->home == application->home) {
        enum tofu_status status = tofu_group_post(application->group, &message, NULL);
        bool is_legal =
            status == TOFU_INVALID_CHANNEL_GROUP ||
            (status == TOFU_INVALID_CHANNEL_NUMBER &&
             (!application->flow->is_gentle || side->has_said_bye || side->has_answered_bye));
        if (!is_legal) {
            sim_fail("a post on another group's channel answers %s", tofu_status_name(status));
        }
    }
}

static struct side *choose_any_side(struct application *application)
{
    struct side *chosen = NULL;
    uint64_t seen = 0;
    for (struct link *link = application->flow->ledger.links; link != NULL; link = link->next) {
        struct side *side = &link->sides[sim_below(2)];
        if (side->state != SIDE_ABSENT && sim_below(++seen) == 0) {
            chosen = side;
        }
    }
    return chosen;
}

void trespass(struct application *application)
{
    struct tofu_message *message = posting_message(application);
    if (message == NULL || flow_engine_is_ending(application->home)) {
        posting_put(application, &message);
        return;
    }
    struct side *side = choose_any_side(application);
    if (side == NULL || sim_chance(500)) {
        refuse_nonsense(application, message);
    } else {
        refuse_channel(application, side, message);
    }
    posting_put(application, &message);
}

void trespass_on_leaving(struct application *application)
{
    struct flow *flow = application->flow;
    for (size_t i = 0; i < flow->application_count; i++) {
        struct application *other = &flow->applications[i];
        if (other->leaving_group == NULL || other->home != application->home) {
            continue;
        }
        sim_cover(SIM_USED_LEAVING, 1);
        struct tofu_message *message = posting_message(application);
        struct tofu_message *const same = message;
        enum tofu_status status = tofu_group_update(other->leaving_group, &message);
        if (status != TOFU_SHUTDOWN_STARTED || message != same) {
            sim_fail("an update of a group that is leaving answers %s", tofu_status_name(status));
        }
        if (message != NULL) {
            tofu_message_header(message)->channel = 1;
            status = tofu_group_post(other->leaving_group, &message, NULL);
            if (status != TOFU_SHUTDOWN_STARTED || message != same) {
                sim_fail("a post to a group that is leaving answers %s", tofu_status_name(status));
            }
        }
        posting_put(application, &message);
        return;
    }
}
