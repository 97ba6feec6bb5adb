/* stream_info.c: TCP_INFO: what tcpip tells of a stream has the layout of Linux's struct tcp_info; only the
 * states have other numbers. */
#include "socket.h"
#include <netinet/tcp.h>
#include <string.h>

_Static_assert(
    sizeof(struct tcp_info) == sizeof(struct tcpip_stream_info) &&
        offsetof(struct tcp_info, tcpi_rto) == offsetof(struct tcpip_stream_info, rto_us) &&
        offsetof(struct tcp_info, tcpi_total_retrans) == offsetof(struct tcpip_stream_info, resent_ever) &&
        offsetof(struct tcp_info, tcpi_min_rtt) == offsetof(struct tcpip_stream_info, least_rtt_us) &&
        offsetof(struct tcp_info, tcpi_rcv_wnd) == offsetof(struct tcpip_stream_info, offered_window),
    "tcpip tells it in Linux's layout");

enum error posix_stream_info(const struct open_file *file, struct tcp_info *info) {
    static const uint8_t states[] = {TCP_CLOSE,       TCP_LISTEN,    TCP_SYN_SENT,  TCP_SYN_RECV,
                                     TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_CLOSE_WAIT,
                                     TCP_CLOSING,     TCP_LAST_ACK,  TCP_TIME_WAIT};
    struct tcpip_stream_info told;
    enum error error = tcpip_stream_info(file->handle, &told);
    if (error == ERR_NONE) {
        memcpy(info, &told, sizeof *info);
        info->tcpi_state = told.state < sizeof states ? states[told.state] : TCP_CLOSE;
    }
    return posix_session_result(file->socket.generation, error);
}
