// SPDX-License-Identifier: MIT
// The table of NT functions on Windows: ntdll is in every process, and has had these since Windows 7.
#include "os/windows/nt.h"

#include <string.h>

#include <winsock2.h>

struct entry {
    const char *name;
    size_t offset;
};

#define ENTRY(function)                                                                            \
    {                                                                                              \
#        function, offsetof(struct tf_nt, function)                                                \
    }

static const struct entry entries[] = {
    ENTRY(NtCreateIoCompletion),
    ENTRY(NtSetIoCompletion),
    ENTRY(NtRemoveIoCompletionEx),
    ENTRY(NtDeviceIoControlFile),
    ENTRY(NtCancelIoFileEx),
    ENTRY(NtSetInformationFile),
    ENTRY(NtClose),
};

static int base_of(tf_nt_handle socket, uint32_t question, tf_nt_handle *base_out)
{
    SOCKET base = INVALID_SOCKET;
    DWORD size = 0;
    int result = WSAIoctl((SOCKET)socket, question, NULL, 0, &base, sizeof base, &size, NULL, NULL);
    if (result == SOCKET_ERROR) {
        return WSAGetLastError();
    }
    *base_out = (tf_nt_handle)base;
    return 0;
}

static void provider_of(tf_nt_handle socket, char name[TF_NT_PROVIDER_BYTES_MAX])
{
    WSAPROTOCOL_INFOW info;
    int size = sizeof info;
    name[0] = '\0';
    if (getsockopt((SOCKET)socket, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &size) != 0) {
        return;
    }
    size_t length = 0;
    while (length < TF_NT_PROVIDER_BYTES_MAX - 1 && info.szProtocol[length] != 0) {
        wchar_t c = info.szProtocol[length];
        name[length] = c >= 0x20 && c < 0x7F ? (char)c : '?';
        length++;
    }
    name[length] = '\0';
}

const char *tf_nt_open(struct tf_nt *nt)
{
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        FARPROC function = ntdll == NULL ? NULL : GetProcAddress(ntdll, entries[i].name);
        if (function == NULL) {
            return entries[i].name;
        }
        memcpy((char *)nt + entries[i].offset, &function, sizeof function);
    }
    nt->base_of = base_of;
    nt->provider_of = provider_of;
    return NULL;
}
