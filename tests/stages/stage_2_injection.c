// SPDX-License-Identifier: MIT
// Stage 2: four threads post, and a loop on a thread of its own handles every post exactly once. A post is
// pushed onto a stack and the loop is woken, as the engine does it.
#include <stdatomic.h>

#include "contract/poller_fixture.h"
#include "os/thread.h"
#include "stages/figures.h"

#define POSTERS          4
#define POSTS_PER_THREAD 1000
#define POSTS            ((size_t)POSTERS * POSTS_PER_THREAD)
#define ROUNDS           10

struct post {
    struct post *next;
    bool is_last; ///< the loop ends with it
    uint32_t handled_count;
};

struct loop {
    struct tf_thread thread;
    struct tf_poller *poller;
    struct post *_Atomic posts;
    struct tf_poll_event event;
    uint32_t event_count;
    uint64_t handled_count;
    uint64_t elsewhere_count; ///< handled on another thread
    bool has_failed;
};

struct poster {
    struct tf_thread thread;
    struct loop *loop;
    struct post *posts;
    uint32_t posted_count;
};

static void loop_post(struct loop *loop, struct post *post)
{
    post->next = atomic_load(&loop->posts);
    while (!atomic_compare_exchange_weak(&loop->posts, &post->next, post)) {
        // Another thread was faster.
    }
    loop->poller->ops->wake(loop->poller);
}

// Takes what was posted, then waits; the wake says that there is more.
static bool loop_step(void *context)
{
    struct loop *loop = context;
    bool is_last = false;
    struct post *post = atomic_exchange(&loop->posts, NULL);
    while (post != NULL) {
        struct post *next = post->next;
        post->handled_count++;
        loop->handled_count++;
        loop->elsewhere_count += tf_thread_is_current(&loop->thread) ? 0 : 1;
        is_last = is_last || post->is_last;
        post = next;
    }
    if (is_last) {
        return false;
    }
    enum tofu_status status = loop->poller->ops->wait(
        loop->poller, CONTRACT_DEADLINE, &loop->event, 1, &loop->event_count);
    loop->has_failed = loop->has_failed || status != TOFU_OK;
    return !loop->has_failed;
}

static bool poster_step(void *context)
{
    struct poster *poster = context;
    loop_post(poster->loop, &poster->posts[poster->posted_count]);
    poster->posted_count++;
    return poster->posted_count < POSTS_PER_THREAD;
}

// Returns how long it took until the loop had handled all posts and ended.
static uint64_t run_round(struct fixture *fixture, struct post *posts)
{
    struct loop loop = {.poller = &fixture->poller};
    struct poster posters[POSTERS];
    struct post last = {.is_last = true};
    uint64_t start_ns = tf_clock_now();
    assert_int_equal(tf_thread_start(&loop.thread, "loop", loop_step, &loop), TOFU_OK);
    for (size_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.loop = &loop, .posts = posts + i * POSTS_PER_THREAD};
        assert_int_equal(
            tf_thread_start(&posters[i].thread, "poster", poster_step, &posters[i]), TOFU_OK);
    }
    for (size_t i = 0; i < POSTERS; i++) {
        tf_thread_join(&posters[i].thread);
    }
    loop_post(&loop, &last);
    tf_thread_join(&loop.thread);
    uint64_t elapsed_ns = tf_clock_now() - start_ns;

    assert_false(loop.has_failed);
    assert_int_equal(loop.handled_count, POSTS + 1);
    assert_int_equal(loop.elsewhere_count, 0);
    return elapsed_ns;
}

static void every_post_is_handled_once_on_the_loop_s_thread(void **state)
{
    struct fixture *fixture = *state;
    static struct post posts[POSTS];
    uint64_t elapsed_ns = 0;
    memset(posts, 0, sizeof posts);

    for (uint32_t i = 0; i < ROUNDS; i++) {
        elapsed_ns += run_round(fixture, posts);
    }

    for (size_t i = 0; i < POSTS; i++) {
        assert_int_equal(posts[i].handled_count, ROUNDS);
    }
    figures_print_rate(
        fixture->poller.ops->name, "posts of four threads", ROUNDS * POSTS, elapsed_ns);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(every_post_is_handled_once_on_the_loop_s_thread),
};

int main(void)
{
    return poller_contract_run(
        "stage 2: posts of other threads", cases, sizeof cases / sizeof cases[0]);
}
