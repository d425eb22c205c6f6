# SPDX-License-Identifier: MIT
# Fails unless all that the objects of src/os take from the system is either wrapped (fault_functions.h) or
# known to be infallible (infallible.txt):
#
#   cmake -DNM=nm -DOBJECTS=file -DFOLDER=folder [-DTABLE=file] -P check_imports.cmake
#
# OBJECTS names a file with one object per line, FOLDER is the platform's. TABLE is a header with a table of
# functions that are looked up at run time, `(*name)(`, and count as imports too.
cmake_minimum_required(VERSION 3.25)

file(STRINGS "${OBJECTS}" objects)
file(READ "${FOLDER}/fault_functions.h" functions)
string(REGEX MATCHALL " X\\([A-Za-z0-9_]+\\)" functions "${functions}")
file(STRINGS "${FOLDER}/infallible.txt" infallible_lines REGEX "^[a-zA-Z_]")

set(known "")
foreach(function IN LISTS functions)
  string(REGEX REPLACE "^ X\\((.*)\\)$" "\\1" name "${function}")
  list(APPEND known "${name}")
endforeach()
foreach(line IN LISTS infallible_lines)
  if(NOT line MATCHES "^([a-zA-Z0-9_]+) +[^ ]")
    message(FATAL_ERROR "infallible.txt: no reason: ${line}")
  endif()
  if(CMAKE_MATCH_1 IN_LIST known)
    message(FATAL_ERROR "infallible.txt: ${CMAKE_MATCH_1} is there twice, or wrapped")
  endif()
  list(APPEND known "${CMAKE_MATCH_1}")
endforeach()

set(imports "")
foreach(object IN LISTS objects)
  execute_process(
    COMMAND "${NM}" --undefined-only --format=posix "${object}"
    OUTPUT_VARIABLE output
    COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" lines "${output}")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE " .*" "" name "${line}")
    # What comes from a DLL.
    string(REGEX REPLACE "^__imp_" "" name "${name}")
    list(APPEND imports "${name}")
  endforeach()
endforeach()
list(REMOVE_DUPLICATES imports)
list(LENGTH imports import_count)
if(import_count LESS 30)
  message(FATAL_ERROR "only ${import_count} imports: these are not the objects")
endif()

if(TABLE)
  file(READ "${TABLE}" table)
  string(REGEX MATCHALL "\\(\\*[A-Za-z_]+\\)\\(" entries "${table}")
  list(TRANSFORM entries REPLACE "^\\(\\*(.*)\\)\\($" "\\1")
  list(LENGTH entries entry_count)
  if(entry_count LESS 5)
    message(FATAL_ERROR "only ${entry_count} functions: this is not the table")
  endif()
  list(APPEND imports ${entries})
  math(EXPR import_count "${import_count} + ${entry_count}")
endif()

# Our own names, and those of the sanitizers' run-time libraries.
list(FILTER imports EXCLUDE REGEX "^(tf_|tofu_|__asan_|__ubsan_|__tsan_|__sanitizer_)")
foreach(name IN LISTS known)
  list(REMOVE_ITEM imports "${name}")
endforeach()
if(imports)
  message(FATAL_ERROR "neither wrapped nor known to be infallible: ${imports}")
endif()
message("${import_count} imports, all wrapped or known to be infallible")
