/* heap.c: where malloc gets its memory: one growing range of addresses, filled with memory objects.
 *
 * Each growth asks for an eighth of what there is already, so that a small task takes little and a large one
 * asks seldom. The handles are closed at once: the mapping keeps the memory. */
#include <os/syscall.h>

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#define HEAP_BASE  0x2000000000ull /* far above what the kernel chooses for other mappings */
#define HEAP_LIMIT 0x3000000000ull
#define HEAP_STEP  (16 * 1024ull)

static struct { uint64_t used, mapped; /* bytes from HEAP_BASE */ } heap;

/* Maps at least `more` bytes behind what is mapped. */
static enum error grow(uint64_t more) {
    uint64_t wanted = heap.mapped / 8 > more ? heap.mapped / 8 : more;
    uint64_t size = (wanted + HEAP_STEP - 1) / HEAP_STEP * HEAP_STEP;
    uint64_t memory, address = HEAP_BASE + heap.mapped;
    if (size > HEAP_LIMIT - address) {
        return ERR_NO_MEMORY;
    }
    enum error error = sys_memory_create(size, false, &memory);
    if (error == ERR_NONE) {
        error = sys_memory_map(HANDLE_NONE, (handle_t)memory, &address, 0, 0, RIGHT_READ | RIGHT_WRITE);
        (void)!sys_handle_close((handle_t)memory);
    }
    if (error == ERR_NONE) {
        heap.mapped += size;
    }
    return error;
}

/* The C library's question for memory. Never shrinks. */
void *sbrk(ptrdiff_t increment) {
    if (increment < 0 || (uint64_t)increment > HEAP_LIMIT - HEAP_BASE) {
        errno = ENOMEM;
        return (void *)-1;
    }
    uint64_t end = heap.used + (uint64_t)increment;
    if (end > heap.mapped && grow(end - heap.mapped) != ERR_NONE) {
        errno = ENOMEM;
        return (void *)-1;
    }
    void *start = (void *)(HEAP_BASE + heap.used);
    heap.used = end;
    return start;
}
