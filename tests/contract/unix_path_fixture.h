// SPDX-License-Identifier: MIT
// What the tests of Unix paths share: a path in a directory of its own, and ways to spoil it.
#ifndef TF_TESTS_CONTRACT_UNIX_PATH_FIXTURE_H
#define TF_TESTS_CONTRACT_UNIX_PATH_FIXTURE_H

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "contract/contract_link.h"

// The link's own listener is a bystander; what is tested happens to `address`.
struct fixture {
    struct contract_link link;
    struct tofu_address address;
    char lock[sizeof((struct tofu_address *)0)->path + 8];
};

static inline int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    contract_open(&fixture.link, TOFU_UDS);
    fixture.address = contract_address(&fixture.link, "path");
    (void)snprintf(fixture.lock, sizeof fixture.lock, "%s.lock", fixture.address.path);
    *state = &fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)unlink(fixture->address.path);
    (void)rmdir(fixture->address.path);
    (void)unlink(fixture->lock);
    contract_shut(&fixture->link);
    return 0;
}

static inline struct sockaddr_un name_of(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof name.sun_path);
    memcpy(name.sun_path, path, strlen(path));
    return name;
}

// Binds a socket as a program of somebody else would; returns its descriptor, which the link closes.
static inline int foreign_bind(struct fixture *fixture, const char *path, int type)
{
    struct sockaddr_un name = name_of(path);
    int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_true(descriptor >= 0);
    contract_adopt(&fixture->link, descriptor);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&name, sizeof name), 0);
    return descriptor;
}

// Leaves behind what a server that crashed leaves behind.
static inline void dead_socket_make(struct fixture *fixture, const char *path)
{
    contract_close(&fixture->link, foreign_bind(fixture, path, SOCK_STREAM));
}

static inline void file_make(const char *path, const char *content)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, content, strlen(content)), strlen(content));
    assert_int_equal(close(descriptor), 0);
}

static inline struct stat look(const char *path)
{
    struct stat file;
    assert_int_equal(lstat(path, &file), 0);
    return file;
}

static inline bool exists(const char *path)
{
    struct stat file;
    return lstat(path, &file) == 0;
}

static inline enum tofu_status listen_once(
    struct fixture *fixture, struct tf_listener *listener, int *error_out)
{
    return tf_listener_open(listener, &fixture->address, CONTRACT_MODE, error_out);
}

// Says whether a client finds somebody at the path.
static inline bool is_served(struct fixture *fixture)
{
    struct tf_endpoint endpoint;
    tf_socket client = TF_SOCKET_NONE;
    enum tofu_status status = TOFU_OK;
    int error = 0;
    assert_true(tf_endpoint_from_address(&fixture->address, &endpoint));
    if (tf_socket_connect(&endpoint, &client, &status, &error) != TF_CONNECT_DONE) {
        return false;
    }
    tf_socket_close(client);
    return true;
}

#endif
