// SPDX-License-Identifier: MIT
// What every POSIX system can do, but each in its own words: one file per system implements this,
// linux/native.c among them. Only src/os/posix and src/os/<system> may look at it.
#ifndef TF_OS_POSIX_NATIVE_H
#define TF_OS_POSIX_NATIVE_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <tofu/peer.h>

/// Flags for send(): a broken connection is an error, not a signal.
extern const int tf_native_send_flags;

/// poll(2)'s event for "the peer has ended its half"; 0 where the system has none.
extern const short tf_native_poll_hangup;

/// Makes a stream socket that is non-blocking and not inherited. Returns -1 and errno on failure.
int tf_native_socket(int family);

/// Accepts a connection, with the same properties. Returns -1 and errno on failure.
int tf_native_accept(int listener);

/// Ends the connection of a stream socket now, for all processes that have it: a TCP peer gets a reset.
void tf_native_break(int descriptor);

/// Opens the working directory as it is now, as what relative paths start from and for no other use. Returns
/// -1 and errno on failure.
int tf_native_working_folder(void);

/// Gives the socket of the user's own that a path leads to, links not followed, the permissions `mode`, and
/// says which file it is. `folder`: see unix_path.h. Returns 0 or the error number: EADDRINUSE if it is
/// something else.
int tf_native_path_set_mode(int folder, const char *path, mode_t mode, struct stat *file_out);

/// Says how many bytes a socket has sent that were not taken; 0 if the system does not say.
size_t tf_native_unsent(int descriptor);

/// Makes a pipe whose two ends are non-blocking and not inherited. Returns 0, or -1 and errno.
int tf_native_pipe(int ends[2]);

/// Names the calling thread; a name that is too long for the system is cut.
void tf_native_name_thread(const char *name);

/// Says whether a Unix address is a name without a file.
bool tf_native_path_is_abstract(const char *path);

/// Writes a Unix address, abstract names included, and returns how many bytes of it count.
socklen_t tf_native_unix_address(const char *path, struct sockaddr_un *address_out);

/// Writes the path or abstract name of a Unix address, as it was given: "" if it has none.
void tf_native_unix_path(
    const struct sockaddr_un *address, socklen_t size, char path_out[TOFU_PATH_BYTES_MAX + 1]);

/// Writes user, group and process of a Unix socket's peer. Returns false if the system does not say.
bool tf_native_credentials(int descriptor, struct tofu_peer *peer_out);

/// Starts a thread with all signals blocked. Returns 0 or the error number. In posix/thread.c.
int tf_native_thread_start(
    pthread_t *thread, bool is_detached, void *(*run)(void *context), void *context);

#endif
