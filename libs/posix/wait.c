/* wait.c: the one event on which the task waits for whatever may change, and what is done before it waits. */
#include "socket.h"
#include <os/os.h>
#include <stdio.h>

enum error posix_event(handle_t *event) {
    struct posix *posix = posix_state();
    if (posix->event == HANDLE_NONE) {
        enum error error = event_make(&posix->event);
        if (error != ERR_NONE) {
            return error;
        }
    }
    *event = posix->event;
    return ERR_NONE;
}

void posix_flush(void) {
    fflush(stdout);
    fflush(stderr);
}

enum error posix_wait(uint64_t deadline) {
    handle_t event;
    uint64_t bits = 0;
    posix_flush();
    enum error error = posix_event(&event);
    if (error == ERR_NONE) {
        error = event_wait(event, UINT64_MAX, deadline, &bits);
    }
    if (error == ERR_NONE && (bits & EVENT_SERVER) != 0) {
        posix_session_check();
    }
    return error;
}
