/* netinet/in.h: internet addresses. */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* The C library has htons() and kin as macros, which serve everybody. */
#include_next <arpa/inet.h>

#ifndef _IN_ADDR_T_DECLARED
typedef uint32_t in_addr_t;
#define _IN_ADDR_T_DECLARED
#endif
#ifndef _IN_PORT_T_DECLARED
typedef uint16_t in_port_t;
#define _IN_PORT_T_DECLARED
#endif

#define IPPROTO_IP   0
#define IPPROTO_ICMP 1
#define IPPROTO_TCP  6
#define IPPROTO_UDP  17
#define IPPROTO_IPV6 41
#define IPPROTO_RAW  255

#define IPDEFTTL 64

#define IP_TOS          1
#define IP_TTL          2
#define IP_PKTINFO      8 /* 0 or 1: recvmsg() says where a datagram came to; see struct in_pktinfo */
#define IP_MTU_DISCOVER 10
#define IP_RECVTTL      12 /* 0 or 1: its TTL, as an int of type IP_TTL */
#define IP_RECVTOS      13 /* 0 or 1: its TOS, as a byte of type IP_TOS */
#define IP_MTU          14 /* read only: of a connected socket */

/* Values of IP_MTU_DISCOVER. */
#define IP_PMTUDISC_DONT  0 /* never DF */
#define IP_PMTUDISC_WANT  1 /* DF, and what is too long for the path is cut; the default */
#define IP_PMTUDISC_DO    2 /* DF, and what is too long for the path is refused */
#define IP_PMTUDISC_PROBE 3 /* DF; only what is too long for the link is refused */

#define IP_MULTICAST_IF           32
#define IP_MULTICAST_TTL          33
#define IP_MULTICAST_LOOP         34
#define IP_ADD_MEMBERSHIP         35
#define IP_DROP_MEMBERSHIP        36
#define IP_UNBLOCK_SOURCE         37
#define IP_BLOCK_SOURCE           38
#define IP_ADD_SOURCE_MEMBERSHIP  39
#define IP_DROP_SOURCE_MEMBERSHIP 40
#define IP_MULTICAST_ALL          49

#define IP_DEFAULT_MULTICAST_TTL  1
#define IP_DEFAULT_MULTICAST_LOOP 1
#define IP_MAX_MEMBERSHIPS        20

#define IPV6_UNICAST_HOPS 16
#define IPV6_V6ONLY       26

#define INADDR_ANY       ((in_addr_t)0x00000000)
#define INADDR_LOOPBACK  ((in_addr_t)0x7f000001)
#define INADDR_BROADCAST ((in_addr_t)0xffffffff)
#define INADDR_NONE      ((in_addr_t)0xffffffff)

#define INADDR_UNSPEC_GROUP    ((in_addr_t)0xe0000000)
#define INADDR_ALLHOSTS_GROUP  ((in_addr_t)0xe0000001)
#define INADDR_ALLRTRS_GROUP   ((in_addr_t)0xe0000002)
#define INADDR_MAX_LOCAL_GROUP ((in_addr_t)0xe00000ff)
#define IN_MULTICAST(address)  (((in_addr_t)(address)&0xf0000000) == 0xe0000000)

#define INET_ADDRSTRLEN  16
#define INET6_ADDRSTRLEN 46

#define IPPORT_RESERVED 1024

struct in_addr {
    in_addr_t s_addr; /* network order */
};

/* To join and leave groups, and to choose their interface. */
struct ip_mreq {
    struct in_addr imr_multiaddr, imr_interface;
};

struct ip_mreqn {
    struct in_addr imr_multiaddr, imr_address;
    int imr_ifindex;
};

struct ip_mreq_source {
    struct in_addr imr_multiaddr, imr_interface, imr_sourceaddr;
};

/* With sendmsg(): the interface that it is to leave by (0: the route's) and the address to send from
 * (ipi_spec_dst; any: as the socket has it). With recvmsg(): the interface that it came by, our address to
 * answer from, and the destination in its header, which may be a group's or all's. Interfaces as `ip link`
 * counts them. */
struct in_pktinfo {
    int ipi_ifindex;
    struct in_addr ipi_spec_dst, ipi_addr;
};

struct sockaddr_in {
    sa_family_t sin_family;
    in_port_t sin_port; /* network order */
    struct in_addr sin_addr;
    unsigned char sin_zero[8];
};

struct in6_addr {
    union {
        uint8_t s6_addr[16];
        uint16_t s6_addr16[8];
        uint32_t s6_addr32[4];
    };
};

struct sockaddr_in6 {
    sa_family_t sin6_family;
    in_port_t sin6_port; /* network order */
    uint32_t sin6_flowinfo;
    struct in6_addr sin6_addr;
    uint32_t sin6_scope_id;
};

extern const struct in6_addr in6addr_any;
extern const struct in6_addr in6addr_loopback;
#define IN6ADDR_ANY_INIT                                                                                     \
    {                                                                                                        \
        {                                                                                                    \
            { 0 }                                                                                            \
        }                                                                                                    \
    }
#define IN6ADDR_LOOPBACK_INIT                                                                                \
    {                                                                                                        \
        {                                                                                                    \
            { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }                                               \
        }                                                                                                    \
    }
