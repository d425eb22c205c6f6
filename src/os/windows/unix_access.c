// SPDX-License-Identifier: MIT
// A list of one entry, and protected, so that none of the directory's comes in. Administrators can still
// take the file, as root can on POSIX.
#include "os/windows/unix_access.h"

#include <stdalign.h>
#include <stdbool.h>
#include <windows.h>

// Room for a token's user: a struct, and the number that it points to.
#define TF_USER_BYTES_MAX (sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE)

// Room for a list of one entry.
#define TF_LIST_BYTES_MAX (sizeof(ACL) + sizeof(ACCESS_ALLOWED_ACE) + SECURITY_MAX_SID_SIZE)

static bool user_read(TOKEN_USER *user_out)
{
    HANDLE token = NULL;
    DWORD size = 0;
    if (OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token) == 0) {
        return false;
    }
    bool is_read =
        GetTokenInformation(token, TokenUser, user_out, (DWORD)TF_USER_BYTES_MAX, &size) != 0;
    DWORD error = GetLastError();
    (void)CloseHandle(token);
    SetLastError(error);
    return is_read;
}

int tf_unix_access_restrict(HANDLE file)
{
    alignas(TOKEN_USER) unsigned char user_bytes[TF_USER_BYTES_MAX];
    alignas(ACL) unsigned char list_bytes[TF_LIST_BYTES_MAX];
    TOKEN_USER *user = (TOKEN_USER *)(void *)user_bytes;
    ACL *list = (ACL *)(void *)list_bytes;
    SECURITY_DESCRIPTOR descriptor;
    bool is_set = user_read(user) && InitializeAcl(list, (DWORD)TF_LIST_BYTES_MAX, ACL_REVISION) &&
                  AddAccessAllowedAce(list, ACL_REVISION, FILE_ALL_ACCESS, user->User.Sid) &&
                  InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION) &&
                  SetSecurityDescriptorDacl(&descriptor, TRUE, list, FALSE) &&
                  SetSecurityDescriptorControl(&descriptor, SE_DACL_PROTECTED, SE_DACL_PROTECTED) &&
                  SetKernelObjectSecurity(file, DACL_SECURITY_INFORMATION, &descriptor);
    return is_set ? 0 : (int)GetLastError();
}
