/* account.h: who pays for memory.
 *
 * Each task has an account whose quota was taken out of its maker's. All that is made on a task's behalf is
 * charged to its account and given back when the thing is gone, which may be after the task: what its quota
 * was not used for returns to the parent when the task is gone, the rest refund by refund. */
#pragma once

#include <base/error.h>
#include <stdbool.h>
#include <stdint.h>

struct kernel;

struct account {
    struct account *parent;     /* null for the first task's */
    uint64_t quota, used, peak; /* bytes */
    uint64_t open;              /* its task still exists */
};

/* Makes an account with `quota` bytes out of the parent's; errors: ERR_QUOTA, ERR_NO_MEMORY. */
enum error account_create(struct kernel *kernel, struct account *parent, uint64_t quota,
                          struct account **account);

/* Its task is gone: no more charges come. */
void account_close(struct kernel *kernel, struct account *account);

/* ERR_QUOTA if that would exceed the quota; then nothing is charged. */
enum error account_charge(struct account *account, uint64_t bytes);
void account_refund(struct kernel *kernel, struct account *account, uint64_t bytes);
