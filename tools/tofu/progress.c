// SPDX-License-Identifier: MIT
#include "progress.h"

#include <stdio.h>

#include "os/clock.h"
#include "os/terminal.h"

#define BAR_WIDTH   40
#define INTERVAL_NS (100 * NS_PER_MS)

// Back to the first column, and away with what stands in the line.
#define CLEAR_LINE "\r\033[K"

struct progress progress_open(const char *word)
{
    return (struct progress){.is_visible = terminal_is_there(), .word = word};
}

void progress_show(
    struct progress *progress, uint64_t part, uint64_t whole, uint64_t bytes, uint64_t since_ns)
{
    if (!progress->is_visible) {
        return;
    }
    uint64_t now_ns = clock_now_ns();
    if (now_ns - progress->shown_ns < INTERVAL_NS && part < whole) {
        return;
    }
    progress->shown_ns = now_ns;

    double share = whole > 0 ? (double)part / (double)whole : 1;
    int filled = (int)(share * BAR_WIDTH);
    char bar[BAR_WIDTH + 1];
    for (int column = 0; column < BAR_WIDTH; column++) {
        bar[column] = column < filled ? '#' : '.';
    }
    bar[BAR_WIDTH] = '\0';
    double seconds = (double)(now_ns - since_ns) / 1e9;
    double mebibytes = (double)bytes / 1048576;
    double rate = seconds > 0 ? mebibytes / seconds : 0;
    fprintf(
        stderr,
        CLEAR_LINE "[%s] %3.0f%%  %.1f MiB %s, %.1f MiB/s",
        bar,
        share * 100,
        mebibytes,
        progress->word,
        rate);
    fflush(stderr);
}

uint64_t progress_interval_ns(const struct progress *progress)
{
    return progress->is_visible ? INTERVAL_NS : UINT64_MAX;
}

void progress_close(struct progress *progress)
{
    if (progress->is_visible && progress->shown_ns != 0) {
        fputs(CLEAR_LINE, stderr);
        fflush(stderr);
    }
    progress->is_visible = false;
}
