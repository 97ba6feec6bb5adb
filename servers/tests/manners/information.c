/* information.c: what TCP_INFO says on the way through a connection's life. */
#include "manners.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct tcp_info info_of(int fd) {
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
        say("TCP_INFO", "%s", outcome(-1));
    }
    return info;
}

static void state(const char *what, int fd) {
    struct tcp_info info = info_of(fd);
    say(what, "state %u, phase %u, unacked %u, sacked %u, lost %u, retrans %u", info.tcpi_state,
        info.tcpi_ca_state, info.tcpi_unacked, info.tcpi_sacked, info.tcpi_lost, info.tcpi_total_retrans);
}

static void totals(const char *what, int fd) {
    struct tcp_info info = info_of(fd);
    say(what, "sent %u, acked %u, received %u, unsent %u, resent %u", (unsigned)info.tcpi_bytes_sent,
        (unsigned)info.tcpi_bytes_acked, (unsigned)info.tcpi_bytes_received,
        (unsigned)info.tcpi_notsent_bytes, (unsigned)info.tcpi_bytes_retrans);
}

static void agreed(const char *what, int fd) {
    struct tcp_info info = info_of(fd);
    say(what, "options %u, cwnd %u, ssthresh %u, reordering %u, rto %d, ato %u", info.tcpi_options & ~24u,
        info.tcpi_snd_cwnd, info.tcpi_snd_ssthresh, info.tcpi_reordering,
        info.tcpi_rto >= 200000 && info.tcpi_rto < 400000, info.tcpi_ato);
    say(what, "rtt %d, least %d, pmtu %d, advmss %d, windows %d %d", info.tcpi_rtt > 0,
        info.tcpi_min_rtt > 0 && info.tcpi_min_rtt <= info.tcpi_rtt + 4 * info.tcpi_rttvar,
        info.tcpi_pmtu > info.tcpi_snd_mss, info.tcpi_advmss >= info.tcpi_snd_mss, info.tcpi_snd_wnd > 30000,
        info.tcpi_rcv_ssthresh > 30000);
}

static void rates(const char *what, int fd) {
    struct tcp_info info = info_of(fd);
    say(what, "rate %d, delivered %d, marked %u, late %u, doubled %u", info.tcpi_delivery_rate > 0,
        info.tcpi_delivered > 0, info.tcpi_delivered_ce, info.tcpi_reord_seen, info.tcpi_dsack_dups);
}

/* What held the sender back for so long. */
static void times(const char *what, int fd) {
    struct tcp_info info = info_of(fd);
    say(what, "busy %d, window %d, buffer %d", info.tcpi_busy_time >= 300000,
        info.tcpi_rwnd_limited >= 300000 && info.tcpi_rwnd_limited <= info.tcpi_busy_time,
        info.tcpi_sndbuf_limited >= 300000);
}

static void lengths(int fd) {
    static const unsigned rooms[] = {0, 1, 104, 10000, (unsigned)-1};
    char what[40];
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        static unsigned char got[10000];
        socklen_t length = rooms[i];
        long result = getsockopt(fd, IPPROTO_TCP, TCP_INFO, got, &length);
        snprintf(what, sizeof what, "TCP_INFO in %u bytes", rooms[i]);
        say(what, "%s: %d", outcome(result), result == 0 && length <= 104 ? (int)length : 0);
    }
    say("TCP_INFO is set", "%s", outcome(setsockopt(fd, IPPROTO_TCP, TCP_INFO, what, 40)));
}

/* The peer takes nothing for a while, then all. */
static void stalled(int end[2]) {
    static char text[65536];
    long sent = 0, got;
    while ((got = send(end[0], text, sizeof text, MSG_DONTWAIT)) > 0 ||
           (usleep(200000), got = send(end[0], text, sizeof text, MSG_DONTWAIT)) > 0) {
        sent += got;
    }
    usleep(300000);
    rates("the window is shut", end[0]);
    times("the window is shut", end[0]);
    while (sent > 0 && (got = recv(end[1], text, sizeof text, 0)) > 0) {
        sent -= got;
    }
    usleep(100000);
    rates("all has arrived", end[0]);
    times("all has arrived", end[0]);
}

void information(void) {
    struct sockaddr_in address;
    char text[1000] = "";
    int end[2], listener = listening(-1, &address), fd = socket(AF_INET, SOCK_STREAM, 0);
    state("idle", fd);
    state("listener", listener);
    (void)connect(fd, (struct sockaddr *)&address, sizeof address);
    usleep(50000);
    state("listener that has one", listener);
    state("connected", fd);
    lengths(fd);
    close(fd);
    close(listener);
    connected(end);
    agreed("fresh", end[0]);
    agreed("accepted", end[1]);
    totals("fresh", end[0]);
    send(end[0], text, 1000, 0);
    usleep(100000);
    totals("sent", end[0]);
    totals("received", end[1]);
    agreed("received", end[1]);
    rates("sent", end[0]);
    stalled(end);
    shutdown(end[0], SHUT_WR);
    usleep(100000);
    state("half-closed", end[0]);
    state("the other", end[1]);
    close(end[1]);
    usleep(100000);
    state("over", end[0]);
    close(end[0]);
}
