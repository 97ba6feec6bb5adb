/* memory.c: see memory.h. */
#include "memory.h"

#include <stdlib.h>

void *budget_alloc(struct budget *budget, size_t size) {
    if (size > budget->limit - budget->used) {
        return NULL;
    }
    void *memory = malloc(size);
    if (memory) {
        budget->used += size;
    }
    return memory;
}

void budget_free(struct budget *budget, void *memory, size_t size) {
    if (memory) {
        budget->used -= size;
        free(memory);
    }
}
