/* sack.c: what the peer tells by SACK (RFC 2018, 2883): the blocks of an ACK are checked and noted. What is
 * lost by that, rack.c says; what is done about it, recovery.c. */
#include <net/tcp/tcb.h>

/* RFC 2883 4: a first block that is acknowledged, or that lies within the second, tells of a duplicate. */
bool tcp_sack_tells_duplicate(const struct tcp_header *header) {
    if (header->options.sack_count == 0) {
        return false;
    }
    const struct tcp_sack *block = header->options.sack;
    bool acknowledged = seq_before_or_at(block[0].end, header->ack);
    bool within = header->options.sack_count > 1 && seq_before_or_at(block[1].start, block[0].start) &&
                  seq_before_or_at(block[0].end, block[1].end);
    return seq_before(block[0].start, block[0].end) && (acknowledged || within);
}

/* Believes only what could be true: of what was sent and is not acknowledged. Reckoned from SND.UNA, for a
 * block may claim to reach over half of all sequence numbers. */
static void take_block(struct tcp *tcp, struct tcb *tcb, struct sequence ack, struct tcp_sack block,
                       struct tcp_news *news, net_time now) {
    struct sequence una = tcb->snd.una;
    bool old = seq_before(block.start, una) && seq_before_or_at(block.end, una);
    bool beyond = block.end.value - una.value > tcb->snd.max.value - una.value;
    if (!seq_before(block.start, block.end) || (beyond && !old)) {
        tcp->counters->tcp_bad_sack++;
        return;
    }
    struct sequence start = seq_max(block.start, seq_max(ack, una));
    if (!old && tcb->outstanding != NULL && seq_before(start, block.end)) {
        tcp_rack_delivered(tcp, tcb, start, block.end, news, now);
        news->delivered += tcp_outstanding_arrived(tcp, tcb, start, block.end);
    }
}

void tcp_sack_update(struct tcp *tcp, struct tcb *tcb, const struct tcp_header *header, struct tcp_news *news,
                     net_time now) {
    const struct tcp_options *options = &header->options;
    if (!tcb->sack || options->sack_count == 0) {
        return;
    }
    uint32_t first = tcp_sack_tells_duplicate(header);
    if (first != 0) {
        tcp->counters->tcp_duplicate_reports++;
        news->duplicate_report = true;
        tcp_undo_reported(tcb, &options->sack[0]);
    }
    for (uint32_t i = first; i < options->sack_count; i++) {
        take_block(tcp, tcb, header->ack, options->sack[i], news, now);
    }
    news->sacked = news->delivered != 0;
}
