/* stream_options.c: the options of TCP that are no numbers: TCP_INFO, whose layout tcpip uses too (only the
 * states have other numbers), and TCP_CONGESTION, a name. */
#include "socket.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

_Static_assert(
    sizeof(struct tcp_info) == sizeof(struct tcpip_stream_info) &&
        offsetof(struct tcp_info, tcpi_rto) == offsetof(struct tcpip_stream_info, rto_us) &&
        offsetof(struct tcp_info, tcpi_total_retrans) == offsetof(struct tcpip_stream_info, resent_ever) &&
        offsetof(struct tcp_info, tcpi_min_rtt) == offsetof(struct tcpip_stream_info, least_rtt_us) &&
        offsetof(struct tcp_info, tcpi_rcv_wnd) == offsetof(struct tcpip_stream_info, offered_window),
    "tcpip tells it in Linux's layout");

/* By the values of TCPIP_OPTION_CONGESTION. */
static const char controls[2][TCP_CA_NAME_MAX] = {"cubic", "reno"};

bool posix_is_stream_option(int level, int name) {
    return level == IPPROTO_TCP && (name == TCP_INFO || name == TCP_CONGESTION);
}

int posix_set_stream_option(struct open_file *file, int name, const void *value, socklen_t length) {
    char wanted[TCP_CA_NAME_MAX] = "";
    if (name != TCP_CONGESTION) {
        return posix_option_result(file, ERR_NOT_SUPPORTED);
    }
    if (length == 0) {
        return posix_fail(ERR_INVALID);
    }
    strncpy(wanted, value, length < sizeof wanted ? length : sizeof wanted - 1);
    for (int64_t i = 0; i < 2; i++) {
        if (strcmp(wanted, controls[i]) == 0) {
            return posix_option_result(file, tcpip_set_option(file->handle, TCPIP_OPTION_CONGESTION, i));
        }
    }
    return posix_fail(ERR_NOT_FOUND); /* ENOENT, as Linux has it */
}

static enum error get_info(const struct open_file *file, struct tcp_info *info) {
    static const uint8_t states[] = {TCP_CLOSE,       TCP_LISTEN,    TCP_SYN_SENT,  TCP_SYN_RECV,
                                     TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_CLOSE_WAIT,
                                     TCP_CLOSING,     TCP_LAST_ACK,  TCP_TIME_WAIT};
    struct tcpip_stream_info told;
    enum error error = tcpip_stream_info(file->handle, &told);
    if (error == ERR_NONE) {
        memcpy(info, &told, sizeof *info);
        info->tcpi_state = told.state < sizeof states ? states[told.state] : TCP_CLOSE;
    }
    return error;
}

int posix_get_stream_option(struct open_file *file, int name, void *value, socklen_t *length) {
    struct tcp_info info;
    int64_t control = 0;
    const void *from = &info;
    size_t size = sizeof info;
    enum error error;
    if (name == TCP_INFO) {
        error = get_info(file, &info);
    } else {
        error = tcpip_get_option(file->handle, TCPIP_OPTION_CONGESTION, &control);
        from = controls[control == 1];
        size = sizeof controls[0];
    }
    int result = posix_option_result(file, error);
    return result != 0 ? result : posix_give_option(from, size, value, length);
}
