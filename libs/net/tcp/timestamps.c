/* timestamps.c: RFC 7323: each segment says when it was sent and echoes what the peer said last. From the
 * echo comes the round-trip time even of what was sent twice (RTTM); a segment that is older than what has
 * arrived is dropped, so that sequence numbers may wrap within a segment's life (PAWS).
 *
 * The clock ticks once a millisecond, as Linux's does. A segment without the option on a connection that has
 * agreed on it is taken as it is, also as in Linux: middleboxes strip options. */
#include <net/tcp/tcb.h>

#define TICK   (NET_SECOND / 1000)
#define LENGTH 12 /* with two bytes of padding */
#define RECENT_LIFE                                                                                          \
    (UINT32_C(24) * 86400)         /* seconds; 5.5: half of the time in which a clock of 1 ms wraps          \
                                    */
#define ROUND_TRIP_MAX (60 * 1000) /* ticks; more is not believed */

uint32_t tcp_clock_value(const struct tcp_clock *clock, net_time now) {
    return (uint32_t)(now / TICK) + clock->offset;
}

/* `a` was shown before `b` by a clock that wraps. */
static bool shown_before(uint32_t a, uint32_t b) {
    return (int32_t)(a - b) < 0;
}

/* 5.5: what was heard so long ago says nothing, for the peer's clock may have wrapped. */
static bool has_expired(const struct tcp_clock *clock, net_time now) {
    return (uint32_t)(now / NET_SECOND) - clock->recent_at > RECENT_LIFE;
}

/* One offset for each pair of addresses: a new connection of the pair goes on where the last one was (7.1).
 */
void tcp_clock_start(const struct tcp *tcp, struct tcb *tcb) {
    struct tcp_key pair = tcb->entry.key;
    pair.local_port = pair.peer_port = 0;
    tcb->clock = (struct tcp_clock){.on = !tcp->config.no_timestamps};
    tcb->clock.offset = (uint32_t)(siphash(tcp->isn_key, &pair, sizeof pair) >> 32);
}

void tcp_clock_agree(struct tcb *tcb, const struct tcp_options *options, net_time now) {
    tcb->clock.on &= options->has_timestamp;
    tcb->clock.recent = options->timestamp;
    tcb->clock.recent_at = (uint32_t)(now / NET_SECOND);
}

void tcp_clock_stamp(const struct tcp_clock *clock, struct tcp_options *options, net_time now) {
    options->has_timestamp = clock->on;
    options->timestamp = tcp_clock_value(clock, now);
    options->timestamp_echo = clock->recent;
}

bool tcp_clock_is_old(const struct tcp_clock *clock, const struct tcp_options *options, net_time now) {
    return clock->on && options->has_timestamp && shown_before(options->timestamp, clock->recent) &&
           !has_expired(clock, now);
}

void tcp_clock_take(struct tcp_clock *clock, const struct tcp_header *header, struct sequence acked,
                    net_time now) {
    const struct tcp_options *options = &header->options;
    if (!clock->on || !options->has_timestamp || seq_after(header->seq, acked)) {
        return;
    }
    if (!shown_before(options->timestamp, clock->recent) || has_expired(clock, now)) {
        clock->recent = options->timestamp;
        clock->recent_at = (uint32_t)(now / NET_SECOND);
    }
}

uint32_t tcp_clock_round_trip(const struct tcp_clock *clock, const struct tcp_options *options,
                              net_time now) {
    uint32_t ticks = tcp_clock_value(clock, now) - options->timestamp_echo;
    bool told = clock->on && options->has_timestamp && options->timestamp_echo != 0;
    return !told || ticks > ROUND_TRIP_MAX ? 0 : (uint32_t)((ticks == 0 ? 1 : ticks) * TICK);
}

bool tcp_clock_echoes_before(const struct tcp_clock *clock, const struct tcp_options *options,
                             uint32_t stamp) {
    bool told = clock->on && options->has_timestamp && options->timestamp_echo != 0;
    return told && shown_before(options->timestamp_echo, stamp);
}

uint32_t tcp_clock_length(const struct tcp_clock *clock) {
    return clock->on ? LENGTH : 0;
}
