/* scoreboard.h: what the peer says has arrived beyond snd.una (RFC 6675 section 3), and what of the holes
 * between has been sent again.
 *
 * Ranges are kept sorted, apart from each other and bounded in number. Before each lies a hole; what is known
 * of the hole stands with the range. The container knows neither windows nor what is lost: sack.c does. */
#pragma once

#include <net/wire/sequence.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCOREBOARD_FEW 30 /* in an arena's run of 512 bytes */
#define SCOREBOARD_MAX 254

struct scoreboard_range {
    struct sequence start, end; /* has arrived */
    struct sequence resent;     /* so far the hole before it has been sent again … */
    struct sequence edge;       /* … when snd.max was here */
};

struct scoreboard {
    uint32_t count, limit; /* limit: ranges that there is memory for */
    uint32_t sacked;       /* bytes in all ranges */
    /* Loss recovery, while it goes on. Owner: sack.c. */
    uint32_t pipe;            /* RFC 6675: bytes that are taken to be on their way */
    uint32_t flight;          /* RFC 6937 RecoverFS: bytes that were out when it began */
    uint32_t delivered, sent; /* RFC 6937 prr_delivered, prr_out: bytes since then */
    struct scoreboard_range range[SCOREBOARD_MAX];
};

/* The part of a hole that has not been sent again. */
struct scoreboard_hole {
    struct sequence start, resent, end;
};

/* limit: ranges that there is memory for, at most SCOREBOARD_MAX. */
void scoreboard_init(struct scoreboard *board, uint32_t limit);

/* Bytes of memory for so many ranges. */
static inline size_t scoreboard_size(uint32_t ranges) {
    return offsetof(struct scoreboard, range) + ranges * sizeof(struct scoreboard_range);
}

/* [start, end) beyond `una` has arrived; start < end. *news: bytes of it that were not known. false: there is
 * no room for one more range; nothing changes, which makes us take less for arrived than has. */
bool scoreboard_add(struct scoreboard *board, struct sequence una, struct sequence start, struct sequence end,
                    uint32_t *news);
/* Everything before `una` is acknowledged. Returns how many bytes of the ranges are thereby forgotten. */
uint32_t scoreboard_acked(struct scoreboard *board, struct sequence una);
/* The hole before range `index`. */
struct scoreboard_hole scoreboard_hole(const struct scoreboard *board, struct sequence una, uint32_t index);
/* A hole has been sent again up to `end` while snd.max was `edge`. */
void scoreboard_resent(struct scoreboard *board, struct sequence end, struct sequence edge);
/* Bytes in ranges before `seq`. */
uint32_t scoreboard_before(const struct scoreboard *board, struct sequence seq);
/* The range that contains `seq` or, if none does, the next one behind it; null: there is none. */
const struct scoreboard_range *scoreboard_at(const struct scoreboard *board, struct sequence seq);
