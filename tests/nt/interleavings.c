// SPDX-License-Identifier: MIT
// All interleavings, up to a number of departures: nt_interleavings SCRIPT MAX [departure...]
//
// A script's smooth run has some dozen decisions: does the kernel put this packet off, does the peer send
// right here, does another thread wake, is there no memory? Every run that decides otherwise in at most MAX
// places is made, in order. With departures given, only the one run that has them: that is the replay.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "nt/chance.h"
#include "nt/schedule.h"

#define DEPARTURES_MAX 8

// Replaces the departures by the next ones; false if these were the last. `limits[i]` is how many decisions
// there were in the run with the first i departures.
static bool advance(uint32_t *departures, uint32_t *count, uint32_t max, const uint32_t *limits)
{
    uint32_t next = *count == 0 ? 0 : departures[*count - 1] + 1;
    if (*count < max && next < limits[*count]) {
        departures[(*count)++] = next;
        return true;
    }
    while (*count > 0) {
        departures[*count - 1]++;
        if (departures[*count - 1] < limits[*count - 1]) {
            return true;
        }
        (*count)--;
    }
    return false;
}

int main(int argument_count, char **arguments)
{
    uint32_t departures[DEPARTURES_MAX] = {0};
    uint32_t limits[DEPARTURES_MAX + 1] = {0};
    uint32_t count = 0;
    char command[128];
    struct schedule_totals totals = {0};
    uint32_t max = argument_count < 3 ? DEPARTURES_MAX + 1 : (uint32_t)atoi(arguments[2]);
    if (max > DEPARTURES_MAX || argument_count > 3 + DEPARTURES_MAX) {
        (void)fprintf(stderr, "usage: %s SCRIPT MAX [departure...]\n", arguments[0]);
        return 2;
    }
    (void)snprintf(command, sizeof command, "nt_interleavings %s %u", arguments[1], (unsigned)max);
    nt_chance_set_command(command);
    for (int i = 3; i < argument_count; i++) {
        departures[count++] = (uint32_t)atoi(arguments[i]);
    }
    if (count > 0) {
        schedule_run_script(arguments[1], departures, count, &totals);
        return 0;
    }
    do {
        schedule_run_script(arguments[1], departures, count, &totals);
        limits[count] = nt_chance_decisions();
    } while (advance(departures, &count, max, limits));
    (void)printf(
        "%s: %" PRIu64 " runs, %" PRIu32
        " decisions in the smooth one, all with at most %u departures; %" PRIu64
        " requests = %" PRIu64 " packets, %" PRIu64 " cancels of which %" PRIu64 " lied\n",
        arguments[1],
        totals.schedules,
        limits[0],
        (unsigned)max,
        totals.counts.requests,
        totals.counts.packets,
        totals.counts.cancels,
        totals.counts.cancels_that_lied);
    return totals.schedules > limits[0] ? 0 : 1;
}
