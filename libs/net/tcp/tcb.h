/* tcb.h: what a connection remembers (the transmission control block, RFC 9293 3.3.1), and all of them
 * together.
 *
 * For the files of this folder. Each group of fields says whose it is: read freely, change only through its
 * owner's functions. Everything that is to be sent is first marked here and leaves through output.c. */
#pragma once

#include <base/random.h>
#include <net/stream/gaps.h>
#include <net/tcp/buffer.h>
#include <net/tcp/congestion.h>
#include <net/tcp/rtt.h>
#include <net/tcp/sent.h>
#include <net/tcp/tcp.h>
#include <net/tcp/user.h>

/* What is known of a server for Fast Open. Owner: fastopen.c. */
#define TCP_HINTS 32
struct tcp_hint {
    uint32_t peer; /* 0: unused */
    uint16_t mss;
    uint8_t failures; /* in a row: the pause is doubled by each */
    struct tcp_cookie cookie;
    net_time used, paused_until;
};

/* Anything that a segment can find by its four numbers: a TCB or a remnant. Owner: table.c. */
struct tcp_entry {
    struct tcp_entry *next; /* in its bucket */
    struct tcp_key key;
    uint32_t slot; /* its place in tcp->slots */
    bool in_table; /* found by segments */
    bool is_remnant;
};

/* Timestamps of one connection (RFC 7323). Owner: timestamps.c. */
struct tcp_clock {
    bool on;            /* offered, and once the peer's SYN is there: agreed */
    uint32_t offset;    /* what our clock shows at time 0, so that it tells nobody how long we have been up */
    uint32_t recent;    /* TS.Recent: what is echoed */
    uint32_t recent_at; /* the second when it came; it is believed for 24 days */
};

/* What is left of a connection in TIME_WAIT when nothing but the waiting remains. Owner: timewait.c. */
struct tcp_remnant {
    struct tcp_entry entry;
    struct list link; /* in tcp->remnants, earliest deadline first */
    net_time deadline;
    struct sequence snd_nxt, rcv_nxt;
    uint32_t window;      /* last advertised, in bytes */
    uint8_t window_shift; /* of the value that is sent */
    struct tcp_clock clock;
    net_time answered; /* as a TCB's */
    uint8_t tos;
};

/* What has arrived beyond a gap, and in what order SACK tells of it. Owner: text.c. */
#define TCP_RECENT 4
struct reassembly {
    struct sequence recent[TCP_RECENT]; /* a byte of each of the last arrivals, the newest first */
    uint8_t recent_count;
    bool ack_goes_ahead; /* what came before the gap is owed an ACK of its own, that does not tell of the gap
                          */
    struct gaps gaps;    /* last, for there is memory for gaps.limit ranges only */
};

/* The one thing that a connection waits for; never two of them. Owner: timers.c. */
enum tcp_timer_kind {
    TCP_TIMER_NONE,
    TCP_TIMER_RETRANSMIT, /* sent, not acknowledged (RFC 6298) */
    TCP_TIMER_TAIL,       /* the same, but a probe may tell sooner what is missing (RFC 8985 7) */
    TCP_TIMER_REORDER,    /* the same, but what seems to be missing may only be late (RFC 8985 6.2) */
    TCP_TIMER_PERSIST,    /* data to send, but the peer's window is shut (RFC 9293 3.8.6.1) */
    TCP_TIMER_OVERRIDE,   /* data held back to avoid a small segment (RFC 9293 3.8.6.2.1) */
    TCP_TIMER_FIN_WAIT,   /* the socket is gone and the peer's FIN does not come */
    TCP_TIMER_KEEPALIVE   /* nothing has been heard for long (RFC 9293 3.8.4) */
};

struct tcp_timer {
    enum tcp_timer_kind kind;
    net_time deadline; /* NET_NEVER with TCP_TIMER_NONE */
};

/* What a listener holds beside its TCB. Owner: listen.c. */
struct tcp_backlog {
    struct list half_open; /* in SYN_RECEIVED, oldest first */
    struct list finished;  /* to be accepted, oldest first */
    uint32_t half_open_count, finished_count, limit;
    bool overflowed; /* SYNs have lately been answered with cookies */
    net_time overflowed_at;
};

/* How fast the user takes what arrives, and so how much the peer should be let send. Owner: grow.c. */
struct tcp_growth {
    struct sequence taken; /* the next byte for the user when the present measure began */
    struct sequence
        window_end;      /* when this has arrived a window has passed: a round trip without timestamps */
    uint32_t before;     /* bytes that the user took in the round trip before */
    uint32_t round_trip; /* microseconds, times 8; 0: nothing has been measured */
    uint32_t echo;       /* TSecr that was last measured by */
    net_time taken_at, window_began;
};

/* Why Fast Open did not; with Linux's numbers. */
enum { TCP_FAST_NO_COOKIE = 1, TCP_FAST_NOT_TAKEN, TCP_FAST_SYN_RESENT };

/* What keeps a sender from sending more. Owner: rate.c. */
enum tcp_held {
    TCP_HELD_IDLE,   /* it has nothing */
    TCP_HELD_NOT,    /* nothing but the network */
    TCP_HELD_WINDOW, /* the peer's window */
    TCP_HELD_BUFFER, /* all is out, and the user has more than the buffer takes */
    TCP_HELD_KINDS
};

/* What is counted for its user's sake: see net/stream_info.h. */
struct tcp_tally {
    uint64_t bytes_acknowledged, bytes_received; /* in order */
    uint64_t bytes_sent, bytes_resent;           /* text; the first counts the second too */
    uint32_t segments_in, segments_out, data_in, data_out;
    uint32_t delivered; /* segments that are known to have arrived */
    uint32_t out_of_order, duplicate_reports;
    uint32_t delivered_marked;     /* segments, by ACKs that reported a mark */
    uint32_t data_came, ack_came;  /* milliseconds, going round; 0: never */
    uint32_t held[TCP_HELD_KINDS]; /* milliseconds that have passed so */
    uint32_t held_since;           /* the same */
    uint32_t rate;                 /* bytes a second, of delivery */
    uint16_t timeouts, reordered;  /* reordered: how often what was late has come after all */
    uint8_t held_by;               /* enum tcp_held */
    uint8_t fast_fail : 2;         /* 0: it was not tried, or did. Owner: fastopen.c */
    bool syn_data : 1;             /* the peer has taken what came with the SYN. The same */
    bool rate_idle : 1;            /* meanwhile the user had nothing to send for some time */
};

/* What is on its way, while anything is. Owner: outstanding.c. */
struct outstanding {
    /* RFC 8985 6.1, under its names; all of it is about what is on its way now. Owner: rack.c. */
    struct {
        net_time xmit_ts;    /* of the most recently sent segment that was delivered; 0: none */
        net_time reorder_at; /* when to look again whether the rest has come; NET_NEVER: nothing is late */
        struct sequence end_seq, fack;
        uint32_t rtt; /* microseconds */
    } rack;
    /* RFC 6937: RecoverFS, prr_delivered, prr_out, in bytes. Owner: recovery.c. */
    struct {
        uint32_t flight, delivered, out;
    } prr;
    /* The round by which the rate of delivery is measured. Owner: rate.c. */
    struct {
        uint32_t began;      /* microseconds, going round */
        uint32_t delivered;  /* bytes since then */
        struct sequence end; /* the round is over when this is acknowledged; unless round_open */
    } round;
    bool round_open : 1, round_idle : 1; /* idle: the user had nothing to send */
    bool frto : 1, frto_new : 1; /* the timeout may have been spurious; new data goes first. Owner: frto.c */
    struct sent sent;            /* last, for there is memory for sent.limit runs only */
};

/* What losses have left behind. Owner: undo.c, rack.c (reo). */
struct aftermath {
    struct congestion_memory prior; /* as it was before, while undo_marked */
    struct sequence undo_marker;    /* snd.una when recovery began */
    uint32_t resent;                /* bytes that were sent again and not yet reported to have come twice */
    uint32_t stamp;                 /* what our clock showed when the first of them left */
    bool undo_marked : 1, resent_any : 1, in_round : 1;
    uint8_t reo_wnd_mult, reo_wnd_persist; /* RFC 8985 6.1 */
    struct sequence dsack_round;           /* if in_round */
};

/* What stands beside the TCB, in a run of its own, for it is not looked at for each segment that goes out. */
struct tcp_beside {
    struct tcp_settings asked; /* owner: user.c; the sizes are those of the buffers */
    struct tcp_growth growth;
    struct aftermath aftermath;
    struct tcp_tally tally;
    net_time stalled;  /* since then nothing of what waits has moved; owner: timers.c */
    net_time answered; /* when a segment that does not fit was last answered; 0: never; owner: input.c */
};

_Static_assert(sizeof(struct tcp_beside) <= 256, "it should fit into the arena's run of 256 bytes");

/* Loss recovery (RFC 5681, 6675, 6298). Owner: recovery.c. */
enum tcp_phase {
    TCP_PHASE_OPEN,
    TCP_PHASE_FAST, /* fast recovery, until snd.una reaches recover */
    TCP_PHASE_LOSS  /* a timeout has happened; the same */
};

/* What an ACK tells, gathered on the way through the steps of check_ack. */
struct tcp_news {
    const struct tcp_options *options;
    struct sequence fack;      /* before it came */
    uint32_t flight;           /* bytes on their way before it came, SACKed ones included */
    uint32_t acked;            /* bytes by which snd.una moved */
    uint32_t delivered;        /* bytes that were not known to have arrived */
    uint32_t lost;             /* bytes newly taken for lost */
    bool advanced : 1;         /* snd.una moved */
    bool sacked : 1;           /* SACK told something new */
    bool duplicate : 1;        /* for a peer without SACK: RFC 5681 section 2 */
    bool duplicate_report : 1; /* D-SACK (RFC 2883) */
    bool original : 1;         /* what was never sent again has arrived, of what was out at the timeout */
    bool resent : 1;           /* of what moved snd.una something was sent more than once */
    bool rack_advanced : 1;    /* RACK has something to say */
    bool lost_again : 1;       /* what was sent again is lost */
    net_time first_acked;      /* when the first original of it left, acknowledged or SACKed; 0: none */
    net_time first_sacked, newest;
};

struct tcb {
    struct tcp_entry entry;

    /* Who it belongs to. socket 0: half-open, waiting to be accepted, or an orphan. Owner: user.c, listen.c.
     */
    net_socket_id socket;
    net_owner owner;
    uint8_t state;            /* enum tcp_state; set by tcp_set_state only */
    bool is_bound, is_orphan; /* in a port's bucket (table.c); its user has closed it */
    bool was_open;            /* has been ESTABLISHED */
    uint16_t offered;         /* bytes of segment that the peer takes; 0: not known yet. Owner: size.c */
    uint32_t heap_index;      /* TCP_NO_HEAP: not in the heap (timers.c) */
    struct tcb *listener;     /* while half-open or waiting to be accepted */
    struct list sibling;      /* in one of the listener's two lists */
    union {
        struct tcp_backlog *backlog; /* in LISTEN */
        struct tcp_hole *hole;       /* else: a suspected black hole; mostly null. Owner: size.c */
    };
    struct tcb *next_bound;

    /* Where it stands in line. Owner: output.c (due), user.c (changed), timers.c (heap). */
    struct list due;     /* in tcp->due or tcp->parked */
    struct list changed; /* in tcp->changed */
    net_time heap_time;  /* <= the true deadline */

    /* Send sequence variables. snd.nxt falls back to snd.una on a timeout, snd.max never does.
     * send holds the bytes from snd.una on, from iss+1 on while the SYN is unacknowledged. */
    struct sequence iss;
    struct {
        struct sequence una, nxt, max, wl1, wl2;
        struct sequence push;  /* end of the last write: PSH goes there */
        struct sequence small; /* end of the last segment that was not full (Minshall's Nagle) */
        struct sequence fin;   /* our FIN, if fin_sent */
        uint32_t wnd, wnd_max; /* bytes */
        uint16_t mss;          /* bytes of text in a full segment. Owner: size.c */
        uint8_t shift;
    } snd;
    struct buffer send;

    /* Receive sequence variables. receive holds in-order bytes up to rcv.nxt, and beyond it those in
     * `reassembly`. */
    struct sequence irs;
    struct {
        struct sequence nxt, adv; /* adv: the right edge of the window that we mean to offer */
        struct sequence told;  /* the same as the peer has read it: rounded up to the scaled window's unit */
        struct sequence acked; /* rcv.nxt as the last segment said it */
        struct sequence fin;   /* where the peer's FIN stands, if fin_known */
        uint16_t mss;          /* the largest segment that came */
        uint8_t shift;
        bool scaling; /* both sides have offered a window scale (ours to be offered) */
    } rcv;
    struct buffer receive;
    struct reassembly *reassembly; /* null: nothing is out of order */
    struct tcp_sack duplicate;     /* what came twice, if duplicate_due: for the next ACK (RFC 2883) */
    struct tcp_clock clock;

    /* What is due to be sent, and what holds it back. */
    net_time ack_at;      /* the delayed ACK; NET_NEVER: none */
    uint8_t acks_due;     /* owed at once, each by itself (RFC 5681 4.2: the peer counts duplicates) */
    bool repeated;        /* the next one answers text that was there already */
    uint8_t quick_acks;   /* at a connection's start, and after a loss, ACKs are not delayed */
    bool interactive : 1; /* answers carry the ACKs: delay them from the start */
    bool syn_due : 1, reset_due : 1, probe_due : 1, override : 1, cork : 1;
    bool fin_queued : 1, fin_sent : 1;
    bool syn_waits : 1;  /* in SYN-SENT: our SYN is to carry data and waits for it */
    bool fast_asked : 1; /* our SYN had the option of Fast Open, and no other has followed */
    bool duplicate_due : 1;
    bool sack : 1; /* SACK is offered, and once the peer's SYN is there: agreed (RFC 2018) */
    bool fin_known : 1, fin_taken : 1; /* the peer's FIN: it has come; it was next in order */

    /* Time. Owner: timers.c. */
    uint8_t retries; /* timeouts, probes or keep-alives in a row that brought nothing */
    uint8_t probes;  /* of the shut window, answered or not: they come ever more slowly */
    struct tcp_timer timer;
    net_time heard; /* the last acceptable segment */

    struct rtt rtt;
    /* RFC 3168. Owner: ecn.c. */
    struct {
        struct sequence until; /* what was out when a mark reduced the window, if congestion.answered */
        bool on : 1;           /* offered, and once the peer's SYN is there: agreed */
        bool plain : 1;        /* a SYN without it has gone or come: nothing that we send is marked */
        bool echo : 1;         /* a mark has come: ECE until CWR comes */
        bool seen : 1;         /* the peer marks what it sends */
    } ecn;
    /* Loss recovery. Owner: recovery.c. */
    struct {
        struct sequence recover;
        struct sequence tail_end; /* RFC 8985 TLP.end_seq, if tail_probed. Owner: tail.c */
        uint16_t duplicates;      /* of a peer without SACK, since snd.una last moved */
        uint8_t phase : 2;        /* enum tcp_phase */
        bool partial_seen : 1;    /* in fast recovery without SACK snd.una has moved */
        bool reordering_seen : 1; /* RFC 8985 6.1. Owner: rack.c */
        bool tail_due : 1, tail_probed : 1, tail_resent : 1; /* resent: the probe was nothing new */
    } recovery;
    uint32_t retransmits; /* segments, ever */
    struct congestion congestion;
    /* Null: nothing is out (or memory was short: then the timer alone finds what is lost). */
    struct outstanding *outstanding;

    /* The user's side. Owner: user.c. */
    bool shut_read : 1, space_lent : 1; /* lent: net_send_space gave out pieces of the send ring */
    bool refused : 1;                   /* the user has more than there was room for */
    bool starved : 1;                   /* no memory for more to send until something is acknowledged */
    enum error error : 16;              /* pending, for the user */
    enum error soft_error : 16;         /* the last thing the network said; why a timeout happened */
    struct tcp_beside *beside;
};

_Static_assert(sizeof(struct tcb) <= 512, "a connection should fit into the arena's run of 512 bytes");

#define TCP_NO_HEAP        UINT32_MAX
#define TCP_ACK_DELAY      (NET_SECOND / 25)
#define MSS_DEFAULT        536 /* RFC 9293 3.7.1: when the peer says nothing */
#define TCP_REPLIES        256 /* a power of two */
#define TCP_REPLIES_PARKED 32

/* A segment that belongs to no connection: RST, the ACK of a remnant, or a SYN-ACK that is a cookie. */
struct tcp_reply {
    struct tcp_key key;
    struct sequence seq, ack;
    uint16_t window;
    uint8_t flags, tos, ttl; /* ttl 0: the usual one */
    struct tcp_options options;
};

struct tcp {
    struct tcp_config config;
    struct arena *arena;
    struct net_counters *counters;

    /* Owner: table.c. */
    struct tcp_entry **buckets;
    struct tcp_entry *recent; /* whom the last segment was for: mostly the next one is too */
    uint32_t bucket_mask;
    struct tcb **bound; /* by local port; as many buckets */
    struct tcp_entry **slots;
    uint32_t slots_max, slots_used,
        slot_free; /* slot_free: head of the free slots' chain, kept in the slots themselves */
    uint64_t hash_key[2];

    /* Owner: timers.c. */
    struct tcb **heap; /* earliest heap_time first */
    uint32_t heap_count;

    struct list due, parked; /* TCBs with something to send; those that wait for a neighbour */
    struct list changed;     /* TCBs whose user should look */
    struct list remnants;
    uint32_t tcb_count, remnant_count, orphan_count;
    bool progress; /* the present segment acknowledged something new (input.c) */

    struct tcp_reply replies[TCP_REPLIES];
    uint32_t reply_head, reply_tail;
    struct tcp_reply parked_reply[TCP_REPLIES_PARKED]; /* those that wait for a neighbour */
    uint32_t parked_reply_count;
    bool reply_turn; /* the last segment was a connection's: a reply goes next */

    struct tcp_hint hints[TCP_HINTS];

    /* Owner: isn.c. */
    uint64_t isn_key[2], cookie_key[2];
    struct random random;
    uint32_t port_counter;
};

/* ---- table.c ---- */
struct tcp_entry *tcp_table_find(const struct tcp *tcp, const struct tcp_key *key);
/* The same for a segment that came in. */
struct tcp_entry *tcp_table_find_receiver(struct tcp *tcp, const struct tcp_key *key);
void tcp_table_insert(struct tcp *tcp, struct tcp_entry *entry);
void tcp_table_remove(struct tcp *tcp, struct tcp_entry *entry);
/* Gives the entry a slot, by which it can be walked over. false: all are taken. */
bool tcp_slot_take(struct tcp *tcp, struct tcp_entry *entry);
void tcp_slot_give(struct tcp *tcp, struct tcp_entry *entry);
/* Whose a segment with that key is, if no connection's. Listeners that share a port take turns by a hash of
 * the key, so that all segments of a handshake find the same one. */
struct tcb *tcp_find_listener(const struct tcp *tcp, const struct tcp_key *key);
/* Does another listen there, so that `tcb` must not? */
bool tcp_is_listened(const struct tcp *tcp, const struct tcb *tcb);
void tcp_bound_insert(struct tcp *tcp, struct tcb *tcb);
void tcp_bound_remove(struct tcp *tcp, struct tcb *tcb);
/* May `tcb` be bound there? */
bool tcp_bound_free(const struct tcp *tcp, const struct tcb *tcb, uint32_t address, uint16_t port);

/* ---- state.c: the life of a TCB ---- */
/* ERR_NO_MEMORY, ERR_QUOTA, ERR_TOO_MANY. In CLOSED, with default options. */
enum error tcp_tcb_new(struct tcp *tcp, net_owner owner, struct tcb **tcb);
/* The one place where the state changes. */
void tcp_set_state(struct tcp *tcp, struct tcb *tcb, enum tcp_state state);
/* Over, for this reason: CLOSED, the user told; freed if nobody holds it, so do not touch it again. ERR_NONE:
 * in order. */
void tcp_end(struct tcp *tcp, struct tcb *tcb, enum error error);
/* As tcp_end, but the peer is told with RST (RFC 9293 3.10.5). */
void tcp_end_with_reset(struct tcp *tcp, struct tcb *tcb, enum error error);
/* Both FINs are acknowledged: what is left is the waiting. Frees the TCB if nobody holds it. */
void tcp_enter_time_wait(struct tcp *tcp, struct tcb *tcb, net_time now);
/* Frees the TCB if it is over, has no socket and nothing to send. */
void tcp_release(struct tcp *tcp, struct tcb *tcb);
/* Has the peer to be told with RST when this connection is aborted? */
bool tcp_is_synchronized(enum tcp_state state);
void tcp_mark_changed(struct tcp *tcp, struct tcb *tcb);
void tcp_mark_due(struct tcp *tcp, struct tcb *tcb);

/* RFC 5961 7: may another challenge ACK, or answer to nonsense, go to this peer half a second and more after
 * *last? Notes it there. */
bool tcp_may_answer(net_time *last, net_time now);

/* ---- timewait.c ---- */
/* Leaves a remnant of the connection for 2 MSL, the oldest one giving way if there are too many. ack_owed:
 * and acknowledges. */
void tcp_remnant_leave(struct tcp *tcp, struct tcb *tcb, bool ack_owed, net_time now);
/* A segment for a remnant. true: it may open a new connection, whose ISN must lie behind *isn; the remnant is
 * gone. */
bool tcp_remnant_input(struct tcp *tcp, struct tcp_remnant *remnant, const struct tcp_segment *segment,
                       struct sequence *isn, net_time now);
/* May our own connect take its four numbers? On the loopback only (as in Linux), when timestamps keep old
 * segments apart from new ones. */
bool tcp_remnant_may_reuse(const struct tcp_entry *entry, net_time now);
/* It is gone. Returns what the new ISN must lie behind. */
struct sequence tcp_remnant_reuse(struct tcp *tcp, struct tcp_entry *entry);
void tcp_remnants_expire(struct tcp *tcp, net_time now);

/* ---- timestamps.c ---- */
/* Our SYN is going to offer them, unless the configuration says no. */
void tcp_clock_start(const struct tcp *tcp, struct tcb *tcb);
/* The peer's SYN is there: both want them, or nobody sends them. */
void tcp_clock_agree(struct tcb *tcb, const struct tcp_options *options, net_time now);
/* Puts TSval and TSecr into a segment. */
void tcp_clock_stamp(const struct tcp_clock *clock, struct tcp_options *options, net_time now);
/* PAWS (RFC 7323 5.3 R1): is the segment from before one that has arrived already? */
bool tcp_clock_is_old(const struct tcp_clock *clock, const struct tcp_options *options, net_time now);
/* Takes TSval for TS.Recent (4.3 step 2) if the segment, acceptable, reaches back to `acked`. */
void tcp_clock_take(struct tcp_clock *clock, const struct tcp_header *header, struct sequence acked,
                    net_time now);
/* How long the way there and back took, in microseconds, by what the peer echoes; 0: it cannot be told. */
uint32_t tcp_clock_round_trip(const struct tcp_clock *clock, const struct tcp_options *options, net_time now);
/* What our clock shows. */
uint32_t tcp_clock_value(const struct tcp_clock *clock, net_time now);
/* Does the segment echo what our clock showed before it showed `stamp`? */
bool tcp_clock_echoes_before(const struct tcp_clock *clock, const struct tcp_options *options,
                             uint32_t stamp);
/* Bytes of each segment's header that the timestamp takes. */
uint32_t tcp_clock_length(const struct tcp_clock *clock);

/* ---- listen.c ---- */
/* A segment for a listener. isn_after: a new connection's ISN must lie behind it; null: anywhere. Returns the
 * half-open connection that a cookie has brought back, for which the segment is to be taken; null: none. */
struct tcb *tcp_listen_input(struct tcp *tcp, struct tcb *listener, const struct tcp_segment *segment,
                             const struct sequence *isn_after, net_time now);
/* The handshake is complete. false: the queue of finished ones is full; the ACK counts as not seen. */
bool tcp_listen_finish(struct tcp *tcp, struct tcb *tcb);
/* The half-open or unaccepted connection leaves its listener's lists. */
void tcp_listen_forget(struct tcb *tcb);
/* How often the SYN-ACK is sent again: less often when the listener runs out of room. */
uint8_t tcp_listen_retries(const struct tcb *tcb);

/* ---- cookies.c ---- */
/* The ISN that answers this SYN without remembering it. */
struct sequence tcp_cookie_make(const struct tcp *tcp, const struct tcp_key *key, struct sequence irs,
                                uint16_t mss, net_time now);
/* The TSval that goes with it, not later than `clock`, with what the TCB has agreed on. */
uint32_t tcp_cookie_stamp(const struct tcb *tcb, uint32_t clock);
/* Makes the SYN again of the ACK that brought the cookie back. false: it did not. */
bool tcp_cookie_read(const struct tcp *tcp, const struct tcp_segment *ack, struct tcp_segment *syn,
                     net_time now);
/* A SYN is answered with a cookie, so that ACKs may bring some back for a while. */
void tcp_cookies_overflow(struct tcp_backlog *backlog, net_time now);
bool tcp_cookies_expected(struct tcp_backlog *backlog, net_time now);

/* ---- open.c ---- */
/* Sets the send sequence variables for a SYN that is due. */
void tcp_start_sending(struct tcp *tcp, struct tcb *tcb, struct sequence iss, net_time now);
/* Sets the receive sequence variables and takes the options out of the peer's SYN. */
void tcp_start_receiving(struct tcp *tcp, struct tcb *tcb, const struct tcp_segment *syn, net_time now);
/* The largest that its receive buffer needs (RFC 7323 2.3). */
uint8_t tcp_window_shift(uint32_t buffer);

/* ---- receive side: text.c ---- */
/* RFC 9293 3.10.7.4, seventh and eighth step; what was trimmed starts at `seq`. */
void tcp_take_text(struct tcp *tcp, struct tcb *tcb, struct sequence seq, struct span text, uint16_t merged,
                   net_time now);
/* Bytes that the peer may believe it can send: this many have to be taken. */
uint32_t tcp_offered(const struct tcb *tcb);
/* The window that the next segment tells; it moves the right edge only by as much as is worth it (3.8.6.2.2).
 */
uint32_t tcp_update_window(const struct tcp *tcp, struct tcb *tcb);
/* Would tcp_update_window move the edge far enough that the peer should be told at once? */
bool tcp_window_update_due(const struct tcp *tcp, const struct tcb *tcb);
void tcp_ack_now(struct tcp *tcp, struct tcb *tcb);

/* ---- grow.c: how large the buffers may become ---- */
/* The peer's SYN is there: measuring begins. */
void tcp_growth_start(struct tcb *tcb, net_time now);
/* `length` bytes of text have been taken from a segment with this header: what do they tell of the round
 * trip? */
void tcp_growth_arrived(struct tcb *tcb, const struct tcp_header *header, uint32_t length, net_time now);
/* The user has taken some of what had arrived. */
void tcp_growth_taken(const struct tcp *tcp, struct tcb *tcb, net_time now);
/* Something new was acknowledged. */
void tcp_growth_acked(const struct tcp *tcp, struct tcb *tcb);
/* Bytes that the receive buffer may come to hold: where memory is short, what it has already, or a few
 * segments. */
uint32_t tcp_receive_limit(const struct tcp *tcp, const struct tcb *tcb);

/* ---- blocks.c: what SACK tells the peer ---- */
/* Text that starts at `seq` has arrived beyond a gap and is noted there. */
void tcp_blocks_arrived(struct reassembly *reassembly, struct sequence seq, struct sequence rcv_nxt);
/* [start, end) has arrived though it was there already (RFC 2883). */
void tcp_blocks_duplicate(struct tcb *tcb, struct sequence start, struct sequence end);
/* Puts the blocks into an ACK (RFC 2018 section 4). */
void tcp_blocks_write(struct tcb *tcb, struct tcp_options *options);
/* Does `seq` stand behind all that has arrived beyond a gap? */
bool tcp_blocks_end_at(const struct tcb *tcb, struct sequence seq);
/* Bytes that they will take of the next segment's header. */
uint32_t tcp_blocks_length(const struct tcb *tcb);

/* ---- output.c ---- */
/* Is there anything that tcp_compose could make? */
bool tcp_has_output(const struct tcp *tcp, const struct tcb *tcb);
/* Marks the TCB due if there is. */
void tcp_check_output(struct tcp *tcp, struct tcb *tcb, net_time now);
/* Queues a segment of no connection; dropped when too many wait. */
void tcp_reply(struct tcp *tcp, const struct tcp_reply *reply);
/* RST in answer to a segment that fits nothing (RFC 9293 3.10.7.1). */
void tcp_reply_reset(struct tcp *tcp, const struct tcp_segment *segment);

/* ---- timers.c ---- */
/* Chooses what the TCB has to wait for now, keeping a deadline that still holds. */
void tcp_timer_choose(struct tcp *tcp, struct tcb *tcb, net_time now);
/* Something was acknowledged: what is left gets the full time again (RFC 6298 5.3). */
void tcp_timer_restart(struct tcp *tcp, struct tcb *tcb, net_time now);
/* Does it wait for what is on its way? */
bool tcp_timer_is_of_flight(const struct tcb *tcb);
/* The heap hears of changed deadlines. */
void tcp_timer_noted(struct tcp *tcp, struct tcb *tcb);
void tcp_timer_stop(struct tcp *tcp, struct tcb *tcb);
/* Runs what has come due, and leaves the earliest true deadline on top. */
void tcp_timers_run(struct tcp *tcp, net_time now);

/* ---- outstanding.c ---- */
/* [start, end) leaves now; snd.max does not count it yet. */
void tcp_outstanding_sent(struct tcp *tcp, struct tcb *tcb, struct sequence start, struct sequence end,
                          net_time now);
/* [start, end) has arrived, says SACK. Returns how many bytes of it were not known. */
uint32_t tcp_outstanding_arrived(struct tcp *tcp, struct tcb *tcb, struct sequence start,
                                 struct sequence end);
/* snd.una moves to `una`. Returns how many bytes before it were not known to have arrived. */
uint32_t tcp_outstanding_acked(struct tcb *tcb, struct sequence una);
/* Gives the memory back. */
void tcp_outstanding_forget(struct tcp *tcp, struct tcb *tcb);
/* Bytes that are taken to be on their way (RFC 6675 pipe). */
uint32_t tcp_pipe(const struct tcb *tcb);
/* Bytes on their way that were sent more than once. */
uint32_t tcp_resent_out(const struct tcb *tcb);
/* The first range that is lost. false: none is. */
bool tcp_first_lost(const struct tcb *tcb, struct tcp_sack *range);
/* When the first unacknowledged byte was sent last; `otherwise` if that tells nothing. */
net_time tcp_head_sent(const struct tcb *tcb, net_time otherwise);

/* ---- rate.c ---- */

/* A flight begins. */
void tcp_rate_begin(struct outstanding *out, net_time now);
/* So many bytes are known to have arrived. */
void tcp_rate_acked(struct tcb *tcb, uint32_t delivered, net_time now);
/* Something may have changed. */
void tcp_held_look(struct tcb *tcb, net_time now);
/* How long it has been so, in microseconds. */
uint64_t tcp_held_time(const struct tcb *tcb, enum tcp_held held, net_time now);

/* ---- recovery.c ---- */
/* An ACK has been taken: what is lost, and what cwnd is now. */
void tcp_recovery_proceed(struct tcp *tcp, struct tcb *tcb, struct tcp_news *news, net_time now);
/* Does progress give what is left the full time again? */
bool tcp_recovery_is_patient(const struct tcb *tcb);
/* All that is out counts as lost, but for what has just been sent (RFC 8985 6.3). again: a second time. */
void tcp_recovery_timeout(struct tcp *tcp, struct tcb *tcb, bool again, net_time now);
/* What is out was too large for the path: it is lost, but not by congestion (RFC 1191 6.2). */
void tcp_recovery_too_large(struct tcb *tcb);
/* RACK's timer has found something lost. */
void tcp_recovery_enter(struct tcp *tcp, struct tcb *tcb, const struct tcp_news *news);

/* ---- rack.c: RFC 8985 section 6.2, step by step ---- */
/* [start, end) arrives, as far as that is news; steps 2 and 3. */
void tcp_rack_delivered(struct tcp *tcp, struct tcb *tcb, struct sequence start, struct sequence end,
                        struct tcp_news *news, net_time now);
/* Steps 4 and 5 after an ACK. */
void tcp_rack_detect(struct tcp *tcp, struct tcb *tcb, struct tcp_news *news, net_time now);
/* RACK's timer is over: step 5 once more. */
void tcp_rack_expired(struct tcp *tcp, struct tcb *tcb, net_time now);
/* 6.3: which segments a timeout takes for lost. */
void tcp_rack_mark_losses_on_rto(struct tcb *tcb, net_time now);
/* Step 4, first half: a recovery ends, by which a widened reordering window may end too. */
void tcp_rack_recovered(struct tcb *tcb);

/* ---- frto.c: F-RTO (RFC 5682) ---- */
/* A timeout has happened. */
void tcp_frto_begin(struct tcb *tcb);
/* An ACK after it. true: the timeout was spurious, nothing is lost by it. */
bool tcp_frto_acked(struct tcb *tcb, const struct tcp_news *news);

/* ---- undo.c: a recovery that was not needed (RFC 3522, 4015, 3708) ---- */
/* Recovery begins, cwnd and ssthresh are still as they were. */
void tcp_undo_mark(struct tcb *tcb);
/* So many bytes have been sent again. */
void tcp_undo_resent(struct tcb *tcb, uint32_t length, net_time now);
/* The peer has got this twice. */
void tcp_undo_reported(struct tcb *tcb, const struct tcp_sack *block);
/* Has everything that was sent again come twice? */
bool tcp_undo_all_duplicates(const struct tcb *tcb);
/* Did what the ACK acknowledges leave before anything was sent again? */
bool tcp_undo_is_delayed(const struct tcb *tcb, const struct tcp_news *news);
/* cwnd and ssthresh as before; what counts as lost does so no more. */
void tcp_undo(struct tcb *tcb, net_time now);

/* ---- tail.c: the tail loss probe ---- */
/* May what is out be probed, so that the timer need not run out? */
bool tcp_tail_may_probe(const struct tcb *tcb);
/* RFC 8985 7.2: when, if nothing more is sent or heard from now on. */
net_time tcp_tail_deadline(const struct tcb *tcb, net_time now);
/* The deadline is over: a probe becomes due. */
void tcp_tail_expired(struct tcp *tcp, struct tcb *tcb);
/* The probe has been sent. */
void tcp_tail_sent(struct tcp *tcp, struct tcb *tcb, bool resend);
/* Has the ACK's D-SACK come of the probe? */
bool tcp_tail_is_reported(const struct tcb *tcb, const struct tcp_header *header);
/* An ACK has been taken (7.4.2); reported: tcp_tail_is_reported. */
void tcp_tail_acked(struct tcb *tcb, struct sequence ack, const struct tcp_news *news, bool reported);

/* ---- sack.c ---- */
/* Does the ACK tell of something that came twice (RFC 2883)? */
bool tcp_sack_tells_duplicate(const struct tcp_header *header);
/* Takes an ACK's blocks. */
void tcp_sack_update(struct tcp *tcp, struct tcb *tcb, const struct tcp_header *header, struct tcp_news *news,
                     net_time now);

/* ---- fastopen.c ---- */
/* Is there a cookie for that server, so that connect may wait for data? */
bool tcp_fast_may_wait(struct tcp *tcp, uint32_t peer, net_time now);
/* Our first SYN is being made: adds the option, if it is wanted and may be, and returns how many bytes of the
 * send stream go with it. */
uint32_t tcp_fast_offer(struct tcp *tcp, struct tcb *tcb, struct tcp_options *options, net_time now);
/* The SYN has to be sent again: without any of that. */
void tcp_fast_lost(struct tcp *tcp, struct tcb *tcb, net_time now);
/* The SYN-ACK is there: learns of it. */
void tcp_fast_answered(struct tcp *tcp, struct tcb *tcb, const struct tcp_header *answer, net_time now);

/* ---- ecn.c ---- */
/* Our SYN is going to ask for it, if the configuration says so. */
void tcp_ecn_start(const struct tcp *tcp, struct tcb *tcb);
/* The peer's SYN came to a listener: agreed if it asks. */
void tcp_ecn_accept(const struct tcp *tcp, struct tcb *tcb, const struct tcp_segment *syn);
/* The peer's SYN, with or without ACK, came after ours. */
void tcp_ecn_agree(struct tcb *tcb, const struct tcp_segment *syn);
/* The peer's SYN came again. */
void tcp_ecn_repeated(struct tcb *tcb, const struct tcp_segment *syn);
/* What our SYN or SYN-ACK says of it. */
uint8_t tcp_ecn_syn_flags(struct tcb *tcb, bool resend);
/* The text of this segment, or a part of it, has been taken. */
void tcp_ecn_arrived(struct tcp *tcp, struct tcb *tcb, const struct tcp_segment *segment);
/* An ACK of what was sent is going to be taken: reduces the window if it echoes a mark. */
void tcp_ecn_acked(struct tcp *tcp, struct tcb *tcb, const struct tcp_header *header);
/* Does CWR go with the next new data, which then must not be cut by the device? */
bool tcp_ecn_cwr_due(const struct tcb *tcb);
/* New data is about to leave. */
void tcp_ecn_mark(struct tcb *tcb, struct tcp_departure *out);

/* ---- size.c ---- */
/* The peer takes segments of so many bytes, options included. */
void tcp_size_agree(struct tcp *tcp, struct tcb *tcb, uint16_t offered);
/* The retransmission timer has run out; `retries` counts it. */
void tcp_size_timed_out(struct tcp *tcp, struct tcb *tcb);
/* snd.una has moved. */
void tcp_size_acked(struct tcp *tcp, struct tcb *tcb, net_time now);
/* Bytes of text of the one segment that is to try the full length; 0: none is. */
uint32_t tcp_size_probe(const struct tcb *tcb);
/* `length` bytes have been sent. */
void tcp_size_sent(struct tcb *tcb, struct sequence seq, uint32_t length, bool resend);

/* ---- isn.c ---- */
/* RFC 6528: a clock of 4 us ticks plus a keyed hash of the two ends. */
struct sequence tcp_isn(const struct tcp *tcp, const struct tcp_key *key, net_time now);
/* The same, behind `after`; null: anywhere. */
struct sequence tcp_isn_after(const struct tcp *tcp, const struct tcp_key *key, const struct sequence *after,
                              net_time now);
/* An ephemeral port that makes the key unique (RFC 6056 3.3.3), but for a remnant that may be reused. false:
 * none is left. */
bool tcp_choose_port(struct tcp *tcp, struct tcb *tcb, struct tcp_key *key, net_time now);
/* One that nobody is bound to, for bind and listen. */
bool tcp_choose_bound_port(struct tcp *tcp, const struct tcb *tcb, uint32_t address, uint16_t *port);

/* ---- small things that several files ask ---- */

/* Sequence numbers sent and, as far as we reckon, still on their way. */
static inline uint32_t tcp_flight(const struct tcb *tcb) {
    return tcb->snd.nxt.value - tcb->snd.una.value;
}

/* The sequence number of the first byte in `send`: behind our SYN as long as that is not acknowledged. */
static inline struct sequence tcp_send_start(const struct tcb *tcb) {
    bool syn_out = tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RECEIVED;
    return syn_out ? seq_add(tcb->iss, 1) : tcb->snd.una;
}

/* The sequence number behind the last byte that the user has written; our FIN's, when it is acknowledged or
 * to be sent. */
static inline struct sequence tcp_send_end(const struct tcb *tcb) {
    return seq_add(tcp_send_start(tcb), buffer_length(&tcb->send));
}

static inline uint32_t tcp_min(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static inline uint32_t tcp_max(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

/* The MSS that our SYN offers. */
static inline uint16_t tcp_offered_mss(const struct tcp *tcp, const struct tcb *tcb) {
    uint32_t most = tcb->beside->asked.mss_most, mss = tcp->config.mtu - IPV4_HEADER - TCP_HEADER;
    return (uint16_t)(most != 0 ? tcp_min(most, mss) : mss);
}

/* Bytes that the user has written and that have never been sent. */
static inline uint32_t tcp_unsent(const struct tcb *tcb) {
    struct sequence end = tcp_send_end(tcb);
    return seq_after(end, tcb->snd.max) ? end.value - tcb->snd.max.value : 0;
}

/* TCP_NOTSENT_LOWAT: there is so much to send that more would only wait. */
static inline bool tcp_has_enough_to_send(const struct tcb *tcb) {
    uint32_t low = tcb->beside->asked.unsent_low;
    return low != 0 && tcp_unsent(tcb) >= low;
}
