/* netstat: what tcpip has to show: sockets, counters, the interface, memory. */
#include <ipc/tcpip.h>
#include <os/os.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Kinds of tcpip's report call. */
enum { REPORT_COUNTERS, REPORT_SOCKETS, REPORT_INTERFACE, REPORT_USAGE, REPORT_STREAMS, REPORTS };

#define REPORT_SIZE 65536

static const char usage[] = "usage: netstat [-s | -i | -m | -e]\n"
                            "  (none)  sockets: state, queues, addresses\n"
                            "  -s      counters: what came, went, and was dropped, and why\n"
                            "  -i      the interface, its addresses and its lease\n"
                            "  -m      memory and tables in use\n"
                            "  -e      sockets, and all that connections know of themselves (as ss -i)\n";

static int kind_of(int argc, char **argv) {
    if (argc == 1) {
        return REPORT_SOCKETS;
    }
    static const char *const options[] = {"-s", "", "-i", "-m", "-e"};
    for (int kind = 0; argc == 2 && kind < REPORTS; kind++) {
        if (strcmp(argv[1], options[kind]) == 0) {
            return kind;
        }
    }
    return -1;
}

static enum error report(uint32_t kind, char *text, size_t *length) {
    handle_t net;
    enum error error = name_find("tcpip", &net);
    return error ? error : tcpip_report(net, kind, text, REPORT_SIZE, length);
}

int main(int argc, char **argv) {
    int kind = kind_of(argc, argv);
    if (kind < 0) {
        fputs(usage, stderr);
        return 2;
    }
    char *text = malloc(REPORT_SIZE);
    size_t length = 0;
    enum error error = text ? report((uint32_t)kind, text, &length) : ERR_NO_MEMORY;
    if (error) {
        fprintf(stderr, "netstat: %s\n", error_text(error));
    } else {
        fwrite(text, 1, length, stdout);
    }
    free(text);
    return error ? 1 : 0;
}
