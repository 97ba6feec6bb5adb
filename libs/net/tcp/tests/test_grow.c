/* test_grow.c: buffers that grow by need: the receive window by what the user takes, the send buffer by the
 * congestion window; and what is promised when memory is short. */
#include "script.h"

#define MS    (NET_SECOND / 1000)
#define MSS   1400
#define FIRST 65536u
#define MOST  524288u
#define SHIFT 4

static void start(struct script *s, uint32_t most, uint32_t budget) {
    struct net_config config = script_config();
    config.receive_buffer_max = most;
    config.send_buffer_max = most;
    config.owner_budget = budget;
    script_start_with(s, &config);
}

static int setup(void **state) {
    struct script *s = malloc(sizeof *s);
    start(s, MOST, 1u << 20);
    *state = s;
    return 0;
}

static void establish(struct script *s, uint16_t from, uint8_t shift, bool has_time) {
    struct net_endpoint peer;
    if (s->listener == 0) {
        script_listen(s, 8);
    }
    s->iss_known = false;
    IN(.flags = SYN, .mss = MSS, .has_shift = true, .shift = 7, .from = from, .has_time = has_time);
    OUT(.flags = SYN | ACK, .ack = 1, .has_shift = true, .shift = shift, .window = 65535);
    IN(.flags = ACK, .seq = 1, .ack = 1, .from = from, .has_time = has_time);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    s->read = 0;
}

static int64_t option(struct script *s, enum net_option which) {
    int64_t value;
    assert_int_equal(net_get_option(s->net, s->socket, which, &value), ERR_NONE);
    return value;
}

/* The window that the engine told last, as its right edge in the peer's numbers. */
static uint32_t edge(const struct script *s, uint8_t shift) {
    bool scaled = (s->last.flags & SYN) == 0;
    return s->last.ack.value - PEER_ISN + ((uint32_t)s->last.window << (scaled ? shift : 0));
}

/* Takes all ACKs that are due; none takes back what was promised. */
static void take_acks(struct script *s, uint8_t shift) {
    struct tcp_header header;
    struct span text;
    while (script_take(s, &header, &text)) {
        uint32_t before = edge(s, shift);
        s->last = header;
        assert_true((int32_t)(edge(s, shift) - before) > -(1 << shift)); /* but for rounding */
    }
}

/* One round trip: the peer fills what it was offered, the user takes `bite` bytes at most. Returns the window
 * that it is offered then. */
static uint32_t round_trip(struct script *s, uint32_t *seq, uint8_t shift, uint32_t bite) {
    uint32_t end = edge(s, shift);
    while ((int32_t)(end - *seq) >= MSS) {
        IN(.flags = ACK, .seq = *seq, .ack = 1, .length = MSS);
        *seq += MSS;
        take_acks(s, shift);
    }
    (void)script_read(s, bite);
    PASS(100 * MS);
    IN(.flags = ACK, .seq = *seq, .ack = 1, .length = MSS);
    *seq += MSS;
    (void)script_read(s, bite < MSS ? 0 : MSS);
    PASS(100 * MS);
    take_acks(s, shift);
    return (uint32_t)s->last.window << shift;
}

static void test_window_grows_by_need(void **state) {
    struct script *s = *state;
    uint32_t seq = 1, window = FIRST;
    establish(s, 0, SHIFT, false);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = MSS);
    take_acks(s, SHIFT);
    (void)script_read(s, MSS);
    seq += MSS;
    assert_true(edge(s, SHIFT) - seq <= FIRST); /* it starts small */
    for (int i = 0; i < 12; i++) {
        window = round_trip(s, &seq, SHIFT, UINT32_C(1) << 20);
    }
    assert_true(window > MOST - 2 * MSS && window <= MOST);
    assert_int_equal(option(s, NET_OPTION_RCVBUF), MOST);
}

static void test_a_slow_user_gets_no_more(void **state) {
    struct script *s = *state;
    uint32_t seq = 1;
    establish(s, 0, SHIFT, false);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = MSS);
    take_acks(s, SHIFT);
    seq += MSS;
    for (int i = 0; i < 20; i++) {
        (void)round_trip(s, &seq, SHIFT, 5000);
    }
    assert_int_equal(option(s, NET_OPTION_RCVBUF), FIRST);
}

static void test_what_the_user_asked_for_stays(void **state) {
    struct script *s = *state;
    uint32_t seq = 1;
    script_listen(s, 8);
    assert_int_equal(net_set_option(s->net, s->listener, NET_OPTION_RCVBUF, FIRST), ERR_NONE);
    establish(s, 0, 1, false);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = MSS);
    take_acks(s, 1);
    (void)script_read(s, MSS);
    seq += MSS;
    for (int i = 0; i < 6; i++) {
        (void)round_trip(s, &seq, 1, UINT32_C(1) << 20);
    }
    assert_int_equal(option(s, NET_OPTION_RCVBUF), FIRST);
}

/* By timestamps: 10 ms of round trip, in which the user takes 40 segments. */
static void test_round_trip_from_echoes(void **state) {
    struct script *s = *state;
    uint32_t seq = 1;
    establish(s, 0, SHIFT, true);
    for (int trip = 0; trip < 4; trip++) {
        struct tcp_header header = s->last;
        for (int i = 0; i < 40; i++) {
            IN(.flags = ACK, .seq = seq, .ack = 1, .length = MSS, .has_time = true, .time = 1,
               .echo = header.options.timestamp);
            take_acks(s, SHIFT);
            (void)script_read(s, MSS);
            seq += MSS;
        }
        PASS(10 * MS);
        IN(.flags = ACK, .seq = seq, .ack = 1, .length = MSS, .has_time = true, .time = 1,
           .echo = header.options.timestamp + 1); /* 10 ms after we said so */
        (void)script_read(s, MSS);
        seq += MSS;
        take_acks(s, SHIFT);
        PASS(50 * MS);
        take_acks(s, SHIFT);
    }
    assert_true(option(s, NET_OPTION_RCVBUF) > FIRST);
}

/* ---- Made smaller on the way ---- */

static void test_a_promise_is_kept(void **state) {
    struct script *s = *state;
    establish(s, 0, SHIFT, false);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = MSS);
    take_acks(s, SHIFT);
    uint32_t promised = edge(s, SHIFT), seq = 1 + MSS;
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_RCVBUF, 4096), ERR_NONE);
    while ((int32_t)(promised - seq) >= MSS) {
        IN(.flags = ACK, .seq = seq, .ack = 1, .length = MSS);
        seq += MSS;
        take_acks(s, SHIFT);
    }
    assert_int_equal(s->last.ack.value - PEER_ISN, seq);
    assert_int_equal(script_read(s, FIRST), seq - 1);
    take_acks(s, SHIFT);
    PASS(NET_SECOND);
    take_acks(s, SHIFT);
    assert_true(edge(s, SHIFT) <= promised + 4096 + MSS);
}

/* ---- Little memory ---- */

/* What waits to be sent is nearly all that the owner may have. */
static void test_promises_are_backed(void **state) {
    struct script *s = malloc(sizeof *s);
    uint32_t seq = 1;
    (void)state;
    start(s, MOST, 42000);
    establish(s, 0, SHIFT, false);
    script_send(s, 32768);
    uint32_t first = edge(s, SHIFT);
    for (int i = 0; i < 60; i++) {
        uint32_t length = i < 40 ? MSS : 2 * MSS;
        IN(.flags = ACK, .seq = seq, .ack = 1, .length = length);
        take_acks(s, SHIFT);
        PASS(100 * MS);
        take_acks(s, SHIFT);
        seq = s->last.ack.value - PEER_ISN;
        (void)script_read(s, i % 3 == 0 ? 1000 : 2 * MSS);
    }
    assert_true(seq > first);                          /* it goes on all the same … */
    assert_true(edge(s, SHIFT) - seq <= 4 * MSS + 16); /* … by as much as may well have a place */
    assert_int_equal(option(s, NET_OPTION_RCVBUF), FIRST);
    assert_int_equal(net_counters(s->net)->tcp_no_memory, 0);
    script_stop(s);
    free(s);
}

static void test_default_follows_the_memory(void **state) {
    struct script *s = malloc(sizeof *s);
    (void)state;
    start(s, 0, 1u << 20); /* two thirds of a mebibyte, rounded down */
    establish(s, 0, SHIFT, false);
    script_stop(s);
    start(s, 0, 100000);
    establish(s, 0, 1, false);
    script_stop(s);
    free(s);
}

static void test_bad_sizes_are_refused(void **state) {
    static const uint32_t bad[] = {4096, 65537, 100000, 1u << 25};
    struct net_config config = script_config();
    void *memory = aligned_alloc(64, 2u << 20);
    struct net *net;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        config.receive_buffer_max = bad[i];
        assert_int_equal(net_init(&net, &config, memory, 2u << 20, 0), ERR_INVALID);
    }
    free(memory);
}

/* ---- Sending ---- */

static uint32_t send_all(struct script *s) {
    struct tcp_header header;
    struct span text;
    uint32_t acked = 1;
    for (int i = 0; i < 60; i++) {
        size_t space = 1u << 20;
        struct net_piece piece[2];
        enum error error = net_send_space(s->net, s->socket, piece, &space);
        if (error == ERR_NONE) {
            assert_int_equal(net_send_commit(s->net, s->socket, space, false, s->now), ERR_NONE);
        }
        while (script_take(s, &header, &text)) {
            acked = header.seq.value - s->iss + (uint32_t)text.length;
        }
        PASS(MS);
        IN(.flags = ACK, .seq = 1, .ack = acked, .window = 8192); /* times 128: a mebibyte */
    }
    return acked;
}

static void test_send_buffer_grows(void **state) {
    struct script *s = *state;
    establish(s, 0, SHIFT, false);
    assert_int_equal(option(s, NET_OPTION_SNDBUF), FIRST);
    assert_true(send_all(s) > MOST);
    assert_true(option(s, NET_OPTION_SNDBUF) > 2 * FIRST);
    assert_true(option(s, NET_OPTION_SNDBUF) <= MOST);
}

static void test_send_buffer_stays(void **state) {
    struct script *s = *state;
    establish(s, 0, SHIFT, false);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_SNDBUF, 2 * FIRST), ERR_NONE);
    assert_true(send_all(s) > MOST);
    assert_int_equal(option(s, NET_OPTION_SNDBUF), 2 * FIRST);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_window_grows_by_need),
        WITH(test_a_slow_user_gets_no_more),
        WITH(test_what_the_user_asked_for_stays),
        WITH(test_round_trip_from_echoes),
        WITH(test_a_promise_is_kept),
        cmocka_unit_test(test_promises_are_backed),
        cmocka_unit_test(test_default_follows_the_memory),
        cmocka_unit_test(test_bad_sizes_are_refused),
        WITH(test_send_buffer_grows),
        WITH(test_send_buffer_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
