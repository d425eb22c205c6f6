// SPDX-License-Identifier: MIT
// A name here can mean a device, a stream of another file, or the same as another name; and the system
// strips dots and blanks from its end. So only what is left by all of these is a name.
#include "os/file_name.h"

#include <stdbool.h>
#include <string.h>

// The digits of serial and parallel ports are 0 to 9, and the raised 1, 2 and 3 of Latin-1.
static const char *const device_names[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
static const char *const port_names[] = {"COM", "LPT"};
static const char *const port_digits[] = {
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "\xc2\xb9", "\xc2\xb2", "\xc2\xb3"};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

// Names of devices are ASCII, and toupper() would ask the locale.
static char upper(char letter)
{
    return letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter;
}

static bool begins_with(const char *name, size_t size, const char *beginning)
{
    size_t length = strlen(beginning);
    if (size < length) {
        return false;
    }
    for (size_t index = 0; index < length; index++) {
        if (upper(name[index]) != beginning[index]) {
            return false;
        }
    }
    return true;
}

static bool is_exactly(const char *name, size_t size, const char *text)
{
    return size == strlen(text) && begins_with(name, size, text);
}

static bool is_port(const char *name, size_t size)
{
    for (size_t port = 0; port < COUNT_OF(port_names); port++) {
        size_t length = strlen(port_names[port]);
        for (size_t digit = 0; digit < COUNT_OF(port_digits); digit++) {
            if (begins_with(name, size, port_names[port]) &&
                is_exactly(name + length, size - length, port_digits[digit])) {
                return true;
            }
        }
    }
    return false;
}

// A device is one whatever extension it has, and however many blanks stand before that.
static bool is_device(const char *name, size_t size)
{
    const char *dot = memchr(name, '.', size);
    size_t length = dot != NULL ? (size_t)(dot - name) : size;
    while (length > 0 && name[length - 1] == ' ') {
        length--;
    }
    for (size_t index = 0; index < COUNT_OF(device_names); index++) {
        if (is_exactly(name, length, device_names[index])) {
            return true;
        }
    }
    return is_port(name, length);
}

const char *file_name_fault_here(const char *name, size_t size)
{
    for (size_t index = 0; index < size; index++) {
        if (strchr("<>:\"|?*", name[index]) != NULL) {
            return "it holds one of < > : \" | ? *";
        }
    }
    if (name[size - 1] == '.') {
        return "it ends with a dot";
    }
    return is_device(name, size) ? "it is the name of a device" : NULL;
}

const char *file_name_of_path(const char *path)
{
    const char *name = path;
    for (const char *letter = path; *letter != '\0'; letter++) {
        // "C:name" is a path too: the name in the current folder of that drive.
        if (*letter == '/' || *letter == '\\' || *letter == ':') {
            name = letter + 1;
        }
    }
    return name;
}
