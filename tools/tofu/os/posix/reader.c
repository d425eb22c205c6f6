// SPDX-License-Identifier: MIT
#include "os/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/posix/fault.h"

// Only whether two of them are equal matters, so it may wrap around.
static uint64_t time_of_change(const struct stat *facts)
{
    return (uint64_t)facts->st_mtim.tv_sec * 1000000000u + (uint64_t)facts->st_mtim.tv_nsec;
}

static bool look_at_plain_file(int descriptor, struct stat *facts, struct fault *fault)
{
    if (fstat(descriptor, facts) != 0) {
        return fault_set(fault, errno);
    }
    if (!S_ISREG(facts->st_mode)) {
        *fault = (struct fault){.kind = FAULT_OTHER, .text = "it is no plain file"};
        return false;
    }
    return true;
}

bool reader_open(struct reader *reader, const char *path, struct fault *fault)
{
    // Without O_NONBLOCK opening a pipe would wait for somebody who writes to it.
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) {
        return fault_set(fault, errno);
    }
    struct stat facts;
    if (!look_at_plain_file(descriptor, &facts, fault)) {
        close(descriptor);
        return false;
    }
    *reader = (struct reader){
        .handle = descriptor, .size = (uint64_t)facts.st_size, .changed = time_of_change(&facts)};
    return true;
}

void reader_close(struct reader *reader)
{
    if (reader->handle != NO_HANDLE) {
        close((int)reader->handle);
    }
    reader->handle = NO_HANDLE;
}

bool reader_read(
    struct reader *reader, void *bytes, size_t size, size_t *count_out, struct fault *fault)
{
    ssize_t count = 0;
    do {
        count = read((int)reader->handle, bytes, size);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return fault_set(fault, errno);
    }
    *count_out = (size_t)count;
    return true;
}

bool reader_look_again(struct reader *reader, bool *is_unchanged_out, struct fault *fault)
{
    struct stat now;
    if (fstat((int)reader->handle, &now) != 0) {
        return fault_set(fault, errno);
    }
    *is_unchanged_out =
        (uint64_t)now.st_size == reader->size && time_of_change(&now) == reader->changed;
    return true;
}

FILE *reader_open_stream(const char *path)
{
    return fopen(path, "rb");
}
