// SPDX-License-Identifier: MIT
#include "nt/sockets.h"

#include <stddef.h>

#include "nt/kernel.h"
#include "nt/world.h"

// The number of a socket is that of its base and a bit, so that one taken for the other is found out.
#define NUMBER_BIT 2

#define WINSOCK_NOT_A_SOCKET 10038

static struct model_socket models[MODEL_SOCKETS_MAX];

void models_begin(void)
{
    for (uint32_t i = 0; i < MODEL_SOCKETS_MAX; i++) {
        models[i] = (struct model_socket){0};
    }
}

bool models_close_duplicate(void)
{
    for (uint32_t i = 0; i < MODEL_SOCKETS_MAX; i++) {
        struct model_socket *model = &models[i];
        if (model->base == NULL && model->duplicate != NULL) {
            nt_handle_close(model->duplicate);
            model->duplicate = NULL;
            return true;
        }
    }
    return false;
}

static struct model_socket *find_unused(void)
{
    for (uint32_t i = 0; i < MODEL_SOCKETS_MAX; i++) {
        if (models[i].base == NULL && models[i].duplicate == NULL) {
            return &models[i];
        }
    }
    return NULL;
}

tf_socket model_open(enum model_kind kind)
{
    struct model_socket *model = find_unused();
    if (model == NULL && models_close_duplicate()) {
        model = find_unused();
    }
    if (model == NULL) {
        nt_world_fail("the test has no socket left");
    }
    *model = (struct model_socket){.kind = kind, .has_room = kind == MODEL_CONNECTED};
    model->base = nt_file_open((uintptr_t)(model - models), true);
    if (nt_world_chance(100)) {
        model->duplicate = nt_handle_duplicate(model->base);
    }
    return (tf_socket)((uintptr_t)model->base | NUMBER_BIT);
}

struct model_socket *model_get(tf_socket number)
{
    for (uint32_t i = 0; i < MODEL_SOCKETS_MAX; i++) {
        uintptr_t base = (uintptr_t)models[i].base;
        if (base != 0 && (base | NUMBER_BIT) == (uintptr_t)number) {
            return &models[i];
        }
    }
    nt_world_fail("%lld is no socket", (long long)number);
}

void model_close(tf_socket number)
{
    struct model_socket *model = model_get(number);
    nt_handle_close(model->base);
    model->base = NULL;
}

void model_peer_acts(tf_socket number)
{
    struct model_socket *model = model_get(number);
    uint64_t choice = nt_world_below(10);
    bool is_open = !model->is_reset && !model->has_refused;
    nt_world_trace("peer", (uintptr_t)model->base, choice);
    if (model->kind == MODEL_CONNECTING && is_open) {
        model->has_refused = choice < 3;
        model->has_room = choice >= 3;
        model->kind = choice >= 3 ? MODEL_CONNECTED : MODEL_CONNECTING;
    } else if (model->kind == MODEL_LISTENING) {
        model->has_data = true;
    } else if (is_open && choice < 4) {
        model->has_data = model->has_data || !model->has_end;
    } else if (is_open && choice < 7) {
        model->has_room = true;
    } else if (is_open && choice < 9) {
        // Last words and the end arrive together.
        model->has_data = model->has_data || (!model->has_end && choice == 7);
        model->has_end = true;
    } else if (is_open) {
        model->is_reset = true;
    }
    nt_file_changed(model->base);
}

void model_owner_drains(tf_socket number)
{
    struct model_socket *model = model_get(number);
    nt_world_trace("drain", (uintptr_t)model->base, 0);
    model->has_data = false;
    model->has_room = false;
}

uint32_t nt_world_ready(uintptr_t socket)
{
    const struct model_socket *model = &models[socket];
    uint32_t holds = 0;
    if (model->has_data) {
        holds |= model->kind == MODEL_LISTENING ? TF_AFD_ACCEPT : TF_AFD_RECEIVE;
    }
    holds |= model->has_room ? TF_AFD_SEND : 0;
    holds |= model->kind == MODEL_CONNECTED ? TF_AFD_CONNECT : 0;
    holds |= model->has_end ? TF_AFD_DISCONNECT : 0;
    holds |= model->is_reset ? TF_AFD_ABORT : 0;
    holds |= model->has_refused ? TF_AFD_CONNECT_FAIL : 0;
    return holds;
}

int nt_world_base_of(uintptr_t socket, uint32_t question, tf_nt_handle *base_out)
{
    if (question != TF_NT_SIO_BASE_HANDLE) {
        return WINSOCK_NOT_A_SOCKET;
    }
    *base_out = model_get((tf_socket)socket)->base;
    return 0;
}
