/* requests.c: one short handler for each message: check, do, answer. */
#include "requests.h"

#include "archive.h"
#include "names.h"
#include "options.h"
#include "process.h"

#include <os/os.h>
#include <os/syscall.h>

#define ARGUMENTS_MAX 256
#define PROGRAMS_SIZE 16384

static struct process *asker(struct init *init, const struct request *request) {
    return process_find(init, (uint32_t)request->badge);
}

/* The asker if it may do this; else the request is answered and the result null. */
static struct process *allowed(struct init *init, struct request *request, enum may right) {
    struct process *process = asker(init, request);
    if (process == NULL || !process_may(process, right)) {
        request_fail(request, ERR_NO_RIGHT);
        return NULL;
    }
    return process;
}

/* ---- names ---- */

static void on_publish(void *context, struct request *request, handle_t port, const char *name) {
    struct init *init = context;
    const struct process *process = asker(init, request);
    enum error error = ERR_NO_RIGHT;
    if (process != NULL && manifest_names(&process->entry->serves, name)) {
        error = name[0] != '\0' ? names_publish(init, name, port, process->id) : ERR_INVALID;
    }
    if (error != ERR_NONE) {
        (void)!handle_close(port);
        request_fail(request, error);
        return;
    }
    init_publish_reply(request);
}

/* Whoever serves a name may look it up too. */
static bool may_find(const struct process *process, const char *name) {
    return process != NULL && (process_uses(process, name) || manifest_names(&process->entry->serves, name));
}

static void on_find(void *context, struct request *request, bool wait, const char *name) {
    struct init *init = context;
    if (!may_find(asker(init, request), name)) {
        request_fail(request, ERR_NO_RIGHT);
        return;
    }
    handle_t port = names_find(init, name);
    if (port != HANDLE_NONE) {
        init_find_reply(request, port, false);
        return;
    }
    bool hope = wait && process_will_serve(init, name);
    enum error error = hope ? names_park(init, request, name) : ERR_NOT_FOUND;
    if (error != ERR_NONE) {
        request_fail(request, error);
    }
}

static void on_watch(void *context, struct request *request, uint64_t bits, handle_t event,
                     const char *name) {
    struct init *init = context;
    const struct process *process = asker(init, request);
    enum error error =
        may_find(process, name) ? names_watch(init, name, event, bits, process->id) : ERR_NO_RIGHT;
    if (error != ERR_NONE) {
        (void)!handle_close(event);
        request_fail(request, error);
        return;
    }
    init_watch_reply(request);
}

/* ---- processes ---- */

static bool strings_are_sound(const char *strings, size_t length, uint32_t *count) {
    *count = 0;
    for (size_t i = 0; i < length; i++) {
        *count += strings[i] == '\0';
    }
    return length != 0 && strings[length - 1] == '\0' && *count <= ARGUMENTS_MAX &&
           strnlen(strings, length) < MANIFEST_NAME && strchr(strings, '/') == NULL;
}

static void close_given(handle_t handle) {
    if (handle != HANDLE_NONE) {
        (void)!handle_close(handle);
    }
}

static void on_spawn(void *context, struct request *request, uint64_t end_bits, uint32_t kinds,
                     handle_t input, handle_t output, handle_t errors, handle_t end, const void *arguments,
                     size_t length) {
    struct init *init = context;
    const struct process *parent = asker(init, request);
    struct launch launch = {.arguments = arguments, .length = length, .stream = {input, output, errors}};
    uint32_t id = 0;
    enum error error = parent != NULL ? ERR_NONE : ERR_NO_RIGHT;
    for (unsigned i = 0; i < 3; i++) {
        launch.kind[i] = (uint8_t)(kinds >> 8 * i);
    }
    if (error == ERR_NONE && !strings_are_sound(arguments, length, &launch.argument_count)) {
        error = ERR_INVALID;
    }
    if (error == ERR_NONE) {
        error = process_spawn(init, parent, arguments, &launch, end, end_bits, &id);
    }
    for (unsigned i = 0; i < 3; i++) {
        close_given(launch.stream[i]);
    }
    if (error != ERR_NONE) {
        close_given(end);
        request_fail(request, error);
        return;
    }
    init_spawn_reply(request, id);
}

static void on_wait(void *context, struct request *request, uint32_t id, bool wait) {
    struct init *init = context;
    const struct process *parent = asker(init, request);
    struct process *child = process_find(init, id);
    if (parent == NULL || child == NULL || child->parent != parent->id ||
        child->waiter.reply != HANDLE_NONE) {
        request_fail(request, ERR_NOT_FOUND);
    } else if (child->state == PROCESS_ENDED) {
        init_wait_reply(request, child->end, child->status);
        process_forget(child);
    } else if (wait) {
        request_park(request, &child->waiter);
    } else {
        request_fail(request, ERR_WOULD_BLOCK);
    }
}

static void on_kill(void *context, struct request *request, uint32_t id, const char *name) {
    struct init *init = context;
    const struct process *process = asker(init, request);
    const struct process *target = name[0] != '\0' ? process_named(init, name) : process_find(init, id);
    if (process == NULL || target == NULL || !process_alive(target)) {
        request_fail(request, process != NULL ? ERR_NOT_FOUND : ERR_NO_RIGHT);
        return;
    }
    if (!process_may(process, MAY_KILL) && target->parent != process->id) {
        request_fail(request, ERR_NO_RIGHT);
        return;
    }
    /* A server that died a moment ago and will be back is as dead as the caller wants it. */
    enum error error = target->state == PROCESS_RUNNING ? sys_task_kill(target->task, 0) : ERR_NONE;
    if (error != ERR_NONE) {
        request_fail(request, error);
        return;
    }
    init_kill_reply(request);
}

static void on_list(void *context, struct request *request) {
    struct init *init = context;
    if (allowed(init, request, MAY_LIST) != NULL) {
        unsigned count = process_list(init);
        init_list_reply(request, init->listing, count * sizeof init->listing[0]);
    }
}

/* ---- the machine ---- */

static void on_machine(void *context, struct request *request) {
    struct init *init = context;
    struct machine_info info;
    if (allowed(init, request, MAY_LIST) == NULL) {
        return;
    }
    enum error error = sys_machine_info(init->boot->machine, &info);
    if (error != ERR_NONE) {
        request_fail(request, error);
        return;
    }
    init_machine_reply(request, &info, sizeof info);
}

static void on_option(void *context, struct request *request, const char *key) {
    const struct init *init = context;
    char value[1024];
    if (!option_find(init->boot->command_line, key, value, sizeof value)) {
        request_fail(request, ERR_NOT_FOUND);
        return;
    }
    init_option_reply(request, value, strlen(value));
}

/* A server of the manifest runs once, with rights that nobody else can give it. */
static bool is_server(const struct init *init, const char *name) {
    const struct manifest_entry *entry = manifest_task(&init->manifest, name);
    return entry != NULL && entry->serves.count != 0;
}

static void on_programs(void *context, struct request *request) {
    struct init *init = context;
    if (allowed(init, request, MAY_LIST) == NULL) {
        return;
    }
    /* The receive buffer is free: this request had no payload. */
    struct writer writer = writer_of(init->receive_buffer, PROGRAMS_SIZE);
    char name[ARCHIVE_NAME_SIZE];
    for (size_t position = 0; archive_next(init->archive, "bin/", &position, name);) {
        if (!is_server(init, name)) {
            write_bytes(&writer, name, strlen(name) + 1);
        }
    }
    init_programs_reply(request, writer.data, writer.length);
}

static void on_off(void *context, struct request *request, int32_t status) {
    struct init *init = context;
    if (allowed(init, request, MAY_OFF) != NULL) {
        request_fail(request, sys_machine_off(init->boot->machine, status & 0xff));
    }
}

const struct init_handlers init_requests = {
    .publish = on_publish,
    .find = on_find,
    .watch = on_watch,
    .spawn = on_spawn,
    .wait = on_wait,
    .kill = on_kill,
    .list = on_list,
    .machine = on_machine,
    .option = on_option,
    .programs = on_programs,
    .off = on_off,
};
