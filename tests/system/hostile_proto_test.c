// SPDX-License-Identifier: MIT
// Every value of byte 2, in every state, from both sides: what PROTOCOL.md, section 6, allows reaches the
// application, anything else ends the connection with a reset and a reason. The rule is written down
// here a second time, from the document alone.
#include <stdio.h>
#include <string.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"

// What has happened on the connection, as the raw peer sees it. The raw peer is the one that sends.
struct session {
    const char *name;
    bool is_connecting;      ///< the raw peer connected; else it was connected to
    bool is_first;           ///< connecting, and nothing was sent yet
    bool has_answered_hello; ///< it was connected to, and has sent its HelloResponse
    bool has_said_bye;       ///< its ByeRequest is not answered
    bool is_asked_bye;       ///< the engine's ByeRequest is not answered
    bool
        has_answered_bye; ///< it has answered the engine's ByeRequest, and waits for its own answer
};

static const struct session sessions[] = {
    {.name = "first message", .is_connecting = true, .is_first = true},
    {.name = "connected", .is_connecting = true},
    {.name = "connected, Bye said", .is_connecting = true, .has_said_bye = true},
    {.name = "connected, Bye asked", .is_connecting = true, .is_asked_bye = true},
    {.name = "connected, both", .is_connecting = true, .has_said_bye = true, .is_asked_bye = true},
    {.name = "connected, Bye answered",
     .is_connecting = true,
     .has_said_bye = true,
     .has_answered_bye = true},
    {.name = "accepted"},
    {.name = "accepted, hello answered", .has_answered_hello = true},
    {.name = "accepted, Bye said", .has_said_bye = true},
    {.name = "accepted, Bye asked", .is_asked_bye = true},
    {.name = "accepted, both", .has_said_bye = true, .is_asked_bye = true},
    {.name = "accepted, Bye answered", .has_said_bye = true, .has_answered_bye = true},
};

// Returns the one status that a violation has, or TOFU_OK for a legal byte, or TOFU_UNKNOWN_ERROR for one
// that breaks several rules, so that the document does not say which comes first.
static enum tofu_status rule_of_the_byte(uint8_t proto, uint64_t id)
{
    unsigned opcode = proto & RAW_OPCODE_MASK;
    bool is_response = opcode == RAW_RESPONSE || opcode == RAW_HELLO_RESPONSE ||
                       opcode == RAW_BYE_RESPONSE || opcode == RAW_WELCOME_RESPONSE;
    enum tofu_status status = TOFU_OK;
    int broken = 0;
    if (opcode > RAW_WELCOME_RESPONSE) {
        status = TOFU_INVALID_OP_CODE;
        broken++;
    }
    if ((proto & (RAW_ENGINE | RAW_INTERNAL_MASK)) != 0) {
        status = TOFU_INVALID_MESSAGE;
        broken++;
    }
    if ((proto & RAW_MORE) != 0 && opcode > RAW_SIGNAL) {
        status = TOFU_INVALID_MORE_USAGE;
        broken++;
    }
    if (is_response && id == 0) {
        status = TOFU_INVALID_MESSAGE_ID;
        broken++;
    }
    return broken > 1 ? TOFU_UNKNOWN_ERROR : status;
}

static bool may_send(const struct session *session, unsigned opcode)
{
    if (session->is_first) {
        return opcode == RAW_HELLO_REQUEST;
    }
    if (session->has_answered_bye) {
        return false;
    }
    switch (opcode) {
    case RAW_REQUEST:
    case RAW_RESPONSE:
    case RAW_SIGNAL:
    case RAW_BYE_REQUEST:
        return !session->has_said_bye;
    case RAW_HELLO_RESPONSE:
        return !session->has_said_bye && !session->is_connecting && !session->has_answered_hello;
    case RAW_BYE_RESPONSE:
        return session->is_asked_bye;
    default:
        return false;
    }
}

static enum tofu_status verdict(const struct session *session, uint8_t proto, uint64_t id)
{
    enum tofu_status status = rule_of_the_byte(proto, id);
    bool is_allowed = may_send(session, proto & RAW_OPCODE_MASK);
    if (status == TOFU_OK) {
        return is_allowed ? TOFU_OK : TOFU_NOT_ALLOWED;
    }
    // A byte that is wrong in itself may also be a wrong step; both reasons are true.
    return is_allowed || status == TOFU_INVALID_OP_CODE ? status : TOFU_UNKNOWN_ERROR;
}

// Brings a new connection into a state; returns the raw peer.
static int enter(struct link_fixture *link, const struct session *session, struct side **side_out)
{
    *side_out = session->is_connecting ? &link->server : &link->client;
    if (session->is_first) {
        return raw_connect(link->address);
    }
    int raw = session->is_connecting ? link_raw_client(link) : link_raw_server(link);
    struct side *side = *side_out;
    if (session->has_answered_hello) {
        raw_send_proto(raw, RAW_HELLO_RESPONSE, link->hello_id);
        side_take(side, TOFU_HELLO_RESPONSE);
    }
    uint64_t bye = 0;
    if (session->is_asked_bye || session->has_answered_bye) {
        bye = side_send(side, TOFU_BYE_REQUEST, 0, NULL).id;
        assert_int_equal(raw_expect(raw, RAW_BYE_REQUEST), bye);
    }
    if (session->has_said_bye) {
        raw_send_proto(raw, RAW_BYE_REQUEST, 8);
        side_take(side, TOFU_BYE_REQUEST);
    }
    if (session->has_answered_bye) {
        raw_send_proto(raw, RAW_BYE_RESPONSE, bye);
        side_take(side, TOFU_BYE_RESPONSE);
    }
    return raw;
}

static void expect_reason(
    const struct side *side, struct link_fixture *link, enum tofu_status status, const char *text)
{
    struct tofu_message *message = side_await(side);
    const char *reason = "";
    size_t size = 0;
    if (!tofu_message_find_text(message, "~reason", &reason, &size)) {
        fail_msg("%s: the application got opcode %u", text, tofu_message_header(message)->opcode);
    }
    const char *wanted = tofu_status_name(status);
    bool is_any = status == TOFU_UNKNOWN_ERROR;
    if (!is_any && (size != strlen(wanted) || memcmp(reason, wanted, size) != 0)) {
        fail_msg("%s: reason %.*s, should be %s", text, (int)size, reason, wanted);
    }
    assert_false(is_any && size == 7 && memcmp(reason, "success", 7) == 0);
    assert_int_equal(tofu_message_header(message)->channel, side->channel);
    assert_int_equal(tofu_message_header(message)->id, link->hello_id);
    side_put(side, message);
}

static void leave(const struct side *side, int raw)
{
    raw_reset(raw);
    struct tofu_message *message = side_await(side);
    assert_true(message_is_closing(message));
    side_put(side, message);
}

static void send_byte(int raw, uint8_t proto, uint64_t id)
{
    static const char text[] = "~connect_to:tcp|127.0.0.1|7099\r\n";
    const struct raw_frame frame = {
        .channel = 1, .proto = proto, .id = id, .text = text, .text_bytes = sizeof text - 1};
    raw_send_frame(raw, &frame);
}

static void try_byte(
    struct link_fixture *link, const struct session *session, uint8_t proto, uint64_t id)
{
    struct side *side = NULL;
    char text[96];
    int raw = enter(link, session, &side);
    enum tofu_status status = verdict(session, proto, id);
    (void)snprintf(
        text,
        sizeof text,
        "%s, byte 0x%02x, id %llu",
        session->name,
        proto,
        (unsigned long long)id);

    send_byte(raw, proto, id);

    if (status == TOFU_OK) {
        struct tofu_message *message = side_await(side);
        const struct tofu_header *header = tofu_message_header(message);
        if (header->opcode != (proto & RAW_OPCODE_MASK) || header->origin != TOFU_APPLICATION) {
            fail_msg("%s: is legal and did not arrive", text);
        }
        assert_int_equal(header->id, id);
        assert_int_equal(header->more, (proto & RAW_MORE) != 0);
        assert_text(message, "~connect_to", "tcp|127.0.0.1|7099");
        side_put(side, message);
        leave(side, raw);
        return;
    }
    enum raw_end end = raw_await_end(raw, NULL);
    if (end == RAW_FIN && link->transport == TOFU_TCP) {
        fail_msg("%s: ended with FIN, not with a reset", text);
    }
    raw_close(raw);
    if (!session->is_first) {
        expect_reason(side, link, status, text);
    }
}

static void try_session(struct link_fixture *link, const struct session *session)
{
    const struct side *side = session->is_connecting ? &link->server : &link->client;
    for (unsigned proto = 0; proto <= 255; proto++) {
        try_byte(link, session, (uint8_t)proto, 33);
        unsigned opcode = proto & RAW_OPCODE_MASK;
        if (proto < 16 && opcode <= RAW_WELCOME_RESPONSE) {
            try_byte(link, session, (uint8_t)proto, 0);
        }
    }
    side_expect_silence(side);
}

static void open_both(struct link_fixture *link)
{
    link_open_server(link, NULL);
    link_open_client(link, NULL);
}

static void every_byte_as_first_message_of_a_connection(void **state)
{
    struct link_fixture *link = *state;
    open_both(link);

    try_session(link, &sessions[0]);

    // 256 bytes and the ten opcodes with id 0; only a HelloRequest was good, with either id.
    side_expect_stat(&link->server, connections_accepted, 266);
    side_expect_stat(&link->server, connections_refused, 264);
    assert_int_equal(side_stats(&link->server).messages_received, 2);
    assert_true(side_stats(&link->server).turns < 20000);
}

static void every_byte_in_every_state_of_a_connecting_peer(void **state)
{
    struct link_fixture *link = *state;
    open_both(link);
    for (size_t i = 1; i <= 5; i++) {
        assert_true(sessions[i].is_connecting);
        try_session(link, &sessions[i]);
    }
    assert_true(side_stats(&link->server).turns < 100000);
}

static void every_byte_in_every_state_of_an_accepting_peer(void **state)
{
    struct link_fixture *link = *state;
    open_both(link);
    for (size_t i = 6; i < sizeof sessions / sizeof sessions[0]; i++) {
        assert_false(sessions[i].is_connecting);
        try_session(link, &sessions[i]);
    }
    assert_true(side_stats(&link->client).turns < 100000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(every_byte_as_first_message_of_a_connection),
        LINK_TEST(every_byte_in_every_state_of_a_connecting_peer),
        LINK_TEST(every_byte_in_every_state_of_an_accepting_peer),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
