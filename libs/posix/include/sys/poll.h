/* sys/poll.h: an old name of poll.h. */
#pragma once

#include <poll.h>
