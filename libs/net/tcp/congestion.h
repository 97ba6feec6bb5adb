/* congestion.h: how much may be on its way (RFC 5681), behind an interface that another algorithm can take.
 *
 * The four questions are asked by input.c, recovery.c and timers.c; what depends on the algorithm is in the
 * table `struct congestion_kind`, what all of them share (slow start, what a timeout does) is in
 * congestion.c. */
#pragma once

#include <net/types.h>
#include <net/wire/sequence.h>
#include <stdbool.h>

struct congestion;

struct congestion_kind {
    const char *name;
    /* `acked` new bytes beyond slow start: let cwnd grow. srtt: the round-trip time in microseconds. */
    void (*avoid)(struct congestion *congestion, uint32_t acked, uint32_t srtt, net_time now);
    /* Something was lost with `flight` bytes on their way: the new ssthresh. */
    uint32_t (*threshold)(struct congestion *congestion, uint32_t flight);
    bool hystart; /* the first slow start ends by HyStart++, if nothing is lost before */
};

extern const struct congestion_kind CONGESTION_NEW_RENO, CONGESTION_CUBIC;

/* CUBIC's variables, under the names of RFC 9438 section 4.1.2. */
struct cubic {
    net_time epoch_start; /* 0: no congestion avoidance since the last loss or pause */
    uint32_t w_max;       /* bytes: cwnd at the last loss, less if the way seems to be shared anew */
    uint32_t w_est;       /* bytes: what NewReno would have by now */
    uint32_t cwnd_prior;  /* bytes: cwnd at the last loss */
    uint32_t k;           /* milliseconds from the epoch's start until w_max is reached again */
};

/* HyStart++'s variables, under the names of RFC 9406 section 4.2; round trips in microseconds, 0: none. */
struct hystart {
    uint32_t last_round_min, current_round_min, css_baseline_min;
    struct sequence window_end; /* the round is over when this is acknowledged */
    bool running;               /* there is a round */
    uint8_t samples;            /* of this round, as far as they matter */
    uint8_t css_rounds;         /* of conservative slow start, this one too; 0: it is slow start */
};

/* Only one of them is needed at a time. */
union congestion_phase {
    struct hystart hystart; /* while congestion_is_first */
    struct cubic cubic;
};

struct congestion {
    const struct congestion_kind *kind;
    uint32_t cwnd, ssthresh; /* bytes */
    /* How much of cwnd is made use of: the most that was on its way since what ends at used_until was sent.
     */
    uint32_t used; /* bytes */
    struct sequence used_until;
    uint32_t counted; /* bytes acknowledged towards the next step of cwnd (RFC 3465) */
    uint16_t mss;
    bool reduced;  /* by any cause; the peer has not been told (CWR, RFC 3168 6.1.2) */
    bool answered; /* a mark has reduced this window: neither growth nor another reduction in it */
    net_time last_sent;
    union congestion_phase phase;
};

/* What a loss changes, to be put back if there was none. */
struct congestion_memory {
    uint32_t cwnd, ssthresh;
    union congestion_phase phase;
};

/* The initial window of RFC 6928: ten segments. */
void congestion_init(struct congestion *congestion, const struct congestion_kind *kind, uint16_t mss);
/* With the segment that ends at `end` `pipe` bytes are on their way; everything before `una` has arrived. */
void congestion_sent(struct congestion *congestion, uint32_t pipe, struct sequence una, struct sequence end);
/* Is cwnd what holds us back (RFC 7661 4.1)? By what was sent in the last round trip and not by what is out
 * now: ACKs come several at once, and nothing is sent before all of them are taken in. */
bool congestion_is_used(const struct congestion *congestion);
/* Is it the first slow start, before anything was lost (RFC 9406 4.3)? */
bool congestion_is_first(const struct congestion *congestion);
/* A round trip was measured, of `sample` microseconds; una, nxt: as they are now. */
void congestion_measured(struct congestion *congestion, uint32_t sample, struct sequence una,
                         struct sequence nxt);
/* The same while it is the first slow start, for congestion.c (hystart.c). */
void hystart_measured(struct congestion *congestion, uint32_t sample, struct sequence una,
                      struct sequence nxt);
/* Another algorithm goes on from here; `congestion` may be all zeros. */
void congestion_change(struct congestion *congestion, const struct congestion_kind *kind);
/* `acked` new bytes were acknowledged outside of loss recovery while cwnd was what held us back. */
void congestion_acked(struct congestion *congestion, uint32_t acked, uint32_t srtt, net_time now);
/* The greatest whole number whose cube is not above `value`. */
uint32_t congestion_cube_root(uint64_t value);
/* Loss, told by duplicate ACKs: sets ssthresh (RFC 5681 equation 4) by what was on its way when the last ACKs
 * came, which is at least `flight`; what cwnd is meanwhile, recovery.c says. */
void congestion_lost(struct congestion *congestion, uint32_t flight);
/* Loss, told by a timeout. `again`: the same segment has timed out before, ssthresh stays (RFC 5681 3.1). */
void congestion_timed_out(struct congestion *congestion, uint32_t flight, bool again);
/* A mark has come back (RFC 3168 6.1.2): as a loss, but nothing has to be sent again. */
void congestion_marked(struct congestion *congestion, uint32_t flight);
/* About to send with nothing on its way: after an idle time of more than `rto` the network is asked anew
 * (RFC 5681 4.1). */
void congestion_restart(struct congestion *congestion, uint32_t rto, net_time now);
void congestion_save(const struct congestion *congestion, struct congestion_memory *memory);
/* It was no loss (RFC 4015 step ReCC, RFC 9438 4.9.2): all is as before, or more if it has grown since. */
void congestion_restore(struct congestion *congestion, const struct congestion_memory *memory);
