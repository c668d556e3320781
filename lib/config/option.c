#include "lib/config/option.h"

#include <string.h>

#include "lib/base/mem.h"

#define STRUCT_DAEMON      struct config
#define STRUCT_ACCESS      struct config
#define STRUCT_DESTINATION struct destination
#define STRUCT_SOURCE      struct source
#define STRUCT_JOB         struct job
#define DAYS(n_)           (INT64_C(86400) * (n_))
#define YEARS(n_)          (INT64_C(31557600) * (n_))
#define IN(type_)          (1u << SOURCE_##type_)
#define AT(type_)          (1u << DESTINATION_##type_)
#define FORMAT(format_)    (1u << FORMAT_##format_)
#define OPTION(section_, key_, type_, field_, ...)                                                 \
    {.section = SECTION_##section_,                                                                \
     .key = #key_,                                                                                 \
     .type = OPTION_##type_,                                                                       \
     .offset = offsetof(STRUCT_##section_, field_),                                                \
     __VA_ARGS__},

const struct config_option config_option_table[] = {
#include "lib/config/options.def"
};
const size_t config_option_count = ARRAY_LEN(config_option_table);
_Static_assert(ARRAY_LEN(config_option_table) <= OPTION_TABLE_MAX, "raise OPTION_TABLE_MAX");

static const struct {
    const char *word;
    bool named;
} sections[SECTION_COUNT] = {[SECTION_DAEMON] = {"daemon", false},
                             [SECTION_ACCESS] = {"access", false},
                             [SECTION_DESTINATION] = {"destination", true},
                             [SECTION_SOURCE] = {"source", true},
                             [SECTION_JOB] = {"job", true}};

const char *section_word(enum section_kind s)
{
    return sections[s].word;
}

bool section_has_name(enum section_kind s)
{
    return sections[s].named;
}

int section_from_word(const char *word)
{
    for (int s = 0; s < SECTION_COUNT; s++)
        if (strcmp(sections[s].word, word) == 0)
            return s;
    return -1;
}

const char *section_nearest(const char *word)
{
    const char *words[SECTION_COUNT];

    for (int s = 0; s < SECTION_COUNT; s++)
        words[s] = sections[s].word;
    return str_nearest(word, words, SECTION_COUNT);
}

const struct config_option *config_option_find(enum section_kind s, const char *key)
{
    for (size_t i = 0; i < config_option_count; i++)
        if (config_option_table[i].section == s && strcmp(config_option_table[i].key, key) == 0)
            return &config_option_table[i];
    return NULL;
}

const struct config_option *config_option_nearest(enum section_kind s, const char *key)
{
    const char *keys[OPTION_TABLE_MAX], *nearest;
    size_t count = 0;

    for (size_t i = 0; i < config_option_count; i++)
        if (config_option_table[i].section == s)
            keys[count++] = config_option_table[i].key;
    nearest = str_nearest(key, keys, count);
    return nearest != NULL ? config_option_find(s, nearest) : NULL;
}

int config_option_other_section(enum section_kind s, const char *key)
{
    for (size_t i = 0; i < config_option_count; i++)
        if (config_option_table[i].section != s && strcmp(config_option_table[i].key, key) == 0)
            return (int)config_option_table[i].section;
    return -1;
}

size_t config_option_index(const struct config_option *o)
{
    return (size_t)(o - config_option_table);
}

/* ---- types ---- */

static unsigned type_of(enum section_kind s, const void *base)
{
    if (s == SECTION_DESTINATION)
        return ((const struct destination *)base)->type;
    return s == SECTION_SOURCE ? ((const struct source *)base)->type : 0;
}

/* The word of a type, from the row of `type` itself; NULL behind the last. */
static char *type_word(enum section_kind s, unsigned type)
{
    const struct config_option *o = config_option_find(s, "type");
    const char *w = o != NULL ? o->words : NULL;

    for (; w != NULL && type > 0; type--) {
        w = strchr(w, '|');
        w = w != NULL ? w + 1 : NULL;
    }
    return w != NULL ? mem_strndup(w, strcspn(w, "|")) : NULL;
}

bool config_option_applies(const struct config_option *o, const void *base)
{
    if (o->formats != 0 && (o->formats & 1u << ((const struct destination *)base)->format) == 0)
        return false;
    return o->only == 0 || (o->only & 1u << type_of(o->section, base)) != 0;
}

const char *config_option_format(const struct config_option *o)
{
    if (o->formats == 0)
        return NULL;
    return (o->formats & FORMAT(PLAIN)) != 0 ? "plain" : "repository";
}

char *config_type_of(enum section_kind s, const void *base)
{
    return type_word(s, type_of(s, base));
}

char *config_option_types(const struct config_option *o)
{
    char *all = NULL, *word;

    for (unsigned type = 0; (word = type_word(o->section, type)) != NULL; type++) {
        _cleanup_free_ char *before = all, *one = word;
        bool has = (o->only & 1u << type) != 0;
        if (before == NULL)
            all = has ? TAKE(one) : NULL;
        else
            all = has ? mem_printf("%s and %s", before, one) : TAKE(before);
    }
    return all;
}
