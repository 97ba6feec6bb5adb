/* dns.h: DNS messages (RFC 1035 4). Names are kept in wire form (length-prefixed labels), lower case,
 * uncompressed. */
#pragma once

#include <base/error.h>
#include <base/span.h>

#define DNS_PORT      53
#define DNS_NAME_MAX  255 /* bytes of wire form, the root's 0 included */
#define DNS_QUERY_MAX (12 + DNS_NAME_MAX + 4)

enum dns_record_type { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28 };
enum dns_code {
    DNS_OK = 0,
    DNS_FORMAT_ERROR = 1,
    DNS_SERVER_FAILURE = 2,
    DNS_NAME_ERROR = 3,
    DNS_REFUSED = 5
};

struct dns_name {
    uint8_t length; /* of wire form; 0: none */
    uint8_t bytes[DNS_NAME_MAX];
};

/* "www.example.org", with or without the last dot. ERR_INVALID: empty, a label empty or over 63, 254
 * characters or more, characters other than letters, digits, '-' and '_'. */
enum error dns_name_from_text(const char *text, struct dns_name *name);
static inline bool dns_name_equal(const struct dns_name *a, const struct dns_name *b) {
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* A message's fixed part, and where the reading of the rest stands. */
struct dns_message {
    uint16_t id;
    bool response, truncated;
    uint8_t opcode, code;                                  /* enum dns_code */
    uint16_t questions, answers, authorities, additionals; /* not yet read */
    struct span all;                                       /* for compression pointers */
    size_t at;                                             /* of the next question or record */
};

struct dns_record {
    struct dns_name name;
    uint16_t type, class;
    uint32_t ttl;           /* RFC 2181 8: a value with the top bit set is 0 */
    struct span data;       /* A: 4 bytes, AAAA: 16 bytes, else as it stands */
    struct dns_name target; /* CNAME */
    uint32_t minimum;       /* SOA: how long a negative answer holds (RFC 2308 5) */
};
#define DNS_SOA      6
#define DNS_INTERNET 1

/* ERR_MALFORMED: shorter than a header. */
enum error dns_parse(struct span bytes, struct dns_message *message);
/* The next question, then the next record of the answer, authority and additional sections. ERR_NOT_FOUND: no
 * more in that section; ERR_MALFORMED: it runs over, or its name loops or is too long. */
enum error dns_next_question(struct dns_message *message, struct dns_name *name, uint16_t *type);
enum error dns_next_answer(struct dns_message *message, struct dns_record *record);
enum error dns_next_authority(struct dns_message *message, struct dns_record *record);

/* A query with recursion desired. */
void dns_write_query(struct writer *writer, uint16_t id, const struct dns_name *name, uint16_t type);
