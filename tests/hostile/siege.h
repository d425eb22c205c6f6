// SPDX-License-Identifier: MIT
// What holds of an engine under attack, whoever attacks and however: honest clients are served, its memory
// stays within what its options allow, while the attack only stands there it costs no processor time, and
// in the middle of it all a shutdown keeps its deadline.
//
// A scene opens a siege, brings its attackers, and has the siege judged.
#ifndef HOSTILE_SIEGE_H
#define HOSTILE_SIEGE_H

#include <stdint.h>

#include "support/link_fixture.h"

struct siege {
    const char *scene;
    struct tofu_options
        options; ///< the server's; what bounds its memory is to be small, and never unlimited
    uint64_t half_open_count;                 ///< hostile connections at a time that say no hello
    uint64_t channel_count;                   ///< and those that do
    void (*serve)(struct link_fixture *link); ///< has honest clients served: fails if one is not

    uint64_t resident_bytes; ///< the siege's: of the whole process, when it was opened
};

/// Opens the link's server, with these options, and an honest client that is connected to it.
void siege_open(struct siege *siege, struct link_fixture *link);

/// Judges the server while the attack stands: the attackers are there, and either silent or stuck. Their
/// connections end with the engine's shutdown.
void siege_judge(const struct siege *siege, struct link_fixture *link);

/// A `serve` for where nobody else sends to the server's group: round trips.
void siege_serve_round_trips(struct link_fixture *link);

#endif
