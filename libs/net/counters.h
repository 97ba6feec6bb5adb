/* counters.h: what happened, and why something was dropped. One list; names are shown by netstat -s.
 *
 * Add a line where a new reason appears; the order is nothing that anybody may rely on. */
#pragma once

#include <stdint.h>

#define NET_COUNTERS(X)                                                                                      \
    X(frames_in)                                                                                             \
    X(frames_out)                                                                                            \
    X(frames_link_down)                                                                                      \
    X(ethernet_short)                                                                                        \
    X(ethernet_not_ours)                                                                                     \
    X(ethernet_unknown_type)                                                                                 \
    X(arp_malformed)                                                                                         \
    X(arp_echoed)                                                                                            \
    X(arp_not_ours)                                                                                          \
    X(arp_unsolicited)                                                                                       \
    X(arp_queue_full)                                                                                        \
    X(arp_table_full)                                                                                        \
    X(arp_unanswered)                                                                                        \
    X(arp_conflicts)                                                                                         \
    X(ipv4_malformed)                                                                                        \
    X(ipv4_checksum)                                                                                         \
    X(ipv4_not_ours)                                                                                         \
    X(ipv4_other_group)                                                                                      \
    X(ipv4_forwarded)                                                                                        \
    X(ipv4_forward_refused)                                                                                  \
    X(ipv4_forward_full)                                                                                     \
    X(ipv4_forward_merged)                                                                                   \
    X(ipv4_bad_source)                                                                                       \
    X(ipv4_fragments_in)                                                                                     \
    X(ipv4_reassembled)                                                                                      \
    X(ipv4_reassembly_timeout)                                                                               \
    X(ipv4_reassembly_overlap)                                                                               \
    X(ipv4_reassembly_duplicate)                                                                             \
    X(ipv4_reassembly_malformed)                                                                             \
    X(ipv4_reassembly_overflow)                                                                              \
    X(ipv4_mtu_learned)                                                                                      \
    X(ipv4_cut)                                                                                              \
    X(ipv4_cut_failed)                                                                                       \
    X(ipv4_fragments_out)                                                                                    \
    X(ipv4_unknown_protocol)                                                                                 \
    X(ipv4_no_way)                                                                                           \
    X(icmp_malformed)                                                                                        \
    X(icmp_checksum)                                                                                         \
    X(icmp_ignored)                                                                                          \
    X(icmp_unmatched)                                                                                        \
    X(icmp_echo)                                                                                             \
    X(icmp_timestamp)                                                                                        \
    X(icmp_queue_full)                                                                                       \
    X(icmp_rate_limited)                                                                                     \
    X(igmp_in)                                                                                               \
    X(igmp_out)                                                                                              \
    X(igmp_malformed)                                                                                        \
    X(igmp_checksum)                                                                                         \
    X(udp_in)                                                                                                \
    X(udp_out)                                                                                               \
    X(udp_malformed)                                                                                         \
    X(udp_checksum)                                                                                          \
    X(udp_no_socket)                                                                                         \
    X(udp_queue_full)                                                                                        \
    X(tcp_in)                                                                                                \
    X(tcp_out)                                                                                               \
    X(tcp_malformed)                                                                                         \
    X(tcp_checksum)                                                                                          \
    X(tcp_no_socket)                                                                                         \
    X(tcp_out_of_window)                                                                                     \
    X(tcp_bad_ack)                                                                                           \
    X(tcp_bad_reset)                                                                                         \
    X(tcp_bad_syn)                                                                                           \
    X(tcp_ignored)                                                                                           \
    X(tcp_replies_dropped)                                                                                   \
    X(tcp_cookies_sent)                                                                                      \
    X(tcp_cookies_received)                                                                                  \
    X(tcp_cookies_failed)                                                                                    \
    X(tcp_fast_opens)                                                                                        \
    X(tcp_fast_open_ignored)                                                                                 \
    X(tcp_listen_overflow)                                                                                   \
    X(tcp_no_memory)                                                                                         \
    X(tcp_out_of_order)                                                                                      \
    X(tcp_old_timestamp)                                                                                     \
    X(tcp_duplicate)                                                                                         \
    X(tcp_retransmits)                                                                                       \
    X(tcp_tail_probes)                                                                                       \
    X(tcp_lost_again)                                                                                        \
    X(tcp_bad_sack)                                                                                          \
    X(tcp_sack_overflow)                                                                                     \
    X(tcp_duplicate_reports)                                                                                 \
    X(tcp_congestion_marks)                                                                                  \
    X(tcp_marked_windows)                                                                                    \
    X(tcp_reordering_seen)                                                                                   \
    X(tcp_reorder_timeouts)                                                                                  \
    X(tcp_spurious_recoveries)                                                                               \
    X(tcp_spurious_timeouts)                                                                                 \
    X(tcp_fast_retransmits)                                                                                  \
    X(tcp_timeouts)                                                                                          \
    X(tcp_black_holes)                                                                                       \
    X(tcp_resets_in)                                                                                         \
    X(tcp_resets_out)                                                                                        \
    X(tcp_zero_window_probes)                                                                                \
    X(tcp_keepalive_probes)                                                                                  \
    X(dhcp_malformed)                                                                                        \
    X(dhcp_not_ours)                                                                                         \
    X(dhcp_unexpected)                                                                                       \
    X(dns_malformed)                                                                                         \
    X(dns_unexpected)

struct net_counters {
#define NET_COUNTER_FIELD(name) uint64_t name;
    NET_COUNTERS(NET_COUNTER_FIELD)
#undef NET_COUNTER_FIELD
};
