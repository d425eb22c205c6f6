// SPDX-License-Identifier: MIT
// What a poller takes and has to give back: memory by the byte, descriptors by their number.
#ifndef TF_TESTS_STAGES_ACCOUNT_H
#define TF_TESTS_STAGES_ACCOUNT_H

#include "contract/poller_fixture.h"
#include "support/machine.h"

/// An allocator that knows how much is out.
struct meter {
    struct tofu_allocator real;
    size_t used_bytes;
};

static inline void *meter_allocate(void *context, size_t size)
{
    struct meter *meter = context;
    meter->used_bytes += size;
    return meter->real.allocate(meter->real.context, size);
}

static inline void meter_release(void *context, void *memory, size_t size)
{
    struct meter *meter = context;
    meter->used_bytes -= size;
    meter->real.release(meter->real.context, memory, size);
}

/// The fixture's poller anew, over an allocator that counts, and how many descriptors there were before. Static,
/// since the poller of a case that fails is closed after the case.
struct account {
    struct meter meter;
    struct tofu_allocator allocator;
    size_t descriptor_count;
};

static inline void account_open(struct fixture *fixture, struct account *account)
{
    account->meter = (struct meter){.real = fixture->link.allocator};
    account->allocator = (struct tofu_allocator){meter_allocate, meter_release, &account->meter};
    fixture->poller.ops->close(&fixture->poller);
    account->descriptor_count = machine_descriptor_count();
    assert_int_equal(contract_poller_open(&fixture->poller, &account->allocator), TOFU_OK);
}

/// Closes the poller, when all sockets of the case are closed: then nothing of it is left.
static inline void account_close(struct fixture *fixture, const struct account *account)
{
    fixture->poller.ops->close(&fixture->poller);
    assert_string_equal(fixture->poller.detail, "");
    assert_int_equal(account->meter.used_bytes, 0);
    assert_int_equal(machine_descriptor_count(), account->descriptor_count);
    assert_int_equal(contract_poller_open(&fixture->poller, &fixture->link.allocator), TOFU_OK);
}

#endif
