// SPDX-License-Identifier: MIT
// Commands are run once each, in their order, and their issuers hear of it.
#include "unit/expect.h"

#include "engine/commands.h"
#include "os/park.h"
#include "unit/workers.h"

static struct tf_command_queue queue;

static int set_up(void **state)
{
    (void)state;
    return tf_commands_open(&queue) == TOFU_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    tf_commands_close(&queue);
    return 0;
}

static struct tf_command *take_first(struct tf_list *taken)
{
    struct tf_list *link = tf_list_take_first(taken);
    return link == NULL ? NULL : TF_CONTAINER_OF(link, struct tf_command, link);
}

static void an_empty_queue_gives_nothing(void **state)
{
    (void)state;
    struct tf_list taken;
    tf_list_init(&taken);

    tf_commands_take(&queue, &taken);

    assert_false(queue.has_commands);
    assert_true(tf_list_is_empty(&taken));
}

static void commands_are_taken_in_the_order_they_were_added(void **state)
{
    (void)state;
    struct tf_list taken;
    tf_list_init(&taken);
    struct tf_command commands[3] = {
        {.kind = TF_COMMAND_DESTROY_GROUP},
        {.kind = TF_COMMAND_SHUTDOWN},
        {.kind = TF_COMMAND_STOP},
    };
    for (int i = 0; i < 3; i++) {
        tf_commands_add(&queue, &commands[i]);
        assert_true(queue.has_commands);
    }

    tf_commands_take(&queue, &taken);

    assert_false(queue.has_commands);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(take_first(&taken), &commands[i]);
    }
    assert_null(take_first(&taken));
}

static void a_command_is_taken_once(void **state)
{
    (void)state;
    struct tf_list taken;
    tf_list_init(&taken);
    struct tf_command command = {.kind = TF_COMMAND_ABORT};
    tf_commands_add(&queue, &command);
    tf_commands_take(&queue, &taken);
    assert_ptr_equal(take_first(&taken), &command);

    tf_commands_take(&queue, &taken);

    assert_true(tf_list_is_empty(&taken));
}

static void a_command_is_not_done_until_it_is_finished(void **state)
{
    (void)state;
    struct tf_list taken;
    tf_list_init(&taken);
    struct tf_command command = {.kind = TF_COMMAND_ABORT};
    tf_commands_add(&queue, &command);

    assert_false(tf_command_wait(&command, tf_clock_now()));
    tf_commands_take(&queue, &taken);
    assert_false(tf_command_wait(&command, tf_clock_now() + TF_MILLISECOND));
    tf_command_finish(take_first(&taken));

    assert_true(tf_command_wait(&command, 0));
    assert_true(tf_command_wait(&command, TF_NEVER));
}

static void a_command_can_be_issued_again(void **state)
{
    (void)state;
    struct tf_list taken;
    tf_list_init(&taken);
    struct tf_command command = {.kind = TF_COMMAND_DESTROY_GROUP};
    for (int i = 0; i < 2; i++) {
        tf_commands_add(&queue, &command);
        assert_false(tf_command_wait(&command, 0));
        tf_commands_take(&queue, &taken);

        tf_command_finish(take_first(&taken));

        assert_true(tf_command_wait(&command, 0));
    }
}

#define ISSUER_COUNT  3
#define COMMAND_COUNT 3000

struct issuer {
    struct tf_thread thread;
    struct tofu_group *group; ///< stands for the issuer
    int issued;
    bool was_answered;
};

struct server {
    struct tf_thread thread;
    _Atomic uint32_t must_end;
    uint32_t run_count[ISSUER_COUNT];
    uint64_t deadline_ns;
};

// Only the addresses matter: a command says which issuer it comes from.
static char issuer_marks[ISSUER_COUNT];

// The command lives on this stack and is gone when the wait returns: address sanitizers see a finish
// that comes too late.
static bool issue(void *context)
{
    struct issuer *own = context;
    struct tf_command command = {.kind = TF_COMMAND_DESTROY_GROUP, .group = own->group};
    tf_commands_add(&queue, &command);
    own->was_answered = tf_command_wait(&command, patience_end());
    own->issued++;
    return own->was_answered && own->issued < COMMAND_COUNT;
}

static bool serve(void *context)
{
    struct server *own = context;
    struct tf_list taken;
    tf_list_init(&taken);
    tf_commands_take(&queue, &taken);
    for (struct tf_command *command = take_first(&taken); command != NULL;
         command = take_first(&taken)) {
        own->run_count[(char *)command->group - issuer_marks]++;
        tf_command_finish(command);
    }
    return atomic_load(&own->must_end) == 0 && go_on_until(own->deadline_ns);
}

static void every_racing_command_is_run_once_and_its_issuer_wakes(void **state)
{
    (void)state;
    struct server server = {.deadline_ns = patience_end()};
    struct issuer issuers[ISSUER_COUNT] = {0};
    worker_start(&server.thread, serve, &server);
    for (int i = 0; i < ISSUER_COUNT; i++) {
        issuers[i].group = (struct tofu_group *)(void *)&issuer_marks[i];
        worker_start(&issuers[i].thread, issue, &issuers[i]);
    }

    for (int i = 0; i < ISSUER_COUNT; i++) {
        tf_thread_join(&issuers[i].thread);
        assert_true(issuers[i].was_answered);
    }
    atomic_store(&server.must_end, 1);
    tf_thread_join(&server.thread);

    for (int i = 0; i < ISSUER_COUNT; i++) {
        assert_int_equal(server.run_count[i], COMMAND_COUNT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_queue_gives_nothing),
        TEST(commands_are_taken_in_the_order_they_were_added),
        TEST(a_command_is_taken_once),
        TEST(a_command_is_not_done_until_it_is_finished),
        TEST(a_command_can_be_issued_again),
        TEST(every_racing_command_is_run_once_and_its_issuer_wakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
