/* options.c: socket options: a range for each, and where it is kept. */
#include "socket.h"

#define BUFFER_LEAST 4096
#define BUFFER_MOST  (1 << 22)

#define FIN_WAIT_MOST 120 /* seconds */

/* Of datagrams, as in Linux: what is asked for, up to its rmem_max and wmem_max, is doubled, for the queue
 * counts all the memory that its datagrams take. */
#define QUEUE_MOST          UDP_QUEUE_LIMIT
#define RECEIVE_QUEUE_LEAST 2304
#define SEND_QUEUE_LEAST    4608

/* What a value must lie between. */
static bool in_range(enum net_option option, int64_t value) {
    switch (option) {
    case NET_OPTION_NODELAY:
    case NET_OPTION_KEEPALIVE:
    case NET_OPTION_REUSEADDR:
    case NET_OPTION_FASTOPEN_CONNECT:
    case NET_OPTION_REUSEPORT:
    case NET_OPTION_CORK:
    case NET_OPTION_QUICKACK:
    case NET_OPTION_CONGESTION:
    case NET_OPTION_MULTICAST_LOOP:
    case NET_OPTION_MULTICAST_ALL:
    case NET_OPTION_BROADCAST: return value == 0 || value == 1;
    case NET_OPTION_MULTICAST_TTL: return value >= -1 && value <= 255;
    case NET_OPTION_MULTICAST_IF: return value >= 0 && value <= UINT32_MAX;
    case NET_OPTION_KEEPIDLE:
    case NET_OPTION_KEEPINTVL: return value >= 1 && value <= 32767;
    case NET_OPTION_MAXSEG: return value == 0 || (value >= 88 && value <= 32767);
    case NET_OPTION_LINGER2: return true;
    case NET_OPTION_SYNCNT:
    case NET_OPTION_KEEPCNT: return value >= 1 && value <= 127;
    case NET_OPTION_LINGER: return value >= -1 && value <= INT32_MAX;
    case NET_OPTION_TTL: return value >= 1 && value <= 255;
    case NET_OPTION_MTU:
    case NET_OPTION_READABLE:
    case NET_OPTION_UNACKED:
    case NET_OPTION_UNSENT: return true; /* nobody can set it */
    case NET_OPTION_NOTSENT_LOWAT: return value >= INT32_MIN && value <= UINT32_MAX;
    case NET_OPTION_USER_TIMEOUT:
    case NET_OPTION_RCVLOWAT: return value >= 0 && value <= INT32_MAX;
    case NET_OPTION_MTU_DISCOVER: return value >= UDP_DISCOVER_NEVER && value <= UDP_DISCOVER_PROBE;
    case NET_OPTION_TOS: return value >= 0 && value <= 255;
    case NET_OPTION_SNDBUF:
    case NET_OPTION_RCVBUF: return value >= 0;
    }
    return true;
}

/* A power of two within the bounds, as other systems round too. */
static uint32_t buffer_size(int64_t value) {
    uint32_t size = BUFFER_LEAST;
    while (size < value && size < BUFFER_MOST) {
        size *= 2;
    }
    return size;
}

/* What Linux alone has. */
static enum error set_limit(struct tcp_settings *settings, enum net_option option, int64_t value) {
    switch (option) {
    case NET_OPTION_REUSEPORT: settings->reuse_port = value != 0; return ERR_NONE;
    case NET_OPTION_CORK: settings->corked = value != 0; return ERR_NONE;
    case NET_OPTION_MAXSEG: settings->mss_most = (uint16_t)value; return ERR_NONE;
    case NET_OPTION_SYNCNT: settings->syn_retries = (uint8_t)value; return ERR_NONE;
    case NET_OPTION_LINGER2:
        settings->fin_wait = (int16_t)(value < 0 ? -1 : value > FIN_WAIT_MOST ? FIN_WAIT_MOST : value);
        return ERR_NONE;
    case NET_OPTION_CONGESTION: settings->new_reno = value != 0; return ERR_NONE;
    case NET_OPTION_USER_TIMEOUT: settings->user_timeout = (uint32_t)value; return ERR_NONE;
    case NET_OPTION_NOTSENT_LOWAT: settings->unsent_low = (uint32_t)value; return ERR_NONE;
    case NET_OPTION_RCVLOWAT: settings->receive_low = (uint32_t)value; return ERR_NONE;
    default: return ERR_NOT_SUPPORTED;
    }
}

static enum error get_limit(const struct tcp_settings *settings, enum net_option option, int64_t *value) {
    switch (option) {
    case NET_OPTION_REUSEPORT: *value = settings->reuse_port; return ERR_NONE;
    case NET_OPTION_CORK: *value = settings->corked; return ERR_NONE;
    case NET_OPTION_SYNCNT:
        *value = settings->syn_retries != 0 ? settings->syn_retries : TCP_SYN_RETRIES;
        return ERR_NONE;
    case NET_OPTION_LINGER2:
        *value = settings->fin_wait != 0 ? settings->fin_wait : TCP_FIN_WAIT;
        return ERR_NONE;
    case NET_OPTION_CONGESTION: *value = settings->new_reno; return ERR_NONE;
    case NET_OPTION_USER_TIMEOUT: *value = settings->user_timeout; return ERR_NONE;
    case NET_OPTION_NOTSENT_LOWAT: *value = settings->unsent_low; return ERR_NONE;
    case NET_OPTION_RCVLOWAT:
        *value = settings->receive_low != 0 ? settings->receive_low : 1;
        return ERR_NONE;
    default: return ERR_NOT_SUPPORTED;
    }
}

static enum error set_stream(struct tcp_settings *settings, enum net_option option, int64_t value) {
    switch (option) {
    case NET_OPTION_NODELAY: settings->nodelay = value != 0; return ERR_NONE;
    case NET_OPTION_KEEPALIVE: settings->keepalive = value != 0; return ERR_NONE;
    case NET_OPTION_KEEPIDLE: settings->keep_idle = (uint16_t)value; return ERR_NONE;
    case NET_OPTION_KEEPINTVL: settings->keep_interval = (uint16_t)value; return ERR_NONE;
    case NET_OPTION_KEEPCNT: settings->keep_count = (uint8_t)value; return ERR_NONE;
    case NET_OPTION_REUSEADDR: settings->reuse_address = value != 0; return ERR_NONE;
    case NET_OPTION_LINGER: settings->linger = (int32_t)value; return ERR_NONE;
    case NET_OPTION_TTL: settings->ttl = (uint8_t)value; return ERR_NONE;
    case NET_OPTION_TOS: settings->tos = (uint8_t)value & (uint8_t)~IPV4_ECN; return ERR_NONE;
    case NET_OPTION_FASTOPEN_CONNECT: settings->fast_open = value != 0; return ERR_NONE;
    case NET_OPTION_SNDBUF:
        settings->send_buffer = buffer_size(value);
        settings->send_fixed = true;
        return ERR_NONE;
    case NET_OPTION_RCVBUF:
        settings->receive_buffer = buffer_size(value);
        settings->receive_fixed = true;
        return ERR_NONE;
    default: return set_limit(settings, option, value);
    }
}

static enum error get_stream(const struct tcp_settings *settings, enum net_option option, int64_t *value) {
    switch (option) {
    case NET_OPTION_NODELAY: *value = settings->nodelay; return ERR_NONE;
    case NET_OPTION_KEEPALIVE: *value = settings->keepalive; return ERR_NONE;
    case NET_OPTION_KEEPIDLE: *value = settings->keep_idle; return ERR_NONE;
    case NET_OPTION_KEEPINTVL: *value = settings->keep_interval; return ERR_NONE;
    case NET_OPTION_KEEPCNT: *value = settings->keep_count; return ERR_NONE;
    case NET_OPTION_REUSEADDR: *value = settings->reuse_address; return ERR_NONE;
    case NET_OPTION_LINGER: *value = settings->linger; return ERR_NONE;
    case NET_OPTION_TTL: *value = settings->ttl; return ERR_NONE;
    case NET_OPTION_TOS: *value = settings->tos; return ERR_NONE;
    case NET_OPTION_FASTOPEN_CONNECT: *value = settings->fast_open; return ERR_NONE;
    case NET_OPTION_SNDBUF: *value = settings->send_buffer; return ERR_NONE;
    case NET_OPTION_RCVBUF: *value = settings->receive_buffer; return ERR_NONE;
    default: return get_limit(settings, option, value);
    }
}

static uint32_t queue_limit(int64_t value, uint32_t least) {
    uint32_t limit = 2 * (uint32_t)(value < QUEUE_MOST ? value : QUEUE_MOST);
    return limit < least ? least : limit;
}

static enum error set_datagram(struct datagram *datagram, enum net_option option, int64_t value) {
    switch (option) {
    case NET_OPTION_REUSEADDR: datagram->reuse_address = value != 0; return ERR_NONE;
    case NET_OPTION_REUSEPORT: datagram->udp.reuse_port = value != 0; return ERR_NONE;
    case NET_OPTION_TTL: datagram->udp.ttl = (uint8_t)value; return ERR_NONE;
    case NET_OPTION_TOS: datagram->udp.tos = (uint8_t)value; return ERR_NONE;
    case NET_OPTION_BROADCAST: datagram->udp.broadcast = value != 0; return ERR_NONE;
    case NET_OPTION_SNDBUF: datagram->udp.send.limit = queue_limit(value, SEND_QUEUE_LEAST); return ERR_NONE;
    case NET_OPTION_RCVBUF:
        datagram->udp.receive.limit = queue_limit(value, RECEIVE_QUEUE_LEAST);
        return ERR_NONE;
    case NET_OPTION_MTU_DISCOVER: datagram->udp.discovery = (uint8_t)value; return ERR_NONE;
    case NET_OPTION_MULTICAST_TTL: datagram->udp.group_ttl = value >= 0 ? (uint8_t)value : 1; return ERR_NONE;
    case NET_OPTION_MULTICAST_LOOP: datagram->udp.group_loop = value != 0; return ERR_NONE;
    case NET_OPTION_MULTICAST_ALL: datagram->udp.only_own_groups = value == 0; return ERR_NONE;
    case NET_OPTION_MULTICAST_IF: datagram->udp.group_source = (uint32_t)value; return ERR_NONE;
    default: return ERR_NOT_SUPPORTED;
    }
}

static enum error get_datagram(const struct datagram *datagram, enum net_option option, int64_t *value) {
    switch (option) {
    case NET_OPTION_REUSEADDR: *value = datagram->reuse_address; return ERR_NONE;
    case NET_OPTION_REUSEPORT: *value = datagram->udp.reuse_port; return ERR_NONE;
    case NET_OPTION_READABLE: *value = udp_next_length(&datagram->udp); return ERR_NONE;
    case NET_OPTION_UNACKED:
    case NET_OPTION_UNSENT: *value = datagram->udp.send.length; return ERR_NONE;
    case NET_OPTION_TTL: *value = datagram->udp.ttl; return ERR_NONE;
    case NET_OPTION_TOS: *value = datagram->udp.tos; return ERR_NONE;
    case NET_OPTION_BROADCAST: *value = datagram->udp.broadcast; return ERR_NONE;
    case NET_OPTION_SNDBUF: *value = datagram->udp.send.limit; return ERR_NONE;
    case NET_OPTION_RCVBUF: *value = datagram->udp.receive.limit; return ERR_NONE;
    case NET_OPTION_MTU_DISCOVER: *value = datagram->udp.discovery; return ERR_NONE;
    case NET_OPTION_MULTICAST_TTL: *value = datagram->udp.group_ttl; return ERR_NONE;
    case NET_OPTION_MULTICAST_LOOP: *value = datagram->udp.group_loop; return ERR_NONE;
    case NET_OPTION_MULTICAST_ALL: *value = !datagram->udp.only_own_groups; return ERR_NONE;
    case NET_OPTION_MULTICAST_IF: *value = datagram->udp.group_source; return ERR_NONE;
    default: return ERR_NOT_SUPPORTED;
    }
}

static enum error set_stream_option(struct net *net, struct socket *socket, enum net_option option,
                                    int64_t value) {
    struct tcp_info info;
    tcp_info(socket->tcb, &info);
    if (option == NET_OPTION_FASTOPEN_CONNECT && info.state != TCP_CLOSED) {
        return ERR_INVALID;
    }
    if (option == NET_OPTION_QUICKACK) {
        tcp_set_quick(net->tcp, socket->tcb, value != 0);
        net->settled = false;
        return ERR_NONE;
    }
    struct tcp_settings settings;
    tcp_get_settings(socket->tcb, &settings);
    enum error error = set_stream(&settings, option, value);
    if (error == ERR_NONE) {
        tcp_set_settings(net->tcp, socket->tcb, &settings, net->latest);
        socket_settle(socket);
    }
    return error;
}

enum error net_set_option(struct net *net, net_socket_id id, enum net_option option, int64_t value) {
    struct socket *socket = socket_find(net, id);
    if (socket == NULL) {
        return ERR_BAD_HANDLE;
    }
    if (!in_range(option, value)) {
        return ERR_INVALID;
    }
    bool names_interface = option == NET_OPTION_MULTICAST_IF && value != 0;
    if (names_interface && !routes_is_own(&net->routes, (uint32_t)value)) {
        return ERR_ADDRESS_NOT_AVAILABLE;
    }
    if (socket->type == NET_DATAGRAM) {
        return set_datagram(socket->datagram, option, value);
    }
    return set_stream_option(net, socket, option, value);
}

static enum error get_path_mtu(const struct net *net, net_socket_id id, int64_t *value) {
    struct net_endpoint peer;
    enum error error = net_peer(net, id, &peer);
    if (error == ERR_NONE) {
        *value = net_path_mtu(net, net_ipv4_value(&peer.address), net->latest);
    }
    return error;
}

static enum error get_stream_option(const struct tcb *tcb, enum net_option option, int64_t *value) {
    struct tcp_settings settings;
    struct tcp_queues queues;
    tcp_get_settings(tcb, &settings);
    tcp_queued(tcb, &queues);
    switch (option) {
    case NET_OPTION_QUICKACK: *value = tcp_is_quick(tcb); return ERR_NONE;
    case NET_OPTION_MAXSEG: *value = tcp_mss(tcb); return ERR_NONE;
    case NET_OPTION_READABLE: *value = queues.received; return ERR_NONE;
    case NET_OPTION_UNACKED: *value = queues.unacknowledged; return ERR_NONE;
    case NET_OPTION_UNSENT: *value = queues.unsent; return ERR_NONE;
    default: return get_stream(&settings, option, value);
    }
}

enum error net_get_option(const struct net *net, net_socket_id id, enum net_option option, int64_t *value) {
    struct socket *socket = socket_find(net, id);
    if (socket == NULL) {
        return ERR_BAD_HANDLE;
    }
    if (option == NET_OPTION_MTU) {
        return get_path_mtu(net, id, value);
    }
    if (socket->type == NET_DATAGRAM) {
        return get_datagram(socket->datagram, option, value);
    }
    return get_stream_option(socket->tcb, option, value);
}
