// SPDX-License-Identifier: MIT
#include "events.h"

#include <stdlib.h>

enum { EVENTS_OF_A_READER = FD_READ | FD_CLOSE, LAST_READS_MAX = 1000 };

static void select_events(const struct lab *lab, uint32_t index, HANDLE event, long mask)
{
    if (WSAEventSelect(lab->sockets[index], event, mask) != 0) {
        lab_fail("WSAEventSelect", (unsigned long)WSAGetLastError());
    }
}

HANDLE *events_open(const struct lab *lab, bool is_manual_reset)
{
    HANDLE *events = lab_alloc(lab->count, sizeof *events);
    for (uint32_t index = 0; index < lab->count; index++) {
        events[index] = CreateEventW(NULL, is_manual_reset, FALSE, NULL);
        if (events[index] == NULL) {
            lab_fail("CreateEventW", GetLastError());
        }
        select_events(lab, index, events[index], EVENTS_OF_A_READER);
    }
    return events;
}

void events_close(HANDLE *events, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        CloseHandle(events[index]);
    }
    free(events);
}

void events_serve(struct lab *lab, uint32_t index, HANDLE event)
{
    WSANETWORKEVENTS happened;
    if (WSAEnumNetworkEvents(lab->sockets[index], event, &happened) != 0) {
        lab_fail("WSAEnumNetworkEvents", (unsigned long)WSAGetLastError());
    }
    bool is_open = happened.lNetworkEvents == 0 || lab_echo(lab, index);
    // The end is told once, so nothing may be left unread in front of it.
    bool is_ending = (happened.lNetworkEvents & FD_CLOSE) != 0;
    for (int reads = 0; is_open && is_ending; reads++) {
        if (reads == LAST_READS_MAX) {
            lab_fail("reading to the end", LAST_READS_MAX);
        }
        is_open = lab_echo(lab, index);
    }
}

void events_rearm(const struct lab *lab, uint32_t index, HANDLE event)
{
    select_events(lab, index, event, 0);
    select_events(lab, index, event, EVENTS_OF_A_READER);
}
