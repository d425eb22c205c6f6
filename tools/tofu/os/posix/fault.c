// SPDX-License-Identifier: MIT
#include "fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum fault_kind kind_of(int error)
{
    switch (error) {
    case EEXIST:
    case EISDIR:
    case ENOTEMPTY:
        return FAULT_EXISTS;
    case ENAMETOOLONG:
    case EILSEQ:
        return FAULT_BAD_NAME;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return FAULT_NO_SPACE;
    default:
        return FAULT_OTHER;
    }
}

bool fault_set(struct fault *fault, int error)
{
    fault->kind = kind_of(error);
    snprintf(fault->text, sizeof fault->text, "%s", strerror(error));
    return false;
}
