/* handle.c: handle tables; see handle.h. */
#include "handle.h"
#include "bytes.h"
#include "kernel.h"

static struct handle *entry_at(struct handle_table *table, uint32_t index) {
    return &table->page[index / HANDLES_PER_PAGE][index % HANDLES_PER_PAGE];
}

HOT_INLINE struct handle *handle_find(struct handle_table *table, uint64_t number) {
    uint32_t index = (uint32_t)number & HANDLES_MAX;
    if (index >= table->size)
        return NULL;
    struct handle *handle = entry_at(table, index);
    return handle->object && handle->generation == number >> HANDLE_INDEX_BITS ? handle : NULL;
}

HOT enum error handle_check(struct handle_table *table, uint64_t number, enum object_type type,
                            uint32_t rights, struct handle **found) {
    struct handle *handle = handle_find(table, number);
    if (!handle || handle->object->type != type || (handle->rights & HANDLE_REPLY))
        return ERR_BAD_HANDLE;
    if ((handle->rights & rights) != rights)
        return ERR_NO_RIGHT;
    *found = handle;
    return ERR_NONE;
}

/* Adds a page of free entries; the first entry of the first page stays unused, for index 0 ends the chain. */
static enum error table_grow(struct kernel *kernel, struct task *task) {
    struct handle_table *table = &task->handles;
    enum error error = account_charge(task->account, PAGE_SIZE);
    if (error)
        return error;
    uint64_t address = pages_allocate(&kernel->pages, 1);
    if (!address) {
        account_refund(kernel, task->account, PAGE_SIZE);
        return ERR_NO_MEMORY;
    }
    struct handle *page = physical_pointer(address);
    memset(page, 0, PAGE_SIZE);
    table->page[table->size / HANDLES_PER_PAGE] = page;
    uint32_t first = table->size == 0;
    for (uint32_t i = HANDLES_PER_PAGE; i-- > first;) {
        page[i].generation = 1;
        page[i].serial = table->free;
        table->free = table->size + i;
    }
    table->size += HANDLES_PER_PAGE;
    return ERR_NONE;
}

HOT enum error handle_reserve(struct kernel *kernel, struct task *task, uint32_t count) {
    struct handle_table *table = &task->handles;
    if (count > table->maximum - table->used)
        return ERR_QUOTA;
    while (table->size == 0 || table->size - 1 - table->used < count) {
        enum error error = table_grow(kernel, task);
        if (error)
            return error;
    }
    return ERR_NONE;
}

HOT_INLINE handle_t handle_insert(struct task *task, struct object *object, uint32_t rights,
                                  uint32_t serial) {
    struct handle_table *table = &task->handles;
    uint32_t index = table->free;
    struct handle *handle = entry_at(table, index);
    table->free = handle->serial;
    table->used++;
    handle->object = object;
    handle->serial = serial;
    handle->rights = (uint16_t)rights;
    object_get(object);
    if (object->type == OBJECT_PORT && (rights & RIGHT_RECEIVE))
        ((struct port *)object)->receive_handles++;
    if (object->type == OBJECT_TASK && !(rights & HANDLE_REPLY))
        ((struct task *)object)->handles_to++;
    return (uint32_t)handle->generation << HANDLE_INDEX_BITS | index;
}

enum error handle_give(struct kernel *kernel, struct task *task, struct object *object, uint32_t rights,
                       uint64_t *number) {
    enum error error = handle_reserve(kernel, task, 1);
    if (!error)
        *number = handle_insert(task, object, rights, 0);
    object_put(kernel, object);
    return error;
}

/* Gives the entry's place back, with the next generation. */
static HOT_INLINE void entry_free(struct handle_table *table, struct handle *handle) {
    uint32_t page = 0;
    while (handle < table->page[page] || handle >= table->page[page] + HANDLES_PER_PAGE)
        page++;
    handle->object = NULL;
    handle->generation = handle->generation == UINT16_MAX ? 1 : handle->generation + 1;
    handle->serial = table->free;
    table->free = page * HANDLES_PER_PAGE + (uint32_t)(handle - table->page[page]);
    table->used--;
}

HOT void handle_close(struct kernel *kernel, struct task *task, struct handle *handle) {
    struct handle was = *handle;
    entry_free(&task->handles, handle);
    if (was.rights & HANDLE_REPLY)
        message_reply_lost(kernel, (struct task *)was.object, was.serial);
    else if (was.object->type == OBJECT_PORT && (was.rights & RIGHT_RECEIVE))
        port_release(kernel, (struct port *)was.object);
    else if (was.object->type == OBJECT_TASK)
        task_release(kernel, (struct task *)was.object);
    object_put(kernel, was.object);
}

HOT_INLINE void handle_use_reply(struct kernel *kernel, struct task *task, struct handle *handle) {
    struct object *caller = handle->object;
    entry_free(&task->handles, handle);
    if (caller->references > 1)
        caller->references--;
    else
        object_put(kernel, caller);
}

void handle_close_all(struct kernel *kernel, struct task *task) {
    struct handle_table *table = &task->handles;
    for (uint32_t i = 1; i < table->size; i++) {
        struct handle *handle = entry_at(table, i);
        if (handle->object)
            handle_close(kernel, task, handle);
    }
    for (uint32_t size = 0; size < table->size; size += HANDLES_PER_PAGE) {
        pages_free(&kernel->pages, physical_address(table->page[size / HANDLES_PER_PAGE]), 1);
        account_refund(kernel, task->account, PAGE_SIZE);
    }
    table->size = table->free = 0;
}
