/* blocks.c: what SACK tells the peer (RFC 2018 sections 3 and 4, RFC 2883): first a duplicate, if one has
 * just come, then the block that the newest segment belongs to, then those before it. */
#include <net/tcp/tcb.h>

static bool is_wanted(const struct tcb *tcb) {
    return tcb->sack && (tcb->duplicate_due || tcb->reassembly != NULL);
}

/* The block that `seq` lies in. false: it has been delivered meanwhile. */
static bool find_block(const struct tcb *tcb, struct sequence seq, struct tcp_sack *block) {
    struct gap_range range;
    int32_t offset = seq_difference(seq, tcb->rcv.nxt);
    if (offset < 0 || !gaps_find(&tcb->reassembly->gaps, (uint32_t)offset, &range)) {
        return false;
    }
    *block = (struct tcp_sack){seq_add(tcb->rcv.nxt, range.start), seq_add(tcb->rcv.nxt, range.end)};
    return true;
}

/* Several arrivals can have grown into one block: it is told once. */
static void add_block(struct tcp_options *options, uint32_t first, uint32_t most, struct tcp_sack block) {
    for (uint32_t i = first; i < options->sack_count; i++) {
        if (seq_equal(options->sack[i].start, block.start)) {
            return;
        }
    }
    if (options->sack_count < most) {
        options->sack[options->sack_count++] = block;
    }
}

/* Those that are remembered as the newest, then any, so that as many as have room are told. */
static void add_blocks(const struct tcb *tcb, struct tcp_options *options, uint32_t first, uint32_t most) {
    const struct reassembly *reassembly = tcb->reassembly;
    struct tcp_sack block;
    for (uint32_t i = 0; i < reassembly->recent_count; i++) {
        if (find_block(tcb, reassembly->recent[i], &block)) {
            add_block(options, first, most, block);
        }
    }
    for (uint32_t i = 0; i < reassembly->gaps.count && options->sack_count < most; i++) {
        const struct gap_range *range = &reassembly->gaps.range[i];
        block = (struct tcp_sack){seq_add(tcb->rcv.nxt, range->start), seq_add(tcb->rcv.nxt, range->end)};
        add_block(options, first, most, block);
    }
}

void tcp_blocks_arrived(struct reassembly *reassembly, struct sequence seq, struct sequence rcv_nxt) {
    struct gap_range range;
    bool found = gaps_find(&reassembly->gaps, seq.value - rcv_nxt.value, &range);
    uint32_t keep = 0;
    for (uint32_t i = 0; found && i < reassembly->recent_count && keep < TCP_RECENT - 1; i++) {
        uint32_t offset = reassembly->recent[i].value - rcv_nxt.value;
        bool same = offset >= range.start && offset < range.end;
        reassembly->recent[keep] = reassembly->recent[i];
        keep += !same;
    }
    memmove(&reassembly->recent[1], reassembly->recent, keep * sizeof seq);
    reassembly->recent[0] = seq;
    reassembly->recent_count = (uint8_t)(keep + 1);
}

void tcp_blocks_duplicate(struct tcb *tcb, struct sequence start, struct sequence end) {
    tcb->duplicate = (struct tcp_sack){start, end};
    tcb->duplicate_due = tcb->sack && seq_before(start, end);
}

bool tcp_blocks_end_at(const struct tcb *tcb, struct sequence seq) {
    const struct reassembly *reassembly = tcb->reassembly;
    uint32_t count = reassembly != NULL ? reassembly->gaps.count : 0;
    return count != 0 && seq_equal(seq, seq_add(tcb->rcv.nxt, reassembly->gaps.range[count - 1].end));
}

static uint32_t most_blocks(const struct tcb *tcb) {
    return tcb->clock.on ? TCP_SACK_MAX - 1 : TCP_SACK_MAX;
}

void tcp_blocks_write(struct tcb *tcb, struct tcp_options *options) {
    options->sack_count = 0;
    if (!is_wanted(tcb)) {
        return;
    }
    if (tcb->duplicate_due) {
        options->sack[options->sack_count++] = tcb->duplicate;
        tcb->duplicate_due = false;
    }
    if (tcb->reassembly != NULL) {
        add_blocks(tcb, options, options->sack_count, most_blocks(tcb));
    }
}

uint32_t tcp_blocks_length(const struct tcb *tcb) {
    if (!is_wanted(tcb)) {
        return 0;
    }
    uint32_t blocks = tcb->duplicate_due + (tcb->reassembly != NULL ? tcb->reassembly->gaps.count : 0);
    return 4 + tcp_min(blocks, most_blocks(tcb)) * (uint32_t)sizeof(struct tcp_sack);
}
