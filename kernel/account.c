/* account.c: quotas; see account.h. */
#include "account.h"
#include "kernel.h"

enum error account_create(struct kernel *kernel, struct account *parent, uint64_t quota,
                          struct account **account) {
    uint64_t price = quota + kernel->caches[CACHE_ACCOUNT].size;
    if (parent) {
        if (price < quota)
            return ERR_QUOTA;
        enum error error = account_charge(parent, price);
        if (error)
            return error;
    }
    struct account *made = cache_allocate(&kernel->caches[CACHE_ACCOUNT], &kernel->pages);
    if (!made) {
        if (parent)
            account_refund(kernel, parent, price);
        return ERR_NO_MEMORY;
    }
    made->parent = parent;
    made->quota = quota;
    made->open = true;
    *account = made;
    return ERR_NONE;
}

enum error account_charge(struct account *account, uint64_t bytes) {
    if (bytes > account->quota - account->used)
        return ERR_QUOTA;
    account->used += bytes;
    if (account->used > account->peak)
        account->peak = account->used;
    return ERR_NONE;
}

/* A closed account keeps no more quota than is used; with the last byte it goes itself. What its parent gets
 * back by that may be the same story there: so on up the line. */
static void settle(struct kernel *kernel, struct account *account) {
    while (account && !account->open) {
        struct account *parent = account->parent;
        uint64_t back = account->quota - account->used;
        account->quota = account->used;
        if (account->used == 0) {
            back += kernel->caches[CACHE_ACCOUNT].size;
            cache_free(&kernel->caches[CACHE_ACCOUNT], &kernel->pages, account);
        }
        if (parent)
            parent->used -= back;
        account = parent;
    }
}

void account_close(struct kernel *kernel, struct account *account) {
    account->open = false;
    settle(kernel, account);
}

void account_refund(struct kernel *kernel, struct account *account, uint64_t bytes) {
    account->used -= bytes;
    settle(kernel, account);
}
