// SPDX-License-Identifier: MIT
// A group's channels: what was opened is closed exactly once, and nothing comes behind its closing notice.
#ifndef TORTURE_CHANNEL_BOOK_H
#define TORTURE_CHANNEL_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOK_CHANNELS_MAX 256

struct channel_book {
    bool is_open[BOOK_CHANNELS_MAX];
    bool was_opened[BOOK_CHANNELS_MAX];
    bool says_bye[BOOK_CHANNELS_MAX]; ///< a ByeRequest was said or heard: it should end well
    size_t open_count;
};

/// Each returns false if it may not happen now.
bool book_open(struct channel_book *book, uint16_t channel);
bool book_close(struct channel_book *book, uint16_t channel);

void book_say_bye(struct channel_book *book, uint16_t channel);

bool book_has(const struct channel_book *book, uint16_t channel);

#endif
