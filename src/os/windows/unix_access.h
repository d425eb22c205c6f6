// SPDX-License-Identifier: MIT
// Who may connect to a Unix path: the access list of its file.
#ifndef TF_OS_WINDOWS_UNIX_ACCESS_H
#define TF_OS_WINDOWS_UNIX_ACCESS_H

#include <winsock2.h>

/// Lets nobody but the user of this process have anything to do with an open file. The handle has
/// WRITE_DAC. Returns 0, or the error.
int tf_unix_access_restrict(HANDLE file);

#endif
