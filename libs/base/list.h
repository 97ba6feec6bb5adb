/* list.h: doubly linked lists whose links stand inside the things that are listed.
 *
 * The head is a `struct list` too; an empty list and an unlinked thing both point at themselves, so that
 * removing twice does no harm. Nothing is allocated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

/* The thing of `type` whose field `member` is at `link`. */
#define LIST_ENTRY(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

/* Makes an empty list, or an unlinked thing. */
static inline void list_init(struct list *list) {
    list->next = list;
    list->prev = list;
}

static inline bool list_is_empty(const struct list *list) {
    return list->next == list;
}

/* Is this thing in some list? */
static inline bool list_is_linked(const struct list *link) {
    return link->next != link;
}

static inline void list_insert_before(struct list *at, struct list *link) {
    link->prev = at->prev;
    link->next = at;
    at->prev->next = link;
    at->prev = link;
}

/* Puts an unlinked thing at the end. */
static inline void list_append(struct list *list, struct list *link) {
    list_insert_before(list, link);
}

/* Puts an unlinked thing at the front. */
static inline void list_prepend(struct list *list, struct list *link) {
    list_insert_before(list->next, link);
}

/* Takes a thing out of its list, if it is in one. */
static inline void list_remove(struct list *link) {
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* The first thing's link, left in place; null when the list is empty. */
static inline struct list *list_first(const struct list *list) {
    return list_is_empty(list) ? NULL : list->next;
}

/* Takes the first thing out; null when the list is empty. */
static inline struct list *list_take(struct list *list) {
    struct list *link = list_first(list);
    if (link != NULL) {
        list_remove(link);
    }
    return link;
}

/* Moves all of `from` to the end of `to`. */
static inline void list_move_all(struct list *to, struct list *from) {
    if (list_is_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}
