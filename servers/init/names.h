/* names.h: which port is known under which name, who waits for one, who watches. */
#pragma once

#include "init.h"

/* Makes `port` known as `name` in the place of what the same owner published before; init takes it over if it
 * succeeds. ERR_EXISTS: another living task serves it; ERR_TOO_MANY. Whoever waits for it is answered. */
enum error names_publish(struct init *init, const char *name, handle_t port, uint32_t owner);

/* The port, which stays the table's; HANDLE_NONE: not published. */
handle_t names_find(const struct init *init, const char *name);

/* Keeps a find until there is such a port. ERR_TOO_MANY: then the request is still unanswered. */
enum error names_park(struct init *init, struct request *request, const char *name);

/* Signals `event` with `bits` at each publishing of the name, now if it is published. init takes the event
 * over if it succeeds. ERR_TOO_MANY. */
enum error names_watch(struct init *init, const char *name, handle_t event, uint64_t bits, uint32_t owner);

/* A task will not be started again: whoever waits for a name that nobody is left to publish is told
 * ERR_NOT_FOUND. */
void names_give_up(struct init *init);

/* Everything that the task of this id published, waits for or watches is taken back. */
void names_drop_owner(struct init *init, uint32_t owner);
