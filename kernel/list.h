/* list.h: doubly linked lists with a head; an element carries its own link.
 *
 * A link that is in no list points to itself, so that removing it twice does no harm. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *next, *previous;
};

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct link *head) {
    head->next = head->previous = head;
}

static inline int list_empty(const struct link *head) {
    return head->next == head;
}

/* Puts `link` before `position`; with the head as position, at the end of the list. */
static inline void list_insert(struct link *position, struct link *link) {
    link->next = position;
    link->previous = position->previous;
    position->previous->next = link;
    position->previous = link;
}

static inline void list_append(struct link *head, struct link *link) {
    list_insert(head, link);
}

static inline void list_prepend(struct link *head, struct link *link) {
    list_insert(head->next, link);
}

static inline void list_remove(struct link *link) {
    link->next->previous = link->previous;
    link->previous->next = link->next;
    list_init(link);
}
