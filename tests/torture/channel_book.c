// SPDX-License-Identifier: MIT
#include "torture/channel_book.h"

// A scene is too short to use a number twice.
bool book_open(struct channel_book *book, uint16_t channel)
{
    if (channel == 0 || channel >= BOOK_CHANNELS_MAX || book->was_opened[channel]) {
        return false;
    }
    book->was_opened[channel] = true;
    book->is_open[channel] = true;
    book->open_count++;
    return true;
}

bool book_close(struct channel_book *book, uint16_t channel)
{
    if (!book_has(book, channel)) {
        return false;
    }
    book->is_open[channel] = false;
    book->open_count--;
    return true;
}

void book_say_bye(struct channel_book *book, uint16_t channel)
{
    if (book_has(book, channel)) {
        book->says_bye[channel] = true;
    }
}

bool book_has(const struct channel_book *book, uint16_t channel)
{
    return channel < BOOK_CHANNELS_MAX && book->is_open[channel];
}
