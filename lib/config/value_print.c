#include "lib/base/mem.h"
#include "lib/config/ini.h"
#include "lib/config/rate.h"
#include "lib/config/rule.h"
#include "lib/config/unit.h"
#include "lib/config/uri.h"
#include "lib/config/value.h"

#include <string.h>

static int print_words(char *const *items, size_t count, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        if ((i > 0 && buf_append(out, " ", 1, e) < 0) || ini_quote(out, items[i], true, e) < 0)
            return -1;
    return 0;
}

static int print_uri(const char *uri, bool redact, struct buf *out, struct err *e)
{
    _cleanup_free_ char *shown = redact ? uri_redact(uri) : mem_strdup(uri);
    int r = ini_quote(out, shown, false, e);

    mem_wipe(shown, strlen(shown));
    return r;
}

static int print_choice(const char *words, int value, struct buf *out, struct err *e)
{
    for (; value > 0; value--)
        words = strchr(words, '|') + 1;
    return buf_append(out, words, strcspn(words, "|"), e);
}

static int print_secret(const struct secret_ref *ref, bool word, struct buf *out, struct err *e)
{
    static const char *const prefixes[] = {[SECRET_UNSET] = "",
                                           [SECRET_NONE] = "none",
                                           [SECRET_FILE] = "file:",
                                           [SECRET_ENV] = "env:",
                                           [SECRET_CREDENTIAL] = "credential:",
                                           [SECRET_COMMAND] = "command:"};
    if (ref->kind == SECRET_UNSET)
        return 0;
    _cleanup_free_ char *text =
        mem_printf("%s%s", prefixes[ref->kind], ref->value != NULL ? ref->value : "");
    return ini_quote(out, text, word, e);
}

static int print_old_keys(const struct destination *d, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < d->old_key_count; i++)
        if ((i > 0 && buf_append(out, " ", 1, e) < 0) ||
            print_secret(&d->old_keys[i], true, out, e) < 0)
            return -1;
    return 0;
}

static int print_compression(const struct destination *d, struct buf *out, struct err *e)
{
    if (d->compression == COMPRESSION_NONE)
        return buf_printf(out, e, "none");
    return buf_printf(out, e, "gzip:%d", d->compression_level);
}

static int print_spans(const struct job *j, struct buf *out, struct err *e)
{
    for (int i = 0; i < j->retry_delay_count; i++)
        if ((i > 0 && buf_append(out, " ", 1, e) < 0) ||
            unit_print_span(j->retry_delays_s[i], out, e) < 0)
            return -1;
    return 0;
}

static int print_names(const struct config_option *o, const struct job *j, struct buf *out,
                       struct err *e)
{
    bool sources = o->type == OPTION_SOURCES;
    size_t count = sources ? j->source_count : j->destination_count;

    for (size_t i = 0; i < count; i++)
        if (buf_printf(out, e, "%s%s", i > 0 ? " " : "",
                       sources ? j->sources[i]->name : j->destinations[i]->name) < 0)
            return -1;
    return 0;
}

static int print_int(const struct config_option *o, int value, struct buf *out, struct err *e)
{
    switch (o->type) {
    case OPTION_PERCENT:
        return buf_printf(out, e, "%d%%", value);
    case OPTION_KEEP:
        return value == KEEP_FOREVER ? 0 : buf_printf(out, e, "keep %d", value);
    case OPTION_COUNT_OR_NONE:
        return value == KEEP_UNSET ? 0 : buf_printf(out, e, "%d", value);
    case OPTION_CHOICE:
        return print_choice(o->words, value, out, e);
    default:
        return buf_printf(out, e, "%d", value);
    }
}

static int print_i64(const struct config_option *o, int64_t value, struct buf *out, struct err *e)
{
    if (value == 0 && o->fallback == NULL)
        return 0; /* 0 stands for unset */
    return o->type == OPTION_SIZE ? unit_print_size(value, out, e) : unit_print_span(value, out, e);
}

int value_print(const struct config_option *o, const void *base, bool redact, struct buf *out,
                struct err *e)
{
    const void *field = (const char *)base + o->offset;
    int number;

    switch (o->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_PLACE:
    case OPTION_PREFIX:
    case OPTION_TOKEN:
    case OPTION_URL:
    case OPTION_ENDPOINT:
    case OPTION_ZONE: {
        const char *text = *(char *const *)field;
        return text != NULL ? ini_quote(out, text, false, e) : 0;
    }
    case OPTION_URI: {
        const char *text = *(char *const *)field;
        return text != NULL ? print_uri(text, redact, out, e) : 0;
    }
    case OPTION_WORDS:
    case OPTION_COMMAND:
    case OPTION_PEOPLE: {
        const struct strlist *list = field;
        return print_words(list->items, list->count, out, e);
    }
    case OPTION_SWITCH:
        return buf_printf(out, e, "%s", *(const bool *)field ? "yes" : "no");
    case OPTION_CHOICE:
    case OPTION_NUMBER:
    case OPTION_PERCENT:
    case OPTION_KEEP:
    case OPTION_COUNT_OR_NONE:
        memcpy(&number, field, sizeof(number)); /* an enum or an int */
        return print_int(o, number, out, e);
    case OPTION_SPAN_OR_NEVER:
        if (*(const int64_t *)field == SPAN_UNSET)
            return 0;
        return *(const int64_t *)field == 0 ? buf_printf(out, e, "never")
                                            : print_i64(o, *(const int64_t *)field, out, e);
    case OPTION_SPAN:
    case OPTION_SIZE:
        return print_i64(o, *(const int64_t *)field, out, e);
    case OPTION_SPANS:
        return print_spans(base, out, e);
    case OPTION_TIER:
    case OPTION_VERIFY:
        return rule_print(field, out, e);
    case OPTION_KEY:
    case OPTION_SECRET:
        return print_secret(field, false, out, e);
    case OPTION_OLD_KEYS:
        return print_old_keys(base, out, e);
    case OPTION_COMPRESSION:
        return print_compression(base, out, e);
    case OPTION_RATES:
        return rate_print(field, out, e);
    case OPTION_SOURCES:
    case OPTION_DESTINATIONS:
        return print_names(o, base, out, e);
    }
    return 0;
}
