# SPDX-License-Identifier: MIT
# torture_wrap_option(FUNCTION variable): how the linker is told to send the calls of a function to us. `free`
# is wrapped besides: it never fails, but is counted.
set(torture_counted_functions free)

function(torture_wrap_option name variable)
  set(${variable} "LINKER:--wrap=${name}" PARENT_SCOPE)
endfunction()
