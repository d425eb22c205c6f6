// SPDX-License-Identifier: MIT
// Who is inside, and that the closer waits for them.
#include "unit/expect.h"

#include "engine/gate.h"
#include "unit/workers.h"

static void an_open_gate_lets_calls_in_and_out(void **state)
{
    (void)state;
    struct tf_gate gate = {0};

    assert_false(tf_gate_is_closed(&gate));
    assert_true(tf_gate_enter(&gate));
    assert_true(tf_gate_enter(&gate));
    tf_gate_leave(&gate);
    tf_gate_leave(&gate);

    assert_true(tf_gate_close(&gate));
    tf_gate_drain(&gate);
}

static void a_closed_gate_lets_nobody_in(void **state)
{
    (void)state;
    struct tf_gate gate = {0};

    assert_true(tf_gate_close(&gate));

    assert_true(tf_gate_is_closed(&gate));
    assert_false(tf_gate_enter(&gate));
}

// A refused call must not be counted, or draining would wait for it for ever.
static void a_refused_call_is_not_inside(void **state)
{
    (void)state;
    struct tf_gate gate = {0};
    tf_gate_close(&gate);

    for (int i = 0; i < 1000; i++) {
        assert_false(tf_gate_enter(&gate));
    }

    tf_gate_drain(&gate);
}

static void only_the_first_closer_closes(void **state)
{
    (void)state;
    struct tf_gate gate = {0};

    assert_true(tf_gate_close(&gate));
    assert_false(tf_gate_close(&gate));
}

static void closing_does_not_put_out_who_is_inside(void **state)
{
    (void)state;
    struct tf_gate gate = {0};
    assert_true(tf_gate_enter(&gate));

    assert_true(tf_gate_close(&gate));

    assert_false(tf_gate_enter(&gate));
    tf_gate_leave(&gate);
    tf_gate_drain(&gate);
}

// For what must be done while the closer still waits.
static void who_enters_late_is_inside_for_the_closer_too(void **state)
{
    (void)state;
    struct tf_gate gate = {0};
    assert_true(tf_gate_enter(&gate));
    assert_true(tf_gate_close(&gate));

    tf_gate_enter_late(&gate);

    assert_true(tf_gate_is_closed(&gate));
    tf_gate_leave(&gate);
    assert_int_not_equal(gate.word, TF_GATE_CLOSED); // One is still inside.
    tf_gate_leave(&gate);
    tf_gate_drain(&gate);
}

static void a_reopened_gate_lets_calls_in_again(void **state)
{
    (void)state;
    struct tf_gate gate = {0};
    tf_gate_close(&gate);
    tf_gate_drain(&gate);

    tf_gate_reopen(&gate);

    assert_false(tf_gate_is_closed(&gate));
    assert_true(tf_gate_enter(&gate));
    tf_gate_leave(&gate);
    assert_true(tf_gate_close(&gate));
    tf_gate_drain(&gate);
}

// A stale handle's call may be between its two steps just then; its step out must not be lost, or the gate
// would count it for ever.
static void a_late_call_that_steps_out_of_a_reopened_gate_leaves_it_empty(void **state)
{
    (void)state;
    struct tf_gate gate = {0};
    tf_gate_close(&gate);
    atomic_fetch_add(&gate.word, TF_GATE_CALL); // Half of a tf_gate_enter().

    tf_gate_reopen(&gate);
    tf_gate_leave(&gate);

    assert_true(tf_gate_enter(&gate));
    tf_gate_leave(&gate);
    assert_true(tf_gate_close(&gate));
    tf_gate_drain(&gate);
}

// An object as the gate guards it: what is behind it may be used only from inside.
#define CALLER_COUNT 3
#define LIFE_COUNT   1000

struct guarded {
    struct tf_gate gate;
    uint64_t calls[CALLER_COUNT]; ///< written from inside, each by its caller
    bool is_freed;                ///< written behind the drained gate
};

static struct guarded lives[LIFE_COUNT];
static _Atomic uint32_t present_life;
static _Atomic uint32_t trespass_count;

struct caller {
    struct tf_thread thread;
    uint32_t index;
    uint64_t calls;
};

static bool call_again(void *context)
{
    struct caller *caller = context;
    uint32_t life = atomic_load(&present_life);
    if (life == LIFE_COUNT) {
        return false;
    }
    struct guarded *object = &lives[life];
    if (tf_gate_enter(&object->gate)) {
        atomic_fetch_add(&trespass_count, object->is_freed ? 1 : 0);
        object->calls[caller->index]++;
        caller->calls++;
        tf_gate_leave(&object->gate);
    } else {
        machine_yield(); // The closer has work to do.
    }
    return true;
}

// What a caller wrote inside must be there for the closer, and the closer's end must be behind it: the
// plain fields also let a thread sanitizer see whether that order is real.
static void closing_waits_for_all_who_entered_and_nobody_comes_after(void **state)
{
    (void)state;
    struct caller callers[CALLER_COUNT] = {0};
    for (uint32_t i = 0; i < CALLER_COUNT; i++) {
        callers[i].index = i;
        worker_start(&callers[i].thread, call_again, &callers[i]);
    }
    uint64_t seen[CALLER_COUNT] = {0};

    for (uint32_t life = 0; life < LIFE_COUNT; life++) {
        if (life % 8 == 0) {
            machine_yield();
        }
        tf_gate_close(&lives[life].gate);
        tf_gate_drain(&lives[life].gate);
        lives[life].is_freed = true;
        for (uint32_t i = 0; i < CALLER_COUNT; i++) {
            seen[i] += lives[life].calls[i];
        }
        atomic_store(&present_life, life + 1);
    }

    for (uint32_t i = 0; i < CALLER_COUNT; i++) {
        tf_thread_join(&callers[i].thread);
        assert_true(callers[i].calls == seen[i]);
    }
    assert_int_equal(trespass_count, 0);
}

struct knocker {
    struct tf_thread thread;
    struct tf_gate *gate;
    _Atomic uint32_t must_end;
};

static bool knock(void *context)
{
    struct knocker *own = context;
    if (tf_gate_enter(own->gate)) {
        tf_gate_leave(own->gate);
    } else {
        machine_yield();
    }
    return atomic_load(&own->must_end) == 0;
}

// The same gate again and again, as of a group whose memory is used again, with calls that know nothing
// of it: a count that were wrong once would let the closer wait for ever.
static void a_gate_can_be_closed_and_reopened_while_calls_come_and_go(void **state)
{
    (void)state;
    struct tf_gate gate = {0};
    struct knocker knockers[2] = {{.gate = &gate}, {.gate = &gate}};
    worker_start(&knockers[0].thread, knock, &knockers[0]);
    worker_start(&knockers[1].thread, knock, &knockers[1]);

    for (int round = 0; round < 2000; round++) {
        tf_gate_close(&gate);
        tf_gate_drain(&gate);
        tf_gate_reopen(&gate);
    }

    for (int i = 0; i < 2; i++) {
        atomic_store(&knockers[i].must_end, 1);
        tf_thread_join(&knockers[i].thread);
    }
    assert_int_equal(gate.word, 0);
}

struct visit {
    struct tf_thread thread;
    struct tf_gate gate;
    _Atomic uint32_t is_inside;
    _Atomic uint32_t may_leave;
    bool was_patient;
};

static bool visit(void *context)
{
    struct visit *own = context;
    bool entered = tf_gate_enter(&own->gate);
    atomic_store(&own->is_inside, 1);
    own->was_patient = entered && word_becomes(&own->may_leave, 1);
    tf_gate_leave(&own->gate);
    return false;
}

static bool let_leave(void *context)
{
    struct visit *own = context;
    // Most of the time the closer is parked by now; it is right whether it is or not.
    for (int i = 0; i < 50; i++) {
        machine_yield();
    }
    atomic_store(&own->may_leave, 1);
    return false;
}

static void the_last_one_out_wakes_the_closer(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct visit own = {0};
        struct tf_thread helper = {0};
        worker_start(&own.thread, visit, &own);
        assert_true(word_becomes(&own.is_inside, 1));
        assert_true(tf_gate_close(&own.gate));
        worker_start(&helper, let_leave, &own);

        tf_gate_drain(&own.gate);

        assert_int_equal(own.may_leave, 1);
        tf_thread_join(&own.thread);
        tf_thread_join(&helper);
        assert_true(own.was_patient);
    }
}

struct closer {
    struct tf_thread thread;
    struct tf_gate *gate;
    bool was_first;
};

static bool close_gate(void *context)
{
    struct closer *own = context;
    own->was_first = tf_gate_close(own->gate);
    return false;
}

static void of_racing_closers_exactly_one_is_the_first(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct tf_gate gate = {0};
        struct closer closers[2] = {{.gate = &gate}, {.gate = &gate}};
        worker_start(&closers[0].thread, close_gate, &closers[0]);
        worker_start(&closers[1].thread, close_gate, &closers[1]);

        tf_thread_join(&closers[0].thread);
        tf_thread_join(&closers[1].thread);

        assert_true(closers[0].was_first != closers[1].was_first);
        assert_true(tf_gate_is_closed(&gate));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_gate_lets_calls_in_and_out),
        cmocka_unit_test(a_closed_gate_lets_nobody_in),
        cmocka_unit_test(a_refused_call_is_not_inside),
        cmocka_unit_test(only_the_first_closer_closes),
        cmocka_unit_test(closing_does_not_put_out_who_is_inside),
        cmocka_unit_test(who_enters_late_is_inside_for_the_closer_too),
        cmocka_unit_test(a_reopened_gate_lets_calls_in_again),
        cmocka_unit_test(a_late_call_that_steps_out_of_a_reopened_gate_leaves_it_empty),
        cmocka_unit_test(closing_waits_for_all_who_entered_and_nobody_comes_after),
        cmocka_unit_test(a_gate_can_be_closed_and_reopened_while_calls_come_and_go),
        cmocka_unit_test(the_last_one_out_wakes_the_closer),
        cmocka_unit_test(of_racing_closers_exactly_one_is_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
