# SPDX-License-Identifier: MIT
# Negative controls: the poller with one mistake each, which the schedules must find, or a named case.
#
# A mutant is a copy of one source file, made when the build is configured, in which pieces of text are
# replaced; it fails if a text is not there any more. Mutants are built without assertions: what counts
# is what the kernel and the application see. Each is a program nt_mutant_NAME and a test nt_finds_NAME.
foreach(file IN LISTS afd_files)
  tofu_add_objects(tf_bare_${file} "${afd_folder}/${file}")
  target_include_directories(tf_bare_${file} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_options(tf_bare_${file} PRIVATE -UTF_ASSERTIONS ${atomic_steps})
endforeach()

# nt_mutant(name file from to... [CASE test case]): replaces each `from` by its `to`. With CASE it is this case of
# this test that has to fail; else a schedule finds the mistake, of as many as it takes.
function(nt_mutant name file)
  set_property(
    DIRECTORY
    APPEND
    PROPERTY CMAKE_CONFIGURE_DEPENDS "${afd_folder}/${file}")
  file(READ "${afd_folder}/${file}" text)
  # By their numbers, because a list would be split at the semicolons.
  math(EXPR last "${ARGC} - 1")
  math(EXPR word "${ARGC} - 3")
  set(test)
  if("${ARGV${word}}" STREQUAL "CASE")
    math(EXPR first "${ARGC} - 2")
    set(test ${ARGV${first}})
    set(case ${ARGV${last}})
    math(EXPR last "${ARGC} - 4")
  endif()
  foreach(i RANGE 2 ${last} 2)
    math(EXPR next "${i} + 1")
    set(from "${ARGV${i}}")
    string(FIND "${text}" "${from}" place)
    if(place EQUAL -1)
      message(FATAL_ERROR "nt_mutant ${name}: ${file} has no such text: ${from}")
    endif()
    string(REPLACE "${from}" "${ARGV${next}}" text "${text}")
  endforeach()
  set(mutant "${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}/${file}")
  file(CONFIGURE OUTPUT "${mutant}" CONTENT "${text}" @ONLY)

  set(others "${afd_files}")
  list(REMOVE_ITEM others "${file}")
  list(TRANSFORM others PREPEND tf_bare_)
  add_executable(nt_mutant_${name} "${mutant}")
  target_compile_options(nt_mutant_${name} PRIVATE -UTF_ASSERTIONS ${atomic_steps})
  target_link_libraries(nt_mutant_${name} PRIVATE ${others} tf_nt tf_internal)
  if(test)
    target_sources(nt_mutant_${name} PRIVATE ${test}.c trouble.c)
    target_link_libraries(nt_mutant_${name} PRIVATE PkgConfig::CMOCKA)
    target_link_options(nt_mutant_${name} PRIVATE LINKER:--wrap=tf_nt_open)
    add_test(NAME nt_finds_${name} COMMAND nt_mutant_${name})
    # What a case leaves behind when it fails makes an error of it; and a sanitizer's word is the last.
    set(in_words "(FAILED|ERROR) +. ${case}\n")
    set(by_asan "RUN +. ${case}\n[ =0-9\n]*ERROR: AddressSanitizer")
    set(by_ubsan "RUN +. ${case}\n[^\n]*: runtime error:")
    set_tests_properties(nt_finds_${name} PROPERTIES PASS_REGULAR_EXPRESSION
                                                     "${in_words};${by_asan};${by_ubsan}")
  else()
    target_link_libraries(nt_mutant_${name} PRIVATE nt_schedule nt_schedule_main)
    add_test(NAME nt_finds_${name} COMMAND nt_mutant_${name} --count 20000 --must-fail)
  endif()
  set_tests_properties(nt_finds_${name} PROPERTIES LABELS nt TIMEOUT 600)
endfunction()

# Memory.
nt_mutant(
  a_block_freed_at_forget
  afd_op.c
  "        cancel(op, nt);
    }
    return false;"
  "        cancel(op, nt);
    }
    op->state = TF_AFD_IDLE;
    return true;")
nt_mutant(
  slabs_freed_at_close
  poller_afd.c
  "while (state->request_count > 0 && remaining_ns > 0"
  "while (false && remaining_ns > 0"
  "tf_afd_blocks_close(&state->blocks, state->request_count == 0)"
  "tf_afd_blocks_close(&state->blocks, true)")
nt_mutant(
  a_zombie_that_is_never_freed
  poller_afd.c
  "    if (op->is_zombie) {
        free_block(state, op);"
  "    if (op->is_zombie) {")
nt_mutant(
  a_block_used_again_while_cancelling
  afd_op.c
  "case TF_AFD_CANCELLING:
        return TF_NT_SUCCESS;"
  "case TF_AFD_CANCELLING:
        return arm(op, nt, target);")
nt_mutant(
  a_request_left_to_the_end_of_its_socket
  afd_op.c
  "    if (op->state == TF_AFD_PENDING) {
        cancel(op, nt);
    }
    return false;"
  "    return false;")
nt_mutant(
  a_block_whose_packets_are_any_socket_s
  afd_op.c
  "op->generation++;"
  "")
nt_mutant(
  a_zombie_of_any_socket_taken_back
  poller_afd.c
  "op->is_zombie && op->base == base ? op : NULL"
  "op->is_zombie ? op : NULL"
  CASE
  poller_nt_life_test
  a_zombie_of_another_socket_is_not_taken_back)
nt_mutant(
  a_table_that_forgets_a_slab_when_it_grows
  afd_blocks.c
  "memcpy(slabs, blocks->slabs, blocks->slab_count * sizeof(*slabs));"
  "memcpy(slabs, blocks->slabs, (blocks->slab_count - 1) * sizeof(*slabs));"
  CASE
  poller_nt_life_test
  blocks_stay_where_they_are_when_the_table_grows)
nt_mutant(
  slabs_that_move_when_the_table_grows
  afd_blocks.c
  "    tf_free(blocks->allocator, blocks->slabs, blocks->slab_capacity * sizeof(*slabs));
    blocks->slabs = slabs;"
  "    for (uint32_t i = 0; i < blocks->slab_count; i++) {
        struct tf_afd_slab *moved = tf_alloc_zeroed(blocks->allocator, sizeof *moved);
        *moved = *slabs[i];
        tf_list_init(&moved->blocks[0].link);
        tf_free(blocks->allocator, slabs[i], sizeof *slabs[i]);
        slabs[i] = moved;
    }
    tf_free(blocks->allocator, blocks->slabs, blocks->slab_capacity * sizeof(*slabs));
    blocks->slabs = slabs;"
  CASE
  poller_nt_life_test
  blocks_stay_where_they_are_when_the_table_grows)
nt_mutant(
  a_table_that_grows_without_its_memory
  afd_blocks.c
  "    if (slabs == NULL) {
        return false;
    }"
  "    if (slabs == NULL) {
        return true;
    }"
  CASE
  poller_nt_life_test
  the_table_grows_under_requests_that_are_armed)

# Cancelling.
nt_mutant(
  trust_in_a_cancel_that_says_done
  afd_op.c
  "(void)nt->NtCancelIoFileEx(op->base, &op->io_status, &ignored);
    op->state = TF_AFD_CANCELLING;"
  "tf_nt_status status = nt->NtCancelIoFileEx(op->base, &op->io_status, &ignored);
    op->state = status == TF_NT_SUCCESS ? TF_AFD_IDLE : TF_AFD_CANCELLING;")
nt_mutant(
  trust_in_a_cancel_that_says_not_found
  afd_op.c
  "(void)nt->NtCancelIoFileEx(op->base, &op->io_status, &ignored);
    op->state = TF_AFD_CANCELLING;"
  "tf_nt_status status = nt->NtCancelIoFileEx(op->base, &op->io_status, &ignored);
    op->state = status == TF_NT_NOT_FOUND ? TF_AFD_IDLE : TF_AFD_CANCELLING;")
nt_mutant(
  events_of_a_cancelled_poll
  afd_op.c
  "op->is_zombie || status != TF_NT_SUCCESS || op->poll.handle_count == 0"
  "op->is_zombie")
nt_mutant(
  events_of_a_poll_that_found_nothing
  afd_op.c
  " || op->poll.handle_count == 0"
  "")
nt_mutant(
  success_after_a_cancel_thrown_away
  afd_op.c
  "    op->state = TF_AFD_IDLE;
    op->armed = 0;
"
  "    bool was_cancelled = op->state == TF_AFD_CANCELLING;
    op->state = TF_AFD_IDLE;
    op->armed = 0;
    if (was_cancelled && !op->is_zombie) {
        op->reset_told = op->reset_told || (op->poll.handles[0].events & TF_AFD_ABORT) != 0;
        return 0;
    }
")

nt_mutant(
  a_cancel_for_every_change
  afd_op.c
  "if ((target & ~op->armed) != 0) {"
  "if (target != op->armed) {"
  CASE
  poller_nt_life_test
  only_a_wider_interest_cancels_and_only_once)
nt_mutant(
  a_cancel_for_less
  afd_op.c
  "if ((target & ~op->armed) != 0) {"
  "if (target != op->armed) {")

# One request per socket.
nt_mutant(
  a_second_request_for_another_interest
  poller_afd.c
  "    if (is_new || watch->interest != interest) {"
  "    if (op->state == TF_AFD_PENDING && watch->interest != interest) {
        struct tf_afd_op *second = tf_afd_blocks_get(&state->blocks);
        tf_list_remove(&op->link);
        op->watch = NULL;
        op->is_zombie = true;
        tf_afd_op_begin(second, watch, op->base);
        watch->slot = second->index + 1;
        op = second;
    }
    if (is_new || watch->interest != interest) {")
nt_mutant(
  a_second_request_after_forget
  poller_afd.c
  "had_port ? zombie_of(state, watch, base) : NULL"
  "false ? zombie_of(state, watch, base) : NULL")

# Readiness.
nt_mutant(
  a_packet_that_makes_nothing_dirty
  poller_afd.c
  "    make_dirty(state, op);
    if (ready != 0) {"
  "    if (ready != 0) {")
nt_mutant(
  a_new_interest_that_needs_no_cancel
  afd_op.c
  "if ((target & ~op->armed) != 0) {"
  "if (false) {")
nt_mutant(
  receive_without_the_end
  afd_op.c
  "target |= TF_AFD_RECEIVE | TF_AFD_DISCONNECT | TF_AFD_ACCEPT"
  "target |= TF_AFD_RECEIVE | TF_AFD_ACCEPT")
nt_mutant(
  send_without_refusal
  afd_op.c
  "target |= TF_AFD_SEND | TF_AFD_CONNECT_FAIL"
  "target |= TF_AFD_SEND")
nt_mutant(
  a_reset_that_is_not_asked_for
  afd_op.c
  "return op->reset_told ? 0 : TF_AFD_ABORT;"
  "return 0;")
nt_mutant(
  a_reset_told_for_ever
  afd_op.c
  "op->reset_told = was_reset_told || (events & TF_AFD_ABORT) != 0;"
  "op->reset_told = was_reset_told;")
nt_mutant(
  a_reset_that_an_earlier_socket_was_told
  afd_op.c
  "    op->is_refused = false;
    op->reset_told = false;
"
  "    op->is_refused = false;
"
  CASE
  poller_nt_life_test
  who_takes_over_a_block_hears_of_its_own_reset)
nt_mutant(
  a_reset_that_an_earlier_watch_was_told
  afd_op.c
  "    op->is_zombie = false;
    op->watch = watch;
    op->reset_told = false;
"
  "    op->is_zombie = false;
    op->watch = watch;
"
  CASE
  poller_nt_life_test
  who_takes_back_a_request_hears_of_the_reset_anew)
nt_mutant(
  a_handle_closed_by_others_without_a_word
  afd_op.c
  "(events & (TF_AFD_ABORT | TF_AFD_LOCAL_CLOSE)) != 0"
  "(events & TF_AFD_ABORT) != 0"
  CASE
  poller_nt_life_test
  a_socket_that_somebody_else_closed_is_told)
nt_mutant(
  an_end_that_stays_told
  afd_op.c
  "if ((interest & TF_POLL_READ) != 0) {"
  "if ((interest & TF_POLL_READ) != 0 && (op->poll.handles[0].events & TF_AFD_DISCONNECT) == 0) {")
nt_mutant(
  a_refused_request_that_is_forgotten
  poller_afd.c
  "tf_list_append_all(&state->dirty, &state->refused);"
  "tf_list_init(&state->refused);")
nt_mutant(
  events_without_interest
  afd_op.c
  "ready |= interest & TF_POLL_READ;"
  "ready |= TF_POLL_READ;")

# Requests that fail for good.
nt_mutant(
  a_failure_that_rests
  poller_afd.c
  "op->failure = tf_nt_is_shortage(status) ? TF_NT_SUCCESS : status;"
  "op->failure = TF_NT_SUCCESS;")
nt_mutant(
  a_shortage_that_is_for_good
  poller_afd.c
  "op->failure = tf_nt_is_shortage(status) ? TF_NT_SUCCESS : status;"
  "op->failure = status;")
nt_mutant(
  a_failure_that_nobody_hears
  poller_afd.c
  "            gather(found, op->watch, TF_POLL_FAILED);
            continue;"
  "            continue;")
nt_mutant(
  a_failure_told_for_ever
  poller_afd.c
  "            gather(found, op->watch, TF_POLL_FAILED);
            continue;"
  "            gather(found, op->watch, TF_POLL_FAILED);
            tf_list_append(&state->untold, link);
            continue;")
nt_mutant(
  an_interest_in_a_socket_that_failed
  poller_afd.c
  "    if (op->failure != TF_NT_SUCCESS) {
        describe_failure"
  "    if (op->failure == TF_NT_PENDING) {
        describe_failure")
nt_mutant(
  a_failure_handed_on_with_the_block
  afd_op.c
  "    op->reset_told = false;
    op->failure = TF_NT_SUCCESS;
"
  "    op->reset_told = false;
"
  CASE
  poller_nt_failure_test
  a_block_does_not_hand_on_a_failure)

# Waits and wakes.
nt_mutant(
  trust_in_the_count_of_a_timeout
  poller_afd.c
  "*count_out = status == TF_NT_SUCCESS ? count : 0;"
  "*count_out = count;")
nt_mutant(
  a_timeout_that_is_a_failure
  poller_afd.c
  "status != TF_NT_TIMEOUT && status != TF_NT_USER_APC"
  "status != TF_NT_USER_APC")
nt_mutant(
  a_wait_that_trusts_the_timeout
  poller_afd.c
  "(packet_count > 0 || remaining_ns > 0)"
  "packet_count > 0")
nt_mutant(
  a_timeout_rounded_down
  poller_afd.c
  "timeout_ns / TF_NT_TICK_NS + (timeout_ns % TF_NT_TICK_NS != 0 ? 1 : 0)"
  "timeout_ns / TF_NT_TICK_NS")
nt_mutant(
  a_wake_flag_cleared_first
  poller_afd.c
  "    do {
        reconcile(state);"
  "    do {
        (void)atomic_exchange(&state->is_waking, false);
        reconcile(state);"
  "    if (found.is_woken) {
        (void)atomic_exchange_explicit(&state->is_waking, false, memory_order_acq_rel);
    }"
  "")
nt_mutant(
  a_wake_flag_never_cleared
  poller_afd.c
  "    if (found.is_woken) {
        (void)atomic_exchange_explicit(&state->is_waking, false, memory_order_acq_rel);
    }"
  "")
nt_mutant(
  a_wake_that_is_tried_once
  poller_afd.c
  "i < TF_WAKE_ATTEMPTS_MAX"
  "i < 1")
nt_mutant(
  a_refused_wake_that_is_forgotten
  poller_afd.c
  "    (void)atomic_exchange_explicit(&state->is_wake_owed, true, memory_order_acq_rel);
"
  "")
nt_mutant(
  a_refused_wake_that_is_owed_for_ever
  poller_afd.c
  "atomic_exchange_explicit(&state->is_wake_owed, false, memory_order_acq_rel)"
  "true")
nt_mutant(
  a_sleep_that_no_refused_wake_ends
  poller_afd.c
  "shorter(remaining_ns, TF_AFD_SLEEP_MAX)"
  "remaining_ns")
nt_mutant(
  a_wake_flag_set_after_the_packet
  poller_afd.c
  "    if (atomic_exchange_explicit(&state->is_waking, true, memory_order_acq_rel)) {
        return;"
  "    if (atomic_load_explicit(&state->is_waking, memory_order_acquire)) {
        return;"
  "        if (status == TF_NT_SUCCESS) {
            return;"
  "        if (status == TF_NT_SUCCESS) {
            (void)atomic_exchange_explicit(&state->is_waking, true, memory_order_acq_rel);
            return;")
nt_mutant(
  a_wake_flag_that_is_not_taken_in_one_step
  poller_afd.c
  "    if (atomic_exchange_explicit(&state->is_waking, true, memory_order_acq_rel)) {
        return;
    }"
  "    if (atomic_load_explicit(&state->is_waking, memory_order_acquire)) {
        return;
    }
    atomic_store_explicit(&state->is_waking, true, memory_order_release);")
nt_mutant(
  a_wake_owed_before_the_flag_is_clear
  poller_afd.c
  "    (void)atomic_exchange_explicit(&state->is_waking, false, memory_order_acq_rel);
    (void)atomic_exchange_explicit(&state->is_wake_owed, true, memory_order_acq_rel);"
  "    (void)atomic_exchange_explicit(&state->is_wake_owed, true, memory_order_acq_rel);
    (void)atomic_exchange_explicit(&state->is_waking, false, memory_order_acq_rel);")

# What is bounded.
nt_mutant(
  a_rest_that_every_refusal_prolongs
  poller_afd.c
  "        if (tf_list_is_empty(&state->refused)) {
            state->rest_ends_ns"
  "        if (true) {
            state->rest_ends_ns"
  CASE
  poller_nt_refusal_test
  a_rest_is_not_prolonged_by_those_refused_later)
nt_mutant(
  a_block_that_a_refused_watch_keeps
  poller_afd.c
  "        tf_afd_blocks_put(&state->blocks, op);
        return TOFU_NOTIFICATION_FAILED;"
  "        return TOFU_NOTIFICATION_FAILED;"
  CASE
  poller_nt_refusal_test
  refused_watches_keep_no_memory)
nt_mutant(
  a_wait_for_many_or_none
  poller_afd.c
  "    if (tf_nt_is_shortage(status)) {
        status = fetch_once"
  "    if (false) {
        status = fetch_once"
  CASE
  poller_nt_refusal_test
  a_wait_for_many_packets_that_is_refused_is_made_for_one)
nt_mutant(
  a_warning_that_is_a_refusal
  afd_op.c
  "    if (!tf_nt_is_refusal(status)) {"
  "    if (status == TF_NT_SUCCESS || status == TF_NT_PENDING) {"
  CASE
  poller_nt_failure_test
  a_request_that_is_taken_with_a_warning_has_its_packet)
foreach(bits IN ITEMS 8 16)
  math(EXPR generations "(1 << ${bits}) - 1")
  nt_mutant(
    a_generation_of_${bits}_bits
    afd_op.c
    "return (uint64_t)op->generation << 32"
    "return (uint64_t)(op->generation & ${generations}) << 32"
    CASE
    poller_nt_life_test
    no_packet_of_an_earlier_life_is_a_later_one_s)
endforeach()
nt_mutant(
  a_refused_connection_without_an_error
  afd_op.c
  "        ready |= TF_POLL_ERROR;
    }
    if ((events & (TF_AFD_ABORT"
  "    }
    if ((events & (TF_AFD_ABORT"
  CASE
  poller_nt_life_test
  a_refused_connection_is_an_error)
nt_mutant(
  a_refused_connection_without_an_error_in_a_schedule
  afd_op.c
  "        ready |= TF_POLL_ERROR;
    }
    if ((events & (TF_AFD_ABORT"
  "    }
    if ((events & (TF_AFD_ABORT")
