// SPDX-License-Identifier: MIT
#include "os/windows/afd_base.h"

#include <stdio.h>

#include "base/assert.h"

// Providers that may stand in one chain.
#define TF_AFD_PROVIDERS_MAX 16

// What tells most comes first: whoever has little room still gets the numbers and the hint.
static void describe(
    const struct tf_nt *nt, tf_nt_handle socket, int base_error, int poll_error, char *detail)
{
    char provider[TF_NT_PROVIDER_BYTES_MAX] = "";
    char fallback[40] = "";
    nt->provider_of(socket, provider);
    if (poll_error != 0) {
        (void)snprintf(fallback, sizeof fallback, ", SIO_BSP_HANDLE_POLL: error %d", poll_error);
    }
    (void)snprintf(
        detail,
        TF_POLLER_DETAIL_BYTES_MAX,
        "SIO_BASE_HANDLE: error %d%s; see netsh winsock show catalog; provider: %s",
        base_error,
        fallback,
        provider[0] != '\0' ? provider : "unknown");
}

bool tf_afd_base_find(
    const struct tf_nt *nt,
    tf_socket socket,
    bool lsp_fallback,
    tf_nt_handle *base_out,
    char *detail)
{
    TF_ASSERT(socket != TF_SOCKET_NONE);
    TF_ASSERT(detail != NULL);

    tf_nt_handle handle = (tf_nt_handle)socket;
    int base_error = 0;
    int poll_error = 0;
    for (int i = 0; i < TF_AFD_PROVIDERS_MAX; i++) {
        tf_nt_handle base = NULL;
        int error = nt->base_of(handle, TF_NT_SIO_BASE_HANDLE, &base);
        if (error == 0) {
            *base_out = base;
            return true;
        }
        base_error = base_error == 0 ? error : base_error;
        if (!lsp_fallback) {
            break;
        }
        tf_nt_handle next = NULL;
        poll_error = nt->base_of(handle, TF_NT_SIO_BSP_HANDLE_POLL, &next);
        if (poll_error != 0) {
            break;
        }
        if (next == handle) {
            // Nobody stands below: this is the system's.
            *base_out = handle;
            return true;
        }
        handle = next;
    }
    describe(nt, (tf_nt_handle)socket, base_error, poll_error, detail);
    return false;
}
