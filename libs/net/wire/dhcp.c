/* dhcp.c: DHCP messages (RFC 2131 2, RFC 2132). */
#include <net/wire/dhcp.h>
#include <string.h>

enum { OPERATION_REQUEST = 1, OPERATION_REPLY = 2, HARDWARE_ETHERNET = 1, FLAG_BROADCAST = 0x8000 };
enum { LENGTH_SNAME = 64, LENGTH_FILE = 128, LENGTH_CHADDR = 16 };
#define MAGIC_COOKIE UINT32_C(0x63825363)

enum option {
    OPTION_PAD = 0,
    OPTION_SUBNET_MASK = 1,
    OPTION_ROUTER = 3,
    OPTION_NAME_SERVER = 6,
    OPTION_HOST_NAME = 12,
    OPTION_DOMAIN_NAME = 15,
    OPTION_REQUESTED_ADDRESS = 50,
    OPTION_LEASE = 51,
    OPTION_OVERLOAD = 52,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_PARAMETERS = 55,
    OPTION_MAXIMUM_SIZE = 57,
    OPTION_RENEWAL = 58,
    OPTION_REBINDING = 59,
    OPTION_CLIENT_ID = 61,
    OPTION_END = 255
};
enum { OVERLOAD_FILE = 1, OVERLOAD_SNAME = 2 };

/* ---- Reading ---- */

static void parse_name_servers(struct reader *body, struct dhcp_message *message) {
    for (int i = 0; i < DHCP_SERVERS_MAX && body->left.length >= 4; i++) {
        message->name_server[i] = read_be32(body);
    }
}

static void parse_host_name(struct reader *body, struct dhcp_message *message) {
    size_t length =
        body->left.length < sizeof message->host_name ? body->left.length : sizeof message->host_name - 1;
    read_copy(body, message->host_name, length);
    message->host_name[length] = '\0';
}

/* Options that hold one number of four bytes; null for others. */
static uint32_t *number_field(uint8_t kind, struct dhcp_message *message) {
    switch (kind) {
    case OPTION_SUBNET_MASK: return &message->subnet_mask;
    case OPTION_REQUESTED_ADDRESS: return &message->requested_address;
    case OPTION_LEASE: return &message->lease;
    case OPTION_SERVER: return &message->server;
    case OPTION_RENEWAL: return &message->renewal;
    case OPTION_REBINDING: return &message->rebinding;
    default: return NULL;
    }
}

static void parse_option(uint8_t kind, struct span bytes, struct dhcp_message *message, uint8_t *overload) {
    struct reader body = reader_of(bytes);
    uint32_t *number = number_field(kind, message);
    if (number != NULL && bytes.length == 4) {
        *number = read_be32(&body);
        message->has_lease |= kind == OPTION_LEASE;
    } else if (kind == OPTION_TYPE && bytes.length == 1) {
        message->type = read_u8(&body);
    } else if (kind == OPTION_OVERLOAD && bytes.length == 1) {
        *overload = read_u8(&body);
    } else if (kind == OPTION_ROUTER && bytes.length >= 4) {
        message->router = read_be32(&body);
    } else if (kind == OPTION_NAME_SERVER) {
        parse_name_servers(&body, message);
    } else if (kind == OPTION_HOST_NAME) {
        parse_host_name(&body, message);
    }
}

static bool parse_options(struct span bytes, struct dhcp_message *message, uint8_t *overload) {
    struct reader reader = reader_of(bytes);
    while (reader.left.length > 0 && !reader.failed) {
        uint8_t kind = read_u8(&reader);
        if (kind == OPTION_END) {
            break;
        }
        if (kind == OPTION_PAD) {
            continue;
        }
        struct span body = read_bytes(&reader, read_u8(&reader));
        if (!reader.failed) {
            parse_option(kind, body, message, overload);
        }
    }
    return !reader.failed;
}

/* Options behind the cookie first, then those in file, then those in sname (RFC 2131 4.1). */
static bool parse_all_options(struct span options, struct span file, struct span sname,
                              struct dhcp_message *message) {
    uint8_t overload = 0, ignored = 0;
    return parse_options(options, message, &overload) &&
           ((overload & OVERLOAD_FILE) == 0 || parse_options(file, message, &ignored)) &&
           ((overload & OVERLOAD_SNAME) == 0 || parse_options(sname, message, &ignored));
}

enum error dhcp_parse(struct span bytes, struct dhcp_message *message) {
    *message = (struct dhcp_message){0};
    struct reader reader = reader_of(bytes);
    uint8_t operation = read_u8(&reader);
    bool ethernet = read_u8(&reader) == HARDWARE_ETHERNET;
    ethernet = read_u8(&reader) == 6 && ethernet;
    (void)read_u8(&reader); /* hops */
    message->xid = read_be32(&reader);
    message->seconds = read_be16(&reader);
    message->broadcast = (read_be16(&reader) & FLAG_BROADCAST) != 0;
    message->client_address = read_be32(&reader);
    message->your_address = read_be32(&reader);
    (void)read_be32(&reader); /* siaddr: for booting */
    (void)read_be32(&reader); /* giaddr: between relay and server */
    read_copy(&reader, message->client_mac.bytes, 6);
    (void)read_bytes(&reader, LENGTH_CHADDR - 6);
    struct span sname = read_bytes(&reader, LENGTH_SNAME), file = read_bytes(&reader, LENGTH_FILE);
    bool cookie = read_be32(&reader) == MAGIC_COOKIE;
    if (reader.failed || !ethernet || !cookie ||
        (operation != OPERATION_REQUEST && operation != OPERATION_REPLY)) {
        return ERR_MALFORMED;
    }
    message->reply = operation == OPERATION_REPLY;
    bool sane = parse_all_options(reader.left, file, sname, message);
    return sane && message->type != 0 ? ERR_NONE : ERR_MALFORMED;
}

/* ---- Writing ---- */

static void write_option_u8(struct writer *writer, enum option kind, uint8_t value) {
    write_u8(writer, (uint8_t)kind);
    write_u8(writer, 1);
    write_u8(writer, value);
}

/* Nothing when the value is 0: absent. */
static void write_option_u32(struct writer *writer, enum option kind, uint32_t value) {
    if (value != 0) {
        write_u8(writer, (uint8_t)kind);
        write_u8(writer, 4);
        write_be32(writer, value);
    }
}

static void write_fixed_part(struct writer *writer, const struct dhcp_message *message) {
    write_u8(writer, message->reply ? OPERATION_REPLY : OPERATION_REQUEST);
    write_u8(writer, HARDWARE_ETHERNET);
    write_u8(writer, 6);
    write_u8(writer, 0);
    write_be32(writer, message->xid);
    write_be16(writer, message->seconds);
    write_be16(writer, message->broadcast ? FLAG_BROADCAST : 0);
    write_be32(writer, message->client_address);
    write_be32(writer, message->your_address);
    write_be32(writer, 0);
    write_be32(writer, 0);
    write_bytes(writer, message->client_mac.bytes, 6);
    write_zeros(writer, LENGTH_CHADDR - 6 + LENGTH_SNAME + LENGTH_FILE);
    write_be32(writer, MAGIC_COOKIE);
}

static void write_name_servers(struct writer *writer, const struct dhcp_message *message) {
    uint8_t count = 0;
    while (count < DHCP_SERVERS_MAX && message->name_server[count] != 0) {
        count++;
    }
    if (count > 0) {
        write_u8(writer, OPTION_NAME_SERVER);
        write_u8(writer, count * 4);
        for (uint8_t i = 0; i < count; i++) {
            write_be32(writer, message->name_server[i]);
        }
    }
}

static void write_parameters(struct writer *writer) {
    static const uint8_t wanted[] = {OPTION_SUBNET_MASK, OPTION_ROUTER, OPTION_NAME_SERVER,
                                     OPTION_DOMAIN_NAME, OPTION_LEASE,  OPTION_RENEWAL,
                                     OPTION_REBINDING};
    write_u8(writer, OPTION_PARAMETERS);
    write_u8(writer, sizeof wanted);
    write_bytes(writer, wanted, sizeof wanted);
    write_u8(writer, OPTION_MAXIMUM_SIZE);
    write_u8(writer, 2);
    write_be16(writer, 1472);
}

static void write_client_id(struct writer *writer, const struct dhcp_message *message) {
    write_u8(writer, OPTION_CLIENT_ID);
    write_u8(writer, 7);
    write_u8(writer, HARDWARE_ETHERNET);
    write_bytes(writer, message->client_mac.bytes, 6);
}

static void write_host_name(struct writer *writer, const struct dhcp_message *message) {
    size_t length = strnlen(message->host_name, sizeof message->host_name);
    if (length > 0) {
        write_u8(writer, OPTION_HOST_NAME);
        write_u8(writer, (uint8_t)length);
        write_bytes(writer, message->host_name, length);
    }
}

void dhcp_write(struct writer *writer, const struct dhcp_message *message) {
    size_t start = writer->length;
    write_fixed_part(writer, message);
    write_option_u8(writer, OPTION_TYPE, message->type);
    if (!message->reply) {
        write_client_id(writer, message);
    }
    write_option_u32(writer, OPTION_REQUESTED_ADDRESS, message->requested_address);
    write_option_u32(writer, OPTION_SERVER, message->server);
    write_option_u32(writer, OPTION_SUBNET_MASK, message->subnet_mask);
    write_option_u32(writer, OPTION_ROUTER, message->router);
    write_name_servers(writer, message);
    write_option_u32(writer, OPTION_LEASE, message->has_lease ? message->lease : 0);
    write_option_u32(writer, OPTION_RENEWAL, message->renewal);
    write_option_u32(writer, OPTION_REBINDING, message->rebinding);
    write_host_name(writer, message);
    if (message->ask_parameters) {
        write_parameters(writer);
    }
    write_u8(writer, OPTION_END);
    size_t written = writer->length - start;
    write_zeros(writer, written < DHCP_LENGTH_MIN ? DHCP_LENGTH_MIN - written : 0);
}
