/* script.h: one engine and a peer that is played segment by segment.
 *
 * A test says only what matters: IN(.flags = ACK, .seq = 1) gives the engine a segment, OUT(...) takes the
 * next one that it sends and compares what was named. Sequence numbers are relative: seq of IN and ack of OUT
 * to the peer's ISN, the others to the engine's. */
#pragma once

#include <net/net.h>
#include <net/tcp/tcp.h>
#include <net/wire/ethernet.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define FIN TCP_FIN
#define SYN TCP_SYN
#define RST TCP_RST
#define PSH TCP_PSH
#define ACK TCP_ACK
#define ECE TCP_ECE
#define CWR TCP_CWR

#define SERVER_PORT 80
#define PEER_PORT   5555
#define PEER_CLOCK  UINT32_C(0xffffff00) /* so does the peer's clock */
#define PEER_ISN    UINT32_C(0xfffffff0) /* wraps early in every test */

struct shape {
    uint32_t seq, ack;
    uint32_t window;     /* IN: 0 means 65535 unless `shut`; OUT: compared if not 0 */
    uint32_t length;     /* bytes of text */
    uint32_t time, echo; /* TSval, relative to PEER_CLOCK (IN); TSecr, to PEER_CLOCK (OUT) or as it is (IN) */
    uint32_t
        blocks; /* IN: SACK blocks, relative to the engine's ISN; OUT: compared if not 0, to the peer's */
    struct shape_block {
        uint32_t start, end;
    } block[4];
    uint16_t mss;  /* 0: no option */
    uint16_t from; /* IN: the peer's port; 0: PEER_PORT */
    uint16_t to;   /* IN: our port, 0: the usual one */
    uint8_t flags;
    uint8_t tos; /* of the packet; OUT: compared */
    bool shut;   /* the window is 0 */
    bool has_shift;
    uint8_t shift;
    bool has_time;  /* OUT: the echo is compared */
    bool sack_ok;   /* SACK permitted */
    uint8_t cookie; /* of Fast Open, so many bytes; IN: 0, no option; OUT: compared in a SYN */
    bool asks;      /* OUT: the option asks for a cookie; compared in a SYN */
    bool bad_sum;   /* IN */
    bool any_seq;   /* OUT: not compared */
};

struct script {
    struct net *net;
    void *memory;
    net_time now;
    net_owner owner;
    net_socket_id listener, socket;
    uint16_t port; /* ours */
    uint32_t iss;  /* the engine's, once seen */
    bool iss_known;
    size_t written, read;   /* by the engine's user */
    size_t sent_text;       /* bytes of text in all segments taken by OUT */
    struct tcp_header last; /* the last one taken by OUT */
    uint8_t last_tos;       /* of the last packet taken */
    uint8_t last_ttl;
};

void script_start(struct script *script);
void script_start_with(struct script *script, const struct net_config *config);
struct net_config script_config(void);
/* Closes all, lets TIME_WAIT pass, and checks that nothing is left in use. */
void script_stop(struct script *script);
/* Both for cmocka: a script in *state, as script_start makes it, and its end. */
int script_setup(void **state);
int script_teardown(void **state);

void script_in(struct script *script, struct shape shape);
void script_out(struct script *script, const char *where, int line, struct shape shape);
/* Takes a segment, whatever it is; false: none is due. */
bool script_take(struct script *script, struct tcp_header *header, struct span *text);
/* Time passes; the peer stays known to ARP. */
void script_pass(struct script *script, net_time duration);
void script_quiet(struct script *script, const char *where, int line);
/* An ICMP message about the segment at `seq` of our connection. mtu: with code 4. */
void script_unreachable(struct script *script, uint8_t code, uint32_t seq, uint16_t mtu);

#define IN(...)     script_in(s, (struct shape){__VA_ARGS__})
#define OUT(...)    script_out(s, __FILE__, __LINE__, (struct shape){__VA_ARGS__})
#define QUIET()     script_quiet(s, __FILE__, __LINE__)
#define PASS(us)    script_pass(s, us)
#define STATE(want) assert_int_equal(script_state(s), want)

/* Brings s->socket there: by accept, or by connect for SYN_SENT and when `active`. All that was due has been
 * taken. */
void script_reach(struct script *script, enum tcp_state state);
void script_listen(struct script *script, uint32_t backlog);
void script_connect(struct script *script);
enum tcp_state script_state(const struct script *script);
/* Of the connection with the peer's port; TCP_CLOSED: there is none. */
enum tcp_state script_state_of(const struct script *script, uint16_t peer_port);
void script_send(struct script *script, size_t length);
size_t script_read(struct script *script, size_t capacity);
