/* process.h: the book of running, ended and resting tasks. */
#pragma once

#include "loader.h"

/* Starts every task of the manifest but those in the comma-separated list `without`. */
void process_start_all(struct init *init, const char *without);

/* Starts a program for `parent`, with the manifest's rights for it as far as the parent has them. event: is
 * signalled with `bits` when it ends; init takes it over if it succeeds. ERR_NOT_FOUND, ERR_NO_RIGHT,
 * ERR_TOO_MANY, ERR_NO_MEMORY, ... */
enum error process_spawn(struct init *init, const struct process *parent, const char *program,
                         const struct launch *launch, handle_t event, uint64_t bits, uint32_t *id);

/* By id, running or not; null: there is none. */
struct process *process_find(struct init *init, uint32_t id);
/* It runs, or is a task of the manifest that will again. */
bool process_alive(const struct process *process);
/* A task of the manifest that runs or will be started again, by its name. */
struct process *process_named(struct init *init, const char *name);

/* Is there a task that publishes the name, or will when it is started again? */
bool process_will_serve(const struct init *init, const char *name);

bool process_may(const struct process *process, enum may right);
bool process_uses(const struct process *process, const char *name);

/* The task of this id has ended: reports it, gives back what it held, tells its parent, plans its restart. */
void process_ended(struct init *init, uint32_t id);

/* Forgets a program that has ended and whose parent knows. */
void process_forget(struct process *process);

/* Starts what is due; when to be called again (NEVER: not before something ends). */
uint64_t process_restart_due(struct init *init);

/* Fills init->listing; the number of processes. */
unsigned process_list(struct init *init);
