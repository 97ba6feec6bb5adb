/* progress.c: "[######----]  61%  39.2 MiB of 64.0 MiB  4.1 MiB/s  0:06 left", redrawn a few times a second.
 */
#include "client.h"

#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 1000 /* what is over sooner needs no bar */
#define REDRAW_MS   250
#define BAR_WIDTH   24

void progress_start(struct progress *progress, bool wanted, uint64_t total) {
    progress_end(progress);
    const uint64_t now = milliseconds();
    *progress = (struct progress){.wanted = wanted, .total = total, .started = now, .drawn = now};
}

static void put_size(char text[16], uint64_t size) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    uint64_t tenths = size > UINT64_MAX / 10 ? UINT64_MAX : size * 10;
    while (tenths >= 10240 && unit < 6) {
        tenths /= 1024;
        unit++;
    }
    snprintf(text, 16, "%u.%u %s", (unsigned)(tenths / 10), (unsigned)(tenths % 10), units[unit]);
}

static void put_bar(char bar[BAR_WIDTH + 1], const struct progress *progress) {
    const uint64_t hundredth = progress->total / BAR_WIDTH ? progress->total / BAR_WIDTH : 1;
    const uint64_t full = progress->done / hundredth;
    for (unsigned i = 0; i < BAR_WIDTH; i++) {
        bar[i] = i < full ? '#' : '-';
    }
    bar[BAR_WIDTH] = 0;
}

static unsigned percent(const struct progress *progress) {
    const uint64_t total = progress->total, done = progress->done < total ? progress->done : total;
    return (unsigned)(total > 1000000 ? done / (total / 100) : done * 100 / total);
}

static void draw(struct progress *progress) {
    char done[16], total[16], speed[16], bar[BAR_WIDTH + 1];
    put_size(done, progress->done);
    put_size(speed, progress->speed);
    if (progress->total == 0) {
        fprintf(stderr, "\r%s  %s/s   \033[K", done, speed);
    } else {
        const uint64_t left = progress->done < progress->total ? progress->total - progress->done : 0;
        const uint64_t seconds = progress->speed ? left / progress->speed : 0;
        const unsigned part = percent(progress);
        put_size(total, progress->total);
        put_bar(bar, progress);
        fprintf(stderr, "\r[%s] %3u%%  %s of %s  %s/s  ", bar, part < 100 ? part : 100, done, total, speed);
        if (seconds < 360000) {
            fprintf(stderr, "%u:%02u left", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
        }
        fputs("\033[K", stderr);
    }
    fflush(stderr);
    progress->shown = true;
}

/* The speed follows the last moments, not the whole, but does not jump with each of them. */
static void measure(struct progress *progress, uint64_t elapsed) {
    const uint64_t now = (progress->done - progress->done_before) * 1000 / elapsed;
    progress->speed = progress->speed ? (3 * progress->speed + now) / 4 : now;
    progress->done_before = progress->done;
}

void progress_step(struct progress *progress, uint64_t bytes) {
    progress->done += bytes;
    if (!progress->wanted) {
        return;
    }
    const uint64_t now = milliseconds(), elapsed = now - progress->drawn;
    if (elapsed >= REDRAW_MS) {
        measure(progress, elapsed);
        progress->drawn = now;
        if (now - progress->started >= PATIENCE_MS) {
            draw(progress);
        }
    }
}

void progress_end(struct progress *progress) {
    if (progress->shown) {
        draw(progress);
        fputs("\n", stderr);
    }
    progress->shown = progress->wanted = false;
}
