// SPDX-License-Identifier: MIT
#include "os/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <windows.h>

#include "os/windows/fault.h"
#include "os/windows/wide.h"

// One call reads no more than this.
#define READ_BYTES_MAX (1u << 30)

static HANDLE handle_of(const struct reader *reader)
{
    return (HANDLE)reader->handle;
}

static bool look(HANDLE file, struct reader *reader_out, struct fault *fault)
{
    BY_HANDLE_FILE_INFORMATION facts;
    // Consoles, pipes and devices have names like files here.
    if (GetFileType(file) != FILE_TYPE_DISK) {
        *fault = (struct fault){.kind = FAULT_OTHER, .text = "it is no plain file"};
        return false;
    }
    if (GetFileInformationByHandle(file, &facts) == 0) {
        return fault_set(fault, GetLastError());
    }
    if ((facts.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
        *fault = (struct fault){.kind = FAULT_OTHER, .text = "it is no plain file"};
        return false;
    }
    *reader_out = (struct reader){
        .handle = (os_handle)file,
        .size = (uint64_t)facts.nFileSizeHigh << 32 | facts.nFileSizeLow,
        .changed = (uint64_t)facts.ftLastWriteTime.dwHighDateTime << 32 |
                   facts.ftLastWriteTime.dwLowDateTime};
    return true;
}

bool reader_open(struct reader *reader, const char *path, struct fault *fault)
{
    wchar_t *wide = wide_of(path, 0, fault);
    if (wide == NULL) {
        return false;
    }
    // Nobody may write to it meanwhile: the time of change is not kept up to date for those who do. A
    // folder can be opened too, so that it is told what is wrong with it.
    HANDLE file = CreateFileW(
        wide,
        GENERIC_READ,
        FILE_SHARE_READ | FILE_SHARE_DELETE,
        NULL,
        OPEN_EXISTING,
        FILE_FLAG_SEQUENTIAL_SCAN | FILE_FLAG_BACKUP_SEMANTICS,
        NULL);
    DWORD error = GetLastError();
    free(wide);
    if (file == INVALID_HANDLE_VALUE) {
        return fault_set(fault, error);
    }
    if (!look(file, reader, fault)) {
        CloseHandle(file);
        return false;
    }
    return true;
}

void reader_close(struct reader *reader)
{
    if (reader->handle != NO_HANDLE) {
        CloseHandle(handle_of(reader));
    }
    reader->handle = NO_HANDLE;
}

bool reader_read(
    struct reader *reader, void *bytes, size_t size, size_t *count_out, struct fault *fault)
{
    DWORD wanted = size < READ_BYTES_MAX ? (DWORD)size : READ_BYTES_MAX;
    DWORD count = 0;
    if (ReadFile(handle_of(reader), bytes, wanted, &count, NULL) == 0) {
        return fault_set(fault, GetLastError());
    }
    *count_out = count;
    return true;
}

bool reader_look_again(struct reader *reader, bool *is_unchanged_out, struct fault *fault)
{
    struct reader now;
    if (!look(handle_of(reader), &now, fault)) {
        return false;
    }
    *is_unchanged_out = now.size == reader->size && now.changed == reader->changed;
    return true;
}

FILE *reader_open_stream(const char *path)
{
    struct fault fault;
    wchar_t *wide = wide_of(path, 0, &fault);
    if (wide == NULL) {
        errno = ENOENT;
        return NULL;
    }
    FILE *stream = _wfopen(wide, L"rb");
    // What the library says of a folder is that there is no permission.
    DWORD attributes = stream == NULL ? GetFileAttributesW(wide) : 0;
    bool is_folder =
        attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    int error = is_folder ? EISDIR : errno;
    free(wide);
    errno = error;
    return stream;
}
