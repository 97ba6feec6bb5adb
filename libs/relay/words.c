/* words.c: see words.h. */
#include "words.h"

#include <base/text.h>

/* A number with at most three decimals, in thousandths. */
static bool read_decimal(const char *text, uint64_t *thousandths, const char **end) {
    uint64_t whole;
    if (!text_number(text, 10, &whole, end) || whole > UINT32_MAX) {
        return false;
    }
    *thousandths = whole * 1000;
    if (**end == '.') {
        (*end)++;
        uint64_t place = 100;
        for (; text_digit(**end) < 10 && place != 0; place /= 10) {
            *thousandths += text_digit(*(*end)++) * place;
        }
    }
    return true;
}

struct unit {
    const char *name;
    uint64_t value;
};

/* A decimal and the first of the units that fits: *value is the product, rounded down. */
static bool read_quantity(const char *text, const struct unit *units, uint64_t *value, const char **end) {
    uint64_t thousandths;
    if (!read_decimal(text, &thousandths, end)) {
        return false;
    }
    for (; units->name != NULL; units++) {
        size_t length = strlen(units->name);
        uint64_t product;
        if (strncmp(*end, units->name, length) == 0) {
            *end += length;
            bool fits = !__builtin_mul_overflow(thousandths, units->value, &product);
            *value = product / 1000;
            return fits;
        }
    }
    return false;
}

static bool read_chance(const char *text, uint16_t *chance, const char **end) {
    static const struct unit percent[] = {{"%", 10}, {NULL, 0}};
    uint64_t value;
    if (!read_quantity(text, percent, &value, end) || value > 1000) {
        return false;
    }
    *chance = (uint16_t)value;
    return true;
}

static bool read_time(const char *text, net_time *time, const char **end) {
    static const struct unit units[] = {{"us", 1}, {"ms", 1000}, {"s", NET_SECOND}, {NULL, 0}};
    return read_quantity(text, units, time, end) && *time <= 3600 * NET_SECOND;
}

static bool read_amount(const char *text, uint64_t *amount, const char **end) {
    static const struct unit units[] = {{"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {"", 1}, {NULL, 0}};
    return read_quantity(text, units, amount, end) && *amount <= 100000000000;
}

static bool is(const char *name, const char *word, size_t length) {
    return strlen(name) == length && strncmp(name, word, length) == 0;
}

/* The chance that a word names; false: it names none. */
static bool find_chance(struct link_config *config, const char *word, size_t length, uint16_t **chance) {
    const struct {
        const char *name;
        uint16_t *chance;
    } known[] = {{"loss", &config->loss},
                 {"burst", &config->burst_starts},
                 {"goes-on", &config->burst_goes_on},
                 {"duplicate", &config->duplicate},
                 {"reorder", &config->reorder},
                 {"corrupt", &config->corrupt},
                 {"mark", &config->mark}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (is(known[i].name, word, length)) {
            *chance = known[i].chance;
            return true;
        }
    }
    return false;
}

/* One word, whose name has `length` characters. */
static bool read_word(const char *word, size_t length, struct link_config *config, const char **end) {
    const char *text = word + length + 1;
    uint16_t *chance;
    uint64_t amount;
    if (find_chance(config, word, length, &chance)) {
        return read_chance(text, chance, end);
    }
    if (is("delay", word, length) || is("jitter", word, length)) {
        return read_time(text, *word == 'd' ? &config->delay : &config->jitter, end);
    }
    if (is("rate", word, length) && read_amount(text, &amount, end)) {
        config->rate = amount / 8;
        return amount == 0 || amount >= 8;
    }
    bool queue = is("queue", word, length), mark = is("mark-from", word, length);
    if ((queue || mark) && read_amount(text, &amount, end) && amount <= UINT32_MAX) {
        *(queue ? &config->queue : &config->mark_from) = (uint32_t)amount;
        return true;
    }
    return false;
}

bool words_read(const char *words, struct link_config *config, const char **bad) {
    static const char between[] = " ,";
    const char *at = words + strspn(words, between);
    while (*at != '\0') {
        size_t length = strcspn(at, "= ,");
        const char *end = at;
        *bad = at;
        if (at[length] != '=' || !read_word(at, length, config, &end) || strcspn(end, between) != 0) {
            return false;
        }
        at = end + strspn(end, between);
    }
    return true;
}
