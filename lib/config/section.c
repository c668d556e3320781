#include "lib/config/section.h"

#include "lib/base/mem.h"
#include "lib/config/value.h"

static size_t size_of(enum section_kind kind)
{
    switch (kind) {
    case SECTION_DESTINATION:
        return sizeof(struct destination);
    case SECTION_SOURCE:
        return sizeof(struct source);
    case SECTION_JOB:
        return sizeof(struct job);
    default:
        return sizeof(struct config);
    }
}

/* [daemon] and [access] share one struct, so each is initialised and released with the other. */
static bool same_struct(enum section_kind a, enum section_kind b)
{
    return a == b || (!section_has_name(a) && !section_has_name(b));
}

void *section_new(enum section_kind kind, const char *name)
{
    void *base = mem_alloc(size_of(kind));

    for (size_t i = 0; i < config_option_count; i++)
        if (same_struct(config_option_table[i].section, kind))
            value_init(&config_option_table[i], base);
    if (kind == SECTION_DESTINATION)
        ((struct destination *)base)->name = mem_strdup(name);
    if (kind == SECTION_SOURCE)
        ((struct source *)base)->name = mem_strdup(name);
    if (kind == SECTION_JOB)
        ((struct job *)base)->name = mem_strdup(name);
    return base;
}

void section_free(enum section_kind kind, void *base)
{
    if (base == NULL)
        return;
    for (size_t i = 0; i < config_option_count; i++)
        if (same_struct(config_option_table[i].section, kind))
            value_free(&config_option_table[i], base);
    if (kind == SECTION_DESTINATION)
        free(((struct destination *)base)->name);
    if (kind == SECTION_SOURCE)
        free(((struct source *)base)->name);
    if (kind == SECTION_JOB)
        free(((struct job *)base)->name);
    free(base);
}
