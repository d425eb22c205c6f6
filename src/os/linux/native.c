// SPDX-License-Identifier: MIT
// Linux's words for what every POSIX system can do: flags at creation instead of calls afterwards, so
// that no fork in another thread sees a descriptor that it would inherit.
#include "os/posix/native.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/assert.h"

// Longest thread name of the kernel, NUL included; a longer one is refused, not cut.
#define TF_THREAD_NAME_BYTES_MAX 16

const int tf_native_send_flags = MSG_NOSIGNAL;
const short tf_native_poll_hangup = POLLRDHUP;

int tf_native_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int tf_native_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

// To connect to "no address" is Linux's way to break a TCP connection. Unix sockets refuse it, and are ended
// by a shutdown, as every other stream is.
void tf_native_break(int descriptor)
{
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    while (connect(descriptor, &nowhere, sizeof nowhere) != 0 && errno == EINTR) {
        // A signal came first.
    }
    (void)shutdown(descriptor, SHUT_RDWR);
}

static int descriptor_set_mode(int descriptor, mode_t mode)
{
    char path[sizeof "/proc/self/fd/" + 3 * sizeof descriptor];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    return fchmodat(AT_FDCWD, path, mode, 0) == 0 ? 0 : errno;
}

int tf_native_working_folder(void)
{
    int descriptor = -1;
    do {
        descriptor = openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

// A descriptor of the path itself stays with the file, so what is looked at is what is changed, whatever
// somebody puts in its place meanwhile.
int tf_native_path_set_mode(int folder, const char *path, mode_t mode, struct stat *file_out)
{
    int descriptor = -1;
    do {
        descriptor = openat(folder, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0) {
        return errno;
    }
    int error = 0;
    struct stat file;
    if (fstat(descriptor, &file) != 0) {
        error = errno;
    } else if (!S_ISSOCK(file.st_mode) || file.st_uid != geteuid()) {
        error = EADDRINUSE;
    } else {
        *file_out = file;
        error = (file.st_mode & 07777) == mode ? 0 : descriptor_set_mode(descriptor, mode);
    }
    (void)close(descriptor);
    return error;
}

size_t tf_native_unsent(int descriptor)
{
    int size = 0;
    return ioctl(descriptor, SIOCOUTQ, &size) == 0 && size > 0 ? (size_t)size : 0;
}

int tf_native_pipe(int ends[2])
{
    return pipe2(ends, O_NONBLOCK | O_CLOEXEC);
}

void tf_native_name_thread(const char *name)
{
    char cut[TF_THREAD_NAME_BYTES_MAX] = {0};
    size_t size = strnlen(name, sizeof cut - 1);
    memcpy(cut, name, size);

    // A thread without its name works as well as one with it.
    (void)pthread_setname_np(pthread_self(), cut);
}

bool tf_native_path_is_abstract(const char *path)
{
    return path[0] == '@';
}

// An abstract name is all the bytes after a NUL, up to the given size: it has no NUL at its end.
socklen_t tf_native_unix_address(const char *path, struct sockaddr_un *address_out)
{
    size_t size = strlen(path);
    bool is_abstract = tf_native_path_is_abstract(path);
    TF_ASSERT(size > 0);
    TF_ASSERT(size < sizeof address_out->sun_path);

    memset(address_out, 0, sizeof *address_out);
    address_out->sun_family = AF_UNIX;
    memcpy(address_out->sun_path, path, size);
    if (is_abstract) {
        address_out->sun_path[0] = '\0';
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (is_abstract ? 0 : 1));
}

void tf_native_unix_path(
    const struct sockaddr_un *address, socklen_t size, char path_out[TOFU_PATH_BYTES_MAX + 1])
{
    size_t offset = offsetof(struct sockaddr_un, sun_path);
    size_t length = size > offset ? size - offset : 0;
    length = length < TOFU_PATH_BYTES_MAX ? length : TOFU_PATH_BYTES_MAX;
    memcpy(path_out, address->sun_path, length);
    path_out[length] = '\0';
    if (length > 0 && path_out[0] == '\0') {
        path_out[0] = '@';
    }
}

bool tf_native_credentials(int descriptor, struct tofu_peer *peer_out)
{
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return false;
    }
    peer_out->user_id = credentials.uid;
    peer_out->group_id = credentials.gid;
    peer_out->process_id = credentials.pid;
    return true;
}
