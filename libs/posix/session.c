/* session.c: the task's session with tcpip: how it is opened, and opened again after the server has died.
 *
 * Sockets remember the generation of the session that they were made in. When the server has died, they are
 * lost, and say so; the next new socket opens the next generation. */
#include "socket.h"
#include <os/os.h>
#include <string.h>

/* The page with the readiness words, once for the life of the task. */
static enum error make_page(struct session *session) {
    if (session->ready != NULL) {
        return ERR_NONE;
    }
    void *page;
    enum error error = memory_make(DESCRIPTORS * sizeof(uint32_t), false, &session->ready_memory, &page);
    if (error == ERR_NONE) {
        session->ready = page;
    }
    return error;
}

/* A new server is the only sign that the old one has died which reaches a task that waits. */
static void watch_server(handle_t event) {
    uint64_t bits;
    if (name_watch("tcpip", event, EVENT_SERVER) == ERR_NONE) {
        (void)!event_wait(event, EVENT_SERVER, 0, &bits); /* that it is there now is no news */
    }
}

static enum error attach(struct session *session) {
    handle_t event, port;
    enum error error = make_page(session);
    if (error == ERR_NONE) {
        error = posix_event(&event);
    }
    if (error != ERR_NONE) {
        return error;
    }
    if (session->generation == 0) {
        watch_server(event);
    }
    error = name_find("tcpip", &port);
    if (error != ERR_NONE) {
        return error;
    }
    memset((void *)session->ready, 0, DESCRIPTORS * sizeof(uint32_t));
    error = tcpip_attach(port, session->ready_memory, event, &session->handle);
    (void)!handle_close(port);
    return error;
}

enum error posix_session_open(struct session **result) {
    struct session *session = &posix_state()->session;
    *result = session;
    if (session->alive) {
        return ERR_NONE;
    }
    if (session->handle != HANDLE_NONE) {
        (void)!handle_close(session->handle);
        session->handle = HANDLE_NONE;
    }
    enum error error = attach(session);
    if (error == ERR_NONE) {
        session->generation++;
        session->alive = true;
    }
    return error;
}

void posix_session_check(void) {
    struct session *session = &posix_state()->session;
    handle_t socket;
    uint32_t slot;
    /* No socket is of type 0, so that a server which lives answers ERR_INVALID. */
    if (session->alive && tcpip_socket(session->handle, 0, &socket, &slot) == ERR_DEAD) {
        session->alive = false;
    }
}

enum error posix_session_result(uint32_t generation, enum error error) {
    struct session *session = &posix_state()->session;
    if (error == ERR_DEAD && generation == session->generation) {
        session->alive = false;
    }
    return error;
}

uint32_t posix_socket_ready(const struct open_file *file) {
    const struct session *session = &posix_state()->session;
    if (!session->alive || file->socket.generation != session->generation) {
        return TCPIP_READY_IN | TCPIP_READY_OUT | TCPIP_READY_ERROR | TCPIP_READY_HANGUP;
    }
    return session->ready[file->socket.slot];
}
