// SPDX-License-Identifier: MIT
// What all simulated pollers share: their numbers, how they fail, and how a wait in them sleeps.
//
// A thread of the library never waits: it gets what there is, and when there is nothing it does not get
// another turn before something happens; the events of then are written where it asked for them, as if
// the wait had returned only now. Others run the schedule meanwhile.
#ifndef TF_SIM_POLLERS_H
#define TF_SIM_POLLERS_H

#include "os/poller.h"
#include "sim/os/schedule.h"

struct sim_wait {
    uint64_t number; ///< of the poller in this world, from 0, in the order of opening
    /// Gives what there is now; says whether a wait ends with that, be it with no event.
    bool (*look)(
        void *context, struct tf_poll_event *events, uint32_t capacity, uint32_t *count_out);
    void *context;

    struct sim_actor *sleeper; ///< found nothing at its last wait; NULL: nobody
    struct tf_poll_event
        *events; ///< of the sleeper: where it wants them, how many, and their number
    uint32_t event_capacity;
    uint32_t *event_count;
    uint64_t deadline_ns; ///< of the sleeper
    uint64_t
        look_again_ns; ///< the poller looks by itself then, if nothing comes; TF_NEVER: it does not
};

/// Opens, and gives the poller its number.
void sim_wait_open(struct sim_wait *wait);
void sim_wait_close(struct sim_wait *wait);

/// A poller's wait.
enum tofu_status sim_wait(
    struct sim_wait *wait,
    uint64_t timeout_ns,
    struct tf_poll_event *events,
    uint32_t capacity,
    uint32_t *event_count_out);

/// There is something to see: whoever sleeps gets a turn. Returns whether somebody does.
bool sim_wait_end(struct sim_wait *wait);

// The poller of Windows (os/poller_afd.c).
extern const struct tf_poller_ops sim_afd_ops;
/// Something became ready on a socket that has a file.
void sim_file_changed(void *file);
void sim_file_close(void *file);
void sim_afd_begin(void);
void sim_afd_end(void);

#endif
