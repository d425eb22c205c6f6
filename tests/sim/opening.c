// SPDX-License-Identifier: MIT
// What an application posts that belongs to no connection: Hellos, listeners, updates.
#include <stdio.h>

#include "sim/flow.h"

static struct listener *choose_server(struct flow *flow)
{
    struct listener *open[APPLICATIONS_MAX * LISTENERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < flow->application_count; i++) {
        for (size_t j = 0; j < LISTENERS_MAX; j++) {
            struct listener *listener = &flow->applications[i].listeners[j];
            if (listener->state == LISTENER_OPEN) {
                open[count++] = listener;
            }
        }
    }
    return count == 0 ? NULL : open[sim_below(count)];
}

// Names instead of numbers now and then; not all of them lead anywhere.
static void choose_address(struct flow *flow, const struct listener *server, char *text_out)
{
    static const char *const hosts[] = {
        "localhost",
        "server.sim",
        "second.sim",
        "both.sim",
        "many.sim",
        "hole.sim",
        "away.sim",
        "mute.sim",
        "none"};
    snprintf(text_out, TOFU_ADDRESS_BYTES_MAX, "%s", server->address);
    struct tofu_address address;
    posting_must(tofu_address_parse(server->address, &address), "address_parse");
    if (address.transport == TOFU_TCP && sim_chance(300)) {
        const char *host = hosts[sim_below(flow->is_gentle ? 2 : 9)];
        snprintf(text_out, TOFU_ADDRESS_BYTES_MAX, "tcp|%s|%u", host, (unsigned)address.port);
    }
}

// All channels may be in use, if there are few.
static void check_opening_refusal(const struct application *application, enum tofu_status status)
{
    bool is_legal =
        (status == TOFU_SHUTDOWN_STARTED && application->home->is_shut_down) ||
        (status == TOFU_NOT_ALLOWED && application->home->channels_max != 0) ||
        (status == TOFU_NOTIFICATION_FAILED && flow_engine_has_failed(application->home));
    sim_cover(SIM_TABLE_FULL, status == TOFU_NOT_ALLOWED);
    if (!is_legal) {
        sim_fail("a new channel was refused: %s", tofu_status_name(status));
    }
}

void posting_connect(struct application *application)
{
    struct flow *flow = application->flow;
    const struct listener *server = choose_server(flow);
    struct tofu_message *message = server == NULL ? NULL : posting_message(application);
    if (message == NULL) {
        return;
    }
    char address[TOFU_ADDRESS_BYTES_MAX];
    choose_address(flow, server, address);
    posting_must(tofu_message_connect_to(message, address), "connect_to");
    uint64_t serial = posting_tag(application, message);
    uint64_t content = message_content(message);
    struct tofu_header accepted;
    enum tofu_status status = posting_post(application, 0, &message, &accepted);
    if (status != TOFU_OK) {
        check_opening_refusal(application, status);
        posting_put(application, &message);
        return;
    }
    ledger_connect(&flow->ledger, application, &accepted, content, serial);
}

static struct listener *free_listener(struct application *application)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        if (application->listeners[i].state == LISTENER_NONE) {
            return &application->listeners[i];
        }
    }
    return NULL;
}

static void choose_place(const struct application *application, char *text_out)
{
    unsigned number = (unsigned)(application - application->flow->applications);
    if (sim_chance(500)) {
        const char *host = sim_chance(200) ? "localhost" : "127.0.0.1";
        snprintf(text_out, TOFU_ADDRESS_BYTES_MAX, "tcp|%s|0", host);
    } else {
        snprintf(
            text_out,
            TOFU_ADDRESS_BYTES_MAX,
            "uds|%ssim-%u-%u",
            sim_chance(500) ? "@" : "/sim/",
            number,
            (unsigned)sim_below(1000));
    }
}

void posting_listen(struct application *application)
{
    struct listener *listener = free_listener(application);
    struct tofu_message *message = listener == NULL ? NULL : posting_message(application);
    if (message == NULL) {
        return;
    }
    choose_place(application, listener->address);
    posting_must(tofu_message_listen_on(message, listener->address), "listen_on");
    struct tofu_header accepted;
    enum tofu_status status = posting_post(application, 0, &message, &accepted);
    if (status != TOFU_OK) {
        check_opening_refusal(application, status);
        posting_put(application, &message);
        return;
    }
    listener->state = LISTENER_OPENING;
    listener->has_failed = false;
    listener->channel = accepted.channel;
    listener->id = accepted.id;
}

void posting_unlisten(struct application *application, struct listener *listener)
{
    struct tofu_message *message = posting_message(application);
    if (message == NULL) {
        return;
    }
    struct tofu_header *header = tofu_message_header(message);
    header->channel = listener->channel;
    header->opcode = sim_chance(500) ? TOFU_BYE_REQUEST : TOFU_BYE_SIGNAL;
    struct tofu_header accepted;
    enum tofu_status status = posting_post(application, 0, &message, &accepted);
    if (status != TOFU_OK) {
        // It may have been given up, and its notice is on the way.
        bool may_be_gone =
            status == TOFU_INVALID_CHANNEL_NUMBER && sim_config()->request_fail_rate != 0;
        if (!may_be_gone && !flow_engine_is_ending(application->home)) {
            sim_fail("a Bye to a listener was refused: %s", tofu_status_name(status));
        }
        posting_put(application, &message);
        return;
    }
    listener->state = LISTENER_CLOSING;
    application->home->consumed++;
}

// Any application of the same engine may be the one that is woken.
static struct application *choose_target(struct application *application)
{
    struct flow *flow = application->flow;
    struct application *target = &flow->applications[sim_below(flow->application_count)];
    bool is_good =
        target->home == application->home && target->group != NULL && target->leaving_group == NULL;
    return is_good ? target : application;
}

void posting_update(struct application *application)
{
    struct application *target = choose_target(application);
    struct tofu_message *message = sim_chance(500) ? NULL : posting_message(application);
    uint64_t serial = message == NULL ? 0 : posting_tag(application, message);
    bool has_room = target->update_count < target->home->update_messages_max;
    enum tofu_status status = tofu_group_update(target->group, &message);
    if (status == TOFU_OK && has_room && message == NULL) {
        target->updates[target->update_count++] = serial;
        return;
    }
    bool is_legal =
        (status == TOFU_QUEUE_FULL && !has_room) ||
        (status == TOFU_SHUTDOWN_STARTED && application->home->is_shut_down) ||
        (status == TOFU_NOTIFICATION_FAILED && flow_engine_has_failed(application->home));
    if (!is_legal || (serial != 0) != (message != NULL)) {
        sim_fail("an update answers %s", tofu_status_name(status));
    }
    posting_put(application, &message);
}
