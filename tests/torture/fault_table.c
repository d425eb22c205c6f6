// SPDX-License-Identifier: MIT
#include "torture/fault_table.h"

#include "torture/fault_rows.h"

const struct fault_row *fault_table(size_t *count_out)
{
    *count_out = fault_row_count;
    return fault_rows;
}

const char *fault_function_name(fault_function function)
{
    return fault_function_names[function];
}
