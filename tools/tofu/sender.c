// SPDX-License-Identifier: MIT
#include "sender.h"

#include <inttypes.h>
#include <stdio.h>

#include "console.h"
#include "human.h"
#include "os/clock.h"
#include "transfer.h"

// How long to wait for room before looking for answers.
#define TURN_NS (20 * NS_PER_MS)

static void give_up(struct sender *sender, enum tofu_status status)
{
    complain("the transfer has to end: %s", tofu_status_text(status));
    sender->system_status = status;
    sender->is_over = true;
}

static void note_refusal(struct outgoing *file, const struct tofu_message *answer)
{
    const char *word = NULL;
    size_t size = 0;
    enum refusal refusal = REFUSAL_NONE;
    bool was_called_off = file->fault[0] != '\0';
    file->state = OUTGOING_FAILED;
    if (was_called_off) {
        // We know better than the receiver why.
        return;
    }
    if (!tofu_message_find_text(answer, TRANSFER_ERROR, &word, &size)) {
        snprintf(file->fault, sizeof file->fault, "the receiver says neither yes nor no");
    } else if (refusal_find(word, size, &refusal)) {
        snprintf(file->fault, sizeof file->fault, "%s", refusal_text(refusal));
    } else {
        char shown[64];
        make_printable(word, size, shown, sizeof shown);
        snprintf(file->fault, sizeof file->fault, "the receiver says '%s'", shown);
    }
}

static void take_answer(struct sender *sender, struct tofu_message *answer)
{
    const struct tofu_header *header = tofu_message_header(answer);
    uint64_t index = header->id - 1;
    bool is_ours = header->opcode == TOFU_RESPONSE && header->more == 0 && header->id >= 1 &&
                   index < sender->list->count;
    struct outgoing *file = is_ours ? &sender->list->files[index] : NULL;
    bool is_kept = text_is(answer, TRANSFER_RESULT, TRANSFER_RESULT_OK);
    // A file may be refused before it is sent, but not kept; and it is answered once.
    bool is_due =
        is_ours && (file->state == OUTGOING_SENT || (file->state == OUTGOING_OPEN && !is_kept));
    if (!is_due) {
        complain("%s breaks the protocol: an answer without a question", sender->client->address);
        sender->is_over = true;
        return;
    }
    sender->answered_count++;
    sender->end_ns = clock_now_ns();
    if (is_kept && file->fault[0] == '\0') {
        file->state = OUTGOING_KEPT;
    } else {
        note_refusal(file, answer);
    }
}

// Waits for an answer, and takes it. Ends the transfer if the channel has ended or nothing moves.
static void wait_once(struct sender *sender, uint64_t timeout_ns)
{
    struct client *client = sender->client;
    struct tofu_message *message = NULL;
    enum tofu_status status = client_wait(client, timeout_ns, &message);
    if (status != TOFU_OK) {
        give_up(sender, status);
        return;
    }
    if (message != NULL) {
        sender->moved_ns = clock_now_ns();
        take_answer(sender, message);
        tofu_engine_put(client->engine, &message);
        return;
    }
    if (client->has_ended || client->is_told_to_leave) {
        bool is_complete = sender->answered_count == sender->list->count;
        if (!is_complete && client->is_told_to_leave) {
            complain("%s says Bye before all is sent", client->address);
        } else if (!is_complete) {
            complain("lost the connection to %s: %s", client->address, client->closing.why);
        }
        sender->is_over = true;
    } else if (clock_now_ns() - sender->moved_ns >= sender->timeout_ns) {
        complain("nothing moved for %" PRIu64 " s", sender->timeout_ns / NS_PER_S);
        sender->is_over = true;
    }
}

static void show_progress(struct sender *sender)
{
    progress_show(
        &sender->progress,
        sender->sent_bytes,
        sender->list->bytes,
        sender->sent_bytes,
        sender->start_ns);
}

// Posts the message, and takes answers while there is no room for it. Returns false if it was not
// posted, because the transfer is over.
static bool post(struct sender *sender, struct tofu_message **message)
{
    while (!sender->is_over) {
        enum tofu_status status =
            tofu_group_post_within(sender->client->group, message, TURN_NS, NULL);
        if (status == TOFU_OK) {
            sender->moved_ns = clock_now_ns();
            wait_once(sender, 0);
            return true;
        }
        bool is_ending = status == TOFU_INVALID_CHANNEL_NUMBER || status == TOFU_NOT_ALLOWED;
        if (status != TOFU_TIMED_OUT && !is_ending) {
            give_up(sender, status);
            break;
        }
        // Without room, and when the channel ends, there is something to come.
        wait_once(sender, is_ending ? TURN_NS : 0);
        show_progress(sender);
    }
    return false;
}

static enum tofu_status describe(struct tofu_message *message, const struct outgoing *file)
{
    char size[24];
    snprintf(size, sizeof size, "%" PRIu64, file->size);
    enum tofu_status status = tofu_message_append_text(message, TRANSFER_NAME, file->name);
    if (status == TOFU_OK) {
        status = tofu_message_append_text(message, TRANSFER_SIZE, size);
    }
    return status;
}

// Reads the next part into the message. What makes that impossible calls the file off.
static enum tofu_status fill(
    struct sender *sender, struct outgoing *file, struct tofu_message *message)
{
    uint64_t left = file->size - file->sent;
    size_t size = left < sender->part_size ? (size_t)left : sender->part_size;
    void *body = NULL;
    enum tofu_status status = tofu_message_resize_body(message, size, &body);
    if (status != TOFU_OK) {
        return status;
    }
    bool is_last = left == size;
    bool is_read = file->state == OUTGOING_OPEN && outgoing_read(file, body, size) &&
                   (!is_last || outgoing_is_unchanged(file));
    if (!is_read) {
        status = tofu_message_resize_body(message, 0, NULL);
        return status == TOFU_OK ? tofu_message_append_text(message, TRANSFER_CANCEL, "yes")
                                 : status;
    }
    checksum_add(&sender->checksum, body, size);
    file->sent += size;
    sender->sent_bytes += size;
    tofu_message_header(message)->more = !is_last;
    if (!is_last) {
        return TOFU_OK;
    }
    checksum_write(&sender->checksum, file->checksum_text);
    return tofu_message_append_text(message, TRANSFER_CHECKSUM, file->checksum_text);
}

// Sends the next part of a file. Returns false after the last one, and when the transfer is over.
static bool send_part(struct sender *sender, struct outgoing *file, bool is_first)
{
    struct tofu_message *message = NULL;
    enum tofu_status status = client_get(sender->client, TOFU_REQUEST, &message);
    if (status == TOFU_OK && is_first) {
        status = describe(message, file);
    }
    if (status == TOFU_OK) {
        tofu_message_header(message)->id = (uint64_t)(file - sender->list->files) + 1;
        status = fill(sender, file, message);
    }
    if (status != TOFU_OK) {
        tofu_engine_put(sender->client->engine, &message);
        give_up(sender, status);
        return false;
    }
    bool is_last = tofu_message_header(message)->more == 0;
    // Its answer may come before post() returns.
    if (is_last && file->state == OUTGOING_OPEN) {
        file->state = OUTGOING_SENT;
    }
    bool is_posted = post(sender, &message);
    tofu_engine_put(sender->client->engine, &message);
    show_progress(sender);
    return is_posted && !is_last;
}

static void send_file(struct sender *sender, struct outgoing *file)
{
    uint64_t announced = file->size;
    file->state = OUTGOING_OPEN;
    if (!outgoing_open(file)) {
        file->state = OUTGOING_FAILED;
        sender->answered_count++;
        outgoing_close(file);
        return;
    }
    sender->list->bytes += file->size - announced;
    checksum_reset(&sender->checksum);
    bool goes_on = send_part(sender, file, true);
    while (goes_on) {
        goes_on = send_part(sender, file, false);
    }
    outgoing_close(file);
}

static enum exit_code outcome(const struct sender *sender)
{
    if (sender->system_status != TOFU_OK) {
        return EXIT_CODE_SYSTEM;
    }
    for (size_t index = 0; index < sender->list->count; index++) {
        if (sender->list->files[index].state != OUTGOING_KEPT) {
            return EXIT_CODE_FAILED;
        }
    }
    return EXIT_CODE_OK;
}

enum exit_code sender_perform(struct sender *sender)
{
    if (!checksum_open(&sender->checksum)) {
        complain("no memory");
        return EXIT_CODE_SYSTEM;
    }
    sender->start_ns = clock_now_ns();
    sender->moved_ns = sender->start_ns;
    for (size_t index = 0; index < sender->list->count && !sender->is_over; index++) {
        send_file(sender, &sender->list->files[index]);
    }
    while (!sender->is_over && sender->answered_count < sender->list->count) {
        wait_once(sender, TURN_NS);
    }
    checksum_close(&sender->checksum);
    return outcome(sender);
}
