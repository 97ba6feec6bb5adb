/* trace.c: a frame in one line; read trace.h first. */
#include <inttypes.h>
#include <net/wire/arp.h>
#include <net/wire/icmp.h>
#include <net/wire/tcp.h>
#include <net/wire/udp.h>
#include <netsim/trace.h>

static void print_address(FILE *out, uint32_t address) {
    fprintf(out, "%u.%u.%u.%u", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff, address & 0xff);
}

static void print_arp(FILE *out, struct span bytes) {
    struct arp_packet arp;
    if (arp_parse(bytes, &arp) != ERR_NONE) {
        fprintf(out, "malformed ARP");
        return;
    }
    print_address(out, arp.sender_address);
    fprintf(out, arp.operation == ARP_REQUEST ? " asks for " : " answers ");
    print_address(out, arp.target_address);
}

static void print_tcp(FILE *out, struct span bytes) {
    static const char names[] = "FSRPAUEC";
    struct tcp_header tcp;
    struct span payload;
    if (tcp_parse(bytes, &tcp, &payload) != ERR_NONE) {
        fprintf(out, " malformed TCP");
        return;
    }
    fprintf(out, " TCP %u > %u ", tcp.source_port, tcp.destination_port);
    for (int i = 0; i < 8; i++) {
        if (tcp.flags >> i & 1) {
            fputc(names[i], out);
        }
    }
    fprintf(out, " seq %" PRIu32 " ack %" PRIu32 " window %u, %zu bytes", tcp.seq.value, tcp.ack.value,
            tcp.window, payload.length);
}

static void print_ipv4(FILE *out, struct span bytes) {
    struct ipv4_header ip;
    struct span payload, data;
    struct udp_header udp;
    if (ipv4_parse(bytes, &ip, &payload) != ERR_NONE) {
        fprintf(out, "malformed IPv4");
        return;
    }
    print_address(out, ip.source);
    fprintf(out, " > ");
    print_address(out, ip.destination);
    if (ip.protocol == IP_TCP) {
        print_tcp(out, payload);
    } else if (ip.protocol == IP_UDP && udp_parse(payload, &udp, &data) == ERR_NONE) {
        fprintf(out, " UDP %u > %u, %zu bytes", udp.source_port, udp.destination_port, data.length);
    } else {
        fprintf(out, " protocol %u, %zu bytes", ip.protocol, payload.length);
    }
}

void trace_frame(FILE *out, net_time now, struct span frame) {
    struct ethernet_header ethernet;
    struct span payload;
    fprintf(out, "%12.6f ", (double)now / (double)NET_SECOND);
    if (ethernet_parse(frame, &ethernet, &payload) != ERR_NONE) {
        fprintf(out, "malformed Ethernet");
    } else if (ethernet.type == ETHER_ARP) {
        print_arp(out, payload);
    } else if (ethernet.type == ETHER_IPV4) {
        print_ipv4(out, payload);
    } else {
        fprintf(out, "type %04x", ethernet.type);
    }
    fputc('\n', out);
}
