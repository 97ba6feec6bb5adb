/* engine.h: struct net, the one object that holds all of the engine's state. For net.c, addresses.c, socket.c
 * and its like, receive.c and transmit.c: the only files that know several protocols at once. */
#pragma once

#include <base/random.h>
#include <net/arena.h>
#include <net/dhcp/dhcp.h>
#include <net/dns/dns.h>
#include <net/icmp/icmp.h>
#include <net/igmp/igmp.h>
#include <net/net.h>
#include <net/path/claims.h>
#include <net/path/cutter.h>
#include <net/path/forward.h>
#include <net/path/identity.h>
#include <net/path/mtu.h>
#include <net/path/neighbours.h>
#include <net/path/reassembly.h>
#include <net/path/routes.h>
#include <net/tcp/tcp.h>
#include <net/tcp/user.h>
#include <net/udp/udp.h>

/* A datagram socket and the way back to its name. */
struct datagram {
    struct udp_socket udp;
    net_socket_id id;
    bool reuse_address;
};

/* An entry of the socket table. Free: type 0, `next_free` counts. */
struct socket {
    uint8_t type; /* enum net_type */
    net_owner owner;
    uint16_t generation; /* never 0 */
    uint32_t reported;   /* readiness bits that the owner knows of */
    uint32_t next_free;
    struct list by_owner; /* in its owner's list */
    struct list changed;  /* in net->changed */
    union {
        struct tcb *tcb;
        struct datagram *datagram;
    };
};

/* A link: what is known of it and of who is on it. */
struct interface {
    uint8_t number;
    bool used, up;
    struct mac mac;
    uint16_t mtu;
    bool checksum_out, segment_out;
    uint64_t frames_in, frames_out;
    struct neighbours neighbours;
    struct claims claims;
    struct igmp igmp;
    struct forwarder forwarder; /* packets for others that leave here */
};

struct owner {
    bool used;
    struct list sockets;
};

struct net {
    struct net_config config;
    bool up;      /* any link is */
    bool settled; /* net_transmit has found nothing to send since something last happened */
    bool address_changed;
    bool gateway_waits; /* the configured address is being probed, its gateway comes later */
    bool asking;        /* some name may be looked for: dns has to be asked about its time and its turn */
    struct net_counters counters;
    struct random random;
    bool comes_back; /* the frame just made is for us too: a broadcast, or a group that we are in */
    struct interface *cutting_for; /* where what the cutter is at leaves */
    bool pieces_come_back;         /* the same for what the cutter is at */
    net_time latest;               /* the last `now` of net_receive or net_transmit */

    struct arena arena;
    struct socket *sockets;
    uint32_t sockets_used, sockets_touched, socket_free; /* touched: from there on none was ever used */
    struct list changed; /* datagram sockets whose readiness may have changed */
    struct owner *owners;
    uint32_t owners_max;

    /* What each packet meets comes first, so that it lies on few pages. */
    uint32_t turn;       /* which protocol may send first */
    uint32_t generation; /* sum of that of all neighbours, when those who waited for one were last woken */
    struct tcp *tcp;
    struct routes routes;
    struct path_mtus mtus;
    struct interface *interface; /* `interface_count` of them; the first is always used */
    uint32_t interface_count;
    struct identities identities;
    struct cutter cutter;
    struct reassembler reassembler;
    struct dhcp dhcp;
    struct udp udp;
    struct icmp icmp;
    struct dns dns;
};

/* ---- net.c ---- */

/* Lets the deadlines that are over have their effect, and wakes who waited for a neighbour. */
void net_pass_time(struct net *net, net_time now);

/* Bytes of IP packet that fit on the way to `destination`. */
uint16_t net_path_mtu(const struct net *net, uint32_t destination, net_time now);
/* The next link after `interface` (null: the first) that is there; null: no more. */
struct interface *net_next_interface(const struct net *net, const struct interface *interface);

/* ---- addresses.c ---- */

/* The address of the configuration, or DHCP. */
void addresses_start(struct net *net, net_time now);
/* The link came up, or another device took over. */
void addresses_restart(struct net *net, struct interface *interface, bool came, net_time now);
/* Follows what became of addresses that are claimed, and the lease. */
void addresses_pass_time(struct net *net, net_time now);

/* ---- socket.c ---- */

/* The socket of that name; null when it is stale. */
struct socket *socket_find(const struct net *net, net_socket_id id);
/* As socket_find, with the error to return. */
enum error socket_of_type(const struct net *net, net_socket_id id, enum net_type type,
                          struct socket **socket);
net_socket_id socket_id(const struct net *net, const struct socket *socket);
uint32_t socket_ready(const struct socket *socket);
/* Readiness that went away may be reported again when it comes back. */
void socket_settle(struct socket *socket);
/* ERR_TOO_MANY. Type 0 still: the caller fills it in, or gives it back with socket_free. */
enum error socket_allocate(struct net *net, net_owner owner, struct socket **socket);
void socket_free(struct net *net, struct socket *socket);
void socket_abort(struct net *net, struct socket *socket);

/* ---- receive.c ---- */

/* As net_receive, for a frame that has never left us. */
void receive_looped(struct net *net, const struct net_frame *frame, net_time now);

/* ---- forwarding.c ---- */

/* A good packet, for somebody else, that came to our own MAC address. sum_unsure: its device vouched for the
 * transport's sum, which may not be there at all. */
void forward_packet(struct net *net, const struct ipv4_header *header, struct span packet, bool sum_unsure,
                    net_time now);

/* ---- datagram.c ---- */

/* The readiness of this socket may have changed. */
void datagram_changed(struct net *net, struct udp_socket *udp);
/* Is NET_LINK(n) of one of the links that there are? *link: its n. */
bool net_link_numbered(const struct net *net, uint32_t number, uint8_t *link);
/* The address that its datagram to `destination` is to leave from; 0: the route's. And which way. */
uint32_t datagram_source(const struct net *net, const struct udp_socket *udp, const struct udp_marks *marks,
                         uint32_t destination);
struct path datagram_path(const struct net *net, const struct udp_marks *marks, uint32_t source,
                          uint32_t destination);
