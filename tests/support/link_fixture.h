// SPDX-License-Identifier: MIT
// A link: a server and a client, two engines or two groups of one, connected over TCP or a Unix socket.
//
// Every test runs once per kind of link, in a directory of its own and on ports that the system chose,
// so that tests can run beside each other. All engines of a test have allocators that keep the books,
// and the test fails if one of them does not get everything back. The poller is chosen from outside,
// by TOFU_POLLER.
#ifndef SUPPORT_LINK_FIXTURE_H
#define SUPPORT_LINK_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "support/fault_allocator.h"
#include "support/side.h"

#define LINK_ENGINES_MAX         4
#define LINK_DIRECTORY_BYTES_MAX 80

/// The engines' pool unless a test says otherwise: large, so that an empty pool comes up where it is the
/// point, and nowhere else.
#define LINK_POOL_MESSAGES_MAX 4096

/// Kinds of links, to be combined.
enum {
    LINK_TCP = 1,
    LINK_UDS = 2,
    LINK_TCP_ONE_ENGINE = 4,
    LINK_UDS_ONE_ENGINE = 8,
    LINK_BOTH = LINK_TCP | LINK_UDS,
    LINK_ALL = LINK_BOTH | LINK_TCP_ONE_ENGINE | LINK_UDS_ONE_ENGINE
};

struct link_engine {
    struct tofu_engine *engine; ///< NULL: the place is free
    struct fault_allocator memory;
};

struct link_fixture {
    enum tofu_transport transport;
    bool is_one_engine;
    char directory[LINK_DIRECTORY_BYTES_MAX];
    struct link_engine engines[LINK_ENGINES_MAX];
    struct side server;
    struct side client;
    uint16_t listener;                    ///< number of the server's listener
    uint64_t welcome_id;                  ///< id of the WelcomeRequest that opened it
    uint64_t hello_id;                    ///< id of the HelloRequest that made the connection
    char address[TOFU_ADDRESS_BYTES_MAX]; ///< of the listener, as its WelcomeResponse said
};

/// A test that finds nothing but the directory, and one that finds the link of link_connect().
#define LINK_TEST(function)                                                                        \
    {                                                                                              \
#        function, (function), link_set_up, link_tear_down, NULL                                   \
    }
#define CONNECTED_LINK_TEST(function)                                                              \
    {                                                                                              \
#        function, (function), link_set_up_connected, link_tear_down, NULL                         \
    }

int link_set_up(void **state);
int link_set_up_connected(void **state);
int link_tear_down(void **state);

/// Runs an array of tests over each of these kinds of links. The result is that of main().
/// TOFU_TEST_FILTER in the environment picks tests by a pattern such as "tcp: a*".
#define LINK_RUN(tests, kinds) link_run((tests), sizeof(tests) / sizeof(tests)[0], (kinds))
int link_run(const struct CMUnitTest *tests, size_t test_count, unsigned kinds);

/// Creates an engine whose memory is watched; `options` may be NULL.
struct tofu_engine *link_open_engine(struct link_fixture *link, const struct tofu_options *options);

/// Destroys an engine and fails if it kept memory. A side that had it has none any more.
void link_close_engine(struct link_fixture *link, struct tofu_engine *engine);

struct fault_allocator *link_memory(struct link_fixture *link, struct tofu_engine *engine);

/// Creates a group, of a side that has an engine.
void link_open_group(struct side *side);

/// Writes an address for a new listener: port 0, or `name` in the directory.
void link_fresh_address(const struct link_fixture *link, const char *name, char *address);

/// Opens the server: an engine (if the link has none), a group, and a listener.
void link_open_server(struct link_fixture *link, const struct tofu_options *options);

/// Opens the client: an engine, or that of the server when the link has one for both; and a group.
void link_open_client(struct link_fixture *link, const struct tofu_options *options);

/// Connects the client to the server, hello answered.
void link_connect(struct link_fixture *link);

/// Lets a side listen at a fresh address; writes the real one, and returns the listener's number.
uint16_t link_listen(
    const struct link_fixture *link, const struct side *side, const char *name, char *address);

/// Writes what the WelcomeResponse says about where it listens.
void link_real_address(const struct tofu_message *response, char *address);

/// Connects a raw peer to the server, hello sent and taken but not answered; returns its socket.
int link_raw_client(struct link_fixture *link);

/// Connects the client to a raw peer that has its hello and has not answered; returns its socket.
int link_raw_server(struct link_fixture *link);

/// Ends the link's connection with a Bye of `from`, answered by `to`.
void link_bye(const struct link_fixture *link, const struct side *from, const struct side *to);

#endif
