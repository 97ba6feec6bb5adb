/* memory.h: the heap with a limit. What connections, the cache and listings borrow is charged here, so that
 * the server's memory is bounded whatever its clients do. */
#pragma once

#include <stddef.h>

struct budget {
    size_t used, limit;
};

/* Memory for `size` bytes, or null if that would go past the limit. */
void *budget_alloc(struct budget *budget, size_t size);

/* Gives back what was got; size as asked for. Null is allowed. */
void budget_free(struct budget *budget, void *memory, size_t size);
