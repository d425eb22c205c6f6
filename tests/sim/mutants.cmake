# SPDX-License-Identifier: MIT
# Negative controls for the named fault tests: the engine with one mistake each, which the test must find.
#
# sim_mutant(name SUBJECT subject [FOLDER folder] FILE file FROM text TO text FOUND regex): a copy of
# src/FOLDER/FILE (FOLDER: engine), made when the build is configured, in which FROM is replaced by TO, stands before
# the library's own in a program of SUBJECT_test, or, where SUBJECT is flows, in sim_flows, which then runs seeds
# until one fails. FOUND is what the test then prints. Where the text is no longer there, the test says so and fails.
function(sim_mutant name)
  cmake_parse_arguments(PARSE_ARGV 1 mutant "" "SUBJECT;FOLDER;FILE;FROM;TO;FOUND" "")
  if(NOT mutant_FOLDER)
    set(mutant_FOLDER engine)
  endif()
  set(source "${PROJECT_SOURCE_DIR}/src/${mutant_FOLDER}/${mutant_FILE}")
  set_property(
    DIRECTORY
    APPEND
    PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  file(READ "${source}" text)
  string(FIND "${text}" "${mutant_FROM}" place)
  if(place EQUAL -1)
    add_test(NAME sim_finds_${name} COMMAND "${CMAKE_COMMAND}" -E echo
                                            "${mutant_FILE} has no such text: ${mutant_FROM}")
  else()
    string(REPLACE "${mutant_FROM}" "${mutant_TO}" text "${text}")
    set(copy "${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}/${mutant_FILE}")
    file(
      CONFIGURE
      OUTPUT "${copy}"
      CONTENT "${text}"
      @ONLY)
    if(mutant_SUBJECT STREQUAL "flows")
      add_executable(sim_mutant_${name} "${copy}")
      target_link_libraries(sim_mutant_${name} PRIVATE sim_flow tf_simulated)
      set(arguments --count 2000)
    else()
      add_executable(sim_mutant_${name} "${copy}" ${mutant_SUBJECT}_test.c pair.c)
      target_link_libraries(sim_mutant_${name} PRIVATE tf_simulated PkgConfig::CMOCKA)
      set(arguments)
    endif()
    add_test(NAME sim_finds_${name} COMMAND sim_mutant_${name} ${arguments})
  endif()
  set_tests_properties(
    sim_finds_${name} PROPERTIES LABELS sim TIMEOUT 240 PASS_REGULAR_EXPRESSION "${mutant_FOUND}")
endfunction()

sim_mutant(
  a_socket_that_is_given_up_and_nobody_cares
  SUBJECT given_up_sim
  FILE reactor.c
  FROM "if ((event->ready & TF_POLL_FAILED) != 0) {"
  TO "if (event->ready == 0) {"
  FOUND "FAILED  . a_channel_ends_when_the_system")
sim_mutant(
  a_socket_that_rests_where_it_is_given_up
  SUBJECT given_up_sim
  FOLDER os/windows
  FILE poller_afd.c
  FROM "op->failure = tf_nt_is_shortage(status) ? TF_NT_SUCCESS : status;"
  TO "op->failure = TF_NT_SUCCESS;"
  FOUND "a poll is asked for again that was refused for good")
sim_mutant(
  a_frame_deadline_that_every_byte_puts_off
  SUBJECT pressure_sim
  FILE receive.c
  FROM "} else if (channel->frame_since_ns == 0) {"
  TO "} else {"
  FOUND "FAILED  . f7_a_dripping")
sim_mutant(
  a_farewell_to_a_full_socket_that_nobody_looks_at
  SUBJECT stall_sim
  FILE admit.c
  FROM "        tf_transfer_look_at_unsent(reactor, channel);
"
  TO ""
  FOUND "FAILED  . a_peer_that_reads_slowly")
sim_mutant(
  a_turn_that_takes_leave_of_all
  SUBJECT pressure_sim
  FILE reactor.c
  FROM "i < reactor->strangers_max && !tf_list_is_empty(&reactor->knocking)"
  TO "!tf_list_is_empty(&reactor->knocking)"
  FOUND "FAILED  . f6_a_crowd")
sim_mutant(
  too_much_patience_with_drips
  SUBJECT pressure_sim
  FILE starvation.c
  FROM "spared_ns) + PATIENCE_NS"
  TO "spared_ns) + 20 * PATIENCE_NS"
  FOUND "FAILED  . f7_drips_hold_half")
sim_mutant(
  looks_in_vain_that_do_not_slow_down
  SUBJECT pressure_sim
  FILE starvation.c
  FROM "reactor->look_pause_ns *= 2;"
  TO "reactor->look_pause_ns *= 1;"
  FOUND "FAILED  . f7_a_line_of_drips")
sim_mutant(
  a_shutdown_that_resets_before_it_reports
  SUBJECT shutdown_sim
  FILE shutdown.c
  FROM "channel, reason, NULL, TF_ENDING_ABANDON);
    }"
  TO "channel, reason, NULL, TF_ENDING_RESET);
    }"
  FOUND "FAILED  . however_long_resets")
sim_mutant(
  a_shutdown_that_waits_for_all_resets
  SUBJECT shutdown_sim
  FILE shutdown.c
  FROM "after_deadline(reactor, TF_SHUTDOWN_RESET_NS)"
  TO "after_deadline(reactor, UINT64_MAX)"
  FOUND "FAILED  . however_long_resets")
sim_mutant(
  a_shutdown_that_sleeps_beyond_its_deadline
  SUBJECT shutdown_sim
  FILE shutdown.c
  FROM "return waits_for_byes(reactor) ? reactor->shutdown->deadline_ns : UINT64_MAX;"
  TO "return UINT64_MAX;"
  FOUND "FAILED  . however_long_resets")
sim_mutant(
  a_shutdown_that_steps_all_who_answered
  SUBJECT shutdown_sim
  FILE shutdown.c
  FROM "after_deadline(reactor, TF_SHUTDOWN_TURN_NS)"
  TO "after_deadline(reactor, UINT64_MAX)"
  FOUND "FAILED  . answers_right_before")
sim_mutant(
  places_for_the_whole_budget
  SUBJECT pressure_sim
  FILE starvation.c
  FROM "reactor->pool->messages_max / 2;
    return"
  TO "reactor->pool->messages_max;
    return"
  FOUND "FAILED  . f7_drips_hold_half")
sim_mutant(
  silent_drips_that_go_one_by_one
  SUBJECT pressure_sim
  FILE starvation.c
  FROM "uint64_t spared_ns = silent_ns < reactor->judged_ns ? silent_ns : reactor->judged_ns;"
  TO "uint64_t spared_ns = reactor->judged_ns; (void)silent_ns;"
  FOUND "FAILED  . f7_drips_hold_half")
sim_mutant(
  a_line_with_the_fed_in_front
  SUBJECT pressure_sim
  FILE starvation.c
  FROM "tf_list_append_all(&now, &reactor->starved);
    tf_list_append_all(&reactor->starved, &now);"
  TO "tf_list_append_all(&reactor->starved, &now);"
  FOUND "FAILED  . f11_who_floods")
sim_mutant(
  a_line_whose_first_takes_all
  SUBJECT pressure_sim
  FILE starvation.c
  FROM "reactor->fed_share = share;"
  TO "reactor->fed_share = UINT64_MAX; (void)share;"
  FOUND "FAILED  . f11_those_in_line")
sim_mutant(
  a_receive_queue_without_rounds
  SUBJECT pressure_sim
  FILE notices.c
  FROM "message->flow = &slot->channel->closing_notice->own_flow;"
  TO "message->flow = NULL;"
  FOUND "FAILED  . f11_a_full_queue")
sim_mutant(
  a_group_that_goes_on_with_the_rounds_of_a_former_one
  SUBJECT sorting_sim
  FILE group.c
  FROM "    group->newest_round = 0;
"
  TO ""
  FOUND "FAILED  . a_new_group")
sim_mutant(
  a_queue_that_is_mixed_for_ever
  SUBJECT sorting_sim
  FILE notices.c
  FROM "        group->outbox_is_mixed = false;
"
  TO ""
  FOUND "FAILED  . a_queue_that_was_sorted")
sim_mutant(
  a_pusher_that_never_hears_of_the_round
  SUBJECT sorting_sim
  FILE notices.c
  FROM "group->outbox_round = tf_mailbox_round(&group->mailbox);"
  TO "group->outbox_round = 0;"
  FOUND "FAILED  . a_channel_that_comes_after")
sim_mutant(
  a_share_that_counts_as_mixed
  SUBJECT sorting_sim
  FILE notices.c
  FROM "if (round < group->newest_round) {"
  TO "if (round <= group->newest_round) {"
  FOUND "FAILED  . one_busy_channel")
sim_mutant(
  a_share_that_grows_with_the_budget
  SUBJECT pressure_sim
  FILE settings.c
  FROM "tf_rounds_share_shift(settings->pool_messages_max)"
  TO "(settings->pool_messages_max > 64 ? 20 : 0)"
  FOUND "FAILED  . f11_a_long_queue")
sim_mutant(
  a_group_that_ends_before_its_mail
  SUBJECT ending_sim
  FILE group.c
  FROM "    // What is sorted leans on the closing notices of channels, which go when these end.
    tf_group_drop_mail(group);"
  TO ""
  FOUND "seed [0-9]+: [0-9]+ bytes given back, [0-9]+ were asked for")
sim_mutant(
  a_receive_queue_that_is_not_sorted
  SUBJECT pressure_sim
  FILE notices.c
  FROM "group->outbox_is_mixed = true;"
  TO "group->outbox_is_mixed = false;"
  FOUND "FAILED  . f11_a_full_queue")
sim_mutant(
  a_listener_that_does_not_rest
  SUBJECT pressure_sim
  FILE listen.c
  FROM "reactor->now_ns + REST_NS"
  TO "reactor->now_ns + 1"
  FOUND "FAILED  . f12_without_descriptors")
sim_mutant(
  a_welcome_that_is_answered_before_the_watch
  SUBJECT refusal_sim
  FILE listen.c
  FROM "    if (!tf_reactor_watch(reactor, channel)) {"
  TO "    answer_welcome(reactor, channel);
    tf_reactor_touch(reactor, channel);
    if (channel->listener != NULL) {"
  FOUND "FAILED  . a_listener_that_cannot_be_watched")
sim_mutant(
  names_that_end_late
  SUBJECT resolver_sim
  FILE channel.c
  FROM "settings->connect_timeout_ns"
  TO "settings->connect_timeout_ns + 5000000"
  FOUND "FAILED  . a_name_that_is_never_answered")
sim_mutant(
  a_thread_that_spins_while_a_name_is_resolved
  SUBJECT resolver_sim
  FILE reactor.c
  FROM "return !tf_list_is_empty(&reactor->ready) ||"
  TO "return !tf_list_is_empty(&reactor->ready) || !tf_list_is_empty(&reactor->resolving) ||"
  FOUND "FAILED  . a_resolver_that_never_answers|the I/O thread spins")
sim_mutant(
  a_poller_that_fails_and_nobody_is_told
  SUBJECT ending_sim
  FILE reactor.c
  FROM "tf_shutdown_end_all(reactor, TOFU_NOTIFICATION_FAILED);"
  TO ""
  FOUND "FAILED  . f28_when_the_poller_fails")
sim_mutant(
  a_message_that_comes_back_changed
  SUBJECT loss_sim
  FILE notices.c
  FROM "    message->header.status = (uint8_t)status;
"
  TO "    message->header.status = (uint8_t)status;
    message->header.more = 0;
"
  FOUND "FAILED  . f14_a_reset_at_every_byte_sent")

# Shortages of the kernel under sim-afd, unseen by the engine but for one line each.
sim_mutant(
  a_socket_that_rests_for_ever
  SUBJECT flows
  FOLDER os/windows
  FILE poller_afd.c
  FROM "tf_list_append_all(&state->dirty, &state->refused);"
  TO ""
  FOUND "seed [0-9]+: the I/O thread spins")
sim_mutant(
  a_wake_up_that_nobody_owes
  SUBJECT flows
  FOLDER os/windows
  FILE poller_afd.c
  FROM "(void)atomic_exchange_explicit(&state->is_wake_owed, true, memory_order_acq_rel);"
  TO ""
  FOUND "seed [0-9]+: (stuck|no end)")
sim_mutant(
  a_refused_wake_up_that_silences_the_next
  SUBJECT flows
  FOLDER os/windows
  FILE poller_afd.c
  FROM "(void)atomic_exchange_explicit(&state->is_waking, false, memory_order_acq_rel);
    (void)atomic_exchange_explicit(&state->is_wake_owed, true, memory_order_acq_rel);"
  TO "(void)atomic_exchange_explicit(&state->is_wake_owed, true, memory_order_acq_rel);"
  FOUND "seed [0-9]+: ")
