// SPDX-License-Identifier: MIT
// Whether this Windows has Unix sockets, and sockets of the provider that is the system's own.
//
// Programs may put providers of theirs into the catalogue, in front of the system's. Ours is chosen by its
// GUID, which is the same everywhere. That it is listed is not enough: containers, old builds and some
// file systems list it and then fail to bind. So the first question tries: bind, listen, connect, at a
// path among the temporary files. Where no such path can be had, the catalogue's word is taken, and the
// user's own call will tell.
#include "os/windows/unix_provider.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "os/clock.h"
#include "os/network.h"
#include "os/windows/own_error.h"
#include "os/windows/text.h"
#include "os/windows/winsock.h"

static_assert(TOFU_PATH_BYTES_MAX < UNIX_PATH_MAX, "any path of ours is a Unix address");

// {A00943D9-9C2E-4633-9B59-0057A3160994}: Microsoft's, in Windows 10 since version 1803.
static const GUID provider_guid = {
    0xA00943D9, 0x9C2E, 0x4633, {0x9B, 0x59, 0x00, 0x57, 0xA3, 0x16, 0x09, 0x94}};

// Written once, before anybody can read it.
static struct {
    WSAPROTOCOL_INFOW provider;
    bool has_unix;
} found;

static bool entry_is_ours(const WSAPROTOCOL_INFOW *entry)
{
    return entry->iAddressFamily == AF_UNIX && entry->iSocketType == SOCK_STREAM &&
           memcmp(&entry->ProviderId, &provider_guid, sizeof provider_guid) == 0;
}

// Asks for the size, then for the entries; another program may add one between the two, and then we have
// looked in vain.
static bool provider_find(WSAPROTOCOL_INFOW *provider_out)
{
    DWORD size = 0;
    if (WSAEnumProtocolsW(NULL, NULL, &size) != SOCKET_ERROR || WSAGetLastError() != WSAENOBUFS) {
        return false;
    }
    struct tofu_allocator allocator = tf_allocator_or_default((struct tofu_allocator){0});
    size_t room = size;
    WSAPROTOCOL_INFOW *entries = tf_alloc(&allocator, room);
    if (entries == NULL) {
        return false;
    }
    bool is_found = false;
    int count = WSAEnumProtocolsW(NULL, entries, &size);
    for (int i = 0; i < count && !is_found; i++) {
        if (entry_is_ours(&entries[i])) {
            *provider_out = entries[i];
            is_found = true;
        }
    }
    tf_free(&allocator, entries, room);
    return is_found;
}

// A path that no other process and no other moment has. Returns false if the directory of temporary
// files is unknown, or too long for an address.
static bool scratch_path(wchar_t wide_out[MAX_PATH + 1], char path_out[TOFU_PATH_BYTES_MAX + 1])
{
    wchar_t directory[MAX_PATH + 1];
    DWORD length = GetTempPathW(MAX_PATH + 1, directory);
    if (length == 0 || length > MAX_PATH - 48) {
        return false;
    }
    int units = swprintf(
        wide_out,
        MAX_PATH + 1,
        L"%lstofu-unix-%lx-%llx",
        directory,
        (unsigned long)GetCurrentProcessId(),
        (unsigned long long)tf_clock_now());
    if (units <= 0) {
        return false;
    }
    tf_text_from_wide(wide_out, path_out, TOFU_PATH_BYTES_MAX + 1);
    return strlen(path_out) < TOFU_PATH_BYTES_MAX;
}

static bool error_denies_unix(int error)
{
    return error == WSAEAFNOSUPPORT || error == WSAEPROTONOSUPPORT || error == WSAEPROTOTYPE ||
           error == WSAEOPNOTSUPP || error == WSAESOCKTNOSUPPORT || error == WSAEINVAL;
}

// Whether the connection is made at once or takes its time: it has begun.
static bool path_can_be_connected_to(const SOCKADDR_UN *address)
{
    int error = 0;
    SOCKET client = tf_winsock_socket(AF_UNIX, &found.provider, &error);
    if (client == INVALID_SOCKET) {
        return false;
    }
    bool has_begun = connect(client, (const struct sockaddr *)address, (int)sizeof *address) == 0 ||
                     WSAGetLastError() == WSAEWOULDBLOCK;
    (void)closesocket(client);
    return has_begun;
}

static bool unix_is_tried(SOCKET listener)
{
    wchar_t wide[MAX_PATH + 1];
    char path[TOFU_PATH_BYTES_MAX + 1];
    if (!scratch_path(wide, path)) {
        return true;
    }
    SOCKADDR_UN address;
    tf_unix_address(path, &address);
    if (bind(listener, (const struct sockaddr *)&address, (int)sizeof address) != 0) {
        return !error_denies_unix(WSAGetLastError());
    }
    bool has_unix = listen(listener, 1) == 0 && path_can_be_connected_to(&address);
    (void)DeleteFileW(wide);
    return has_unix;
}

static BOOL CALLBACK unix_look(PINIT_ONCE once, void *parameter, void **context)
{
    (void)once;
    (void)parameter;
    (void)context;
    int error = 0;
    if (!provider_find(&found.provider)) {
        return TRUE;
    }
    SOCKET listener = tf_winsock_socket(AF_UNIX, &found.provider, &error);
    if (listener != INVALID_SOCKET) {
        found.has_unix = unix_is_tried(listener);
        (void)closesocket(listener);
    }
    return TRUE;
}

bool tf_network_has_unix(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    (void)InitOnceExecuteOnce(&once, unix_look, NULL, NULL);
    return found.has_unix;
}

SOCKET tf_unix_socket(int *error_out)
{
    if (!tf_network_has_unix()) {
        *error_out = TF_ERROR_NO_UNIX_SOCKETS;
        return INVALID_SOCKET;
    }
    return tf_winsock_socket(AF_UNIX, &found.provider, error_out);
}

// No name is abstract here: "@" is a character like any other.
void tf_unix_address(const char *path, SOCKADDR_UN *address_out)
{
    size_t length = strlen(path);
    TF_ASSERT(length > 0);
    TF_ASSERT(length < UNIX_PATH_MAX);

    memset(address_out, 0, sizeof *address_out);
    address_out->sun_family = AF_UNIX;
    memcpy(address_out->sun_path, path, length);
}
