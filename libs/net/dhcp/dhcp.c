/* dhcp.c: the DHCP client's state machine (RFC 2131 4.4, figure 5); read dhcp.h first. */
#include <net/dhcp/dhcp.h>
#include <net/wire/ipv4.h>

#define FIRST_WAIT     (4 * NET_SECOND) /* RFC 2131 4.1: then doubled up to … */
#define LONGEST_WAIT   (64 * NET_SECOND)
#define REQUESTS_MAX   4                 /* then back to INIT */
#define SHORTEST_RENEW (60 * NET_SECOND) /* 4.4.5 */
#define AFTER_DECLINE  (10 * NET_SECOND) /* 3.1.5 */
#define DECLINES_MAX   10                /* RFC 5227 MAX_CONFLICTS: then only one address in … */
#define AFTER_MANY     (60 * NET_SECOND) /* RATE_LIMIT_INTERVAL */

void dhcp_init(struct dhcp *dhcp, struct mac mac, const char *host_name, struct random *random,
               struct net_counters *counters) {
    *dhcp = (struct dhcp){.mac = mac, .random = random, .counters = counters, .deadline = NET_NEVER};
    strncpy(dhcp->host_name, host_name, sizeof dhcp->host_name - 1);
}

/* The one place where the state changes; the first message in it is due at `deadline`. */
static void set_state(struct dhcp *dhcp, enum dhcp_state state, net_time deadline) {
    dhcp->state = state;
    dhcp->tries = 0;
    dhcp->deadline = deadline;
    dhcp->waiting = false;
}

static void start_over(struct dhcp *dhcp, net_time when) {
    if (dhcp_is_bound(dhcp)) {
        dhcp->changed = true;
    }
    dhcp->xid = random_u32(dhcp->random);
    dhcp->started = when;
    dhcp->lease = dhcp->offer = (struct dhcp_lease){0};
    set_state(dhcp, DHCP_INIT, when);
}

void dhcp_start(struct dhcp *dhcp, net_time now) {
    if (!dhcp_is_bound(dhcp)) {
        start_over(dhcp, now);
        return;
    }
    /* Perhaps the same network, perhaps another one: ask anybody whether the address is still good. */
    dhcp->xid = random_u32(dhcp->random);
    dhcp->started = now;
    dhcp->offer = dhcp->lease;
    set_state(dhcp, DHCP_REBINDING, now);
}

void dhcp_stop(struct dhcp *dhcp) {
    dhcp->changed |= dhcp_is_bound(dhcp);
    set_state(dhcp, DHCP_OFF, NET_NEVER);
}

/* ---- In ---- */

/* A mask's ones; 32 for a mask with holes, so that nothing seems to be on the link that is not. */
static uint8_t prefix_of_mask(uint32_t mask) {
    uint8_t length = mask == 0 ? 0 : (uint8_t)__builtin_popcount(mask);
    return mask == ipv4_mask(length) ? length : 32;
}

/* The mask of the address's class, for a server that gives none (RFC 950 2.1). */
static uint32_t class_mask(uint32_t address) {
    return ipv4_mask(address >> 31 == 0 ? 8 : address >> 30 == 2 ? 16 : 24);
}

static struct dhcp_lease lease_of(const struct dhcp_message *message) {
    uint32_t mask = message->subnet_mask != 0 ? message->subnet_mask : class_mask(message->your_address);
    struct dhcp_lease lease = {.address = message->your_address,
                               .router = message->router,
                               .server = message->server,
                               .prefix_length = prefix_of_mask(mask),
                               .seconds = message->lease};
    memcpy(lease.name_server, message->name_server, sizeof lease.name_server);
    return lease;
}

static bool has_usable_address(const struct dhcp_message *message) {
    return ipv4_is_source(message->your_address) && !ipv4_is_loopback(message->your_address);
}

static void take_offer(struct dhcp *dhcp, const struct dhcp_message *message, net_time now) {
    if (message->server == 0 || !has_usable_address(message)) {
        dhcp->counters->dhcp_malformed++;
        return;
    }
    dhcp->offer = lease_of(message);
    set_state(dhcp, DHCP_REQUESTING, now);
}

/* A moment of the lease, `seconds` after it was asked for. */
static net_time lease_time(const struct dhcp *dhcp, uint32_t seconds) {
    return seconds == UINT32_MAX ? NET_NEVER : net_time_after(dhcp->requested, seconds * NET_SECOND);
}

/* T1 and T2 of RFC 2131 4.4.5: as told when that makes sense, else half and seven eighths of the lease. */
static void set_times(struct dhcp *dhcp, const struct dhcp_message *message) {
    uint32_t lease = message->lease;
    uint32_t rebinding = message->rebinding, renewal = message->renewal;
    if (lease == UINT32_MAX) {
        renewal = rebinding = lease;
    }
    if (rebinding == 0 || rebinding > lease) {
        rebinding = (uint32_t)((uint64_t)lease * 7 / 8);
    }
    if (renewal == 0 || renewal > rebinding) {
        renewal = lease / 2;
    }
    dhcp->renew = lease_time(dhcp, renewal);
    dhcp->rebind = lease_time(dhcp, rebinding);
    dhcp->expire = lease_time(dhcp, lease);
}

static bool same_lease(const struct dhcp_lease *a, const struct dhcp_lease *b) {
    return a->address == b->address && a->router == b->router && a->prefix_length == b->prefix_length &&
           memcmp(a->name_server, b->name_server, sizeof a->name_server) == 0;
}

static void take_ack(struct dhcp *dhcp, const struct dhcp_message *message) {
    bool good = message->has_lease && message->lease != 0 && has_usable_address(message) &&
                message->your_address == dhcp->offer.address;
    if (!good) {
        dhcp->counters->dhcp_malformed++;
        return;
    }
    struct dhcp_lease lease = lease_of(message);
    if (lease.server == 0) {
        lease.server = dhcp->offer.server;
    }
    if (dhcp_is_bound(dhcp)) {
        dhcp->declines = 0; /* renewed: the address is good */
    }
    dhcp->changed |= !dhcp_is_bound(dhcp) || !same_lease(&lease, &dhcp->lease);
    dhcp->lease = dhcp->offer = lease;
    set_times(dhcp, message);
    set_state(dhcp, DHCP_BOUND, dhcp->renew);
}

static bool is_awaited(const struct dhcp *dhcp, const struct dhcp_message *message) {
    return message->reply && message->xid == dhcp->xid && mac_equal(message->client_mac, dhcp->mac);
}

/* Is it from the server that we asked? When rebinding anybody may answer. */
static bool from_our_server(const struct dhcp *dhcp, const struct dhcp_message *message) {
    return dhcp->state == DHCP_REBINDING || message->server == 0 || message->server == dhcp->offer.server;
}

void dhcp_input(struct dhcp *dhcp, const struct dhcp_message *message, net_time now) {
    if (!is_awaited(dhcp, message)) {
        dhcp->counters->dhcp_not_ours++; /* broadcast reaches all */
        return;
    }
    bool asked =
        dhcp->state == DHCP_REQUESTING || dhcp->state == DHCP_RENEWING || dhcp->state == DHCP_REBINDING;
    bool answer = asked && dhcp->tries != 0 && from_our_server(dhcp, message);
    if (dhcp->state == DHCP_SELECTING && message->type == DHCP_OFFER) {
        take_offer(dhcp, message, now);
    } else if (answer && message->type == DHCP_ACK) {
        take_ack(dhcp, message);
    } else if (answer && message->type == DHCP_NAK) {
        start_over(dhcp, now);
    } else {
        dhcp->counters->dhcp_unexpected++;
    }
}

void dhcp_conflict(struct dhcp *dhcp, uint32_t address, net_time now) {
    if (!dhcp_is_bound(dhcp) || dhcp->lease.address != address) {
        return;
    }
    uint32_t server = dhcp->lease.server;
    dhcp->declines += dhcp->declines < DECLINES_MAX;
    start_over(dhcp, net_time_after(now, dhcp->declines < DECLINES_MAX ? AFTER_DECLINE : AFTER_MANY));
    dhcp->decline = address;
    dhcp->decline_server = server;
}

/* ---- Time ---- */

void dhcp_expire(struct dhcp *dhcp, net_time now) {
    if (dhcp->state == DHCP_BOUND && now >= dhcp->renew) {
        dhcp->xid = random_u32(dhcp->random);
        dhcp->started = now;
        set_state(dhcp, DHCP_RENEWING, now);
    }
    if (dhcp->state == DHCP_RENEWING && now >= dhcp->rebind) {
        set_state(dhcp, DHCP_REBINDING, now);
    }
    if (dhcp_is_bound(dhcp) && now >= dhcp->expire) {
        start_over(dhcp, now);
    }
    if (dhcp->state == DHCP_REQUESTING && dhcp->tries >= REQUESTS_MAX && now >= dhcp->deadline) {
        start_over(dhcp, now);
    }
}

/* ---- Out ---- */

static struct dhcp_output broadcast(const struct dhcp *dhcp, enum dhcp_type type, net_time now) {
    net_time seconds = now < dhcp->started ? 0 : (now - dhcp->started) / NET_SECOND;
    struct dhcp_output output = {
        .destination = IPV4_BROADCAST,
        .message = {.type = (uint8_t)type,
                    .xid = dhcp->xid,
                    .seconds = (uint16_t)(seconds < UINT16_MAX ? seconds : UINT16_MAX),
                    .broadcast =
                        !dhcp_is_bound(dhcp), /* without an address we could not take a unicast answer */
                    .client_mac = dhcp->mac,
                    .ask_parameters = type != DHCP_DECLINE},
    };
    memcpy(output.message.host_name, dhcp->host_name, sizeof dhcp->host_name);
    return output;
}

/* RFC 2131 table 5: which state names the address and the server where. */
static void fill_request(const struct dhcp *dhcp, struct dhcp_output *output) {
    switch (dhcp->state) {
    case DHCP_REQUESTING:
        output->message.requested_address = dhcp->offer.address;
        output->message.server = dhcp->offer.server;
        break;
    case DHCP_RENEWING:
        output->destination = dhcp->lease.server;
        output->source = output->message.client_address = dhcp->lease.address;
        break;
    default: output->source = output->message.client_address = dhcp->lease.address; break;
    }
}

bool dhcp_next(const struct dhcp *dhcp, net_time now, struct dhcp_output *output) {
    if (dhcp->decline != 0) {
        *output = broadcast(dhcp, DHCP_DECLINE, now);
        output->message.requested_address = dhcp->decline;
        output->message.server = dhcp->decline_server;
        return true;
    }
    if (now < dhcp->deadline || dhcp->waiting || dhcp->state == DHCP_OFF || dhcp->state == DHCP_BOUND) {
        return false;
    }
    bool discover = dhcp->state == DHCP_INIT || dhcp->state == DHCP_SELECTING;
    *output = broadcast(dhcp, discover ? DHCP_DISCOVER : DHCP_REQUEST, now);
    if (!discover) {
        fill_request(dhcp, output);
    }
    return true;
}

/* 4, 8, 16, 32, 64 seconds, each a second more or less by chance (RFC 2131 4.1). */
static net_time back_off(struct dhcp *dhcp) {
    net_time wait = FIRST_WAIT << (dhcp->tries < 5 ? dhcp->tries : 4);
    wait = net_time_min(wait, LONGEST_WAIT);
    return wait - NET_SECOND + random_below(dhcp->random, 2 * NET_SECOND);
}

/* Half of what is left until the next step of the lease, but at least a minute (RFC 2131 4.4.5). */
static net_time half_of_what_is_left(net_time now, net_time end) {
    net_time half = (end - now) / 2;
    return net_time_min(net_time_after(now, half > SHORTEST_RENEW ? half : SHORTEST_RENEW), end);
}

void dhcp_sent(struct dhcp *dhcp, net_time now) {
    if (dhcp->decline != 0) {
        dhcp->decline = 0;
        return;
    }
    if (dhcp->state == DHCP_INIT) {
        set_state(dhcp, DHCP_SELECTING, now);
    }
    if (dhcp->state == DHCP_RENEWING) {
        dhcp->deadline = half_of_what_is_left(now, dhcp->rebind);
    } else if (dhcp->state == DHCP_REBINDING && now >= dhcp->rebind) {
        dhcp->deadline = half_of_what_is_left(now, dhcp->expire);
    } else { /* also after dhcp_start, long before the lease is in danger */
        dhcp->deadline = net_time_after(now, back_off(dhcp));
    }
    if (dhcp->state != DHCP_SELECTING) {
        dhcp->requested = now;
    }
    dhcp->tries++;
}

void dhcp_wait(struct dhcp *dhcp) {
    dhcp->waiting = true;
}

void dhcp_wake(struct dhcp *dhcp) {
    dhcp->waiting = false;
}

net_time dhcp_deadline(const struct dhcp *dhcp) {
    if (dhcp->decline != 0) {
        return 0;
    }
    return dhcp->waiting ? NET_NEVER : dhcp->deadline; /* ARP's own deadline bounds the waiting */
}

bool dhcp_take_change(struct dhcp *dhcp) {
    bool changed = dhcp->changed;
    dhcp->changed = false;
    return changed;
}
