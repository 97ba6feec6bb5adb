/* igmp.h: IGMP messages of all three versions (RFC 1112, 2236, 3376). */
#pragma once

#include <net/wire/ipv4.h>

#define IGMP_SHORT       8                    /* versions 1 and 2 */
#define IGMP_QUERY_V3    12                   /* and 4 for each source */
#define IGMP_RECORD      8                    /* and 4 for each source */
#define IGMP_ALL_HOSTS   UINT32_C(0xe0000001) /* 224.0.0.1 */
#define IGMP_ALL_ROUTERS UINT32_C(0xe0000002) /* 224.0.0.2 */
#define IGMP_V3_ROUTERS  UINT32_C(0xe0000016) /* 224.0.0.22 */
#define IGMP_PRECEDENCE  0xc0                 /* the TOS of all of them (RFC 3376 4) */
#define IGMP_V1_RESPONSE 100                  /* tenths of a second: version 1 queries name no time */

enum igmp_type {
    IGMP_QUERY = 0x11,
    IGMP_V1_REPORT = 0x12,
    IGMP_V2_REPORT = 0x16,
    IGMP_V2_LEAVE = 0x17,
    IGMP_V3_REPORT = 0x22
};

enum igmp_record_type {
    IGMP_IS_INCLUDE = 1,
    IGMP_IS_EXCLUDE = 2,
    IGMP_TO_INCLUDE = 3,
    IGMP_TO_EXCLUDE = 4,
    IGMP_ALLOW = 5,
    IGMP_BLOCK = 6
};

struct igmp_message {
    uint8_t type;
    uint32_t group;    /* 0 in a general query; not in version 3 reports */
    uint8_t version;   /* of a query: 1, 2, 3 */
    uint32_t response; /* query: the longest time for an answer, tenths of a second */
    /* Queries of version 3: */
    uint8_t robustness; /* 0: not told */
    uint32_t interval;  /* seconds between queries; 0: not told */
    uint16_t source_count;
    struct span sources; /* 4 bytes each, borrowed from the message */
};

/* ERR_MALFORMED: short; a query of 9 to 11 bytes (RFC 3376 7.1) or with fewer sources than it says; a group
 * that is none. Unknown types pass. Does not check the sum. */
enum error igmp_parse(struct span bytes, struct igmp_message *message);
bool igmp_checksum_good(struct span bytes);
/* One of a query's sources. */
uint32_t igmp_source(const struct igmp_message *message, uint16_t index);

/* A report or leave of version 1 or 2. */
void igmp_write_short(struct writer *writer, uint8_t type, uint32_t group);
/* A report of version 3, in three steps: its head, records, and then count and sum are filled in. */
void igmp_begin_report(struct writer *writer);
void igmp_write_record(struct writer *writer, enum igmp_record_type type, uint32_t group,
                       const uint32_t *sources, uint16_t count);
void igmp_end_report(struct writer *writer, uint16_t records);
