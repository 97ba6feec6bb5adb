/* text.c: what chargen and daytime say. */
#include "services.h"

#include <time.h>

/* RFC 864: each line starts one further in the ring of the printable characters. */
void text_pattern(struct server *server) {
    for (size_t i = 0; i < sizeof server->pattern; i++) {
        const size_t line = i / LINE_LENGTH;
        const size_t column = i % LINE_LENGTH;
        const char character = (char)(' ' + (line + column) % 95);
        server->pattern[i] = column < LINE_LENGTH - 2 ? character : column == LINE_LENGTH - 2 ? '\r' : '\n';
    }
}

size_t text_daytime(char text[DAYTIME_SIZE]) {
    const time_t now = time(NULL);
    struct tm parts;
    return gmtime_r(&now, &parts) ? strftime(text, DAYTIME_SIZE, "%A, %B %d, %Y %H:%M:%S-UTC\r\n", &parts)
                                  : 0;
}
