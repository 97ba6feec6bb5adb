/* sent.h: what is on its way: when each range of sequence numbers was last sent, whether that was a
 * retransmission, and what is known of it since.
 *
 * Runs lie side by side from the first unacknowledged number to the end of what was sent. Neighbours that
 * tell the same are one run, so that a large segment which the device cuts is one. The number of runs is
 * bounded: where there is no room for one more, times are blurred, the later one winning, so that nothing
 * seems to be older than it is; only news that something has arrived may be refused. The container knows
 * neither time nor loss: rack.c does. */
#pragma once

#include <net/types.h>
#include <net/wire/sequence.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SENT_LEAST 4 /* runs that there must be memory for */
#define SENT_MAX   506

enum sent_state {
    SENT_OUT,     /* on its way, as far as we know */
    SENT_ARRIVED, /* SACK has told of it; when it was sent matters no more */
    SENT_LOST     /* and not sent again since */
};

struct sent_run {
    net_time at;           /* when it was sent last */
    struct sequence start; /* up to where the next run starts */
    uint8_t state;         /* enum sent_state */
    bool resent;           /* more than once */
};

struct sent {
    struct sequence end;           /* of the last run */
    uint16_t first, count, limit;  /* the runs stand from `first` on; limit: memory for so many */
    uint32_t bytes[SENT_LOST + 1]; /* sequence numbers by state */
    struct sent_run run[SENT_MAX];
};

static inline const struct sent_run *sent_run(const struct sent *sent, uint32_t index) {
    return &sent->run[sent->first + index];
}

/* Where run `index` < count ends. */
static inline struct sequence sent_end(const struct sent *sent, uint32_t index) {
    return index + 1 < sent->count ? sent_run(sent, index + 1)->start : sent->end;
}

/* Nothing is on its way yet; the first number will be `start`. limit: SENT_LEAST to SENT_MAX. */
void sent_init(struct sent *sent, uint32_t limit, struct sequence start);
/* All that `from` knows moves to `sent`, whose memory is not smaller than needed for `limit` runs. */
void sent_move(struct sent *sent, uint32_t limit, const struct sent *from);
/* Could one more range be noted without blurring? */
bool sent_has_room(const struct sent *sent);
/* [start, end) leaves; start <= sent->end. What of it was there already is thereby sent again. */
void sent_note(struct sent *sent, struct sequence start, struct sequence end, net_time now);
/* [start, end), all of it there, has arrived. false: there is no room to say so; nothing changes. */
bool sent_arrived(struct sent *sent, struct sequence start, struct sequence end);
/* Everything before `una` is acknowledged and forgotten. */
void sent_acked(struct sent *sent, struct sequence una);
/* The run that contains `seq`; count: none does. */
uint32_t sent_find(const struct sent *sent, struct sequence seq);
/* [start, end), all of it there, is lost, where it has not arrived. */
void sent_lost(struct sent *sent, struct sequence start, struct sequence end);
/* Run `index`, which has not arrived, is lost. Neighbours are joined only by sent_join, so that the indices
 * stay. */
void sent_judge(struct sent *sent, uint32_t index);
void sent_join(struct sent *sent);
/* What counted as lost is on its way after all: as if it were sent anew now, for nothing more is known. */
void sent_revive(struct sent *sent, net_time now);
/* The peer has thrown away what it had told of (RFC 2018 section 8): it is lost. */
void sent_renege(struct sent *sent);
