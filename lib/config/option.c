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

const char *config_source_type_word(enum source_type t)
{
    static const char *const words[] = {"postgresql", "files", "command"};

    return words[t];
}
