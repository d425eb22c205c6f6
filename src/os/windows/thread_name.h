// SPDX-License-Identifier: MIT
// Names of threads, as debuggers show them.
#ifndef TF_OS_WINDOWS_THREAD_NAME_H
#define TF_OS_WINDOWS_THREAD_NAME_H

/// Names the calling thread: the first TF_THREAD_NAME_UNITS_MAX - 1 units of the name, where the
/// system has names at all (Windows 10 since version 1607).
void tf_thread_name_self(const char *name);

#define TF_THREAD_NAME_UNITS_MAX 64

#endif
