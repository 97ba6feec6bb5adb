/* cookies.c: SYN cookies (RFC 4987 3.6). When a listener has no room for another half-open connection, what
 * the SYN said is put into our SYN-ACK, and comes back with the ACK that completes the handshake; nothing is
 * remembered meanwhile.
 *
 * As in Linux: the ISN is a hash of both ends, plus the peer's ISN, plus a counter of 64 seconds in the upper
 * eight bits, plus a second hash, of that counter, and the number of an MSS in the lower 24. With timestamps
 * the lowest bits of TSval carry what the other options said. */
#include <net/tcp/tcb.h>

#define PERIOD      (64 * NET_SECOND)
#define PERIODS     2 /* in which a cookie is good: it lives for one to two minutes */
#define COUNT_SHIFT 24
#define LOW         ((UINT32_C(1) << COUNT_SHIFT) - 1)

/* In TSval. */
#define STAMP_BITS     UINT32_C(0x3f)
#define STAMP_SHIFT    UINT32_C(0x0f) /* the window scale; all ones: none was offered */
#define STAMP_SACK     UINT32_C(0x10)
#define STAMP_ECN      UINT32_C(0x20)
#define STAMP_NO_SHIFT STAMP_SHIFT

/* The largest that is not above the peer's is taken. */
static const uint16_t segment_sizes[] = {64, 536, 1220, 1300, 1380, 1440, 1460, 8960};
#define SIZES (sizeof segment_sizes / sizeof segment_sizes[0])

static uint32_t hash(const struct tcp *tcp, const struct tcp_key *key, uint32_t count, uint32_t which) {
    struct {
        struct tcp_key key;
        uint32_t count, which;
    } what = {*key, count, which};
    _Static_assert(sizeof what == 20, "what is hashed has no holes");
    return (uint32_t)siphash(tcp->cookie_key, &what, sizeof what);
}

static uint32_t period_of(net_time now) {
    return (uint32_t)(now / PERIOD);
}

static uint32_t size_number(uint16_t mss) {
    uint32_t number = SIZES - 1;
    while (number > 0 && segment_sizes[number] > mss) {
        number--;
    }
    return number;
}

struct sequence tcp_cookie_make(const struct tcp *tcp, const struct tcp_key *key, struct sequence irs,
                                uint16_t mss, net_time now) {
    uint32_t count = period_of(now);
    uint32_t low = (hash(tcp, key, count, 1) + size_number(mss)) & LOW;
    return seq_of(hash(tcp, key, 0, 0) + irs.value + (count << COUNT_SHIFT) + low);
}

/* The MSS in a cookie; 0: it is none of ours, or too old. */
static uint16_t open_cookie(const struct tcp *tcp, const struct tcp_key *key, struct sequence irs,
                            struct sequence iss, net_time now) {
    uint32_t count = period_of(now);
    uint32_t cookie = iss.value - hash(tcp, key, 0, 0) - irs.value;
    uint32_t age = (count - (cookie >> COUNT_SHIFT)) & (UINT32_MAX >> COUNT_SHIFT);
    if (age >= PERIODS) {
        return 0;
    }
    uint32_t number = (cookie - hash(tcp, key, count - age, 1)) & LOW;
    return number < SIZES ? segment_sizes[number] : 0;
}

/* Never later than the clock, lest the connection's own timestamps seem to go back. */
uint32_t tcp_cookie_stamp(const struct tcb *tcb, uint32_t clock) {
    uint32_t bits = tcb->rcv.scaling ? tcb->snd.shift : STAMP_NO_SHIFT;
    bits |= tcb->sack ? STAMP_SACK : 0;
    bits |= tcb->ecn.on ? STAMP_ECN : 0;
    uint32_t stamp = (clock & ~STAMP_BITS) | bits;
    return (int32_t)(clock - stamp) < 0 ? stamp - STAMP_BITS - 1 : stamp;
}

static void read_stamp(struct tcp_header *syn, uint32_t stamp) {
    uint32_t shift = stamp & STAMP_SHIFT;
    syn->options.has_window_scale = shift != STAMP_NO_SHIFT;
    syn->options.window_scale = (uint8_t)shift;
    syn->options.sack_permitted = (stamp & STAMP_SACK) != 0;
    syn->flags |= (stamp & STAMP_ECN) != 0 ? TCP_ECE | TCP_CWR : 0;
}

bool tcp_cookie_read(const struct tcp *tcp, const struct tcp_segment *ack, struct tcp_segment *syn,
                     net_time now) {
    const struct tcp_options *options = &ack->header.options;
    *syn = (struct tcp_segment){.key = ack->key, .header = {.flags = TCP_SYN, .window = ack->header.window}};
    syn->header.seq = seq_of(ack->header.seq.value - 1);
    syn->header.options.mss =
        open_cookie(tcp, &ack->key, syn->header.seq, seq_of(ack->header.ack.value - 1), now);
    if (options->has_timestamp && !tcp->config.no_timestamps) {
        syn->header.options.has_timestamp = true;
        syn->header.options.timestamp = options->timestamp;
        read_stamp(&syn->header, options->timestamp_echo);
    }
    return syn->header.options.mss != 0;
}

void tcp_cookies_overflow(struct tcp_backlog *backlog, net_time now) {
    backlog->overflowed = true;
    backlog->overflowed_at = now;
}

bool tcp_cookies_expected(struct tcp_backlog *backlog, net_time now) {
    backlog->overflowed &= now - backlog->overflowed_at < PERIODS * PERIOD;
    return backlog->overflowed;
}
