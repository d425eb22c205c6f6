// SPDX-License-Identifier: MIT
#include "engine/commands.h"

#include "os/clock.h"
#include "os/park.h"

enum tofu_status tf_commands_open(struct tf_command_queue *queue)
{
    *queue = (struct tf_command_queue){0};
    tf_list_init(&queue->list);
    return tf_mutex_open(&queue->lock);
}

void tf_commands_close(struct tf_command_queue *queue)
{
    TF_ASSERT(tf_list_is_empty(&queue->list));

    tf_mutex_close(&queue->lock);
}

void tf_commands_add(struct tf_command_queue *queue, struct tf_command *command)
{
    tf_list_init(&command->link);
    atomic_store(&command->is_done, 0);
    tf_mutex_lock(&queue->lock);
    tf_list_append(&queue->list, &command->link);
    atomic_store(&queue->has_commands, true);
    tf_mutex_unlock(&queue->lock);
}

void tf_commands_take(struct tf_command_queue *queue, struct tf_list *taken)
{
    if (!atomic_load(&queue->has_commands)) {
        return;
    }
    tf_mutex_lock(&queue->lock);
    tf_list_append_all(taken, &queue->list);
    atomic_store(&queue->has_commands, false);
    tf_mutex_unlock(&queue->lock);
}

bool tf_command_wait(struct tf_command *command, uint64_t deadline_ns)
{
    while (atomic_load(&command->is_done) == 0) {
        if (deadline_ns != TF_NEVER && tf_clock_now() >= deadline_ns) {
            return false;
        }
        tf_park(&command->is_done, 0, deadline_ns);
    }
    return true;
}

void tf_command_finish(struct tf_command *command)
{
    // After the store the issuer may be gone: only the address of the word is used.
    _Atomic uint32_t *is_done = &command->is_done;
    atomic_store(is_done, 1);
    tf_unpark_all(is_done);
}
