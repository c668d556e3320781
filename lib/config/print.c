#include "lib/config/print.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/config/option.h"
#include "lib/config/section.h"
#include "lib/config/value.h"

enum { OPTION_TEXT_MAX = 128 << 10 };

/* The value of an option as it is when nothing was written. */
static int print_fallback(const struct config_option *o, struct buf *out, struct err *e)
{
    void *blank = section_new(o->section, NULL);
    int r = value_print(o, blank, false, out, e);

    section_free(o->section, blank);
    return r;
}

static bool is_written(const struct config_option *o, const void *base, const struct buf *value,
                       const struct buf *fallback)
{
    bool differs = value->len != fallback->len ||
                   (value->len > 0 && memcmp(value->data, fallback->data, value->len) != 0);

    if (o->type == OPTION_TIER) /* `hourly =` is on without a word */
        return ((const struct tier_rule *)((const char *)base + o->offset))->on;
    return differs || o->needed;
}

static int print_option(const struct config_option *o, const void *base, bool redact,
                        struct buf *out, struct err *e)
{
    struct buf value = BUF_INIT(OPTION_TEXT_MAX), fallback = BUF_INIT(OPTION_TEXT_MAX);
    int r = -1;

    if (value_print(o, base, redact, &value, e) < 0 || print_fallback(o, &fallback, e) < 0)
        goto out;
    r = 0;
    if (is_written(o, base, &value, &fallback))
        r = value.len > 0 ? buf_printf(out, e, "%s = %s\n", o->key, (char *)value.data)
                          : buf_printf(out, e, "%s =\n", o->key);
out:
    buf_wipe(&value);
    buf_deinit(&fallback);
    return r;
}

static int print_section(enum section_kind kind, const char *name, const void *base, bool redact,
                         struct buf *out, struct err *e)
{
    size_t head, start = out->len;

    if (start > 0 && buf_append(out, "\n", 1, e) < 0)
        return -1;
    if (buf_printf(out, e, "[%s%s%s]\n", section_word(kind), name != NULL ? " " : "",
                   name != NULL ? name : "") < 0)
        return -1;
    head = out->len;
    for (size_t i = 0; i < config_option_count; i++)
        if (config_option_table[i].section == kind &&
            config_option_applies(&config_option_table[i], base) &&
            print_option(&config_option_table[i], base, redact, out, e) < 0)
            return -1;
    if (out->len == head && name == NULL) { /* [daemon] with nothing in it */
        out->len = start;
        if (out->data != NULL)
            out->data[start] = 0;
    }
    return 0;
}

static int print_config(const struct config *c, bool redact, struct buf *out, struct err *e)
{
    if (print_section(SECTION_DAEMON, NULL, c, redact, out, e) < 0 ||
        print_section(SECTION_ACCESS, NULL, c, redact, out, e) < 0)
        return -1;
    for (size_t i = 0; i < c->destination_count; i++)
        if (print_section(SECTION_DESTINATION, c->destinations[i]->name, c->destinations[i], redact,
                          out, e) < 0)
            return -1;
    for (size_t i = 0; i < c->source_count; i++)
        if (print_section(SECTION_SOURCE, c->sources[i]->name, c->sources[i], redact, out, e) < 0)
            return -1;
    for (size_t i = 0; i < c->job_count; i++)
        if (print_section(SECTION_JOB, c->jobs[i]->name, c->jobs[i], redact, out, e) < 0)
            return -1;
    return 0;
}

int config_print(const struct config *c, struct buf *out, struct err *e)
{
    return print_config(c, true, out, e);
}

int config_print_secret(const struct config *c, struct buf *out, struct err *e)
{
    return print_config(c, false, out, e);
}
