// SPDX-License-Identifier: MIT
// What a simulated poller knows of a socket that it watches, and what it would report.
#ifndef TF_SIM_WATCHED_H
#define TF_SIM_WATCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "os/poller.h"
#include "sim/os/network.h"
#include "sim/os/pollers.h"

/// The semantics of real backends:
///   LEVEL    what is ready is reported at every wait (poll, epoll's default);
///   EDGE     what became ready since the last report, or since the interest was declared (EPOLLET,
///            EV_CLEAR);
///   ONESHOT  one report per arming, taken when it happened and handed out later, perhaps stale; the
///            backend arms again at the next wait (AFD_POLL).
enum sim_kind { SIM_LEVEL, SIM_EDGE, SIM_ONESHOT };

struct sim_watched {
    struct sim_poller *poller;
    struct sim_watched *next; ///< another poller's watch of the same socket
    tf_socket socket;
    const struct sim_end *end;           ///< that the socket is, or
    const struct sim_listener *listener; ///< this
    uint64_t token;
    uint8_t interest;
    uint8_t edges;    ///< edge: not reported yet
    uint8_t captured; ///< one-shot: what completed the arming
    bool is_stirred;  ///< something may hold or have happened: otherwise there is nothing to see
    bool is_armed;    ///< one-shot
    bool tells_reset; ///< to be reported though there is no interest
    bool told_reset;  ///< once is enough
    bool is_stuck;    ///< by a planted defect: reported for ever
};

struct sim_poller {
    enum sim_kind kind;
    struct sim_watched **entries;
    uint32_t entry_count;
    uint32_t capacity;
    bool is_woken;
    struct sim_wait wait;
};

/// Declares the interest anew: what holds already counts as new.
void sim_watched_declare(struct sim_watched *watched, uint8_t interest);

/// Something may hold of an end now that nobody is told of.
void sim_end_stir(const struct sim_end *end);

/// Returns what a wait reports now (enum tf_poll), 0 for nothing, and uses it up. `is_invented`: if there
/// is nothing, report something all the same.
uint8_t sim_watched_take(struct sim_watched *watched, bool is_invented);

#endif
