// SPDX-License-Identifier: MIT
// What was accepted and what became of it: the books that every run is checked against.
//
// A link is a connection as the two applications see it, with a line per direction: all messages
// accepted there, in posting order. Each of them is delivered to the other side, in order and whole, or
// returned, in order and whole, or, if the channel did not end well, it may have been lost on the way.
#ifndef TF_SIM_LEDGER_H
#define TF_SIM_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tofu/message.h>

enum fate { FATE_OPEN, FATE_DELIVERED, FATE_RETURNED };

struct record {
    uint64_t serial; ///< also the user pointer of the message
    uint64_t id;
    uint64_t content; ///< a hash over texts and body
    uint8_t opcode;
    uint8_t more;
    uint8_t fate; ///< enum fate
};

struct line {
    struct record *records;
    size_t count;
    size_t capacity;
    size_t delivered_end;  ///< behind the last record that was delivered
    size_t returned_begin; ///< the first record that was returned, if returned_end is not 0
    size_t returned_end;   ///< behind the last record that was returned
};

enum side_state {
    SIDE_ABSENT, ///< accepting: the HelloRequest has not come
    SIDE_OPEN,
    SIDE_CLOSED,   ///< the closing notice came
    SIDE_ORPHANED, ///< its group is gone: nobody will tell
};

struct application;

/// One application's end of a link.
struct side {
    struct link *link;
    struct application *application; ///< NULL while absent
    uint16_t channel;
    enum side_state state;
    enum tofu_status reason; ///< once closed
    bool is_connecting;
    bool has_hello_answer; ///< sent or received
    bool has_said_bye;
    bool has_bye_answer; ///< to ours
    bool has_heard_bye;
    bool has_answered_bye;
    bool may_miss_messages; ///< its engine is shut down: it may drop what it receives
    uint64_t heard_bye_id;
    uint64_t said_bye_id;
    struct line sent;
};

struct link {
    struct side sides[2]; ///< 0 connected, 1 accepted
    uint64_t hello_id;
    struct link *next;
};

struct ledger {
    struct link *links;
    uint64_t next_serial;
    bool is_gentle; ///< no faults, no aborts: nothing may be lost or returned
    uint64_t accepted_count;
    uint64_t delivered_count;
    uint64_t returned_count;
};

void ledger_open(struct ledger *ledger, bool is_gentle);
void ledger_close(struct ledger *ledger);

/// Hash over texts and body.
uint64_t message_content(const struct tofu_message *message);

/// A new link: the HelloRequest `accepted` with `content` was accepted.
struct link *ledger_connect(
    struct ledger *ledger,
    struct application *application,
    const struct tofu_header *accepted,
    uint64_t content,
    uint64_t serial);

/// The accepting side of the link whose HelloRequest `message` is.
struct side *ledger_attach(
    struct ledger *ledger, struct application *application, struct tofu_message *message);

/// Finds the open side of an application with this channel number, or NULL.
struct side *ledger_find(
    struct ledger *ledger, const struct application *application, uint16_t channel);

void ledger_accepted(
    struct ledger *ledger,
    struct side *side,
    const struct tofu_header *accepted,
    uint64_t content,
    uint64_t serial);

/// `side` received `message`, which must be the next one that the other side sent.
void ledger_delivered(struct ledger *ledger, struct side *side, struct tofu_message *message);

/// `side` got back `message`.
void ledger_returned(struct ledger *ledger, struct side *side, struct tofu_message *message);

void ledger_closed(struct ledger *ledger, struct side *side, struct tofu_message *notice);

/// Every side of an application that is open is an orphan from now on.
void ledger_orphan(struct ledger *ledger, const struct application *application);

/// Says whether a side of this application is open.
bool ledger_has_open_side(const struct ledger *ledger, const struct application *application);

/// Says whether every side has ended.
bool ledger_is_settled(const struct ledger *ledger);

/// Checks the fates of all messages of all links, which are settled.
void ledger_check_fates(const struct ledger *ledger);

/// Returns the status with this name; fails if there is none.
enum tofu_status status_of_name(const char *name, size_t size);

#endif
