/* crash.h: a readable account of why a task died. */
#pragma once

#include "init.h"

/* Writes cause, registers and backtrace of a task that ended by a fault to the log. Its task handle is still
 * open. */
void crash_report(struct init *init, const struct process *process, const struct task_info *info);
