// SPDX-License-Identifier: MIT
// Names are looked up by path here. The folder's own is kept from changing by the open handle, which does
// not share deletion; and it has the form "\\?\...", so what is behind it is taken as it is written.
//
// The lock on a file is that it is open without sharing deletion: nobody else can remove or rename it.
#include "os/folder.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "os/windows/fault.h"
#include "os/windows/wide.h"

// One call writes no more than this.
#define WRITE_BYTES_MAX (1u << 30)

static bool has_attribute(HANDLE file, DWORD attributes)
{
    BY_HANDLE_FILE_INFORMATION facts;
    return GetFileInformationByHandle(file, &facts) != 0 &&
           (facts.dwFileAttributes & attributes) != 0;
}

// The path that leads to the folder whatever the current folder is. The caller frees it with free().
static wchar_t *path_of_handle(HANDLE handle, struct fault *fault)
{
    DWORD flags = FILE_NAME_NORMALIZED | VOLUME_NAME_DOS;
    DWORD size = GetFinalPathNameByHandleW(handle, NULL, 0, flags);
    wchar_t *path = size > 0 ? calloc(size + 1, sizeof *path) : NULL;
    if (path == NULL) {
        (void)fault_set(fault, size > 0 ? ERROR_NOT_ENOUGH_MEMORY : GetLastError());
        return NULL;
    }
    DWORD length = GetFinalPathNameByHandleW(handle, path, size + 1, flags);
    if (length == 0 || length > size) {
        (void)fault_set(fault, length == 0 ? GetLastError() : ERROR_FILENAME_EXCED_RANGE);
        free(path);
        return NULL;
    }
    return path;
}

static HANDLE open_folder(const char *path, struct fault *fault)
{
    wchar_t *wide = wide_of(path, 0, fault);
    if (wide == NULL) {
        return INVALID_HANDLE_VALUE;
    }
    HANDLE handle = CreateFileW(
        wide,
        FILE_LIST_DIRECTORY | FILE_ADD_FILE,
        FILE_SHARE_READ | FILE_SHARE_WRITE,
        NULL,
        OPEN_EXISTING,
        FILE_FLAG_BACKUP_SEMANTICS,
        NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        (void)fault_set(fault, GetLastError());
    }
    free(wide);
    return handle;
}

bool folder_open(struct folder *folder, const char *path, struct fault *fault)
{
    HANDLE handle = open_folder(path, fault);
    *folder = (struct folder){.handle = (os_handle)handle};
    if (handle == INVALID_HANDLE_VALUE) {
        return false;
    }
    if (!has_attribute(handle, FILE_ATTRIBUTE_DIRECTORY)) {
        return fault_set(fault, ERROR_DIRECTORY);
    }
    folder->path = path_of_handle(handle, fault);
    return folder->path != NULL;
}

void folder_close(struct folder *folder)
{
    if (folder->handle != NO_HANDLE) {
        CloseHandle((HANDLE)folder->handle);
    }
    free(folder->path);
    *folder = (struct folder){.handle = NO_HANDLE};
}

// The path of a name in the folder. The caller frees it with free().
static wchar_t *path_of(const struct folder *folder, const wchar_t *name, struct fault *fault)
{
    const wchar_t *folder_path = folder->path;
    size_t length = wcslen(folder_path);
    wchar_t *path = calloc(length + 1 + wcslen(name) + 1, sizeof *path);
    if (path == NULL) {
        (void)fault_set(fault, ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    wcscpy(path, folder_path);
    if (path[length - 1] != L'\\') {
        path[length] = L'\\';
    }
    return wcscat(path, name);
}

static wchar_t *path_of_utf8(const struct folder *folder, const char *name, struct fault *fault)
{
    wchar_t *wide = wide_of(name, 0, fault);
    wchar_t *path = wide != NULL ? path_of(folder, wide, fault) : NULL;
    free(wide);
    return path;
}

enum folder_entry folder_look(const struct folder *folder, const char *name)
{
    struct fault fault;
    wchar_t *path = path_of_utf8(folder, name, &fault);
    // These are of a link itself; one that leads to a folder is a folder, too.
    DWORD attributes = path != NULL ? GetFileAttributesW(path) : INVALID_FILE_ATTRIBUTES;
    free(path);
    if (attributes == INVALID_FILE_ATTRIBUTES) {
        return ENTRY_NONE;
    }
    return (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0 ? ENTRY_FOLDER : ENTRY_OTHER;
}

bool folder_create(
    const struct folder *folder, const char *name, os_handle *file_out, struct fault *fault)
{
    wchar_t *path = path_of_utf8(folder, name, fault);
    if (path == NULL) {
        return false;
    }
    HANDLE file = CreateFileW(
        path,
        GENERIC_WRITE | DELETE,
        FILE_SHARE_READ,
        NULL,
        CREATE_NEW,
        FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT,
        NULL);
    DWORD error = GetLastError();
    free(path);
    if (file == INVALID_HANDLE_VALUE) {
        return fault_set(fault, error);
    }
    *file_out = (os_handle)file;
    return true;
}

bool folder_write(os_handle file, const void *bytes, size_t size, struct fault *fault)
{
    const unsigned char *rest = bytes;
    while (size > 0) {
        DWORD wanted = size < WRITE_BYTES_MAX ? (DWORD)size : WRITE_BYTES_MAX;
        DWORD written = 0;
        if (WriteFile((HANDLE)file, rest, wanted, &written, NULL) == 0) {
            return fault_set(fault, GetLastError());
        }
        rest += written;
        size -= written;
    }
    return true;
}

bool folder_sync(os_handle file, struct fault *fault)
{
    return FlushFileBuffers((HANDLE)file) != 0 || fault_set(fault, GetLastError());
}

// Renames what is open, whatever its name is by now; the system decides whether something is replaced.
static bool rename_open_file(
    HANDLE file, const wchar_t *path, bool can_replace, struct fault *fault)
{
    size_t length = wcslen(path) * sizeof *path;
    size_t size = sizeof(FILE_RENAME_INFO) + length;
    FILE_RENAME_INFO *info = calloc(1, size);
    if (info == NULL) {
        return fault_set(fault, ERROR_NOT_ENOUGH_MEMORY);
    }
    info->ReplaceIfExists = can_replace;
    info->FileNameLength = (DWORD)length;
    memcpy(info->FileName, path, length);
    bool is_renamed = SetFileInformationByHandle(file, FileRenameInfo, info, (DWORD)size) != 0 ||
                      fault_set(fault, GetLastError());
    free(info);
    return is_renamed;
}

bool folder_keep(
    const struct folder *folder,
    os_handle *file,
    const char *name,
    const char *final_name,
    bool can_replace,
    bool is_synced,
    struct fault *fault)
{
    (void)name;
    wchar_t *path = path_of_utf8(folder, final_name, fault);
    if (path == NULL) {
        return false;
    }
    bool is_named = rename_open_file((HANDLE)*file, path, can_replace, fault);
    free(path);
    if (!is_named) {
        return false;
    }
    // There is no way to sync a folder; a file is written through with what is told about it.
    bool is_safe = !is_synced || folder_sync(*file, fault);
    CloseHandle((HANDLE)*file);
    *file = NO_HANDLE;
    return is_safe;
}

// It goes when the last handle is closed, and nobody can open another one meanwhile.
static bool remove_open_file(HANDLE file)
{
    FILE_DISPOSITION_INFO info = {.DeleteFile = TRUE};
    return SetFileInformationByHandle(file, FileDispositionInfo, &info, sizeof info) != 0;
}

void folder_remove(const struct folder *folder, os_handle *file, const char *name)
{
    (void)folder;
    (void)name;
    (void)remove_open_file((HANDLE)*file);
    CloseHandle((HANDLE)*file);
    *file = NO_HANDLE;
}

// Opening it alone fails as long as anybody has it open, which a receiver that lives has.
static bool remove_if_left(const wchar_t *path)
{
    HANDLE file = CreateFileW(
        path,
        DELETE | FILE_READ_ATTRIBUTES,
        0,
        NULL,
        OPEN_EXISTING,
        FILE_FLAG_OPEN_REPARSE_POINT,
        NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return false;
    }
    bool is_plain = !has_attribute(file, FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT);
    bool is_removed = is_plain && remove_open_file(file);
    CloseHandle(file);
    return is_removed;
}

static bool clean_entry(
    const struct folder *folder, bool (*is_ours)(const char *name), const wchar_t *name)
{
    struct fault fault;
    char *narrow = narrow_of(name);
    wchar_t *path = narrow != NULL && is_ours(narrow) ? path_of(folder, name, &fault) : NULL;
    bool is_removed = path != NULL && remove_if_left(path);
    free(path);
    free(narrow);
    return is_removed;
}

bool folder_clean(
    const struct folder *folder,
    bool (*is_ours)(const char *name),
    size_t *removed_count_out,
    struct fault *fault)
{
    wchar_t *pattern = path_of(folder, L"*", fault);
    if (pattern == NULL) {
        return false;
    }
    WIN32_FIND_DATAW entry;
    HANDLE search = FindFirstFileW(pattern, &entry);
    DWORD error = GetLastError();
    free(pattern);
    if (search == INVALID_HANDLE_VALUE && error != ERROR_FILE_NOT_FOUND) {
        return fault_set(fault, error);
    }
    size_t removed_count = 0;
    if (search != INVALID_HANDLE_VALUE) {
        do {
            removed_count += clean_entry(folder, is_ours, entry.cFileName);
        } while (FindNextFileW(search, &entry) != 0);
        FindClose(search);
    }
    *removed_count_out = removed_count;
    return true;
}
