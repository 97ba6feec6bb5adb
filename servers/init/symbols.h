/* symbols.h: which function an address lies in. Pure. */
#pragma once

#include <base/span.h>
#include <stdbool.h>

#define SYMBOL_SIZE 64

/* Looks `address` up in a table of "hexaddress name" lines in rising order. False: it is below the first. */
bool symbol_find(struct span table, uint64_t address, char name[SYMBOL_SIZE], uint64_t *offset);
