// SPDX-License-Identifier: MIT
// Options: defaults, limits, and what is refused.
#include "unit/expect.h"

#include <stdlib.h>
#include <string.h>

#include "engine/settings.h"
#include "os/clock.h"
#include "support/machine.h"

// The environment wins over options; what the tests' own environment says must not matter.
static int set_up(void **state)
{
    (void)state;
    return machine_set_variable("TOFU_POLLER", NULL) ? 0 : -1;
}

static struct tf_settings read_good(const struct tofu_options *options)
{
    struct tf_settings settings;
    assert_status(TOFU_OK, tf_settings_read(options, &settings));
    return settings;
}

static void assert_refused(const struct tofu_options *options, enum tofu_status status)
{
    struct tf_settings settings;
    struct tf_settings before;
    memset(&settings, 0xa5, sizeof settings);
    memcpy(&before, &settings, sizeof before);

    assert_status(status, tf_settings_read(options, &settings));

    assert_memory_equal(&settings, &before, sizeof before);
}

static void assert_are_defaults(const struct tf_settings *settings)
{
    assert_ptr_equal(settings->poller, tf_pollers[0]);
    assert_int_equal(settings->part_limits.text_bytes_max, 65535);
    assert_int_equal(settings->part_limits.body_bytes_max, 65535);
    assert_int_equal(settings->pool_messages_initial, 16);
    assert_int_equal(settings->pool_messages_max, 64);
    assert_int_equal(settings->channels_max, 65534);
    assert_int_equal(settings->half_open_max, 1024);
    assert_int_equal(settings->send_queue_messages_max, 1024);
    assert_int_equal(settings->send_queue_bytes_max, 8 * 1024 * 1024);
    assert_int_equal(settings->update_messages_max, 65536);
    assert_int_equal(settings->connect_timeout_ns, 10 * TF_SECOND);
    assert_int_equal(settings->hello_timeout_ns, 10 * TF_SECOND);
    assert_int_equal(settings->frame_timeout_ns, 30 * TF_SECOND);
    assert_int_equal(settings->close_timeout_ns, 5 * TF_SECOND);
    assert_int_equal(settings->turn_bytes_max, 256 * 1024);
    assert_int_equal(settings->uds_mode, 0600);
    assert_false(settings->keep_alive);
    assert_string_equal(settings->thread_name, "tofu");
}

static void no_options_mean_the_documented_defaults(void **state)
{
    (void)state;

    struct tf_settings settings = read_good(NULL);

    assert_are_defaults(&settings);
}

static void zero_options_mean_the_documented_defaults(void **state)
{
    (void)state;
    struct tofu_options options = {0};

    struct tf_settings settings = read_good(&options);

    assert_are_defaults(&settings);
}

static void this_versions_size_is_good_and_any_other_is_not(void **state)
{
    (void)state;
    const size_t others[] = {
        1, sizeof(struct tofu_options) - 8, sizeof(struct tofu_options) + 8, SIZE_MAX};
    struct tofu_options options = {.struct_size = sizeof options};

    struct tf_settings settings = read_good(&options);

    assert_are_defaults(&settings);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        options.struct_size = others[i];
        assert_refused(&options, TOFU_NOT_IMPLEMENTED_YET);
    }
}

// A field of the options that is taken as it is, beside its copy.
struct copied {
    size_t option;
    size_t setting;
};

#define COPIED(name)                                                                               \
    {                                                                                              \
        offsetof(struct tofu_options, name), offsetof(struct tf_settings, name)                    \
    }

static const struct copied copied[] = {
    COPIED(pool_messages_max),
    COPIED(channels_max),
    COPIED(half_open_max),
    COPIED(send_queue_messages_max),
    COPIED(send_queue_bytes_max),
    COPIED(update_messages_max),
    COPIED(connect_timeout_ns),
    COPIED(hello_timeout_ns),
    COPIED(frame_timeout_ns),
    COPIED(close_timeout_ns),
    COPIED(turn_bytes_max),
};

static uint64_t setting_for(const struct copied *field, uint64_t value)
{
    struct tofu_options options = {0};
    memcpy((char *)&options + field->option, &value, sizeof value);
    struct tf_settings settings = read_good(&options);
    uint64_t setting = 0;
    memcpy(&setting, (const char *)&settings + field->setting, sizeof setting);
    return setting;
}

static void every_limit_and_timeout_can_be_set_down_to_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
        assert_int_equal(setting_for(&copied[i], 1), 1);
        assert_int_equal(setting_for(&copied[i], 12345), 12345);
    }
}

// What the wire, the numbers or a channel's load word cannot hold is no limit; the rest stays unlimited.
static void unlimited_means_as_much_as_there_can_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
        uint64_t wanted = TOFU_UNLIMITED;
        if (copied[i].option == offsetof(struct tofu_options, channels_max)) {
            wanted = TF_CHANNELS_MAX;
        }
        if (copied[i].option == offsetof(struct tofu_options, send_queue_messages_max)) {
            wanted = TF_QUEUED_MESSAGES_LIMIT;
        }
        if (copied[i].option == offsetof(struct tofu_options, turn_bytes_max)) {
            wanted = TF_TURN_BYTES_LIMIT;
        }
        assert_true_or(
            setting_for(&copied[i], TOFU_UNLIMITED) == wanted, "field %lu", (unsigned long)i);
    }
}

static void message_parts_are_limited_to_what_the_wire_can_say(void **state)
{
    (void)state;
    const uint64_t given[] = {1, 65534, 65535, 65536, TOFU_UNLIMITED};
    const uint16_t wanted[] = {1, 65534, 65535, 65535, 65535};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        struct tofu_options options = {.text_bytes_max = given[i], .body_bytes_max = given[i]};

        struct tf_settings settings = read_good(&options);

        assert_int_equal(settings.part_limits.text_bytes_max, wanted[i]);
        assert_int_equal(settings.part_limits.body_bytes_max, wanted[i]);
    }
}

static void the_two_message_parts_have_their_own_limits(void **state)
{
    (void)state;
    struct tofu_options options = {.text_bytes_max = 10, .body_bytes_max = 20};

    struct tf_settings settings = read_good(&options);

    assert_int_equal(settings.part_limits.text_bytes_max, 10);
    assert_int_equal(settings.part_limits.body_bytes_max, 20);
}

static void the_initial_messages_are_lowered_to_the_maximum(void **state)
{
    (void)state;
    struct tofu_options few = {.pool_messages_max = 3};
    struct tofu_options many = {.pool_messages_initial = 100};
    struct tofu_options endless = {.pool_messages_initial = TOFU_UNLIMITED};
    struct tofu_options both = {.pool_messages_initial = 100, .pool_messages_max = 200};

    assert_int_equal(read_good(&few).pool_messages_initial, 3);
    assert_int_equal(read_good(&many).pool_messages_initial, 64);
    assert_int_equal(read_good(&endless).pool_messages_initial, 64);
    assert_int_equal(read_good(&both).pool_messages_initial, 100);
    assert_int_equal(read_good(&both).pool_messages_max, 200);
}

// They are made at once: that many would only be a long way to "no memory".
static void more_initial_messages_than_a_machine_holds_are_refused(void **state)
{
    (void)state;
    struct tofu_options options = {
        .pool_messages_initial = (UINT64_C(1) << 24) + 1, .pool_messages_max = TOFU_UNLIMITED};

    assert_refused(&options, TOFU_NOT_ALLOWED);

    options.pool_messages_initial = TOFU_UNLIMITED;
    assert_refused(&options, TOFU_NOT_ALLOWED);
}

static void only_permission_bits_are_a_mode(void **state)
{
    (void)state;
    struct tofu_options options = {.uds_mode = 0777};
    assert_int_equal(read_good(&options).uds_mode, 0777);

    options.uds_mode = 01000;
    assert_refused(&options, TOFU_NOT_ALLOWED);

    options.uds_mode = TOFU_UNLIMITED;
    assert_refused(&options, TOFU_NOT_ALLOWED);
}

static void keep_alive_is_on_when_it_is_not_zero(void **state)
{
    (void)state;
    struct tofu_options options = {.keepalive = 7};

    assert_true(read_good(&options).keep_alive);
}

static void only_known_log_levels_are_taken(void **state)
{
    (void)state;
    struct tofu_options options = {.log_level = TOFU_LOG_DEBUG};
    (void)read_good(&options);

    options.log_level = (enum tofu_log_level)(TOFU_LOG_DEBUG + 1);

    assert_refused(&options, TOFU_NOT_ALLOWED);
}

static void *allocate(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

static void half_an_allocator_is_refused(void **state)
{
    (void)state;
    struct tofu_options options = {.allocator = {.allocate = allocate}};
    assert_refused(&options, TOFU_NOT_ALLOWED);

    options.allocator = (struct tofu_allocator){.release = release};
    assert_refused(&options, TOFU_NOT_ALLOWED);

    options.allocator.allocate = allocate;
    (void)read_good(&options);
}

// Nobody may believe that an option did something that this platform has not got.
static void an_option_of_another_platform_is_not_implemented(void **state)
{
    (void)state;
    for (size_t i = 0; tf_pollers[i] != NULL; i++) {
        struct tofu_options options = {.poller = tf_pollers[i]->name, .lsp_fallback = 1};
        if (tf_pollers[i]->has_lsp_fallback) {
            assert_true(read_good(&options).lsp_fallback);
        } else {
            assert_refused(&options, TOFU_NOT_IMPLEMENTED_YET);
        }
        assert_false(read_good(&(struct tofu_options){.poller = tf_pollers[i]->name}).lsp_fallback);
    }
}

static void every_poller_is_found_by_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; tf_pollers[i] != NULL; i++) {
        struct tofu_options options = {.poller = tf_pollers[i]->name};

        assert_ptr_equal(read_good(&options).poller, tf_pollers[i]);
    }
}

static void an_unknown_poller_is_refused(void **state)
{
    (void)state;
    struct tofu_options options = {.poller = "carrier pigeon"};
    assert_refused(&options, TOFU_NOT_ALLOWED);

    options.poller = "";
    assert_refused(&options, TOFU_NOT_ALLOWED);
}

static void the_environment_wins_over_the_option(void **state)
{
    (void)state;
    size_t last = 0;
    while (tf_pollers[last + 1] != NULL) {
        last++;
    }
    struct tofu_options options = {.poller = "carrier pigeon"};

    assert_true(machine_set_variable("TOFU_POLLER", tf_pollers[last]->name));
    assert_ptr_equal(read_good(&options).poller, tf_pollers[last]);
    assert_ptr_equal(read_good(NULL).poller, tf_pollers[last]);

    assert_true(machine_set_variable("TOFU_POLLER", "carrier pigeon"));
    assert_refused(NULL, TOFU_NOT_ALLOWED);
}

static void an_empty_environment_variable_says_nothing(void **state)
{
    (void)state;
    assert_true(machine_set_variable("TOFU_POLLER", ""));

    assert_ptr_equal(read_good(NULL).poller, tf_pollers[0]);
}

static void a_long_thread_name_is_cut(void **state)
{
    (void)state;
    struct tofu_options options = {.thread_name = "fifteen letters"};
    assert_string_equal(read_good(&options).thread_name, "fifteen letters");

    options.thread_name = "sixteen letters!";
    assert_string_equal(read_good(&options).thread_name, "sixteen letters");

    options.thread_name = "";
    assert_string_equal(read_good(&options).thread_name, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_options_mean_the_documented_defaults, set_up),
        cmocka_unit_test_setup(zero_options_mean_the_documented_defaults, set_up),
        cmocka_unit_test_setup(this_versions_size_is_good_and_any_other_is_not, set_up),
        cmocka_unit_test_setup(every_limit_and_timeout_can_be_set_down_to_one, set_up),
        cmocka_unit_test_setup(unlimited_means_as_much_as_there_can_be, set_up),
        cmocka_unit_test_setup(message_parts_are_limited_to_what_the_wire_can_say, set_up),
        cmocka_unit_test_setup(the_two_message_parts_have_their_own_limits, set_up),
        cmocka_unit_test_setup(the_initial_messages_are_lowered_to_the_maximum, set_up),
        cmocka_unit_test_setup(more_initial_messages_than_a_machine_holds_are_refused, set_up),
        cmocka_unit_test_setup(only_permission_bits_are_a_mode, set_up),
        cmocka_unit_test_setup(keep_alive_is_on_when_it_is_not_zero, set_up),
        cmocka_unit_test_setup(only_known_log_levels_are_taken, set_up),
        cmocka_unit_test_setup(half_an_allocator_is_refused, set_up),
        cmocka_unit_test_setup(an_option_of_another_platform_is_not_implemented, set_up),
        cmocka_unit_test_setup(every_poller_is_found_by_its_name, set_up),
        cmocka_unit_test_setup(an_unknown_poller_is_refused, set_up),
        cmocka_unit_test_setup(the_environment_wins_over_the_option, set_up),
        cmocka_unit_test_setup(an_empty_environment_variable_says_nothing, set_up),
        cmocka_unit_test_setup(a_long_thread_name_is_cut, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
