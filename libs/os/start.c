/* start.c: from _start to main and from main to the end. */
#include <os/start.h>

#include <os/os.h>
#include <os/syscall.h>
#include <stdlib.h>
#include <string.h>

/* The only state of this library: where the start-up block lies. Written once, before main. */
static struct {
    const void *block;
    const struct start_info *info; /* null in init until it has made its own */
} start;

int main(int argc, char **argv);
void _exit(int status);
void __libc_init_array(void);
extern uintptr_t __stack_chk_guard;
_Noreturn void start_main(const void *block);

const void *start_block(void) {
    return start.block;
}

void start_adopt(const struct start_info *info) {
    start.info = info;
}

const struct start_info *start_info(void) {
    return start.info;
}

const struct start_grant *start_grant(const char *name) {
    for (uint32_t i = 0; start.info != NULL && i < start.info->grant_count; i++) {
        if (strncmp(start.info->grants[i].name, name, START_NAME_SIZE) == 0) {
            return &start.info->grants[i];
        }
    }
    return NULL;
}

handle_t start_handle(const char *name) {
    const struct start_grant *grant = start_grant(name);
    return grant != NULL ? grant->handle : HANDLE_NONE;
}

const char *start_name(void) {
    if (start.info == NULL || start.info->argument_count == 0) {
        return "task";
    }
    return (const char *)start.info + start.info->argument_offset;
}

/* Fills `list` with pointers to `count` strings that stand one after the other, and a null pointer. */
static void point_at(char **list, uint32_t count, const char *text) {
    for (uint32_t i = 0; i < count; i++) {
        list[i] = (char *)text;
        text += strlen(text) + 1;
    }
    list[count] = NULL;
}

/* The argument vector takes its room from the stack, so that a task that needs no heap has none. */
static int run_main(void) {
    uint32_t count = start.info != NULL ? start.info->argument_count : 0;
    char **arguments = __builtin_alloca((count + 1) * sizeof *arguments);
    point_at(arguments, count, count != 0 ? start_name() : "");
    return main((int)count, arguments);
}

_Noreturn void start_main(const void *block) {
    const struct boot_info *boot = block;
    const struct start_info *info = block;
    start.block = block;
    if (boot->magic == BOOT_INFO_MAGIC) {
        memcpy(&__stack_chk_guard, boot->seed, sizeof __stack_chk_guard);
    } else {
        start.info = info;
        memcpy(&__stack_chk_guard, info->seed, sizeof __stack_chk_guard);
    }
    __libc_init_array();
    exit(run_main());
}

void _exit(int status) {
    task_exit(status);
}
