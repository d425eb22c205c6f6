// SPDX-License-Identifier: MIT
#include "real_windows/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "real_windows/program.h"

#define REASONS_MAX 32

struct reason {
    const char *text; ///< the line, which ends where that does
    size_t size;
    uint32_t count;
};

struct told {
    struct verdict verdict;
    bool
        is_at_end; ///< behind the cases of a group, where those that were skipped are listed once more
    size_t reason_count;
    struct reason reasons[REASONS_MAX];
};

static bool begins_with(const char *line, const char *start)
{
    return strncmp(line, start, strlen(start)) == 0;
}

static size_t line_size(const char *line)
{
    return strcspn(line, "\r\n");
}

// Those that find no place among the reasons are counted with the last.
static void add_reason(struct told *told, const char *line)
{
    size_t size = line_size(line);
    size_t i = 0;
    while (i < told->reason_count &&
           (told->reasons[i].size != size || strncmp(told->reasons[i].text, line, size) != 0)) {
        i++;
    }
    if (i == REASONS_MAX) {
        i--;
    }
    if (i == told->reason_count) {
        told->reasons[i] = (struct reason){.text = line, .size = size};
        told->reason_count++;
    }
    told->reasons[i].count++;
}

static void read_line(struct told *told, const char *line)
{
    if (begins_with(line, "[ RUN      ] ")) {
        told->is_at_end = false;
        told->verdict.case_count++;
    } else if (begins_with(line, "[==========] ")) {
        told->is_at_end = true;
    } else if (begins_with(line, "[  SKIPPED ] ")) {
        told->verdict.skip_count += told->is_at_end ? 0 : 1;
    } else if (begins_with(line, "skipped")) {
        add_reason(told, line);
    }
}

static const char *next_line(const char *line)
{
    const char *end = line + line_size(line);
    return *end == '\0' ? end : end + 1;
}

static const char *name_verdict(const struct verdict *verdict)
{
    if (verdict->has_failed) {
        return "FAILED";
    }
    return verdict->case_count == verdict->skip_count ? "SKIPPED" : "PASSED";
}

static void tell_end(const char *name, const struct program_run *run, const struct told *told)
{
    const struct verdict *verdict = &told->verdict;
    (void)printf("%s %s: ", name_verdict(verdict), name);
    if (run->end == PROGRAM_NEVER_BEGAN) {
        (void)printf("could not be started, error %" PRIu32 "\n", run->status);
        return;
    }
    if (run->end == PROGRAM_TOOK_TOO_LONG) {
        (void)printf("took too long and was killed; ");
    } else if (run->status != 0) {
        (void)printf("exit status %" PRIu32 " (0x%" PRIX32 "); ", run->status, run->status);
    }
    (void)printf(
        "cases %" PRIu32 ", skipped %" PRIu32 ", %.1f s\n",
        verdict->case_count,
        verdict->skip_count,
        (double)run->milliseconds / 1000);
}

static void tell_reasons(const struct told *told)
{
    for (size_t i = 0; i < told->reason_count; i++) {
        const struct reason *reason = &told->reasons[i];
        (void)printf(
            "        %" PRIu32 " x %.*s\n", reason->count, (int)reason->size, reason->text);
    }
}

static void tell_output(const char *output, const char *start)
{
    for (const char *line = output; *line != '\0'; line = next_line(line)) {
        if (line_size(line) > 0 && begins_with(line, start)) {
            (void)printf("        %.*s\n", (int)line_size(line), line);
        }
    }
}

struct verdict verdict_tell(const char *name, const struct program_run *run)
{
    struct told told = {.reason_count = 0};
    const char *output = run->output == NULL ? "" : run->output;
    for (const char *line = output; *line != '\0'; line = next_line(line)) {
        read_line(&told, line);
    }
    struct verdict *verdict = &told.verdict;
    verdict->has_failed = run->end != PROGRAM_ENDED || run->status != 0 || verdict->case_count == 0;

    tell_end(name, run, &told);
    if (verdict->has_failed) {
        tell_output(output, "");
    } else {
        tell_reasons(&told);
        tell_output(output, "figure:");
    }
    (void)fflush(stdout);
    return *verdict;
}
