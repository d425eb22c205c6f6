// SPDX-License-Identifier: MIT
// What the seeds ran into, counted over all worlds of a program.
//
// A family of schedules is worth what it reaches, so a run over enough seeds demands that nothing in this
// list stayed at 0 (sim_flows --cover).
#ifndef TF_SIM_COVERAGE_H
#define TF_SIM_COVERAGE_H

#include <stdbool.h>
#include <stdint.h>

/// Name, the faults of docs/reliability.md that it belongs to, what it counts.
#define SIM_COVERAGE_LIST(X)                                                                       \
    X(SIM_SEND_CUT, "F5 F17", "sends that took a part")                                            \
    X(SIM_RECEIVE_CUT, "F5 F17", "receives that gave a part")                                      \
    X(SIM_RECEIVED_ONE_BYTE, "F17", "receives of a single byte, and there was room for more")      \
    X(SIM_SENT_ONE_BYTE, "F17", "sends that took a single byte of more")                           \
    X(SIM_FRAME_LATE, "F7", "channels ended by a deadline")                                        \
    X(SIM_BUDGET_SPENT, "F8", "episodes of an empty receiving budget")                             \
    X(SIM_SEND_BLOCKED, "F9", "sends into a full buffer")                                          \
    X(SIM_QUEUE_FULL, "F9", "posts answered with queue_full")                                      \
    X(SIM_PATIENCE_ENDED, "F9", "posts with patience that timed out")                              \
    X(SIM_ANSWERED, "F10", "answers to a message of the other side")                               \
    X(SIM_BYES_CROSSED, "F2", "channels on which both sides said Bye")                             \
    X(SIM_ACCEPT_EXHAUSTED, "F12", "accepts without a descriptor")                                 \
    X(SIM_TABLE_FULL, "F12", "channels refused because the table is full")                         \
    X(SIM_CONNECTION_REFUSED, "F6 F12", "connections an engine turned away or gave up half-open")  \
    X(SIM_END_WITH_DATA, "F13", "FINs that came together with data")                               \
    X(SIM_RESET_WITH_DATA, "F14", "resets that destroyed data under way")                          \
    X(SIM_CUT_MIDWAY, "F14", "connections the network broke")                                      \
    X(SIM_RETURNED, "F14", "messages that came back")                                              \
    X(SIM_PREEMPTED, "F20", "I/O threads interrupted in the middle of a turn")                     \
    X(SIM_WOKEN, "F20", "wake-ups of a sleeping I/O thread")                                       \
    X(SIM_GROUP_LEFT, "F21", "groups destroyed with channels open")                                \
    X(SIM_ENGINE_LEFT, "F21", "engines destroyed at work")                                         \
    X(SIM_SHUT_DOWN, "F21", "engines shut down at work")                                           \
    X(SIM_SHUTDOWN_FORCED, "F21", "of those, with channels that had to be forced")                 \
    X(SIM_USED_LEAVING, "F21", "calls on a group that is being destroyed")                         \
    X(SIM_BLOCKED, "F21", "callers that were parked")                                              \
    X(SIM_SILENCE, "F25", "deliveries, connects and names that took minutes")                      \
    X(SIM_NEXT_ADDRESS, "F25", "names with a first address where nobody listens")                  \
    X(SIM_NAME_UNANSWERED, "F25", "names that nobody ever answers for")                            \
    X(SIM_REQUEST_SHORT, "F18", "sockets that rest, for want of memory in the kernel")             \
    X(SIM_WAKE_OWED, "F18 F20", "wake-ups of which no packet could tell")                          \
    X(SIM_PORT_SHORT, "F18", "sockets that could not be watched")                                  \
    X(SIM_REQUEST_FAILED, "F28", "sockets that the system would not watch any longer")             \
    X(SIM_POLLER_FAILED, "F28", "pollers that failed")                                             \
    X(SIM_EVENT_INVENTED, "F16", "events that nothing caused")

#define SIM_COVERAGE_NAME(name, faults, what) name,
enum sim_coverage { SIM_COVERAGE_LIST(SIM_COVERAGE_NAME) SIM_COVERAGE_COUNT };
#undef SIM_COVERAGE_NAME

extern uint64_t sim_coverage[SIM_COVERAGE_COUNT];

static inline void sim_cover(enum sim_coverage what, uint64_t amount)
{
    sim_coverage[what] += amount;
}

/// Prints all counts. Returns whether none of them is 0.
bool sim_coverage_print(void);

#endif
