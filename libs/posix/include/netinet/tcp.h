/* netinet/tcp.h: options of TCP sockets, with Linux' numbers, and its struct tcp_info. */
#pragma once

#include <stdint.h>

#define TCP_NODELAY          1
#define TCP_MAXSEG           2 /* bytes; before connect or listen */
#define TCP_CORK             3 /* small segments wait, 200 ms at most */
#define TCP_KEEPIDLE         4 /* seconds */
#define TCP_KEEPINTVL        5 /* seconds */
#define TCP_KEEPCNT          6
#define TCP_SYNCNT           7
#define TCP_LINGER2          8 /* seconds in FIN_WAIT_2 without a user; negative: none */
#define TCP_INFO             11
#define TCP_QUICKACK         12
#define TCP_CONGESTION       13 /* "cubic", "reno" */
#define TCP_USER_TIMEOUT     18 /* milliseconds that data may be unacknowledged; 0: by the retries */
#define TCP_NOTSENT_LOWAT    25 /* bytes */
#define TCP_FASTOPEN_CONNECT 30 /* 0 or 1: connect() may wait for the first data, which goes with the SYN */

#define SOL_TCP         6
#define TCP_CA_NAME_MAX 16

/* Values of tcpi_state. */
enum {
    TCP_ESTABLISHED = 1,
    TCP_SYN_SENT,
    TCP_SYN_RECV,
    TCP_FIN_WAIT1,
    TCP_FIN_WAIT2,
    TCP_TIME_WAIT,
    TCP_CLOSE,
    TCP_CLOSE_WAIT,
    TCP_LAST_ACK,
    TCP_LISTEN,
    TCP_CLOSING
};

#define TCPI_OPT_TIMESTAMPS 1
#define TCPI_OPT_SACK       2
#define TCPI_OPT_WSCALE     4
#define TCPI_OPT_ECN        8
#define TCPI_OPT_ECN_SEEN   16
#define TCPI_OPT_SYN_DATA   32

/* Values of tcpi_ca_state. */
enum tcp_ca_state { TCP_CA_Open, TCP_CA_Disorder, TCP_CA_CWR, TCP_CA_Recovery, TCP_CA_Loss };

/* Times are in microseconds, tcpi_last_... in milliseconds, windows of congestion control in segments. Of
 * what makes no sense here net/stream_info.h tells: it is 0. */
struct tcp_info {
    uint8_t tcpi_state, tcpi_ca_state, tcpi_retransmits, tcpi_probes, tcpi_backoff, tcpi_options;
    uint8_t tcpi_snd_wscale : 4, tcpi_rcv_wscale : 4;
    uint8_t tcpi_delivery_rate_app_limited : 1, tcpi_fastopen_client_fail : 2;
    uint32_t tcpi_rto, tcpi_ato, tcpi_snd_mss, tcpi_rcv_mss;
    uint32_t tcpi_unacked, tcpi_sacked, tcpi_lost, tcpi_retrans, tcpi_fackets;
    uint32_t tcpi_last_data_sent, tcpi_last_ack_sent, tcpi_last_data_recv, tcpi_last_ack_recv;
    uint32_t tcpi_pmtu, tcpi_rcv_ssthresh, tcpi_rtt, tcpi_rttvar, tcpi_snd_ssthresh, tcpi_snd_cwnd;
    uint32_t tcpi_advmss, tcpi_reordering, tcpi_rcv_rtt, tcpi_rcv_space, tcpi_total_retrans;
    uint64_t tcpi_pacing_rate, tcpi_max_pacing_rate, tcpi_bytes_acked, tcpi_bytes_received;
    uint32_t tcpi_segs_out, tcpi_segs_in, tcpi_notsent_bytes, tcpi_min_rtt;
    uint32_t tcpi_data_segs_in, tcpi_data_segs_out;
    uint64_t tcpi_delivery_rate, tcpi_busy_time, tcpi_rwnd_limited, tcpi_sndbuf_limited;
    uint32_t tcpi_delivered, tcpi_delivered_ce;
    uint64_t tcpi_bytes_sent, tcpi_bytes_retrans;
    uint32_t tcpi_dsack_dups, tcpi_reord_seen, tcpi_rcv_ooopack, tcpi_snd_wnd, tcpi_rcv_wnd, tcpi_rehash;
    uint16_t tcpi_total_rto, tcpi_total_rto_recoveries;
    uint32_t tcpi_total_rto_time;
};
