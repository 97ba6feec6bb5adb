/* linux/sockios.h: where programs for Linux look for SIOCOUTQ and SIOCOUTQNSD. */
#pragma once

#include <sys/ioctl.h>
