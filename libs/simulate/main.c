/* main.c: simulate: runs the worlds of many seeds (netsim/world.h), several at once.
 *
 * Each worker is a process of its own, so that a crash costs one seed and is told like any other failure.
 * What goes wrong is printed with the seed and the command that shows it again. */
#include <netsim/goodput.h>
#include <netsim/world.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS_MAX = 64, FAILURES_SHOWN = 20 };

static const char usage[] = "usage: simulate [-j WORKERS] [-r] [-v] [-c] SEED | FIRST..LAST\n"
                            "       simulate -g\n"
                            "  -j WORKERS  processes at once (as many as there are cores)\n"
                            "  -r          runs each seed twice and compares\n"
                            "  -v          prints every frame, and the world\n"
                            "  -c          prints the engines' counters, summed up\n"
                            "  -g          prints the table of goodput (netsim/goodput.h)\n";

/* What workers and their parent share. */
struct shared {
    uint64_t next; /* the seed that is to be run next; taken atomically */
    uint64_t running[WORKERS_MAX];
    uint64_t worlds, frames, failures, died;
    net_time lasted;
    struct net_counters counters;
};

struct simulate {
    uint64_t first, last;
    unsigned workers;
    bool twice, verbose, counting, measuring;
    struct shared *shared;
    pid_t pid[WORKERS_MAX];
};

static void say_again(uint64_t seed) {
    printf("  again: make sim SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
}

/* Prints what went wrong, all at once, so that workers do not mix their lines. */
static bool run_seed(const struct simulate *simulate, uint64_t seed, struct world_report *report) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    struct world_report again;
    world_run(seed, simulate->verbose ? stdout : NULL, out, report);
    bool failed = report->verdict.failed;
    if (!failed && simulate->twice) {
        world_run(seed, NULL, out, &again);
        failed = again.hash != report->hash;
        if (failed) {
            fprintf(out, "seed %llu: another trace the second time\n", (unsigned long long)seed);
        }
    }
    fclose(out);
    if (failed && __atomic_fetch_add(&simulate->shared->failures, 1, __ATOMIC_RELAXED) < FAILURES_SHOWN) {
        fputs(text, stdout);
        say_again(seed);
    }
    free(text);
    return !failed;
}

static void count(struct shared *shared, const struct net_counters *counters) {
#define ADD_COUNTER(name) __atomic_fetch_add(&shared->counters.name, counters->name, __ATOMIC_RELAXED);
    NET_COUNTERS(ADD_COUNTER)
#undef ADD_COUNTER
}

static void print_counters(const struct net_counters *counters) {
#define PRINT_COUNTER(name) printf("%12llu  %s\n", (unsigned long long)counters->name, #name);
    NET_COUNTERS(PRINT_COUNTER)
#undef PRINT_COUNTER
}

static void work(const struct simulate *simulate, unsigned worker) {
    struct shared *shared = simulate->shared;
    for (;;) {
        uint64_t seed = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED);
        if (seed > simulate->last) {
            return;
        }
        struct world_report report;
        shared->running[worker] = seed;
        (void)run_seed(simulate, seed, &report);
        __atomic_fetch_add(&shared->worlds, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&shared->frames, report.frames, __ATOMIC_RELAXED);
        __atomic_fetch_add(&shared->died, report.died, __ATOMIC_RELAXED);
        __atomic_fetch_add(&shared->lasted, report.lasted, __ATOMIC_RELAXED);
        count(shared, &report.counters);
    }
}

static void start_worker(struct simulate *simulate, unsigned worker) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        work(simulate, worker);
        fflush(stdout);
        _exit(0);
    }
    simulate->pid[worker] = pid;
}

/* A worker has ended; one that crashed is told, and another goes on with the next seed. */
static bool worker_ended(struct simulate *simulate, pid_t pid, int status) {
    for (unsigned i = 0; i < simulate->workers; i++) {
        if (simulate->pid[i] != pid || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
            continue;
        }
        uint64_t seed = simulate->shared->running[i];
        simulate->shared->failures++;
        printf("seed %llu: the program crashed (%s %d)\n", (unsigned long long)seed,
               WIFSIGNALED(status) ? "signal" : "status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        say_again(seed);
        start_worker(simulate, i);
        return true;
    }
    return false;
}

static void run_all(struct simulate *simulate) {
    unsigned left = simulate->workers;
    for (unsigned i = 0; i < simulate->workers; i++) {
        start_worker(simulate, i);
    }
    while (left > 0) {
        int status;
        pid_t pid = wait(&status);
        if (pid > 0 && !worker_ended(simulate, pid, status)) {
            left--;
        }
    }
}

static bool read_seeds(struct simulate *simulate, const char *text) {
    char *end;
    simulate->first = simulate->last = strtoull(text, &end, 0);
    if (end != text && strncmp(end, "..", 2) == 0) {
        text = end + 2;
        simulate->last = strtoull(text, &end, 0);
    }
    return end != text && *end == '\0' && simulate->first <= simulate->last;
}

static bool read_options(struct simulate *simulate, int count, char **arguments) {
    simulate->workers = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    int option;
    while ((option = getopt(count, arguments, "j:rvcg")) != -1) {
        switch (option) {
        case 'j': simulate->workers = (unsigned)atoi(optarg); break;
        case 'r': simulate->twice = true; break;
        case 'v': simulate->verbose = true; break;
        case 'c': simulate->counting = true; break;
        case 'g': simulate->measuring = true; break;
        default: return false;
        }
    }
    if (simulate->measuring) {
        return optind == count;
    }
    bool good = optind + 1 == count && read_seeds(simulate, arguments[optind]);
    return good && simulate->workers >= 1 && simulate->workers <= WORKERS_MAX;
}

/* One seed, in this process, so that a debugger sees it. */
static bool run_one(const struct simulate *simulate) {
    struct world_report report;
    bool good = run_seed(simulate, simulate->first, &report);
    if (good) {
        if (simulate->verbose) {
            struct plan plan;
            plan_draw(&plan, simulate->first);
            plan_print(&plan, stdout);
        }
        printf("seed %llu: %llu frames in %.3f s, %u sides died, trace %016llx\n",
               (unsigned long long)simulate->first, (unsigned long long)report.frames,
               (double)report.lasted / (double)NET_SECOND, report.died, (unsigned long long)report.hash);
    }
    return good;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
    struct simulate simulate = {0};
    if (!read_options(&simulate, count, arguments)) {
        fputs(usage, stderr);
        return 2;
    }
    if (simulate.measuring) {
        goodput_print(stdout);
        return 0;
    }
    const int protection = PROT_READ | PROT_WRITE, kind = MAP_SHARED | MAP_ANONYMOUS;
    /* cppcheck-suppress invalidFunctionArg ; no file is what MAP_ANONYMOUS wants */
    struct shared *shared = mmap(NULL, sizeof *shared, protection, kind, -1, 0);
    if (shared == MAP_FAILED) {
        perror("simulate: mmap");
        return 1;
    }
    simulate.shared = shared;
    shared->next = simulate.first;
    if (simulate.first == simulate.last) {
        return run_one(&simulate) ? 0 : 1;
    }
    double start = seconds();
    run_all(&simulate);
    printf(
        "%llu worlds, %llu failed, %.1f million frames, %.0f hours of their time, %llu sides died: %.1f s\n",
        (unsigned long long)shared->worlds, (unsigned long long)shared->failures,
        (double)shared->frames / 1e6, (double)shared->lasted / 3600e6, (unsigned long long)shared->died,
        seconds() - start);
    if (simulate.counting) {
        print_counters(&shared->counters);
    }
    return shared->failures == 0 ? 0 : 1;
}
