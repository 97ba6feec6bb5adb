/* dhcp.h: DHCP messages (RFC 2131 2, options RFC 2132, 3396 overload). */
#pragma once

#include <base/error.h>
#include <base/span.h>
#include <net/wire/ethernet.h>

#define DHCP_CLIENT_PORT 68
#define DHCP_SERVER_PORT 67
#define DHCP_LENGTH_MIN  300 /* BOOTP's: some relays drop shorter ones */
#define DHCP_SERVERS_MAX 3

enum dhcp_type {
    DHCP_DISCOVER = 1,
    DHCP_OFFER = 2,
    DHCP_REQUEST = 3,
    DHCP_DECLINE = 4,
    DHCP_ACK = 5,
    DHCP_NAK = 6,
    DHCP_RELEASE = 7
};

/* A message with the options that a client needs. A field that is 0 is absent. Addresses in host order, times
 * in seconds. */
struct dhcp_message {
    bool reply;   /* from a server */
    uint8_t type; /* enum dhcp_type, option 53 */
    uint32_t xid;
    uint16_t seconds;        /* since the client began */
    bool broadcast;          /* the answer is to be broadcast */
    uint32_t client_address; /* ciaddr */
    uint32_t your_address;   /* yiaddr */
    struct mac client_mac;
    uint32_t subnet_mask;                   /* 1 */
    uint32_t router;                        /* 3, the first */
    uint32_t name_server[DHCP_SERVERS_MAX]; /* 6 */
    char host_name[32];                     /* 12 */
    uint32_t requested_address;             /* 50 */
    bool has_lease;
    uint32_t lease;              /* 51; UINT32_MAX: for ever */
    uint32_t server;             /* 54 */
    uint32_t renewal, rebinding; /* 58, 59 */
    bool ask_parameters;         /* written: 55 with 1, 3, 6, 15, 51, 58, 59, and 57 */
};

/* ERR_MALFORMED: short, not Ethernet, no magic cookie, an option that runs over, or no message type. Options
 * of a wrong length are skipped. File and name fields are read for options when option 52 says so. */
enum error dhcp_parse(struct span bytes, struct dhcp_message *message);
/* Writes at least DHCP_LENGTH_MIN bytes. A client's message carries option 61 with its MAC address. */
void dhcp_write(struct writer *writer, const struct dhcp_message *message);
