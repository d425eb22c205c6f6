// SPDX-License-Identifier: MIT
#include "unit/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "unit/random.h"
#include "wire/message.h"
#include "wire/text_headers.h"

// A message whose text headers are any bytes, in a block of exactly their size: a sanitizer sees
// each byte that is read behind them.
struct raw {
    struct tofu_message message;
    uint8_t *block;
};

static struct raw raw_open(const char *bytes, size_t size)
{
    struct raw raw = {.block = malloc(size > 0 ? size : 1)};
    assert_non_null(raw.block);
    memcpy(raw.block, bytes, size);
    raw.message.text.data = size > 0 ? raw.block : NULL;
    raw.message.text.size = (uint32_t)size;
    raw.message.text.capacity = (uint32_t)size;
    return raw;
}

static void raw_close(struct raw *raw)
{
    free(raw->block);
}

// Writes "name=value;" for each text header, so that a test can show a whole message as one string.
static void show(const struct tofu_message *message, char *shown, size_t size)
{
    struct tofu_text_iterator it = tofu_message_texts(message);
    const char *name;
    const char *value;
    size_t name_size;
    size_t value_size;
    shown[0] = '\0';
    while (tofu_text_next(&it, &name, &name_size, &value, &value_size)) {
        size_t length = strlen(shown);
        assert_true(length + name_size + value_size + 3 <= size);
        snprintf(
            shown + length,
            size - length,
            "%.*s=%.*s;",
            (int)name_size,
            name,
            (int)value_size,
            value);
    }
}

#define assert_shown(message, wanted)                                                              \
    do {                                                                                           \
        char shown[512];                                                                           \
        show(message, shown, sizeof shown);                                                        \
        assert_string_equal(shown, wanted);                                                        \
    } while (0)

static struct tofu_allocator allocator;

static int set_up(void **state)
{
    allocator = tf_allocator_or_default((struct tofu_allocator){0});
    struct tofu_message *message = tf_message_create(&allocator);
    *state = message;
    return message != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct tofu_message *message = *state;
    tf_message_destroy(&message);
    return 0;
}

static void append(struct tofu_message *message, const char *name, const char *value)
{
    assert_status(TOFU_OK, tofu_message_append_text(message, name, value));
}

static void assert_text(const struct tofu_message *message, const char *wanted)
{
    assert_int_equal(message->text.size, strlen(wanted));
    assert_memory_equal(message->text.data, wanted, strlen(wanted));
}

static void a_text_header_travels_as_name_colon_value_crlf(void **state)
{
    struct tofu_message *message = *state;

    append(message, "topic", "weather today");
    append(message, "~mine", "x: y");

    assert_text(message, "topic:weather today\r\n~mine:x: y\r\n");
}

static void blanks_around_a_name_are_dropped_and_those_inside_stay(void **state)
{
    struct tofu_message *message = *state;

    append(message, " \t my name\t ", "v");

    assert_text(message, "my name:v\r\n");
}

static void a_value_travels_as_given_and_is_read_without_blanks_around_it(void **state)
{
    struct tofu_message *message = *state;

    append(message, "a", "  x y\t");
    append(message, "b", " ");

    assert_text(message, "a:  x y\t\r\nb: \r\n");
    assert_shown(message, "a=x y;b=;");
}

static void what_is_no_name_is_refused(void **state)
{
    struct tofu_message *message = *state;
    const char *const names[] = {"", " ", " \t ", ":", "a:b", "a:", ":a", "a\rb", "a\n", "\r\n"};
    append(message, "kept", "v");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_status(TOFU_INVALID_MESSAGE, tofu_message_append_text(message, names[i], "v"));
    }
    assert_text(message, "kept:v\r\n");
}

static void what_is_no_value_is_refused(void **state)
{
    struct tofu_message *message = *state;
    const char *const values[] = {"", "\r", "\n", "\r\n", "a\rb", "a\nb", "a\r\nname:b"};
    append(message, "kept", "v");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_status(TOFU_INVALID_MESSAGE, tofu_message_append_text(message, "a", values[i]));
    }
    assert_text(message, "kept:v\r\n");
}

// They are how an application knows a closing notice.
static void only_the_engine_writes_reason_and_detail(void **state)
{
    struct tofu_message *message = *state;

    assert_status(TOFU_NOT_ALLOWED, tofu_message_append_text(message, "~reason", "v"));
    assert_status(TOFU_NOT_ALLOWED, tofu_message_append_text(message, " ~detail\t", "v"));
    assert_int_equal(message->text.size, 0);

    append(message, "~reasons", "v");
    append(message, "~Reason", "v");
    assert_status(TOFU_OK, tf_text_append(&message->text, &allocator, "~reason", "shown"));
    assert_shown(message, "~reasons=v;~Reason=v;~reason=shown;");
}

static void text_headers_fill_up_to_the_last_byte_and_no_further(void **state)
{
    struct tofu_message *message = *state;
    static char value[TOFU_PART_BYTES_MAX];
    size_t longest = TOFU_PART_BYTES_MAX - strlen("name:\r\n");
    memset(value, 'x', sizeof value - 1);

    value[longest] = 'x';
    value[longest + 1] = '\0';
    assert_status(TOFU_INVALID_HEADERS_LEN, tofu_message_append_text(message, "name", value));
    assert_int_equal(message->text.size, 0);

    value[longest] = '\0';
    append(message, "name", value);
    assert_int_equal(message->text.size, TOFU_PART_BYTES_MAX);
    assert_status(TOFU_INVALID_HEADERS_LEN, tofu_message_append_text(message, "a", "b"));
    assert_int_equal(message->text.size, TOFU_PART_BYTES_MAX);
}

static void the_last_free_bytes_can_be_used(void **state)
{
    struct tofu_message *message = *state;
    static char value[TOFU_PART_BYTES_MAX];
    memset(value, 'x', TOFU_PART_BYTES_MAX - strlen("name:\r\n") - 5);

    append(message, "name", value);
    assert_int_equal(message->text.size, TOFU_PART_BYTES_MAX - 5);

    assert_status(TOFU_INVALID_HEADERS_LEN, tofu_message_append_text(message, "a", "bc"));
    append(message, "a", "b");
    assert_int_equal(message->text.size, TOFU_PART_BYTES_MAX);
}

// A peer may leave out the last CR LF; an application that adds to what it received must not glue
// its line to that.
static void appending_completes_a_last_line_without_crlf(void **state)
{
    struct tofu_message *message = *state;
    const char *const received[] = {
        "", "a:b", "a:b\r\n", "c:d\r\na:b", "\r\n", "a", "a:b\r", "a:b\n", "a:\rb"};
    const char *const wanted[] = {
        "x:y\r\n",
        "a:b\r\nx:y\r\n",
        "a:b\r\nx:y\r\n",
        "c:d\r\na:b\r\nx:y\r\n",
        "\r\nx:y\r\n",
        "a\r\nx:y\r\n",
        "a:b\r\r\nx:y\r\n",
        "a:b\n\r\nx:y\r\n",
        "a:\rb\r\nx:y\r\n",
    };
    for (size_t i = 0; i < sizeof received / sizeof received[0]; i++) {
        tf_bytes_clear(&message->text, &allocator);
        assert_true(tf_bytes_append(
            &message->text, &allocator, received[i], strlen(received[i]), TOFU_PART_BYTES_MAX));

        append(message, "x", "y");

        assert_text(message, wanted[i]);
    }
}

static void the_crlf_that_completes_a_line_needs_room_too(void **state)
{
    struct tofu_message *message = *state;
    const size_t line_bytes = strlen("x:y\r\n");
    for (size_t missing = 0; missing <= 2; missing++) {
        size_t size = TOFU_PART_BYTES_MAX - line_bytes - 2 + missing;
        assert_true(tf_bytes_reserve(&message->text, &allocator, size));
        memset(message->text.data, 'v', size);
        message->text.data[1] = ':';
        message->text.size = (uint32_t)size;

        enum tofu_status status = tofu_message_append_text(message, "x", "y");

        assert_status(missing == 0 ? TOFU_OK : TOFU_INVALID_HEADERS_LEN, status);
        assert_int_equal(message->text.size, missing == 0 ? TOFU_PART_BYTES_MAX : size);
    }
}

static void the_first_text_header_of_a_name_is_found(void **state)
{
    struct tofu_message *message = *state;
    append(message, "a", "1");
    append(message, "ab", "2");
    append(message, "a", "3");
    const char *value = NULL;
    size_t size = 0;

    assert_true(tofu_message_find_text(message, "a", &value, &size));
    assert_int_equal(size, 1);
    assert_memory_equal(value, "1", 1);

    assert_true(tofu_message_find_text(message, "\tab ", &value, &size));
    assert_memory_equal(value, "2", 1);

    assert_true(tofu_message_find_text(message, "ab", NULL, NULL));
}

static void a_name_that_is_not_there_is_not_found_and_touches_nothing(void **state)
{
    struct tofu_message *message = *state;
    const char *const names[] = {
        "", "A", "a ", "b", "name:", "name:1", "nam", "names", "1", "\r\n"};
    const char *value = "untouched";
    size_t size = 77;
    assert_false(tofu_message_find_text(message, "name", &value, &size));
    append(message, "name", "1");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_false(tofu_message_find_text(message, names[i], &value, &size));
    }
    assert_string_equal(value, "untouched");
    assert_int_equal(size, 77);
}

struct reading {
    const char *text;
    const char *shown;
    bool is_valid;
};

static const struct reading readings[] = {
    // What is valid.
    {"", "", true},
    {"a:b\r\n", "a=b;", true},
    {"a:b", "a=b;", true},
    {"a:b\r\nc:d", "a=b;c=d;", true},
    {"a:\r\n", "a=;", true},
    {"a:", "a=;", true},
    {"a: \t \r\n", "a=;", true},
    {" a\t:\tb c \r\n", "a=b c;", true},
    {"a:b:c\r\n", "a=b:c;", true},
    {"a::\r\n", "a=:;", true},
    {"\r\na:b\r\n\r\n\r\nc:d\r\n\r\n", "a=b;c=d;", true},
    {"\r\n", "", true},
    {"~connect_to:tcp|h|1\r\n", "~connect_to=tcp|h|1;", true},
    {"~:x\r\n", "~=x;", true},
    {"\x80:\xff\r\n", "\x80=\xff;", true},
    // A line without a name or without a colon.
    {":b\r\n", "", false},
    {" \t:b\r\n", "", false},
    {":", "", false},
    {"a\r\n", "", false},
    {"a", "", false},
    {" \r\n", "", false},
    {" ", "", false},
    {"a:b\r\nc\r\nd:e\r\n", "a=b;d=e;", false},
    {"a:b\r\n:c\r\nd:e\r\n", "a=b;d=e;", false},
    // A CR or LF that ends no line stays one of its bytes.
    {"a:b\n", "a=b\n;", false},
    {"a:b\r", "a=b\r;", false},
    {"a:b\rc\r\n", "a=b\rc;", false},
    {"a:b\nc:d\r\n", "a=b\nc:d;", false},
    {"a:b\r\r\n", "a=b\r;", false},
    {"a:b\n\r\n", "a=b\n;", false},
    {"a\n:b\r\n", "a\n=b;", false},
    {"a\r:b\r\n", "a\r=b;", false},
    {"a:b\r\n\n", "a=b;", false},
    {"a:b\r\n\r", "a=b;", false},
    {"a:b\n\r", "a=b\n\r;", false},
    {"\n", "", false},
    {"\r", "", false},
    // Names that only the engine may use; blanks around them do not hide them.
    {"~reason:x\r\n", "~reason=x;", false},
    {"~detail:x\r\n", "~detail=x;", false},
    {" ~reason :x\r\n", "~reason=x;", false},
    {"a:b\r\n~detail:x", "a=b;~detail=x;", false},
    {"~reason2:x\r\n", "~reason2=x;", true},
    {"a:~reason\r\n", "a=~reason;", true},
};

static void received_bytes_are_read_and_judged_by_one_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        struct raw raw = raw_open(readings[i].text, strlen(readings[i].text));

        assert_shown(&raw.message, readings[i].shown);
        assert_true_or(
            tf_text_is_valid(&raw.message.text) == readings[i].is_valid,
            "validity of reading %zu",
            i);

        raw_close(&raw);
    }
}

static void a_nul_anywhere_is_a_violation(void **state)
{
    (void)state;
    const char valid[] = "ab:cd\r\n\r\ne:f";
    for (size_t i = 0; i < sizeof valid - 1; i++) {
        struct raw raw = raw_open(valid, sizeof valid - 1);
        assert_true(tf_text_is_valid(&raw.message.text));

        raw.block[i] = '\0';

        assert_true_or(!tf_text_is_valid(&raw.message.text), "NUL at %zu", i);
        raw_close(&raw);
    }
}

static void what_append_accepts_the_receiver_accepts(void **state)
{
    struct tofu_message *message = *state;
    for (int byte = 1; byte < 256; byte++) {
        const char text[] = {'x', (char)byte, 'y', '\0'};

        enum tofu_status as_name = tofu_message_append_text(message, text, "v");
        enum tofu_status as_value = tofu_message_append_text(message, "n", text);

        bool ends_a_line = byte == '\r' || byte == '\n';
        assert_int_equal(as_name == TOFU_OK, !ends_a_line && byte != ':');
        assert_int_equal(as_value == TOFU_OK, !ends_a_line);
    }
    assert_true(tf_text_is_valid(&message->text));
}

static void the_iterator_needs_none_of_its_results(void **state)
{
    struct tofu_message *message = *state;
    append(message, "a", "1");
    append(message, "b", "2");
    struct tofu_text_iterator it = tofu_message_texts(message);

    assert_true(tofu_text_next(&it, NULL, NULL, NULL, NULL));
    assert_true(tofu_text_next(&it, NULL, NULL, NULL, NULL));
    assert_false(tofu_text_next(&it, NULL, NULL, NULL, NULL));
}

static void behind_the_last_text_header_nothing_is_touched(void **state)
{
    struct tofu_message *message = *state;
    struct tofu_text_iterator it = tofu_message_texts(message);
    const char *name = "name";
    const char *value = "value";
    size_t name_size = 1;
    size_t value_size = 2;

    assert_false(tofu_text_next(&it, &name, &name_size, &value, &value_size));
    assert_false(tofu_text_next(&it, &name, &name_size, &value, &value_size));

    assert_string_equal(name, "name");
    assert_string_equal(value, "value");
    assert_int_equal(name_size, 1);
    assert_int_equal(value_size, 2);
}

static void removing_takes_every_line_of_the_name_and_no_other(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *left;
    } cases[] = {
        {"", ""},
        {"a:1\r\n", ""},
        {"a:1", ""},
        {"b:1\r\n", "b:1\r\n"},
        {"a:1\r\nb:2\r\na:3\r\n", "b:2\r\n"},
        {"b:1\r\n a\t:2\r\nab:3\r\n", "b:1\r\nab:3\r\n"},
        {"b:1\r\na:2", "b:1\r\n"},
        {"a:2\r\nb:1", "b:1"},
        {"\r\na:2\r\n\r\nb:1", "\r\n\r\nb:1"},
        {"a:1\r\na:2\r\na:3\r\n", ""},
        {"x\r\na:1\r\n:y\r\n", "x\r\n:y\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct raw raw = raw_open(cases[i].text, strlen(cases[i].text));
        size_t bytes = tf_text_name_bytes(&raw.message.text, "a");

        tf_text_remove(&raw.message.text, "a");

        assert_int_equal(bytes, strlen(cases[i].text) - strlen(cases[i].left));
        assert_int_equal(raw.message.text.size, strlen(cases[i].left));
        assert_memory_equal(raw.block, cases[i].left, strlen(cases[i].left));
        assert_int_equal(tf_text_name_bytes(&raw.message.text, "a"), 0);
        raw_close(&raw);
    }
}

static void clearing_removes_all_and_keeps_the_memory(void **state)
{
    struct tofu_message *message = *state;
    append(message, "a", "1");
    const uint8_t *memory = message->text.data;

    tofu_message_clear_texts(message);

    assert_shown(message, "");
    append(message, "b", "2");
    assert_ptr_equal(message->text.data, memory);
    assert_shown(message, "b=2;");
}

// Judges one line without its CR LF, with the plainest code there is.
static bool line_is_valid_by_the_letter(const char *line, size_t size)
{
    size_t colon = 0;
    while (colon < size && line[colon] != ':') {
        colon++;
    }
    size_t begin = 0;
    size_t end = colon;
    while (begin < end && (line[begin] == ' ' || line[begin] == '\t')) {
        begin++;
    }
    while (begin < end && (line[end - 1] == ' ' || line[end - 1] == '\t')) {
        end--;
    }
    bool is_reserved = end - begin == 7 && (strncmp(line + begin, "~reason", 7) == 0 ||
                                            strncmp(line + begin, "~detail", 7) == 0);
    return size == 0 || (colon < size && end > begin && !is_reserved);
}

static bool is_valid_by_the_letter(const char *bytes, size_t size)
{
    size_t begin = 0;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\0' || bytes[i] == '\n') {
            return false;
        }
        if (bytes[i] == '\r') {
            if (i + 1 == size || bytes[i + 1] != '\n' ||
                !line_is_valid_by_the_letter(bytes + begin, i - begin)) {
                return false;
            }
            i++;
            begin = i + 1;
        }
    }
    return line_is_valid_by_the_letter(bytes + begin, size - begin);
}

static void random_bytes_never_lead_the_reader_out_of_bounds(void **state)
{
    (void)state;
    static const char *const words[] = {
        "\r\n",
        "\r",
        "\n",
        ":",
        " ",
        "\t",
        "a",
        "bc",
        "\0",
        "~reason",
        "~detail:",
        "\r\n",
        ":",
        "a:b\r\n"};
    struct random_source source = {0};
    size_t valid_count = 0;
    for (unsigned round = 0; round < 50000; round++) {
        char bytes[64];
        size_t size = 0;
        size_t word_count = random_below(&source, 9);
        for (size_t i = 0; i < word_count; i++) {
            const char *word = words[random_below(&source, sizeof words / sizeof words[0])];
            size_t word_size = word[0] == '\0' ? 1 : strlen(word);
            memcpy(bytes + size, word, word_size);
            size += word_size;
        }
        struct raw raw = raw_open(bytes, size);
        const char *begin = (const char *)raw.message.text.data;
        const char *name;
        const char *value;
        size_t name_size;
        size_t value_size;

        struct tofu_text_iterator it = tofu_message_texts(&raw.message);
        while (tofu_text_next(&it, &name, &name_size, &value, &value_size)) {
            assert_true(name_size > 0);
            assert_true(name >= begin && name + name_size < value + 1);
            assert_true(value + value_size <= begin + size);
        }
        bool is_valid = tf_text_is_valid(&raw.message.text);

        assert_true_or(
            is_valid == is_valid_by_the_letter(bytes, size), "validity in round %u", round);
        valid_count += is_valid;
        raw_close(&raw);
    }
    assert_in_range(valid_count, 1000, 49000);
}

// A reader that goes back over what it has read would take minutes for these.
static void hostile_texts_are_read_in_one_pass(void **state)
{
    (void)state;
    static const char *const units[] = {"\r", "\n", ":", "a:", "\r\n", "a:b\r\n", "\r\r\n", " "};
    static char bytes[TOFU_PART_BYTES_MAX];
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t unit_size = strlen(units[i]);
        size_t size = sizeof bytes - sizeof bytes % unit_size;
        for (size_t j = 0; j < size; j++) {
            bytes[j] = units[i][j % unit_size];
        }
        struct raw raw = raw_open(bytes, size);

        for (unsigned round = 0; round < 20; round++) {
            assert_int_equal(tf_text_is_valid(&raw.message.text), i == 4 || i == 5 || i == 3);
            assert_false(tofu_message_find_text(&raw.message, "none", NULL, NULL));
        }
        tf_text_remove(&raw.message.text, "a");
        assert_false(tofu_message_find_text(&raw.message, "a", NULL, NULL));
        raw_close(&raw);
    }
}

#define with_message(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_message(a_text_header_travels_as_name_colon_value_crlf),
        with_message(blanks_around_a_name_are_dropped_and_those_inside_stay),
        with_message(a_value_travels_as_given_and_is_read_without_blanks_around_it),
        with_message(what_is_no_name_is_refused),
        with_message(what_is_no_value_is_refused),
        with_message(only_the_engine_writes_reason_and_detail),
        with_message(text_headers_fill_up_to_the_last_byte_and_no_further),
        with_message(the_last_free_bytes_can_be_used),
        with_message(appending_completes_a_last_line_without_crlf),
        with_message(the_crlf_that_completes_a_line_needs_room_too),
        with_message(the_first_text_header_of_a_name_is_found),
        with_message(a_name_that_is_not_there_is_not_found_and_touches_nothing),
        cmocka_unit_test(received_bytes_are_read_and_judged_by_one_rule),
        cmocka_unit_test(a_nul_anywhere_is_a_violation),
        with_message(what_append_accepts_the_receiver_accepts),
        with_message(the_iterator_needs_none_of_its_results),
        with_message(behind_the_last_text_header_nothing_is_touched),
        cmocka_unit_test(removing_takes_every_line_of_the_name_and_no_other),
        with_message(clearing_removes_all_and_keeps_the_memory),
        cmocka_unit_test(random_bytes_never_lead_the_reader_out_of_bounds),
        cmocka_unit_test(hostile_texts_are_read_in_one_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
