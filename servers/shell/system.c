/* system.c: built-in commands about tasks and the machine. */
#include "shell.h"

#include <inttypes.h>
#include <ipc/init.h>
#include <os/os.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *state_name(const struct init_process *process) {
    static const char *const names[] = {"new", "ready", "running", "waiting", "ended"};
    return process->state < sizeof names / sizeof names[0] ? names[process->state] : "?";
}

int command_ps(struct shell *shell, int argc, char **argv) {
    (void)argc, (void)argv;
    size_t length = 0;
    enum error error = init_list(shell->init, shell->buffer, sizeof shell->buffer, &length);
    if (error) {
        return complain(shell, 1, "ps", "%s", error_text(error));
    }
    say(shell, "%4s %4s %-16s %-8s %4s %8s %8s %10s %8s\n", "id", "by", "name", "state", "prio", "KiB",
        "quota", "cpu ms", "restarts");
    const struct init_process *process = (const void *)shell->buffer;
    for (; length >= sizeof *process; process++, length -= sizeof *process) {
        say(shell,
            "%4" PRIu32 " %4" PRIu32 " %-16s %-8s %4" PRIu32 " %8" PRIu64 " %8" PRIu64 " %10" PRIu64
            " %8" PRIu32 "\n",
            process->id, process->parent, process->name, state_name(process), process->priority,
            process->memory_used / 1024, process->quota / 1024, process->cpu_time / 1000000,
            process->restarts);
    }
    return 0;
}

int command_kill(struct shell *shell, int argc, char **argv) {
    if (argc < 2) {
        return complain(shell, STATUS_USAGE, "kill", "use: kill ID-OR-NAME...");
    }
    int worst = 0;
    for (int i = 1; i < argc; i++) {
        char *end;
        unsigned long id = strtoul(argv[i], &end, 10);
        bool is_number = *argv[i] && !*end && id <= UINT32_MAX;
        enum error error =
            is_number ? init_kill(shell->init, (uint32_t)id, "") : init_kill(shell->init, 0, argv[i]);
        if (error) {
            worst = complain(shell, 1, "kill", "%s: %s", argv[i], error_text(error));
        }
    }
    return worst;
}

static bool machine(struct shell *shell, const char *who, struct machine_info *info) {
    size_t length = 0;
    enum error error = init_machine(shell->init, info, sizeof *info, &length);
    if (error == ERR_NONE && length == sizeof *info) {
        return true;
    }
    (void)complain(shell, 1, who, "%s", error_text(error ? error : ERR_MALFORMED));
    return false;
}

int command_mem(struct shell *shell, int argc, char **argv) {
    (void)argc, (void)argv;
    struct machine_info info;
    if (!machine(shell, "mem", &info)) {
        return 1;
    }
    say(shell, "memory   %8" PRIu64 " KiB, %" PRIu64 " KiB free\n", info.memory_total / 1024,
        info.memory_free / 1024);
    say(shell, "objects  %" PRIu32 " tasks, %" PRIu32 " ports, %" PRIu32 " events, %" PRIu32 " memories\n",
        info.tasks, info.ports, info.events, info.memories);
    return 0;
}

int command_uptime(struct shell *shell, int argc, char **argv) {
    (void)argc, (void)argv;
    struct machine_info info;
    if (!machine(shell, "uptime", &info)) {
        return 1;
    }
    uint64_t seconds = info.uptime / 1000000000;
    say(shell, "up %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%03" PRIu64 " on %" PRIu32 " hart%s\n",
        seconds / 3600, seconds / 60 % 60, seconds % 60, info.uptime / 1000000 % 1000, info.harts,
        info.harts == 1 ? "" : "s");
    say(shell,
        "%" PRIu64 " system calls, %" PRIu64 " messages, %" PRIu64 " switches (%" PRIu64
        " of address space), %" PRIu64 " interrupts\n",
        info.system_calls, info.messages, info.context_switches, info.address_space_switches,
        info.interrupts);
    return 0;
}

int command_sleep(struct shell *shell, int argc, char **argv) {
    char *end = NULL;
    double seconds = argc == 2 ? strtod(argv[1], &end) : -1;
    if (!end || *end || !(seconds >= 0 && seconds <= 1e6)) {
        return complain(shell, STATUS_USAGE, "sleep", "use: sleep SECONDS");
    }
    uint64_t bits = 0;
    uint64_t deadline = clock_now() + (uint64_t)(seconds * 1e9);
    return event_wait(shell->event, WAKE_INTERRUPT, deadline, &bits) == ERR_NONE ? STATUS_INTERRUPTED : 0;
}

int power_off(struct shell *shell, int status) {
    sync();
    enum error error = init_off(shell->init, status);
    return complain(shell, 1, "shutdown", "%s", error_text(error));
}

int command_shutdown(struct shell *shell, int argc, char **argv) {
    return power_off(shell, argc > 1 ? atoi(argv[1]) & 0xff : 0);
}
