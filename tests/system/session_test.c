// SPDX-License-Identifier: MIT
// Posting: what may follow what on a channel (PROTOCOL.md, section 3, check 10). The rule is written
// down here a second time, from the document, and every opcode is tried in every state.
#include "support/link_fixture.h"
#include "support/raw_peer.h"

// What has happened on a channel, as the side under test sees it.
struct session {
    const char *name;
    bool is_accepting;
    bool has_answered_hello; ///< we have sent a HelloResponse
    bool has_said_bye;       ///< we have sent a ByeRequest that is not answered
    bool is_asked_bye;       ///< the peer's ByeRequest is here and not answered
    bool has_answered_bye;   ///< we have sent a ByeResponse, and our ByeRequest is still open
};

static const struct session sessions[] = {
    {.name = "connecting side"},
    {.name = "connecting side, ByeRequest sent", .has_said_bye = true},
    {.name = "connecting side, ByeRequest received", .is_asked_bye = true},
    {.name = "connecting side, both", .has_said_bye = true, .is_asked_bye = true},
    {.name = "connecting side, ByeResponse sent", .has_said_bye = true, .has_answered_bye = true},
    {.name = "accepting side", .is_accepting = true},
    {.name = "accepting side, hello answered", .is_accepting = true, .has_answered_hello = true},
    {.name = "accepting side, ByeRequest sent", .is_accepting = true, .has_said_bye = true},
    {.name = "accepting side, ByeRequest received", .is_accepting = true, .is_asked_bye = true},
    {.name = "accepting side, both",
     .is_accepting = true,
     .has_said_bye = true,
     .is_asked_bye = true},
    {.name = "accepting side, ByeResponse sent",
     .is_accepting = true,
     .has_said_bye = true,
     .has_answered_bye = true},
};

static bool may_post(const struct session *session, unsigned opcode)
{
    switch (opcode) {
    case TOFU_BYE_SIGNAL:
        return true;
    case TOFU_BYE_RESPONSE:
        return session->is_asked_bye;
    case TOFU_HELLO_RESPONSE:
        if (!session->is_accepting || session->has_answered_hello) {
            return false;
        }
        break;
    case TOFU_HELLO_REQUEST:
    case TOFU_WELCOME_REQUEST:
    case TOFU_WELCOME_RESPONSE:
        return false;
    default:
        break;
    }
    return !session->has_said_bye && !session->has_answered_bye;
}

// Brings a new connection with a raw peer into a state, and returns the peer.
static int enter(struct link_fixture *link, const struct session *session, struct side **side_out)
{
    int raw = session->is_accepting ? link_raw_client(link) : link_raw_server(link);
    struct side *side = session->is_accepting ? &link->server : &link->client;
    if (session->has_answered_hello) {
        side_send(side, TOFU_HELLO_RESPONSE, link->hello_id, NULL);
        raw_expect(raw, RAW_HELLO_RESPONSE);
    }
    if (session->has_said_bye) {
        side_send(side, TOFU_BYE_REQUEST, 0, NULL);
        raw_expect(raw, RAW_BYE_REQUEST);
    }
    if (session->is_asked_bye || session->has_answered_bye) {
        raw_send_proto(raw, RAW_BYE_REQUEST, 8);
        side_take(side, TOFU_BYE_REQUEST);
    }
    if (session->has_answered_bye) {
        side_send(side, TOFU_BYE_RESPONSE, 8, NULL);
        raw_expect(raw, RAW_BYE_RESPONSE);
    }
    *side_out = side;
    return raw;
}

static void leave(struct link_fixture *link, const struct side *side, int raw)
{
    raw_reset(raw);
    struct tofu_message *message = side_await(side);
    assert_true(message_is_closing(message));
    assert_int_equal(tofu_message_header(message)->id, link->hello_id);
    side_put(side, message);
}

static void try_opcode(struct link_fixture *link, const struct session *session, unsigned opcode)
{
    struct side *side = NULL;
    int raw = enter(link, session, &side);
    struct tofu_message *message = side_message(side, (enum tofu_opcode)opcode, 21, NULL);

    enum tofu_status status = tofu_group_post(side->group, &message, NULL);

    enum tofu_status wanted = may_post(session, opcode) ? TOFU_OK : TOFU_NOT_ALLOWED;
    if (status != wanted) {
        fail_msg(
            "%s: posting opcode %u answers %s", session->name, opcode, tofu_status_name(status));
    }
    assert_int_equal(message == NULL, status == TOFU_OK);
    side_put(side, message);
    if (status == TOFU_OK && opcode != TOFU_BYE_SIGNAL) {
        assert_int_equal(raw_expect(raw, (uint8_t)opcode), 21);
    }
    leave(link, side, raw);
}

static void every_opcode_in_every_state_is_taken_or_refused_by_the_rule(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    link_open_client(link, NULL);
    for (size_t i = 0; i < sizeof sessions / sizeof sessions[0]; i++) {
        for (unsigned opcode = TOFU_REQUEST; opcode <= TOFU_WELCOME_RESPONSE; opcode++) {
            // These two open channels, and have none: check 5 comes first.
            if (opcode != TOFU_HELLO_REQUEST && opcode != TOFU_WELCOME_REQUEST) {
                try_opcode(link, &sessions[i], opcode);
            }
        }
    }
}

static void a_listener_takes_nothing_but_a_bye(void **state)
{
    struct link_fixture *link = *state;
    link_open_server(link, NULL);
    struct side listener = link->server;
    listener.channel = link->listener;
    for (unsigned opcode = TOFU_REQUEST; opcode <= TOFU_WELCOME_RESPONSE; opcode++) {
        bool opens = opcode == TOFU_HELLO_REQUEST || opcode == TOFU_WELCOME_REQUEST;
        if (!opens && opcode != TOFU_BYE_REQUEST && opcode != TOFU_BYE_SIGNAL) {
            side_expect_refusal(
                &listener,
                side_message(&listener, (enum tofu_opcode)opcode, 5, NULL),
                TOFU_NOT_ALLOWED);
        }
    }
}

// The rule holds from the moment the channel has a number, long before the connection is there.
static void the_rule_holds_while_the_connection_is_made(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    link_open_client(link, NULL);
    raw_listen(link->transport == TOFU_TCP, link->directory, "full", 0, address);
    raw_connect(address);
    struct tofu_header hello = side_post(&link->client, side_hello(&link->client, address));
    link->client.channel = hello.channel;

    side_expect_refusal(
        &link->client, side_message(&link->client, TOFU_HELLO_RESPONSE, 5, NULL), TOFU_NOT_ALLOWED);
    side_expect_refusal(
        &link->client, side_message(&link->client, TOFU_BYE_RESPONSE, 5, NULL), TOFU_NOT_ALLOWED);
    side_send(&link->client, TOFU_BYE_REQUEST, 0, NULL);
    side_expect_refusal(
        &link->client, side_message(&link->client, TOFU_REQUEST, 5, NULL), TOFU_NOT_ALLOWED);
    side_expect_refusal(
        &link->client, side_message(&link->client, TOFU_BYE_REQUEST, 5, NULL), TOFU_NOT_ALLOWED);
    side_send(&link->client, TOFU_BYE_SIGNAL, 0, NULL);
    side_put(
        &link->client, side_expect_notice(&link->client, TOFU_HELLO_RESPONSE, TOFU_CHANNEL_CLOSED));
    side_put(
        &link->client, side_expect_notice(&link->client, TOFU_BYE_REQUEST, TOFU_CHANNEL_CLOSED));
    side_expect_closed(&link->client, hello.channel, hello.id, "channel_closed");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(every_opcode_in_every_state_is_taken_or_refused_by_the_rule),
        LINK_TEST(a_listener_takes_nothing_but_a_bye),
        LINK_TEST(the_rule_holds_while_the_connection_is_made),
    };
    return LINK_RUN(tests, LINK_BOTH);
}
