/* object.c: life and death of kernel objects; see object.h. */
#include "object.h"
#include "kernel.h"

enum error object_create(struct kernel *kernel, enum object_type type, struct account *account, void *made) {
    struct cache *cache = &kernel->caches[type];
    enum error error = account_charge(account, cache->size);
    if (error)
        return error;
    struct object *object = cache_allocate(cache, &kernel->pages);
    if (!object) {
        account_refund(kernel, account, cache->size);
        return ERR_NO_MEMORY;
    }
    object->type = type;
    object->references = 1;
    object->account = account;
    *(struct object **)made = object;
    return ERR_NONE;
}

void object_free(struct kernel *kernel, struct object *object) {
    struct cache *cache = &kernel->caches[object->type];
    struct account *account = object->account;
    cache_free(cache, &kernel->pages, object);
    account_refund(kernel, account, cache->size);
}

HOT void object_put(struct kernel *kernel, struct object *object) {
    if (--object->references > 0)
        return;
    switch (object->type) {
    case OBJECT_TASK: task_destroy(kernel, (struct task *)object); break;
    case OBJECT_PORT: port_destroy(kernel, (struct port *)object); break;
    case OBJECT_BADGE: badge_unused(kernel, (struct badge *)object); break;
    case OBJECT_EVENT: event_destroy(kernel, (struct event *)object); break;
    case OBJECT_MEMORY: memory_destroy(kernel, (struct memory *)object); break;
    case OBJECT_INTERRUPT: interrupt_destroy(kernel, (struct interrupt *)object); break;
    default: break; /* the machine object is part of struct kernel and never goes */
    }
}
