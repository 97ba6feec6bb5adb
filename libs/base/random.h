/* random.h: seeded randomness and a keyed hash, both SipHash-2-4 (Aumasson, Bernstein).
 *
 * The generator is SipHash in counter mode: what it gave does not tell what it will give, so that ports and
 * ids made of it cannot be guessed by who sees some of them. The same seed gives the same numbers on every
 * machine. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t key[2];
    uint64_t counter;
};

static inline uint64_t siphash_rotate(uint64_t x, int bits) {
    return x << bits | x >> (64 - bits);
}

static inline void siphash_round(uint64_t v[4]) {
    v[0] += v[1], v[1] = siphash_rotate(v[1], 13) ^ v[0], v[0] = siphash_rotate(v[0], 32);
    v[2] += v[3], v[3] = siphash_rotate(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = siphash_rotate(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = siphash_rotate(v[1], 17) ^ v[2], v[2] = siphash_rotate(v[2], 32);
}

static inline void siphash_word(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    siphash_round(v);
    siphash_round(v);
    v[0] ^= word;
}

/* SipHash-2-4 of `length` bytes under `key`. */
static inline uint64_t siphash(const uint64_t key[2], const void *data, size_t length) {
    const uint8_t *bytes = data;
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                     key[1] ^ 0x7465646279746573};
    uint64_t word = 0;
    for (size_t i = 0; i < length; i++) {
        word |= (uint64_t)bytes[i] << (i % 8 * 8);
        if (i % 8 == 7) {
            siphash_word(v, word);
            word = 0;
        }
    }
    siphash_word(v, word | (uint64_t)length << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
        siphash_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline void random_seed(struct random *random, uint64_t seed0, uint64_t seed1) {
    *random = (struct random){.key = {seed0, seed1}};
}

static inline uint64_t random_u64(struct random *random) {
    uint64_t count = random->counter++;
    return siphash(random->key, &count, sizeof count);
}

static inline uint32_t random_u32(struct random *random) {
    return (uint32_t)random_u64(random);
}

/* Evenly 0 … limit-1; 0 when limit is 0. */
static inline uint32_t random_below(struct random *random, uint32_t limit) {
    return (uint32_t)((uint64_t)random_u32(random) * limit >> 32);
}
