/* isn.c: what an attacker must not guess: initial sequence numbers (RFC 6528) and ephemeral ports (RFC 6056).
 */
#include <net/tcp/tcb.h>

/* The range that Linux uses too: enough ports that one server can be asked 28,000 times within 2 MSL. */
#define PORT_FIRST 32768
#define PORT_COUNT 28232
#define BEHIND     64000 /* more than a window without a scale */

struct sequence tcp_isn(const struct tcp *tcp, const struct tcp_key *key, net_time now) {
    uint32_t ticks = (uint32_t)(now / 4);
    return seq_of(ticks + (uint32_t)siphash(tcp->isn_key, key, sizeof *key));
}

struct sequence tcp_isn_after(const struct tcp *tcp, const struct tcp_key *key, const struct sequence *after,
                              net_time now) {
    struct sequence isn = tcp_isn(tcp, key, now);
    bool behind = after == NULL || seq_after(isn, *after);
    return behind ? isn : seq_add(*after, BEHIND);
}

/* RFC 6056 algorithm 3: the search starts at a place that depends on the peer and moves on with each
 * connection. */
bool tcp_choose_port(struct tcp *tcp, struct tcb *tcb, struct tcp_key *key, net_time now) {
    key->local_port = 0;
    uint32_t offset = (uint32_t)(siphash(tcp->isn_key, key, sizeof *key) >> 32) + tcp->port_counter;
    for (uint32_t i = 0; i < PORT_COUNT; i++) {
        key->local_port = (uint16_t)(PORT_FIRST + (offset + i) % PORT_COUNT);
        const struct tcp_entry *other = tcp_table_find(tcp, key);
        if ((other == NULL || tcp_remnant_may_reuse(other, now)) &&
            tcp_bound_free(tcp, tcb, key->local_address, key->local_port)) {
            tcp->port_counter += i + 1;
            return true;
        }
    }
    return false;
}

bool tcp_choose_bound_port(struct tcp *tcp, const struct tcb *tcb, uint32_t address, uint16_t *port) {
    uint32_t offset = random_below(&tcp->random, PORT_COUNT);
    for (uint32_t i = 0; i < PORT_COUNT; i++) {
        *port = (uint16_t)(PORT_FIRST + (offset + i) % PORT_COUNT);
        if (tcp_bound_free(tcp, tcb, address, *port)) {
            return true;
        }
    }
    return false;
}
