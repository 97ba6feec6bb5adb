/* names.c: publishing and finding ports, by init. */
#include <os/os.h>

#include <ipc/init.h>

enum error name_publish(const char *name, handle_t port) {
    handle_t copy;
    enum error error = handle_duplicate(port, RIGHT_SEND | RIGHT_PASS, 0, &copy);
    if (error == ERR_NONE) {
        error = init_publish(start_handle("init"), copy, name);
        (void)!handle_close(copy);
    }
    return error;
}

enum error name_find(const char *name, handle_t *port) {
    return init_find(start_handle("init"), true, name, port);
}

enum error name_try(const char *name, handle_t *port) {
    return init_find(start_handle("init"), false, name, port);
}

enum error name_watch(const char *name, handle_t event, uint64_t bits) {
    handle_t copy;
    enum error error = handle_duplicate(event, RIGHT_SIGNAL | RIGHT_PASS, 0, &copy);
    if (error == ERR_NONE) {
        error = init_watch(start_handle("init"), bits, copy, name);
    }
    return error;
}
