// SPDX-License-Identifier: MIT
// A list of texts that grows. `{0}` is an empty list.
#ifndef TOOL_TEXT_LIST_H
#define TOOL_TEXT_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct text_list {
    char **texts; // `count` of them, each with memory of its own
    size_t count;
};

/// Appends a copy of `text`. Returns false, with the list unchanged, if there is no memory.
bool text_list_append(struct text_list *list, const char *text);

/// Frees the texts and leaves the list empty.
void text_list_clear(struct text_list *list);

#endif
