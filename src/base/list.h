// SPDX-License-Identifier: MIT
// An intrusive doubly linked ring: a head, and links inside the things that are listed.
//
// A link that is in no list points to itself, so that "is it listed?" needs no flag and removing
// twice does no harm.
#ifndef TF_BASE_LIST_H
#define TF_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

struct tf_list {
    struct tf_list *next;
    struct tf_list *previous;
};

/// Gives the struct of `type` whose member `member` is `*link`.
#define TF_CONTAINER_OF(link, type, member)                                                        \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void tf_list_init(struct tf_list *list)
{
    list->next = list;
    list->previous = list;
}

/// For a head: nothing is listed. For a link: it is in no list.
static inline bool tf_list_is_empty(const struct tf_list *list)
{
    return list->next == list;
}

static inline void tf_list_append(struct tf_list *head, struct tf_list *link)
{
    TF_ASSERT(tf_list_is_empty(link));

    link->previous = head->previous;
    link->next = head;
    head->previous->next = link;
    head->previous = link;
}

static inline void tf_list_remove(struct tf_list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    tf_list_init(link);
}

/// Removes and gives the first link, or NULL.
static inline struct tf_list *tf_list_take_first(struct tf_list *head)
{
    if (tf_list_is_empty(head)) {
        return NULL;
    }
    struct tf_list *first = head->next;
    tf_list_remove(first);
    return first;
}

/// Moves everything from `source` to the end of `target`.
static inline void tf_list_append_all(struct tf_list *target, struct tf_list *source)
{
    if (tf_list_is_empty(source)) {
        return;
    }
    source->next->previous = target->previous;
    source->previous->next = target;
    target->previous->next = source->next;
    target->previous = source->previous;
    tf_list_init(source);
}

#endif
