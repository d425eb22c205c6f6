# SPDX-License-Identifier: MIT
# torture_wrap_option(FUNCTION variable): how the linker is told to send the calls of a function to us. What comes
# from a DLL is called through a pointer, `__imp_` and the name, where its header says that it does, and
# else by a name like any other. NT's functions are entries of a table, which tf_nt_open() fills.
#
# Wrapped besides, because they are counted or because of the table:
set(torture_counted_functions free FreeLibraryAndExitThread tf_nt_open)

set(plain_functions malloc free WSAPoll WaitOnAddress tf_nt_open)

function(torture_wrap_option name variable)
  if(name IN_LIST plain_functions)
    set(${variable} "LINKER:--wrap=${name}" PARENT_SCOPE)
  elseif(name MATCHES "^Nt")
    set(${variable} "" PARENT_SCOPE)
  else()
    set(${variable} "LINKER:--wrap=__imp_${name}" PARENT_SCOPE)
  endif()
endfunction()
