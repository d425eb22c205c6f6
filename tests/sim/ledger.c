// SPDX-License-Identifier: MIT
#include "sim/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "sim/simulation.h"

void ledger_open(struct ledger *ledger, bool is_gentle)
{
    *ledger = (struct ledger){.is_gentle = is_gentle, .next_serial = 1};
}

void ledger_close(struct ledger *ledger)
{
    while (ledger->links != NULL) {
        struct link *link = ledger->links;
        ledger->links = link->next;
        free(link->sides[0].sent.records);
        free(link->sides[1].sent.records);
        free(link);
    }
}

static uint64_t mix_word(uint64_t hash, uint64_t word)
{
    hash ^= word;
    return (hash << 29 | hash >> 35) * UINT64_C(0x9fb21c651e98df25);
}

static uint64_t mix_next(uint64_t hash, const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return mix_word(hash, word);
}

#define BLOCK_BYTES 32

// Four lanes side by side: one multiplication after the other would wait for its result. No array, which the
// compiler would keep in memory.
static uint64_t mix_blocks(uint64_t hash, const unsigned char *bytes, size_t block_count)
{
    uint64_t second = 1;
    uint64_t third = 2;
    uint64_t fourth = 3;
    for (; block_count > 0; block_count--, bytes += BLOCK_BYTES) {
        hash = mix_next(hash, bytes);
        second = mix_next(second, bytes + 8);
        third = mix_next(third, bytes + 16);
        fourth = mix_next(fourth, bytes + 24);
    }
    return mix_word(mix_word(mix_word(hash, second), third), fourth);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *position = bytes;
    if (size >= BLOCK_BYTES) {
        hash = mix_blocks(hash, position, size / BLOCK_BYTES);
        position += size / BLOCK_BYTES * BLOCK_BYTES;
        size %= BLOCK_BYTES;
    }
    for (; size >= 8; size -= 8, position += 8) {
        hash = mix_next(hash, position);
    }
    if (size > 0) {
        uint64_t word = (uint64_t)size << 56; // There is room above seven bytes.
        memcpy(&word, position, size);
        hash = mix_word(hash, word);
    }
    return hash;
}

uint64_t message_content(const struct tofu_message *message)
{
    uint64_t hash = 1;
    struct tofu_text_iterator texts = tofu_message_texts(message);
    const char *name;
    const char *value;
    size_t name_size;
    size_t value_size;
    while (tofu_text_next(&texts, &name, &name_size, &value, &value_size)) {
        hash = mix(hash, name, name_size);
        hash = mix_word(hash, value_size);
        hash = mix(hash, value, value_size);
    }
    size_t size;
    const void *body = tofu_message_body(message, &size);
    return mix(mix_word(hash, size), body, size);
}

static void *memory_or_fail(void *memory)
{
    if (memory == NULL) {
        sim_fail("the test itself has no memory");
    }
    return memory;
}

static void append(struct line *line, struct record record)
{
    if (line->count == line->capacity) {
        line->capacity = line->capacity == 0 ? 16 : 2 * line->capacity;
        line->records =
            memory_or_fail(realloc(line->records, line->capacity * sizeof *line->records));
    }
    line->records[line->count++] = record;
}

void ledger_accepted(
    struct ledger *ledger,
    struct side *side,
    const struct tofu_header *accepted,
    uint64_t content,
    uint64_t serial)
{
    if (accepted->channel != side->channel) {
        sim_fail("a post on channel %u was accepted for %u", side->channel, accepted->channel);
    }
    ledger->accepted_count++;
    append(
        &side->sent,
        (struct record){
            .serial = serial,
            .id = accepted->id,
            .content = content,
            .opcode = accepted->opcode,
            .more = accepted->more});
}

struct link *ledger_connect(
    struct ledger *ledger,
    struct application *application,
    const struct tofu_header *accepted,
    uint64_t content,
    uint64_t serial)
{
    if (ledger_find(ledger, application, accepted->channel) != NULL || accepted->channel == 0) {
        sim_fail("a new channel got the number %u, which is in use", accepted->channel);
    }
    struct link *link = memory_or_fail(calloc(1, sizeof *link));
    link->hello_id = accepted->id;
    link->next = ledger->links;
    ledger->links = link;
    link->sides[1].link = link;
    link->sides[0] = (struct side){
        .link = link,
        .application = application,
        .channel = accepted->channel,
        .state = SIDE_OPEN,
        .is_connecting = true};
    ledger_accepted(ledger, &link->sides[0], accepted, content, serial);
    return link;
}

struct side *ledger_attach(
    struct ledger *ledger, struct application *application, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    if (ledger_find(ledger, application, header->channel) != NULL || header->channel == 0) {
        sim_fail("an accepted channel has the number %u, which is in use", header->channel);
    }
    for (struct link *link = ledger->links; link != NULL; link = link->next) {
        if (link->hello_id == header->id) {
            struct side *side = &link->sides[1];
            if (side->state != SIDE_ABSENT) {
                sim_fail("a HelloRequest came twice");
            }
            side->application = application;
            side->channel = header->channel;
            side->state = SIDE_OPEN;
            return side;
        }
    }
    sim_fail("a HelloRequest that nobody posted");
}

struct side *ledger_find(
    struct ledger *ledger, const struct application *application, uint16_t channel)
{
    for (struct link *link = ledger->links; link != NULL; link = link->next) {
        for (int i = 0; i < 2; i++) {
            struct side *side = &link->sides[i];
            if (side->application == application && side->channel == channel &&
                side->state == SIDE_OPEN) {
                return side;
            }
        }
    }
    return NULL;
}

static struct side *other_side(struct side *side)
{
    return &side->link->sides[side == &side->link->sides[0] ? 1 : 0];
}

static bool is_same(const struct record *record, const struct tofu_header *header, uint64_t content)
{
    return record->id == header->id && record->opcode == header->opcode &&
           record->more == header->more && record->content == content;
}

// The other side's engine says and answers Byes by itself while it is shut down.
static bool is_of_a_shutdown(struct side *side, const struct tofu_header *header)
{
    bool is_bye = header->opcode == TOFU_BYE_REQUEST || header->opcode == TOFU_BYE_RESPONSE;
    const struct side *other = other_side(side);
    return is_bye && (other->may_miss_messages || other->state == SIDE_ABSENT);
}

void ledger_delivered(struct ledger *ledger, struct side *side, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    struct line *line = &other_side(side)->sent;
    uint64_t content = message_content(message);
    size_t index = line->delivered_end;
    // Only a shutdown may drop what it receives; whatever else is missing is lost, or out of order.
    while (side->may_miss_messages && index < line->count &&
           !is_same(&line->records[index], header, content)) {
        index++;
    }
    if (index >= line->count || !is_same(&line->records[index], header, content)) {
        if (is_of_a_shutdown(side, header)) {
            return;
        }
        sim_fail(
            "channel %u received what was not sent next: opcode %u, id %llu",
            header->channel,
            header->opcode,
            (unsigned long long)header->id);
    }
    bool follows_returned = line->returned_end > 0 && index > line->returned_begin;
    if (line->records[index].fate != FATE_OPEN || follows_returned) {
        sim_fail("opcode %u was delivered, and it or an earlier one was returned", header->opcode);
    }
    line->records[index].fate = FATE_DELIVERED;
    line->delivered_end = index + 1;
    ledger->delivered_count++;
}

static uint8_t returned_opcode(uint8_t opcode)
{
    return opcode == TOFU_HELLO_REQUEST ? TOFU_HELLO_RESPONSE : opcode;
}

void ledger_returned(struct ledger *ledger, struct side *side, struct tofu_message *message)
{
    const struct tofu_header *header = tofu_message_header(message);
    uint64_t serial = (uint64_t)(uintptr_t)tofu_message_user(message);
    struct line *line = &side->sent;
    size_t index = line->returned_end;
    while (index < line->count && line->records[index].serial != serial) {
        index++;
    }
    if (index == line->count) {
        sim_fail(
            "channel %u: opcode %u was returned twice or out of order, with %s",
            side->channel,
            header->opcode,
            tofu_status_name(header->status));
    }
    struct record *record = &line->records[index];
    if (record->id != header->id || record->content != message_content(message) ||
        record->more != header->more || returned_opcode(record->opcode) != header->opcode) {
        sim_fail("channel %u: a message came back changed", side->channel);
    }
    if (record->fate != FATE_OPEN || index < line->delivered_end) {
        sim_fail(
            "opcode %u was returned with %s, and it or a later one was delivered",
            header->opcode,
            tofu_status_name(header->status));
    }
    if (ledger->is_gentle) {
        sim_fail("a message was returned with %s", tofu_status_name(header->status));
    }
    record->fate = FATE_RETURNED;
    line->returned_begin = line->returned_end == 0 ? index : line->returned_begin;
    line->returned_end = index + 1;
    ledger->returned_count++;
}

enum tofu_status status_of_name(const char *name, size_t size)
{
    for (int status = 0; status < 256; status++) {
        const char *candidate = tofu_status_name((enum tofu_status)status);
        if (strlen(candidate) == size && memcmp(candidate, name, size) == 0) {
            return (enum tofu_status)status;
        }
    }
    sim_fail("%.*s is no status", (int)size, name);
}

// Both sides keep to the protocol and have memory, so these cannot be anybody's fault but the engine's.
static bool is_possible_reason(enum tofu_status reason)
{
    return reason == TOFU_OK || reason == TOFU_INVALID_ADDRESS ||
           reason == TOFU_UDS_PATH_NOT_FOUND || reason == TOFU_PEER_DISCONNECTED ||
           reason == TOFU_CHANNEL_CLOSED || reason == TOFU_SHUTDOWN_STARTED ||
           reason == TOFU_CONNECT_FAILED || reason == TOFU_TIMED_OUT ||
           reason == TOFU_NOTIFICATION_FAILED;
}

void ledger_closed(struct ledger *ledger, struct side *side, struct tofu_message *notice)
{
    const char *name;
    size_t size;
    if (!tofu_message_find_text(notice, "~reason", &name, &size)) {
        sim_fail("a closing notice without a reason");
    }
    side->reason = status_of_name(name, size);
    if (!is_possible_reason(side->reason) || (ledger->is_gentle && side->reason != TOFU_OK)) {
        sim_fail("channel %u ended with %.*s", side->channel, (int)size, name);
    }
    if (tofu_message_header(notice)->id != side->link->hello_id) {
        sim_fail("the id of a closing notice is not the opening one's");
    }
    if (side->reason == TOFU_OK && !side->has_bye_answer && !side->has_answered_bye &&
        !side->may_miss_messages) {
        sim_fail("channel %u ended well without a Bye that was answered", side->channel);
    }
    side->state = SIDE_CLOSED;
}

void ledger_orphan(struct ledger *ledger, const struct application *application)
{
    for (struct link *link = ledger->links; link != NULL; link = link->next) {
        for (int i = 0; i < 2; i++) {
            struct side *side = &link->sides[i];
            if (side->application == application && side->state == SIDE_OPEN) {
                side->state = SIDE_ORPHANED;
            }
        }
    }
}

bool ledger_has_open_side(const struct ledger *ledger, const struct application *application)
{
    for (const struct link *link = ledger->links; link != NULL; link = link->next) {
        for (int i = 0; i < 2; i++) {
            const struct side *side = &link->sides[i];
            if (side->application == application && side->state == SIDE_OPEN) {
                return true;
            }
        }
    }
    return false;
}

bool ledger_is_settled(const struct ledger *ledger)
{
    for (const struct link *link = ledger->links; link != NULL; link = link->next) {
        if (link->sides[0].state == SIDE_OPEN || link->sides[1].state == SIDE_OPEN) {
            return false;
        }
    }
    return true;
}

// `receiver` ended well, so it had read everything up to the sender's last Bye, which comes last. Only a
// ByeSignal has no fate but the closing notice.
static void check_line(const struct side *sender, const struct side *receiver)
{
    bool is_complete = receiver->state == SIDE_CLOSED && receiver->reason == TOFU_OK &&
                       !receiver->may_miss_messages;
    for (size_t i = 0; i < sender->sent.count; i++) {
        const struct record *record = &sender->sent.records[i];
        if (is_complete && record->fate == FATE_OPEN && record->opcode != TOFU_BYE_SIGNAL) {
            sim_fail(
                "message %zu of %zu on channel %u was lost: opcode %u",
                i + 1,
                sender->sent.count,
                sender->channel,
                record->opcode);
        }
    }
}

// Nobody ever saw the other end, so nothing may count as sent but what a connection could swallow.
static void check_connected(const struct ledger *ledger, const struct link *link)
{
    if (ledger->is_gentle && link->sides[1].state == SIDE_ABSENT) {
        sim_fail("channel %u never reached its listener", link->sides[0].channel);
    }
    if (link->sides[0].reason == TOFU_OK && link->sides[0].state == SIDE_CLOSED &&
        link->sides[1].state == SIDE_ABSENT && !link->sides[0].may_miss_messages) {
        sim_fail("channel %u ended well with nobody", link->sides[0].channel);
    }
}

void ledger_check_fates(const struct ledger *ledger)
{
    for (const struct link *link = ledger->links; link != NULL; link = link->next) {
        check_connected(ledger, link);
        check_line(&link->sides[0], &link->sides[1]);
        check_line(&link->sides[1], &link->sides[0]);
    }
}
