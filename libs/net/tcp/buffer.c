/* buffer.c: a ring whose memory comes, grows and goes with what it holds. */
#include <net/tcp/buffer.h>

static uint32_t round_up(uint32_t size) {
    return size <= 1 ? 1 : UINT32_C(1) << (32 - __builtin_clz(size - 1));
}

static uint32_t smallest(uint32_t most) {
    return BUFFER_SMALL < most ? BUFFER_SMALL : round_up(most);
}

void buffer_init(struct buffer *buffer, uint32_t most) {
    *buffer = (struct buffer){.most = most, .wanted = smallest(most)};
    ring_init(&buffer->ring, NULL, 0);
}

enum error buffer_reserve(struct buffer *buffer, struct arena *arena, net_owner owner, uint32_t length) {
    if (length <= buffer->ring.capacity) {
        buffer->peak = length > buffer->peak ? length : buffer->peak;
        return ERR_NONE;
    }
    uint32_t least = round_up(length), size = buffer->wanted < least ? least : buffer->wanted;
    void *memory;
    enum error error = arena_take(arena, owner, size, &memory);
    if (error != ERR_NONE && size > least) {
        size = least;
        error = arena_take(arena, owner, size, &memory);
    }
    if (error != ERR_NONE) {
        return error;
    }
    uint8_t *old = buffer->ring.memory;
    ring_move(&buffer->ring, memory, size);
    buffer->peak = length;
    arena_give(arena, owner, old);
    return ERR_NONE;
}

void buffer_tidy(struct buffer *buffer, struct arena *arena, net_owner owner) {
    if (buffer_length(buffer) == 0) {
        buffer_release(buffer, arena, owner);
    }
}

void buffer_release(struct buffer *buffer, struct arena *arena, net_owner owner) {
    if (buffer->ring.memory == NULL) {
        return;
    }
    uint32_t small = smallest(buffer->most);
    uint32_t peak = buffer->peak < BUFFER_HABIT ? buffer->peak : BUFFER_HABIT;
    buffer->wanted = peak > small ? round_up(peak) : small;
    buffer->peak = 0;
    arena_give(arena, owner, buffer->ring.memory);
    ring_init(&buffer->ring, NULL, 0);
}
