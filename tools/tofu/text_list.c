// SPDX-License-Identifier: MIT
#include "text_list.h"

#include <stdlib.h>
#include <string.h>

bool text_list_append(struct text_list *list, const char *text)
{
    // Lists are as long as a command line, so growing one by one is cheap enough.
    char **texts = realloc(list->texts, (list->count + 1) * sizeof *texts);
    if (texts == NULL) {
        return false;
    }
    list->texts = texts;
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, text, size);
    list->texts[list->count] = copy;
    list->count++;
    return true;
}

void text_list_clear(struct text_list *list)
{
    for (size_t index = 0; index < list->count; index++) {
        free(list->texts[index]);
    }
    free(list->texts);
    *list = (struct text_list){0};
}
