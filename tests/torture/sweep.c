// SPDX-License-Identifier: MIT
#include "torture/sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "torture/watchdog.h"
#include "unit/expect.h"

// How often calls come differs a little from play to play, so that one play that does not reach the
// n-th proves nothing.
#define UNREACHED_MAX 4

#define COMPLAINT_MAX 5

// Many plays end at a deadline, since nothing else can end what failed. Short ones make them fast; a busy
// machine misses them without any fault, and then the play is repeated with more time.
#define MILLISECOND_NS UINT64_C(1000000)
static const uint64_t timeouts_ns[] = {
    100 * MILLISECOND_NS, 400 * MILLISECOND_NS, 1600 * MILLISECOND_NS};
#define ATTEMPTS_MAX (sizeof timeouts_ns / sizeof timeouts_ns[0])

static char directory[64];

bool sweep_open(void)
{
    // A mode of 0666 is then never what a path gets without our help.
    (void)umask(022);
    watchdog_open();
    const char *parent = getenv("TMPDIR");
    bool is_short = parent != NULL && strlen(parent) < 32;
    (void)snprintf(directory, sizeof directory, "%s/tofu-XXXXXX", is_short ? parent : "/tmp");
    return mkdtemp(directory) != NULL;
}

// A failure of unlink leaves paths behind, as it should.
void sweep_close(void)
{
    DIR *opened = opendir(directory);
    if (opened == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(opened); entry != NULL; entry = readdir(opened)) {
        (void)unlinkat(dirfd(opened), entry->d_name, 0);
    }
    (void)closedir(opened);
    (void)rmdir(directory);
}

static bool is_bad(const struct verdict *verdict, bool must_be_perfect)
{
    bool should_be_perfect = must_be_perfect || !verdict->has_struck;
    return !verdict->is_good || (should_be_perfect && !verdict->is_perfect);
}

void sweep_play(
    const struct scene_kind *kind,
    struct scene_fault *fault,
    const char *name,
    bool must_be_perfect,
    struct verdict *verdict_out)
{
    char text[WATCHDOG_TEXT_BYTES];
    (void)snprintf(text, sizeof text, "%s: %s", kind->name, name);
    for (size_t i = 0; i < ATTEMPTS_MAX; i++) {
        fault->timeout_ns = timeouts_ns[i];
        watchdog_note(text);
        play(kind, directory, fault, verdict_out);
        watchdog_note(NULL);
        if (!is_bad(verdict_out, must_be_perfect) || !verdict_out->is_good ||
            !verdict_out->missed_time) {
            break;
        }
    }
    if (is_bad(verdict_out, must_be_perfect)) {
        verdict_out->is_good = false;
        print_error("%s: %s\n", text, verdict_out->text);
    }
}

void sweep(
    const struct scene_kind *kind,
    struct scene_fault *fault,
    sweep_aim aim,
    const char *name,
    bool must_be_perfect,
    struct sweep_count *count)
{
    size_t unreached_count = 0;
    size_t bad_count = 0;
    size_t nth = 1;
    while (unreached_count < UNREACHED_MAX && bad_count < COMPLAINT_MAX) {
        char text[WATCHDOG_TEXT_BYTES];
        (void)snprintf(text, sizeof text, "%s, call %zu", name, nth);
        struct verdict verdict;
        aim(fault, nth);
        sweep_play(kind, fault, text, must_be_perfect, &verdict);
        count->play_count++;
        bad_count += verdict.is_good ? 0 : 1;
        if (verdict.has_struck) {
            unreached_count = 0;
            count->struck_count++;
            count->deepest = nth > count->deepest ? nth : count->deepest;
            nth++;
        } else {
            unreached_count++;
        }
    }
    count->bad_count += bad_count;
}
