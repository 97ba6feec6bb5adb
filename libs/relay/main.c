/* main.c: relay: stands between two ends of an Ethernet cable and makes it a bad one, by seeded chance. See
 * side.h for what an end can be, words.h for what can be bad. */
#include "side.h"
#include "way.h"
#include "words.h"

#include <base/text.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX 65536
#define BATCH     64 /* frames that are taken from one side before the other has its turn */

static const char usage[] =
    "usage: relay [-s SEED] [-l LINK] [-t LINK] [-b LINK] SIDE SIDE\n"
    "  SIDE      udp:LOCAL:REMOTE (ports of 127.0.0.1), tap:NAME, or fd:NUMBER\n"
    "  -l LINK   how frames fare both ways: loss=1% burst=1% goes-on=60% duplicate=1% reorder=5% corrupt=1% "
    "mark=1%\n"
    "            delay=20ms jitter=5ms rate=10M (bits a second) queue=64k (bytes)\n"
    "  -t LINK   the same, only there: from the first side to the second;  -b LINK   only back\n"
    "  -s SEED   the same seed and the same frames: the same fates (1)\n"
    "Signals: USR1 prints what was done so far, USR2 pulls the cable out or puts it in again, TERM ends "
    "it.\n";

struct options {
    struct link_config link[2];
    uint64_t seed;
    const char *side[2];
};

struct relay {
    int fd[2];
    struct way way[2]; /* 0: from fd[0] to fd[1]; 1: back */
    int signals;
    bool over;
    uint8_t frame[FRAME_MAX];
};

static net_time now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (net_time)time.tv_sec * NET_SECOND + (net_time)time.tv_nsec / 1000;
}

/* ---- The two sides ---- */

static enum way_result send_to(void *context, const uint8_t *frame, size_t length) {
    const int *fd = context;
    if (write(*fd, frame, length) >= 0) {
        return WAY_SENT;
    }
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? WAY_FULL : WAY_REFUSED;
}

static void deliver(struct relay *relay, int way) {
    way_deliver(&relay->way[way], send_to, &relay->fd[1 - way], now());
}

static void take(struct relay *relay, int side) {
    for (int i = 0; i < BATCH; i++) {
        ssize_t length = read(relay->fd[side], relay->frame, FRAME_MAX);
        if (length < 0) {
            /* Refused: nobody is at the other end, but somebody may come. A tap can go away for good. */
            bool waits = errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED || errno == ECONNRESET;
            relay->over = relay->over || !waits;
            return;
        }
        way_take(&relay->way[side], relay->frame, (size_t)length, now());
    }
}

/* ---- Signals ---- */

static void report(const struct relay *relay) {
    static const char *const names[] = {"there", "back"};
    for (int i = 0; i < 2; i++) {
        const struct way *way = &relay->way[i];
        const struct {
            const char *name;
            uint64_t value;
        } lines[] = {
            {"taken", way->taken},           {"lost", way->link.lost},
            {"doubled", way->doubled},       {"damaged", way->damaged},
            {"marked", way->marked},         {"cut", way->cut_off},
            {"overflowed", way->overflowed}, {"delivered", way->delivered},
            {"refused", way->refused},       {"microseconds late", way->latest},
        };
        printf("%s:", names[i]);
        for (size_t j = 0; j < sizeof lines / sizeof *lines; j++) {
            printf(" %" PRIu64 " %s%c", lines[j].value, lines[j].name,
                   j + 1 < sizeof lines / sizeof *lines ? ',' : '\n');
        }
    }
    fflush(stdout);
}

static void take_signal(struct relay *relay) {
    struct signalfd_siginfo info;
    if (read(relay->signals, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    if (info.ssi_signo == SIGUSR2) {
        bool cut = !relay->way[0].cut;
        relay->way[0].cut = relay->way[1].cut = cut;
        puts(cut ? "cut" : "mended");
        fflush(stdout);
        return;
    }
    if (info.ssi_signo == SIGUSR1) {
        report(relay);
        return;
    }
    relay->over = true;
}

static int listen_to_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* ---- Time ---- */

/* Until the next frame arrives; a way whose end is full waits for that instead. */
static struct timespec patience(const struct relay *relay) {
    net_time next = NET_NEVER, at = now();
    for (int i = 0; i < 2; i++) {
        next = relay->way[i].full ? next : net_time_min(next, way_next(&relay->way[i]));
    }
    net_time left = next <= at ? 0 : net_time_min(next - at, 1000 * NET_SECOND);
    return (struct timespec){(time_t)(left / NET_SECOND), (long)(left % NET_SECOND) * 1000};
}

static void run(struct relay *relay) {
    while (!relay->over) {
        struct pollfd polled[] = {
            {relay->fd[0], (short)(POLLIN | (relay->way[1].full ? POLLOUT : 0)), 0},
            {relay->fd[1], (short)(POLLIN | (relay->way[0].full ? POLLOUT : 0)), 0},
            {relay->signals, POLLIN, 0},
        };
        struct timespec time = patience(relay);
        ppoll(polled, 3, &time, NULL);
        if (polled[2].revents != 0) {
            take_signal(relay);
        }
        for (int side = 0; side < 2; side++) {
            if (polled[side].revents & ~POLLOUT) {
                take(relay, side);
            }
            deliver(relay, 0);
            deliver(relay, 1);
        }
    }
}

/* ---- The command line ---- */

static bool take_words(const char *text, struct link_config *link) {
    const char *bad;
    if (!words_read(text, link, &bad)) {
        fprintf(stderr, "relay: what is \"%s\"?\n", bad);
        return false;
    }
    return true;
}

static bool take_option(struct options *options, char option, const char *value) {
    switch (option) {
    case 'l': return take_words(value, &options->link[0]) && take_words(value, &options->link[1]);
    case 't': return take_words(value, &options->link[0]);
    case 'b': return take_words(value, &options->link[1]);
    default:
        if (!text_to_u64(value, &options->seed)) {
            fprintf(stderr, "relay: -s wants a number, not \"%s\"\n", value);
            return false;
        }
        return true;
    }
}

static bool read_options(struct options *options, int count, char **arguments) {
    int option;
    while ((option = getopt(count, arguments, "s:l:t:b:")) != -1) {
        if (option == '?') {
            fputs(usage, stderr);
            return false;
        }
        if (!take_option(options, (char)option, optarg)) {
            return false;
        }
    }
    if (count - optind != 2) {
        fputs(usage, stderr);
        return false;
    }
    options->side[0] = arguments[optind];
    options->side[1] = arguments[optind + 1];
    return true;
}

int main(int count, char **arguments) {
    static struct relay relay;
    struct options options = {.seed = 1};
    if (!read_options(&options, count, arguments)) {
        return 2;
    }
    for (int i = 0; i < 2; i++) {
        way_init(&relay.way[i], &options.link[i], options.seed + ((uint64_t)i << 32));
        relay.fd[i] = side_open(options.side[i]);
        if (relay.fd[i] < 0) {
            return 1;
        }
    }
    /* To be in time: Linux may wake us 50 us late, and a busy machine far later; only root can prevent that.
     */
    prctl(PR_SET_TIMERSLACK, 1ul);
    (void)setpriority(PRIO_PROCESS, 0, -20);
    relay.signals = listen_to_signals();
    puts("ready");
    fflush(stdout);
    run(&relay);
    report(&relay);
    way_free(&relay.way[0]);
    way_free(&relay.way[1]);
    return 0;
}
