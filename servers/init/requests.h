/* requests.h: what other tasks may ask of init (ipc/init.idl). The badge of a request is the asking task's
 * id. */
#pragma once

#include "init.h"

extern const struct init_handlers init_requests;
