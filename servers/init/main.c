/* main.c: the first task. Read init.h for what it knows and boot/manifest for what it starts. */
#include "init.h"

#include "archive.h"
#include "options.h"
#include "process.h"
#include "requests.h"

#include <os/os.h>
#include <stdlib.h>

#define OPTION_SIZE 256

/* ---- the server's loop ---- */

static void on_call(void *context, struct request *request) {
    if (!init_dispatch(&init_requests, context, request)) {
        request_fail(request, ERR_NOT_SUPPORTED);
    }
}

static void on_ended(void *context, uint64_t badge) {
    process_ended(context, (uint32_t)badge);
}

/* Starts what is due on the way: the loop asks for the deadline whenever something has happened. */
static uint64_t deadline(void *context) {
    return process_restart_due(context);
}

static const struct server_handlers handlers = {.call = on_call, .ended = on_ended, .deadline = deadline};

/* ---- start-up ---- */

/* libs/os wants a start-up block; init makes its own. */
static void adopt_start(struct init *init) {
    struct start_info *info = &init->own.info;
    info->magic = START_MAGIC;
    info->timebase_frequency = init->boot->timebase_frequency;
    info->argument_count = 1;
    info->argument_offset = sizeof *info;
    info->grant_count = 1;
    info->grants[0] = (struct start_grant){.name = "log", .handle = init->boot->machine};
    memcpy(init->own.name, "init", 5);
    start_adopt(info);
}

static enum error map_boot_memory(handle_t memory, uint64_t used, struct span *span) {
    void *address;
    size_t size;
    enum error error = memory_map(memory, RIGHT_READ, &address, &size);
    *span = span_of(address, used < size ? used : size);
    return error;
}

static void on_mistake(void *context, unsigned line, const char *what, const char *word) {
    log_line("manifest, line %u: %s%s%s", line, what, *word != '\0' ? ": " : "", word);
}

static void read_manifest(struct init *init) {
    static const struct manifest_listener listener = {.mistake = on_mistake};
    struct span text;
    if (!archive_find(init->archive, "manifest", &text)) {
        log_line("the boot archive has no manifest");
        return;
    }
    (void)manifest_parse(&init->manifest, text, &listener);
}

static void seed_random(struct init *init) {
    uint64_t words[4];
    memcpy(words, init->boot->seed, sizeof words);
    random_seed(&init->random, words[0] ^ words[2], words[1] ^ words[3] ^ clock_now());
}

static enum error prepare(struct init *init) {
    struct span tree;
    enum error error =
        map_boot_memory(init->boot->boot_archive, init->boot->boot_archive_size, &init->archive);
    if (error != ERR_NONE) {
        return error;
    }
    error = map_boot_memory(init->boot->device_tree, init->boot->device_tree_size, &tree);
    if (error == ERR_NONE) {
        devices_find(&init->devices, init->boot->machine, tree);
        int64_t wall_clock = devices_wall_clock(init->boot->machine, tree);
        init->wall_clock_offset = wall_clock != 0 ? wall_clock - (int64_t)clock_now() : 0;
    }
    seed_random(init);
    read_manifest(init);
    return server_init(&init->server, &handlers, init, init->receive_buffer, sizeof init->receive_buffer);
}

int main(void) {
    static struct init init;
    init.boot = start_block();
    adopt_start(&init);
    enum error error = prepare(&init);
    if (error != ERR_NONE) {
        log_line("cannot start: %s", error_text(error));
        return EXIT_FAILURE;
    }
    char without[OPTION_SIZE] = "";
    (void)option_find(init.boot->command_line, "without", without, sizeof without);
    process_start_all(&init, without);
    server_run(&init.server);
}
