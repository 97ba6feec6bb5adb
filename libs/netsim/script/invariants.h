/* invariants.h: what holds between two calls of an engine, whatever has happened to it. */
#pragma once

#include <net/net.h>

/* Walks over everything there is. Null: all holds; else in words what does not. */
const char *broken_invariant(const struct net *net);
