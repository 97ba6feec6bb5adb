/* report.c: what there is to see, as text for netstat. */
#include "tcpip.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum report_kind { REPORT_COUNTERS, REPORT_SOCKETS, REPORT_INTERFACE, REPORT_USAGE, REPORT_STREAMS };

/* Text that grows until its memory is full, and is then cut at a line's end. */
struct text {
    char *data;
    size_t length, capacity;
};

[[gnu::format(printf, 2, 3)]] static void say(struct text *text, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int written = vsnprintf(text->data + text->length, text->capacity - text->length, format, list);
    va_end(list);
    if (written > 0 && (size_t)written < text->capacity - text->length) {
        text->length += (size_t)written;
    } else {
        text->capacity = text->length; /* full: nothing more */
    }
}

static void counter(struct text *text, const char *name, uint64_t value) {
    if (text->capacity > text->length) {
        say(text, "%-28s %" PRIu64 "\n", name, value);
    }
}

static struct device_counters sum_of_devices(const struct tcpip *tcpip) {
    struct device_counters sum = {0};
    for (unsigned i = 0; i < LINKS; i++) {
        const struct device_counters *one = &tcpip->link[i].device.counters;
        sum.opens += one->opens;
        sum.frames_in += one->frames_in;
        sum.frames_out += one->frames_out;
        sum.frames_lost += one->frames_lost;
        sum.bad_descriptors += one->bad_descriptors;
        sum.starved += one->starved;
    }
    return sum;
}

static void write_counters(struct tcpip *tcpip, struct text *text) {
    const struct net_counters *net = net_counters(tcpip->net);
    struct device_counters device = sum_of_devices(tcpip);
    const struct tcpip_counters *calls = &tcpip->counters;
#define SAY_COUNTER(name) counter(text, #name, net->name);
    NET_COUNTERS(SAY_COUNTER)
#undef SAY_COUNTER
    counter(text, "device_opens", device.opens);
    counter(text, "device_frames_in", device.frames_in);
    counter(text, "device_frames_out", device.frames_out);
    counter(text, "device_frames_lost", device.frames_lost);
    counter(text, "device_bad_descriptors", device.bad_descriptors);
    counter(text, "device_starved", device.starved);
    counter(text, "calls", calls->calls);
    counter(text, "calls_parked", calls->parked);
    counter(text, "calls_cancelled", calls->cancelled);
    counter(text, "calls_refused", calls->refused);
    counter(text, "signals", calls->signals);
}

static void print_address(char out[24], const struct net_address *address) {
    const uint8_t *b = address->bytes;
    if (address->family == 0) {
        snprintf(out, 24, "none");
    } else {
        snprintf(out, 24, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
    }
}

static void print_endpoint(char out[24], const struct net_endpoint *endpoint) {
    const uint8_t *b = endpoint->address.bytes;
    if (endpoint->address.family == 0 && endpoint->port == 0) {
        snprintf(out, 24, "*");
    } else {
        snprintf(out, 24, "%u.%u.%u.%u:%u", b[0], b[1], b[2], b[3], endpoint->port);
    }
}

static const char *state_name(const struct net_socket_info *info) {
    static const char *const names[] = {"CLOSED",      "LISTEN",     "SYN-SENT",   "SYN-RECEIVED",
                                        "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
                                        "CLOSING",     "LAST-ACK",   "TIME-WAIT"};
    if (info->type == NET_DATAGRAM) {
        return "";
    }
    return info->state < sizeof names / sizeof names[0] ? names[info->state] : "?";
}

static const char *phase_name(uint8_t phase) {
    static const char *const names[] = {"open", "disorder", "reduced", "recovery", "loss"};
    return phase < sizeof names / sizeof names[0] ? names[phase] : "?";
}

/* What `ss -i` shows below a connection, under its names. */
static void write_stream(const struct net_stream_info *i, struct text *text) {
    say(text, "      %s%s%s%s", phase_name(i->phase), i->options & NET_STREAM_TIMESTAMPS ? " ts" : "",
        i->options & NET_STREAM_SACK ? " sack" : "", i->options & NET_STREAM_ECN ? " ecn" : "");
    say(text, " wscale:%u,%u rto:%u rtt:%u/%u minrtt:%u mss:%u pmtu:%u rcvmss:%u advmss:%u", i->shifts & 15,
        i->shifts >> 4, i->rto_us / 1000, i->rtt_us, i->rtt_variance_us, i->least_rtt_us, i->send_mss,
        i->path_mtu, i->receive_mss, i->offered_mss);
    say(text, " cwnd:%u", i->window);
    if (i->threshold != INT32_MAX) {
        say(text, " ssthresh:%u", i->threshold);
    }
    say(text, " unacked:%u sacked:%u lost:%u retrans:%u backoff:%u\n", i->out, i->arrived, i->lost,
        i->resent_ever, i->back_off);
    say(text,
        "      bytes_sent:%" PRIu64 " bytes_retrans:%" PRIu64 " bytes_acked:%" PRIu64
        " bytes_received:%" PRIu64 " segs_out:%u segs_in:%u",
        i->bytes_sent, i->bytes_resent, i->bytes_acknowledged, i->bytes_received, i->segments_out,
        i->segments_in);
    say(text, " notsent:%u rcv_rtt:%u rcv_space:%u rcv_ssthresh:%u snd_wnd:%u rcv_wnd:%u\n", i->bytes_unsent,
        i->receiver_rtt_us, i->taken_a_round_trip, i->receive_limit, i->peer_window, i->offered_window);
    say(text,
        "      delivery_rate:%" PRIu64 "%s delivered:%u busy:%" PRIu64 "ms rwnd_limited:%" PRIu64
        "ms sndbuf_limited:%" PRIu64 "ms reord_seen:%u dsack_dups:%u rcv_ooopack:%u\n",
        i->delivery_rate, i->flags & 1 ? " app_limited" : "", i->delivered, i->busy_us / 1000,
        i->window_limited_us / 1000, i->buffer_limited_us / 1000, i->reorderings, i->duplicate_reports,
        i->out_of_order);
}

static void list_sockets(struct tcpip *tcpip, struct text *text, bool details) {
    struct net_stream_info stream;
    struct net_socket_info info;
    uint32_t cursor = 0;
    say(text, "%-5s %-12s %7s %7s %-22s %-22s %5s %8s %7s %6s\n", "type", "state", "recv-q", "send-q",
        "local", "peer", "owner", "rtt-us", "cwnd", "rexmit");
    while (text->capacity > text->length && net_socket_next(tcpip->net, &cursor, &info)) {
        char local[24], peer[24];
        print_endpoint(local, &info.local);
        print_endpoint(peer, &info.peer);
        say(text, "%-5s %-12s %7u %7u %-22s %-22s %5u %8u %7u %6u\n", info.type == NET_STREAM ? "tcp" : "udp",
            state_name(&info), info.receive_queued, info.send_queued, local, peer, info.owner, info.rtt_us,
            info.congestion_window, info.retransmits);
        if (details && net_stream_info(tcpip->net, info.socket, &stream, tcpip_now()) == ERR_NONE) {
            write_stream(&stream, text);
        }
    }
}

static void write_sockets(struct tcpip *tcpip, struct text *text) {
    list_sockets(tcpip, text, false);
}

static void write_streams(struct tcpip *tcpip, struct text *text) {
    list_sockets(tcpip, text, true);
}

static void write_link(const struct link *link, const struct net_interface *interface, struct text *text) {
    const uint8_t *m = interface->mac;
    say(text, "link      %s\nmac       %02x:%02x:%02x:%02x:%02x:%02x\nmtu       %u\noffloads  0x%x\n",
        link->device.open ? (link->device.info.link_up != 0 ? "up" : "down") : "no driver", m[0], m[1], m[2],
        m[3], m[4], m[5], interface->mtu, link->device.open ? link->device.info.offloads : 0);
}

/* The first link, and what DHCP and DNS know by it; then the others. */
static void write_interfaces(struct tcpip *tcpip, struct text *text) {
    struct net_interface interface;
    char address[24], gateway[24], dns[24];
    net_interface(tcpip->net, &interface);
    write_link(&tcpip->link[0], &interface, text);
    print_address(address, &interface.address);
    print_address(gateway, &interface.gateway);
    say(text, "address   %s/%u%s\ngateway   %s\n", address, interface.prefix_length,
        tcpip->link[0].config.dhcp ? (interface.bound ? " (dhcp)" : " (dhcp, not yet)") : "", gateway);
    for (int i = 0; i < 3 && interface.dns[i].family != 0; i++) {
        print_address(dns, &interface.dns[i]);
        say(text, "dns       %s\n", dns);
    }
    if (interface.lease_seconds != 0) {
        say(text, "lease     %u s\n", interface.lease_seconds);
    }
    for (uint32_t i = 1; net_interface_at(tcpip->net, i, &interface); i++) {
        say(text, "\n");
        write_link(&tcpip->link[i], &interface, text);
        print_address(address, &interface.address);
        say(text, "address   %s/%u\n", address, interface.prefix_length);
    }
}

static void write_usage(struct tcpip *tcpip, struct text *text) {
    struct net_usage usage;
    net_usage(tcpip->net, &usage);
    counter(text, "arena_size", usage.arena_size);
    counter(text, "arena_used", usage.arena_used);
    counter(text, "arena_peak", usage.arena_peak);
    counter(text, "sockets", usage.sockets);
    counter(text, "connections", usage.connections);
    counter(text, "queries", usage.queries);
    counter(text, "neighbours", usage.neighbours);
    counter(text, "sessions", tcpip->sessions_used);
    counter(text, "client_sockets", tcpip->sockets_used);
    counter(text, "parked_calls", tcpip->calls_used);
}

enum error report_write(struct tcpip *tcpip, uint32_t kind, size_t *length) {
    static void (*const writers[])(struct tcpip * tcpip, struct text * text) = {
        [REPORT_COUNTERS] = write_counters,    [REPORT_SOCKETS] = write_sockets,
        [REPORT_INTERFACE] = write_interfaces, [REPORT_USAGE] = write_usage,
        [REPORT_STREAMS] = write_streams,
    };
    struct text text = {.data = (char *)tcpip->scratch, .capacity = sizeof tcpip->scratch};
    if (kind > REPORT_STREAMS) {
        return ERR_INVALID;
    }
    writers[kind](tcpip, &text);
    *length = text.length;
    return ERR_NONE;
}
