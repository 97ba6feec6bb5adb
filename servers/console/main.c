/* main.c: the console server: a UART behind ipc/console.idl.
 *
 * Input comes by interrupt into a buffer; one read may wait for it. Writes queue up and are sent as far as
 * the device takes them; their callers wait until all of theirs is out, so that nothing is held twice. There
 * are two doors: "console" for every program, "terminal" for who commands them and hears of Ctrl-C. */
#include "typed.h"
#include "uart.h"

#include <ipc/console.h>
#include <os/os.h>
#include <os/server.h>
#include <stdlib.h>

#define WRITES     32
#define CHUNK_SIZE 512
#define CONTROL_C  3
#define BIT_BREAK  1 /* of a watcher's event */
#define BIT_INPUT  2

enum door { DOOR_CONSOLE, DOOR_TERMINAL, DOORS }; /* badges of the port's handles */

struct write {
    struct parked parked;
    size_t length, sent;
};

struct console {
    struct server server;
    struct uart uart;
    handle_t interrupt;
    struct typed typed;
    struct parked reader;
    handle_t watcher[DOORS];
    bool no_breaks;              /* Ctrl-C is a byte like any other */
    struct write writes[WRITES]; /* ring, oldest at `first` */
    unsigned first, count;
};

/* ---- output ---- */

/* Sends what the device takes of the oldest write. False: the device is full. */
static bool send_some(struct console *console, struct write *write) {
    uint8_t chunk[CHUNK_SIZE];
    size_t got;
    enum error error = parked_read(&write->parked, write->sent, chunk, sizeof chunk, &got);
    if (error != ERR_NONE || got == 0) {
        write->sent = write->length; /* whoever wrote it is gone */
        return true;
    }
    size_t sent = uart_send(&console->uart, chunk, got);
    write->sent += sent;
    return sent == got;
}

static void send_all(struct console *console) {
    bool room = true;
    while (room && console->count != 0) {
        struct write *write = &console->writes[console->first];
        while (room && write->sent < write->length) {
            room = send_some(console, write);
        }
        if (write->sent == write->length) {
            (void)!console_write_reply_parked(&write->parked);
            console->first = (console->first + 1) % WRITES;
            console->count--;
        }
    }
    uart_want_room(&console->uart, console->count != 0);
}

static void on_write(void *context, struct request *request, const void *text, size_t length) {
    struct console *console = context;
    if (console->count == WRITES) {
        request_fail(request, ERR_BUSY);
        return;
    }
    struct write *write = &console->writes[(console->first + console->count++) % WRITES];
    *write = (struct write){.length = length};
    request_park(request, &write->parked);
    send_all(console);
}

/* ---- input ---- */

static void signal_watcher(const struct console *console, enum door door, uint64_t bit) {
    if (console->watcher[door] != HANDLE_NONE) {
        (void)!event_signal(console->watcher[door], bit);
    }
}

static void receive_all(struct console *console) {
    uint8_t byte;
    while (uart_receive(&console->uart, &byte)) {
        if (byte == CONTROL_C && console->watcher[DOOR_TERMINAL] != HANDLE_NONE && !console->no_breaks) {
            signal_watcher(console, DOOR_TERMINAL, BIT_BREAK);
        } else {
            typed_put(&console->typed, byte);
        }
    }
}

/* Gives the waiting reader what there is; what a reader who died does not get stays for the next one. */
static void feed_reader(struct console *console) {
    size_t length;
    const uint8_t *bytes = typed_piece(&console->typed, &length);
    if (length == 0) {
        return;
    }
    size_t given;
    if (console->reader.reply != HANDLE_NONE &&
        parked_write(&console->reader, 0, bytes, length, &given) == ERR_NONE &&
        console_read_reply_parked(&console->reader, NULL, given) == ERR_NONE) {
        typed_take(&console->typed, given);
        return;
    }
    signal_watcher(console, DOOR_CONSOLE, BIT_INPUT);
    signal_watcher(console, DOOR_TERMINAL, BIT_INPUT);
}

/* Does the reader that waits still live? */
static bool reader_waits(const struct console *console) {
    size_t none;
    return console->reader.reply != HANDLE_NONE &&
           parked_read(&console->reader, 0, NULL, 0, &none) == ERR_NONE;
}

static void on_read(void *context, struct request *request, bool wait) {
    struct console *console = context;
    size_t length;
    const uint8_t *bytes = typed_piece(&console->typed, &length);
    if (length != 0) {
        size_t given; /* what does not fit into the reader's buffer stays for the next read */
        (void)!request_write(request, 0, bytes, length, &given);
        console_read_reply(request, NULL, given);
        typed_take(&console->typed, given);
    } else if (!wait) {
        request_fail(request, ERR_WOULD_BLOCK);
    } else if (reader_waits(console)) {
        request_fail(request, ERR_BUSY);
    } else {
        if (console->reader.reply != HANDLE_NONE) {
            parked_fail(&console->reader, ERR_DEAD);
        }
        request_park(request, &console->reader);
    }
}

static void on_watch(void *context, struct request *request, handle_t event) {
    struct console *console = context;
    handle_t *watcher = &console->watcher[request->badge == DOOR_TERMINAL ? DOOR_TERMINAL : DOOR_CONSOLE];
    if (*watcher != HANDLE_NONE) {
        (void)!handle_close(*watcher);
    }
    *watcher = event;
    console_watch_reply(request);
}

static void on_breaks(void *context, struct request *request, bool on) {
    struct console *console = context;
    if (request->badge != DOOR_TERMINAL) {
        request_fail(request, ERR_NO_RIGHT);
        return;
    }
    console->no_breaks = !on;
    console_breaks_reply(request);
}

/* ---- the server ---- */

static const struct console_handlers handlers = {
    .write = on_write, .read = on_read, .watch = on_watch, .breaks = on_breaks};

static void on_call(void *context, struct request *request) {
    if (!console_dispatch(&handlers, context, request)) {
        request_fail(request, ERR_NOT_SUPPORTED);
    }
}

static void on_interrupt(void *context, uint64_t bits) {
    struct console *console = context;
    receive_all(console);
    feed_reader(console);
    send_all(console);
    (void)!interrupt_acknowledge(console->interrupt);
}

static const struct server_handlers server_handlers = {.call = on_call, .event = on_interrupt};

static enum error open_doors(const struct console *console) {
    handle_t terminal;
    enum error error = name_publish("console", console->server.port);
    if (error == ERR_NONE) {
        error = handle_duplicate(console->server.port, RIGHT_SEND | RIGHT_PASS, DOOR_TERMINAL, &terminal);
    }
    if (error == ERR_NONE) {
        error = name_publish("terminal", terminal);
        (void)!handle_close(terminal);
    }
    return error;
}

static enum error start(struct console *console) {
    void *registers;
    size_t size;
    enum error error = memory_map(start_handle("device.uart0"), RIGHT_READ | RIGHT_WRITE, &registers, &size);
    if (error == ERR_NONE) {
        uart_init(&console->uart, registers);
        console->interrupt = start_handle("irq.uart0");
        error = server_init_event(&console->server, &server_handlers, console, NULL, 0,
                                  start_handle("irq-event"));
    }
    if (error == ERR_NONE) {
        on_interrupt(console, 0); /* what was typed before */
        error = open_doors(console);
    }
    return error;
}

int main(void) {
    static struct console console;
    enum error error = start(&console);
    if (error != ERR_NONE) {
        log_line("no UART: %s", error_text(error));
        return EXIT_FAILURE;
    }
    server_run(&console.server);
}
