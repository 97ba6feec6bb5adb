/* server.c: a simulated DHCP and DNS server; read server.h first. */
#include <net/wire/arp.h>
#include <net/wire/dns.h>
#include <net/wire/udp.h>
#include <netsim/server.h>

/* Where an answer goes. */
struct client {
    struct mac mac;
    uint32_t address;
    uint16_t port;
};

static void send_datagram(struct server *server, struct sim_node *node, const struct client *client,
                          uint16_t port, struct span payload) {
    uint8_t frame[1514];
    struct writer writer = writer_of(frame, sizeof frame);
    ethernet_write(&writer, &(struct ethernet_header){client->mac, server->mac, ETHER_IPV4});
    ipv4_write(&writer,
               &(struct ipv4_header){
                   .source = server->address, .destination = client->address, .protocol = IP_UDP, .ttl = 64},
               UDP_HEADER + payload.length);
    udp_write(&writer, &(struct udp_header){port, client->port, false}, server->address, client->address,
              payload);
    if (!writer.failed) {
        sim_send(node, frame, writer.length);
    }
}

/* ---- ARP ---- */

static void answer_arp(struct server *server, struct sim_node *node, struct span bytes) {
    struct arp_packet request;
    if (arp_parse(bytes, &request) != ERR_NONE || request.operation != ARP_REQUEST) {
        return;
    }
    bool mine = request.target_address == server->address ||
                (server->usurped != 0 && request.target_address == server->usurped);
    if (!mine) {
        return;
    }
    uint8_t frame[ETHERNET_HEADER + ARP_LENGTH];
    struct writer writer = writer_of(frame, sizeof frame);
    ethernet_write(&writer, &(struct ethernet_header){request.sender_mac, server->mac, ETHER_ARP});
    arp_write(&writer, &(struct arp_packet){ARP_REPLY, server->mac, request.sender_mac,
                                            request.target_address, request.sender_address});
    sim_send(node, frame, writer.length);
}

/* ---- DHCP ---- */

static enum dhcp_type judge(struct server *server, const struct dhcp_message *message, bool unicast) {
    switch (message->type) {
    case DHCP_DISCOVER: server->discovers++; return DHCP_OFFER;
    case DHCP_REQUEST: {
        server->requests++;
        server->unicast_requests += unicast;
        uint32_t wanted = message->client_address != 0 ? message->client_address : message->requested_address;
        return server->dhcp_refuses || wanted != server->lease_address ? DHCP_NAK : DHCP_ACK;
    }
    case DHCP_DECLINE: server->declines++; return 0;
    default: return 0;
    }
}

static void answer_dhcp(struct server *server, struct sim_node *node, struct span bytes, bool unicast) {
    struct dhcp_message message;
    if (server->lease_address == 0 || dhcp_parse(bytes, &message) != ERR_NONE || message.reply) {
        return;
    }
    enum dhcp_type type = judge(server, &message, unicast);
    if (type == 0 || server->dhcp_silent) {
        return;
    }
    struct dhcp_message answer = {.reply = true,
                                  .type = (uint8_t)type,
                                  .xid = message.xid,
                                  .client_mac = message.client_mac,
                                  .server = server->address};
    if (type != DHCP_NAK) {
        answer.your_address = server->lease_address;
        answer.subnet_mask = 0xffffff00;
        answer.router = server->router;
        answer.name_server[0] = server->address;
        answer.has_lease = true;
        answer.lease = server->lease_seconds;
    }
    uint8_t buffer[600];
    struct writer writer = writer_of(buffer, sizeof buffer);
    dhcp_write(&writer, &answer);
    bool direct = message.client_address != 0;
    struct client client = {direct ? message.client_mac : MAC_BROADCAST,
                            direct ? message.client_address : IPV4_BROADCAST, DHCP_CLIENT_PORT};
    send_datagram(server, node, &client, DHCP_SERVER_PORT, writer_span(&writer));
}

/* ---- DNS ---- */

static const struct server_name *find_name(const struct server *server, const struct dns_name *name) {
    for (int i = 0; i < SERVER_NAMES; i++) {
        struct dns_name known;
        const struct server_name *entry = &server->name[i];
        if (entry->name != NULL && dns_name_from_text(entry->name, &known) == ERR_NONE &&
            dns_name_equal(&known, name)) {
            return entry;
        }
    }
    return NULL;
}

static void write_record(struct writer *writer, const struct dns_name *name, uint16_t type,
                         struct span data) {
    write_bytes(writer, name->bytes, name->length);
    write_be16(writer, type);
    write_be16(writer, DNS_INTERNET);
    write_be32(writer, 60);
    write_be16(writer, (uint16_t)data.length);
    write_bytes(writer, data.data, data.length);
}

/* The records that answer the question; returns how many. */
static uint16_t write_answers(const struct server *server, struct writer *writer, struct dns_name name,
                              uint16_t type) {
    uint16_t count = 0;
    const struct server_name *entry = find_name(server, &name);
    while (entry != NULL && entry->alias != NULL && count < SERVER_NAMES) {
        struct dns_name target;
        if (dns_name_from_text(entry->alias, &target) != ERR_NONE) {
            return count;
        }
        write_record(writer, &name, DNS_CNAME, span_of(target.bytes, target.length));
        count++;
        name = target;
        entry = find_name(server, &name);
    }
    if (entry != NULL && entry->address != 0 && type == DNS_A) {
        struct net_address address = net_ipv4(entry->address);
        write_record(writer, &name, DNS_A, span_of(address.bytes, 4));
        count++;
    }
    return count;
}

static void answer_dns(struct server *server, struct sim_node *node, const struct client *client,
                       struct span bytes) {
    struct dns_message query;
    struct dns_name name;
    uint16_t type;
    server->queries++;
    if (dns_parse(bytes, &query) != ERR_NONE || dns_next_question(&query, &name, &type) != ERR_NONE) {
        return;
    }
    if (server->dns_ignores > 0) {
        server->dns_ignores--;
        return;
    }
    uint16_t code = find_name(server, &name) == NULL ? DNS_NAME_ERROR : DNS_OK;
    if (server->dns_fails > 0) {
        server->dns_fails--;
        code = DNS_SERVER_FAILURE;
    }
    uint8_t buffer[1024];
    struct writer writer = writer_of(buffer, sizeof buffer);
    dns_write_query(&writer, query.id, &name, type);
    uint16_t count = code == DNS_OK ? write_answers(server, &writer, name, type) : 0;
    struct writer header = writer_of(buffer + 2, 6);
    write_be16(&header, (uint16_t)(0x8180 | code));
    write_be16(&header, 1);
    write_be16(&header, count);
    send_datagram(server, node, client, DNS_PORT, writer_span(&writer));
}

/* ---- The host ---- */

static void answer_ipv4(struct server *server, struct sim_node *node, struct mac from, struct span packet) {
    struct ipv4_header ip;
    struct udp_header udp;
    struct span bytes, payload;
    bool good = ipv4_parse(packet, &ip, &bytes) == ERR_NONE && ipv4_checksum_good(packet) &&
                ip.protocol == IP_UDP && udp_parse(bytes, &udp, &payload) == ERR_NONE &&
                udp_checksum_good(bytes, ip.source, ip.destination);
    if (!good || (ip.destination != server->address && ip.destination != IPV4_BROADCAST)) {
        return;
    }
    struct client client = {from, ip.source, udp.source_port};
    if (udp.destination_port == DHCP_SERVER_PORT) {
        answer_dhcp(server, node, payload, ip.destination == server->address);
    } else if (udp.destination_port == DNS_PORT) {
        answer_dns(server, node, &client, payload);
    }
}

static void receive(void *context, struct sim_node *node, const uint8_t *frame, size_t length) {
    struct server *server = context;
    struct ethernet_header ethernet;
    struct span payload;
    if (ethernet_parse(span_of(frame, length), &ethernet, &payload) != ERR_NONE) {
        return;
    }
    if (ethernet.type == ETHER_ARP) {
        answer_arp(server, node, payload);
    } else if (ethernet.type == ETHER_IPV4) {
        answer_ipv4(server, node, ethernet.source, payload);
    }
}

struct sim_node *server_add(struct sim *sim, struct server *server, const struct link_config *link) {
    return sim_add_host(sim, server->mac.bytes, receive, server, link);
}
