// SPDX-License-Identifier: MIT
// Everything a program needs: include this one header and link tofu::tofu (or `pkg-config tofu`).
#ifndef TOFU_TOFU_H
#define TOFU_TOFU_H

#include <tofu/address.h>
#include <tofu/allocator.h>
#include <tofu/engine.h>
#include <tofu/export.h>
#include <tofu/group.h>
#include <tofu/log.h>
#include <tofu/message.h>
#include <tofu/peer.h>
#include <tofu/stats.h>
#include <tofu/status.h>
#include <tofu/version.h>

#endif
