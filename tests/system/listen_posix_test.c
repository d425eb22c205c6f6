// SPDX-License-Identifier: MIT
// Listening at a path as POSIX and Linux have it: modes, links, abstract names, and a backlog that is full.
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/link_fixture.h"
#include "support/raw_peer.h"

static const char *path_of(const char *address)
{
    return strchr(address, '|') + 1;
}

static void open_engine_with_group(struct link_fixture *link)
{
    link->server.engine = link_open_engine(link, NULL);
    link_open_group(&link->server);
}

// Posts a WelcomeRequest that comes back with a status, and is then closed for the same reason.
static void expect_no_listener(
    const struct side *side, struct tofu_message *welcome, enum tofu_status status)
{
    char mark = 0;
    tofu_message_set_user(welcome, &mark);
    struct tofu_header posted = side_post(side, welcome);

    struct tofu_message *response = side_expect_notice(side, TOFU_WELCOME_RESPONSE, status);

    assert_int_equal(tofu_message_header(response)->channel, posted.channel);
    assert_int_equal(tofu_message_header(response)->id, posted.id);
    assert_ptr_equal(tofu_message_user(response), &mark);
    side_put(side, response);
    side_expect_closed(side, posted.channel, posted.id, tofu_status_name(status));
}

static struct tofu_message *welcome_at_path(struct link_fixture *link, const char *name)
{
    char address[TOFU_ADDRESS_BYTES_MAX];
    (void)snprintf(address, sizeof address, "uds|%s/%s", link->directory, name);
    return side_welcome(&link->server, address);
}

static void the_path_is_a_socket_that_only_we_may_use(void **state)
{
    struct link_fixture *link = *state;
    struct stat found;
    link_open_server(link, NULL);

    assert_int_equal(lstat(path_of(link->address), &found), 0);

    assert_true(S_ISSOCK(found.st_mode));
    assert_int_equal(found.st_mode & 0777, 0600);
}

static void the_mode_of_the_path_is_an_option(void **state)
{
    struct link_fixture *link = *state;
    const struct tofu_options options = {.uds_mode = 0660};
    struct stat found;
    link_open_server(link, &options);

    assert_int_equal(lstat(path_of(link->address), &found), 0);

    assert_int_equal(found.st_mode & 0777, 0660);
}

// A link to a live or a dead socket is no socket of ours.
static void a_symbolic_link_at_the_path_is_not_touched(void **state)
{
    struct link_fixture *link = *state;
    char target[TOFU_ADDRESS_BYTES_MAX];
    char path[TOFU_ADDRESS_BYTES_MAX];
    struct stat found;
    open_engine_with_group(link);
    raw_close(raw_listen(false, link->directory, "dead", 1, target));
    (void)snprintf(path, sizeof path, "%s/link", link->directory);
    assert_int_equal(symlink(path_of(target), path), 0);

    expect_no_listener(&link->server, welcome_at_path(link, "link"), TOFU_LISTEN_FAILED);

    assert_int_equal(lstat(path, &found), 0);
    assert_true(S_ISLNK(found.st_mode));
}

// A full backlog answers like nobody, but somebody is there.
static void a_live_socket_with_a_full_backlog_is_not_replaced(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_engine_with_group(link);
    int listener = raw_listen(false, link->directory, "live", 0, address);
    raw_connect(address);

    expect_no_listener(&link->server, side_welcome(&link->server, address), TOFU_LISTEN_FAILED);

    raw_accept(listener);
    raw_connect(address);
    raw_accept(listener);
}

static void an_abstract_name_is_listened_on(void **state)
{
    struct link_fixture *link = *state;
    char address[TOFU_ADDRESS_BYTES_MAX];
    open_engine_with_group(link);
    (void)snprintf(address, sizeof address, "uds|@%s", link->directory);

    side_post(&link->server, side_welcome(&link->server, address));

    struct tofu_message *response =
        side_expect_notice(&link->server, TOFU_WELCOME_RESPONSE, TOFU_OK);
    assert_text(response, "~listen_on", address);
    side_put(&link->server, response);
    raw_send_hello(raw_connect(address), 3);
    side_take(&link->server, TOFU_HELLO_REQUEST);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LINK_TEST(the_path_is_a_socket_that_only_we_may_use),
        LINK_TEST(the_mode_of_the_path_is_an_option),
        LINK_TEST(a_symbolic_link_at_the_path_is_not_touched),
        LINK_TEST(a_live_socket_with_a_full_backlog_is_not_replaced),
        LINK_TEST(an_abstract_name_is_listened_on),
    };
    return LINK_RUN(tests, LINK_UDS);
}
