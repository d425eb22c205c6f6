// SPDX-License-Identifier: MIT
// Whether this Windows has Unix sockets, and sockets of the provider that is the system's own.
//
// Programs may put providers of theirs into the catalogue, in front of the system's. Ours is chosen by its
// GUID, which is the same everywhere. That it is listed is not enough: containers, old builds and some
// file systems list it and then fail to bind. So the first question tries: bind, listen, connect, at a
// path among the temporary files. Where no such path can be had, or that path alone is the trouble, the
// catalogue's word is taken, and the user's own call will tell. A shortage is no answer.
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

static struct {
    SRWLOCK lock;               ///< for all below
    bool is_known;              ///< there is an answer, and it stays
    int denial;                 ///< 0, or TF_ERROR_NO_UNIX_SOCKETS
    WSAPROTOCOL_INFOW provider; ///< once the answer is 0, never written again
} found = {.lock = SRWLOCK_INIT};

static bool entry_is_ours(const WSAPROTOCOL_INFOW *entry)
{
    return entry->iAddressFamily == AF_UNIX && entry->iSocketType == SOCK_STREAM &&
           memcmp(&entry->ProviderId, &provider_guid, sizeof provider_guid) == 0;
}

// Finds ours in the catalogue. Gives 0, TF_ERROR_NO_UNIX_SOCKETS where it is not there, or why that cannot
// be told: another program may add an entry between the two questions, too.
static int provider_find(WSAPROTOCOL_INFOW *provider_out)
{
    DWORD size = 0;
    if (WSAEnumProtocolsW(NULL, NULL, &size) != SOCKET_ERROR) {
        return TF_ERROR_NO_UNIX_SOCKETS;
    }
    int error = WSAGetLastError();
    if (error != WSAENOBUFS) {
        return error;
    }
    struct tofu_allocator allocator = tf_allocator_or_default((struct tofu_allocator){0});
    size_t room = size;
    WSAPROTOCOL_INFOW *entries = tf_alloc(&allocator, room);
    if (entries == NULL) {
        return WSA_NOT_ENOUGH_MEMORY;
    }
    int count = WSAEnumProtocolsW(NULL, entries, &size);
    error = count == SOCKET_ERROR ? WSAGetLastError() : TF_ERROR_NO_UNIX_SOCKETS;
    for (int i = 0; i < count && error != 0; i++) {
        if (entry_is_ours(&entries[i])) {
            *provider_out = entries[i];
            error = 0;
        }
    }
    tf_free(&allocator, entries, room);
    return error;
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

static bool error_is_shortage(int error)
{
    return error == WSAENOBUFS || error == WSAEMFILE || error == WSA_NOT_ENOUGH_MEMORY ||
           error == ERROR_NO_SYSTEM_RESOURCES;
}

// What a failed call says of Unix sockets: that there are none, nothing for want of something else, or
// nothing but what is wrong with this one path, so that the catalogue's word stands.
static int answer_of(int error)
{
    if (error_denies_unix(error)) {
        return TF_ERROR_NO_UNIX_SOCKETS;
    }
    return error_is_shortage(error) ? error : 0;
}

// Whether the connection is made at once or takes its time: it has begun.
static int path_try_to_connect(const SOCKADDR_UN *address)
{
    int error = 0;
    SOCKET client = tf_winsock_socket(AF_UNIX, &found.provider, &error);
    if (client == INVALID_SOCKET) {
        return answer_of(error);
    }
    if (connect(client, (const struct sockaddr *)address, (int)sizeof *address) != 0) {
        error = WSAGetLastError();
    }
    (void)closesocket(client);
    return error == WSAEWOULDBLOCK ? 0 : answer_of(error);
}

static int unix_try(SOCKET listener)
{
    wchar_t wide[MAX_PATH + 1];
    char path[TOFU_PATH_BYTES_MAX + 1];
    if (!scratch_path(wide, path)) {
        return 0;
    }
    SOCKADDR_UN address;
    tf_unix_address(path, &address);
    if (bind(listener, (const struct sockaddr *)&address, (int)sizeof address) != 0) {
        return answer_of(WSAGetLastError());
    }
    int error =
        listen(listener, 1) == 0 ? path_try_to_connect(&address) : answer_of(WSAGetLastError());
    (void)DeleteFileW(wide);
    return error;
}

static int unix_look(void)
{
    int error = provider_find(&found.provider);
    if (error != 0) {
        return error;
    }
    SOCKET listener = tf_winsock_socket(AF_UNIX, &found.provider, &error);
    if (listener == INVALID_SOCKET) {
        return error_denies_unix(error) ? TF_ERROR_NO_UNIX_SOCKETS : error;
    }
    error = unix_try(listener);
    (void)closesocket(listener);
    return error;
}

// Gives 0 where there are Unix sockets, TF_ERROR_NO_UNIX_SOCKETS where there are none, or why it cannot be
// told. The latter is not remembered: who asks next may ask in better times.
static int unix_error(void)
{
    AcquireSRWLockExclusive(&found.lock);
    int error = found.denial;
    if (!found.is_known) {
        error = unix_look();
        found.is_known = error == 0 || error == TF_ERROR_NO_UNIX_SOCKETS;
        found.denial = found.is_known ? error : 0;
    }
    ReleaseSRWLockExclusive(&found.lock);
    return error;
}

bool tf_network_has_unix(void)
{
    return unix_error() == 0;
}

SOCKET tf_unix_socket(int *error_out)
{
    int error = unix_error();
    if (error != 0) {
        *error_out = error;
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
