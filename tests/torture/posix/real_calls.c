// SPDX-License-Identifier: MIT
// What the tests need, and the wrapped functions whose results are counted for them.
#include "torture/real_calls.h"

#include <assert.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "torture/posix/wrapping.h"

void real_open(void)
{
    // A mode of 0666 is then never what a path gets without our help.
    (void)umask(022);
}

struct monitor_layout {
    pthread_mutex_t lock;
    pthread_cond_t told;
};

static_assert(sizeof(struct monitor_layout) <= sizeof(struct real_monitor), "a monitor fits");

static struct monitor_layout *layout_of(struct real_monitor *monitor)
{
    return (struct monitor_layout *)(void *)monitor->storage;
}

void real_monitor_open(struct real_monitor *monitor)
{
    *layout_of(monitor) = (struct monitor_layout){
        .lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};
}

void real_monitor_enter(struct real_monitor *monitor)
{
    (void)pthread_mutex_lock(&layout_of(monitor)->lock);
}

void real_monitor_leave(struct real_monitor *monitor)
{
    (void)pthread_mutex_unlock(&layout_of(monitor)->lock);
}

void real_monitor_wait(struct real_monitor *monitor)
{
    struct monitor_layout *layout = layout_of(monitor);
    struct timespec soon;
    (void)clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_sec++;
    (void)pthread_cond_timedwait(&layout->told, &layout->lock, &soon);
}

void real_monitor_tell(struct real_monitor *monitor)
{
    (void)pthread_cond_signal(&layout_of(monitor)->told);
}

static atomic_size_t live_block_count;

DECLARE(void *, malloc, (size_t size));
void *__wrap_malloc(size_t size)
{
    void *memory = strikes(FAULT_malloc) ? NULL : __real_malloc(size);
    if (memory != NULL) {
        atomic_fetch_add(&live_block_count, 1);
    }
    return memory;
}

DECLARE(void, free, (void *memory));
void __wrap_free(void *memory)
{
    if (memory != NULL) {
        atomic_fetch_sub(&live_block_count, 1);
    }
    __real_free(memory);
}

static atomic_size_t library_thread_count;

struct thread_start {
    void *(*run)(void *argument);
    void *argument;
};

static void *library_thread(void *argument)
{
    struct thread_start start = *(struct thread_start *)argument;
    __real_free(argument);
    void *result = start.run(start.argument);
    atomic_fetch_sub(&library_thread_count, 1);
    return result;
}

DECLARE(
    int,
    pthread_create,
    (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument));
int __wrap_pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    if (strikes(FAULT_pthread_create)) {
        return errno;
    }
    struct thread_start *start = __real_malloc(sizeof *start);
    if (start == NULL) {
        return EAGAIN;
    }
    *start = (struct thread_start){.run = run, .argument = argument};
    atomic_fetch_add(&library_thread_count, 1);
    int error = __real_pthread_create(thread, attributes, library_thread, start);
    if (error != 0) {
        atomic_fetch_sub(&library_thread_count, 1);
        __real_free(start);
    }
    return error;
}

size_t real_library_thread_count(void)
{
    return atomic_load(&library_thread_count);
}

static void *own_thread(void *argument)
{
    struct test_thread *thread = argument;
    thread->run(thread->argument);
    return NULL;
}

bool real_thread_start(struct test_thread *thread, void (*run)(void *argument), void *argument)
{
    pthread_t handle;
    thread->run = run;
    thread->argument = argument;
    if (__real_pthread_create(&handle, NULL, own_thread, thread) != 0) {
        return false;
    }
    thread->handle = handle;
    return true;
}

// The library gives each thread's memory an address of its own, and that is all there is to it.
uint32_t real_thread_number(void)
{
    return (uint32_t)((uintptr_t)pthread_self() >> 12);
}

int __real_poll(struct pollfd *entries, nfds_t count, int timeout);

bool real_is_readable(intptr_t descriptor, uint64_t timeout_ns)
{
    struct pollfd entry = {.fd = (int)descriptor, .events = POLLIN};
    return __real_poll(&entry, 1, (int)(timeout_ns / UINT64_C(1000000))) == 1 &&
           (entry.revents & POLLIN) != 0;
}

int __real_socket(int family, int type, int protocol);
int __real_bind(int descriptor, const struct sockaddr *address, socklen_t size);
int __real_close(int descriptor);

bool real_leave_dead_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return false;
    }
    strcpy(address.sun_path, path);
    int descriptor = __real_socket(AF_UNIX, SOCK_STREAM, 0);
    if (descriptor < 0) {
        return false;
    }
    int result = __real_bind(descriptor, (const struct sockaddr *)&address, sizeof address);
    (void)__real_close(descriptor);
    return result == 0;
}

// The directory itself is one while it is read.
static size_t descriptor_count(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        return 0;
    }
    size_t count = 0;
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    return count;
}

void real_count_holdings(struct real_holdings *holdings_out)
{
    *holdings_out = (struct real_holdings){
        .descriptor_count = descriptor_count(),
        .block_count = atomic_load(&live_block_count),
    };
}
