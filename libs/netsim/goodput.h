/* goodput.h: how fast bytes get through paths of many kinds, and how flows share one: the table that is kept
 * in libs/netsim/tests/goodput.table. In virtual time, so it is the same on every machine. */
#pragma once

#include <stdio.h>

void goodput_print(FILE *out);
