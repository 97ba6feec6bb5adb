/* scoreboard.c: the ranges that SACK has told of; read scoreboard.h first. */
#include <net/tcp/scoreboard.h>
#include <string.h>

static uint32_t length_of(const struct scoreboard_range *range) {
    return range->end.value - range->start.value;
}

/* The first range that ends at or behind `seq`. */
static uint32_t first_touching(const struct scoreboard *board, struct sequence seq) {
    uint32_t i = 0;
    while (i < board->count && seq_before(board->range[i].end, seq)) {
        i++;
    }
    return i;
}

/* Puts `range` in the place of the ranges `from` … `to`-1. */
static void replace(struct scoreboard *board, uint32_t from, uint32_t to, struct scoreboard_range range) {
    memmove(&board->range[from + 1], &board->range[to], (board->count - to) * sizeof range);
    board->range[from] = range;
    board->count = board->count - (to - from) + 1;
}

void scoreboard_init(struct scoreboard *board, uint32_t limit) {
    board->limit = limit;
    board->count = board->sacked = 0;
    board->pipe = board->flight = board->delivered = board->sent = 0;
}

/* A new range cuts a hole in two, and both halves know what was known of the whole; behind the last range
 * nothing has been sent again. */
bool scoreboard_add(struct scoreboard *board, struct sequence una, struct sequence start, struct sequence end,
                    uint32_t *news) {
    uint32_t from = first_touching(board, start), to = from, known = 0;
    struct scoreboard_range range = {start, end, una, una};
    *news = 0;
    if (from < board->count) {
        range.resent = board->range[from].resent;
        range.edge = board->range[from].edge;
    }
    while (to < board->count && seq_before_or_at(board->range[to].start, end)) {
        range.start = seq_min(range.start, board->range[to].start);
        range.end = seq_max(range.end, board->range[to].end);
        known += length_of(&board->range[to++]);
    }
    if (from == to && board->count == board->limit) {
        return false;
    }
    *news = length_of(&range) - known;
    board->sacked += *news;
    replace(board, from, to, range);
    return true;
}

uint32_t scoreboard_acked(struct scoreboard *board, struct sequence una) {
    uint32_t over = 0, before = board->sacked;
    while (over < board->count && seq_before_or_at(board->range[over].end, una)) {
        board->sacked -= length_of(&board->range[over++]);
    }
    board->count -= over;
    memmove(board->range, &board->range[over], board->count * sizeof board->range[0]);
    if (board->count > 0 && seq_before(board->range[0].start, una)) {
        board->sacked -= una.value - board->range[0].start.value;
        board->range[0].start = una;
    }
    return before - board->sacked;
}

struct scoreboard_hole scoreboard_hole(const struct scoreboard *board, struct sequence una, uint32_t index) {
    const struct scoreboard_range *range = &board->range[index];
    struct scoreboard_hole hole = {.start = index == 0 ? una : board->range[index - 1].end,
                                   .end = range->start};
    hole.resent = seq_min(seq_max(range->resent, hole.start), hole.end);
    return hole;
}

void scoreboard_resent(struct scoreboard *board, struct sequence end, struct sequence edge) {
    uint32_t i = first_touching(board, end);
    if (i < board->count) {
        board->range[i].resent = end;
        board->range[i].edge = edge;
    }
}

uint32_t scoreboard_before(const struct scoreboard *board, struct sequence seq) {
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < board->count && seq_before(board->range[i].start, seq); i++) {
        bytes += seq_min(board->range[i].end, seq).value - board->range[i].start.value;
    }
    return bytes;
}

const struct scoreboard_range *scoreboard_at(const struct scoreboard *board, struct sequence seq) {
    uint32_t i = first_touching(board, seq_add(seq, 1));
    return i < board->count ? &board->range[i] : NULL;
}
