/* One line per type in each of the four switches; what is more than a line has a function above.
 * Fields are reached by offset, so the table in options.def and the structs in config.h must agree
 * on their types: the round trip of every option is a test. */
#include "lib/config/value.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/config/ini.h"
#include "lib/config/rate.h"
#include "lib/config/rule.h"
#include "lib/config/unit.h"
#include "lib/config/value_text.h"

static void *field_of(const struct config_option *o, void *base)
{
    return (char *)base + o->offset;
}

/* ---- reading ---- */

static int parse_switch(const char *s, bool *field, struct err *e)
{
    static const char *const on[] = {"yes", "true", "on", "1"};
    static const char *const off[] = {"no", "false", "off", "0"};

    for (size_t i = 0; i < ARRAY_LEN(on); i++)
        if (strcmp(s, on[i]) == 0 || strcmp(s, off[i]) == 0) {
            *field = strcmp(s, on[i]) == 0;
            return 0;
        }
    return err_set(e, ERR_CONFIG, "\"%.80s\" is neither yes nor no", s);
}

static int parse_choice(const struct config_option *o, const char *s, void *field, struct err *e)
{
    const char *w = o->words;
    size_t len = strlen(s);
    int at = 0;

    do {
        const char *end = strchr(w, '|');
        size_t n = end != NULL ? (size_t)(end - w) : strlen(w);
        if (n == len && memcmp(w, s, n) == 0) {
            memcpy(field, &at, sizeof(at)); /* enums are int-sized here */
            return 0;
        }
        w = end != NULL ? end + 1 : NULL;
        at++;
    } while (w != NULL);
    if (strchr(o->words, '|') == NULL)
        return err_set(e, ERR_CONFIG, "\"%.80s\" is not known, only \"%s\" is", s, o->words);
    return err_set(e, ERR_CONFIG, "\"%.80s\" is not one of %s", s, o->words);
}

static int parse_number(const struct config_option *o, const char *s, int *field, struct err *e)
{
    int64_t n;

    if (str_to_i64(s, o->min, o->max, &n, e) < 0)
        return -1;
    *field = (int)n;
    return 0;
}

static int parse_percent(const struct config_option *o, char *s, int *field, struct err *e)
{
    size_t len = strlen(s);

    if (len > 1 && s[len - 1] == '%')
        s[len - 1] = '\0';
    return parse_number(o, s, field, e);
}

static int in_range(const struct config_option *o, const char *s, int64_t n, struct err *e)
{
    if (n >= o->min && n <= o->max)
        return 0;
    struct buf low = BUF_INIT(64), high = BUF_INIT(64);
    bool size = o->type == OPTION_SIZE;
    if ((size ? unit_print_size(o->min, &low, e) : unit_print_span(o->min, &low, e)) == 0 &&
        (size ? unit_print_size(o->max, &high, e) : unit_print_span(o->max, &high, e)) == 0)
        (void)err_set(e, ERR_CONFIG, "\"%.80s\" is not between %s and %s", s, (char *)low.data,
                      (char *)high.data);
    buf_deinit(&low);
    buf_deinit(&high);
    return -1;
}

static int parse_span(const struct config_option *o, const char *s, int64_t *field, struct err *e)
{
    int64_t n;

    if (str_to_seconds(s, &n, e) < 0 || in_range(o, s, n, e) < 0)
        return -1;
    *field = n;
    return 0;
}

static int parse_span_or_never(const struct config_option *o, const char *s, int64_t *field,
                               struct err *e)
{
    if (strcmp(s, "never") != 0 && strcmp(s, "0") != 0)
        return parse_span(o, s, field, e);
    *field = 0;
    return 0;
}

static int parse_size(const struct config_option *o, const char *s, int64_t *field, struct err *e)
{
    uint64_t n;

    if (str_to_bytes(s, &n, e) < 0 || in_range(o, s, n > INT64_MAX ? INT64_MAX : (int64_t)n, e) < 0)
        return -1;
    *field = (int64_t)n;
    return 0;
}

static int parse_spans(const struct config_option *o, const char *raw, struct job *j, struct err *e)
{
    struct strlist words = {0};
    int64_t spans[ARRAY_LEN(j->retry_delays_s)];
    int r = strlist_split(&words, raw, e);

    if (r == 0 && words.count > ARRAY_LEN(spans))
        r = err_set(e, ERR_CONFIG, "more than %zu times", ARRAY_LEN(spans));
    for (size_t i = 0; r == 0 && i < words.count; i++)
        r = parse_span(o, words.items[i], &spans[i], e);
    if (r == 0) {
        memcpy(j->retry_delays_s, spans, words.count * sizeof(spans[0]));
        j->retry_delay_count = (int)words.count;
    }
    strlist_deinit(&words);
    return r;
}

static int parse_old_keys(const char *raw, struct destination *d, struct err *e)
{
    struct strlist words = {0};
    struct secret_ref *refs = NULL;
    size_t count = 0;
    int r = strlist_split(&words, raw, e);

    if (r == 0)
        refs = mem_alloc(words.count * sizeof(*refs));
    while (r == 0 && count < words.count) {
        r = secret_ref_parse(words.items[count], &refs[count], e);
        if (r == 0 && refs[count++].kind == SECRET_NONE)
            r = err_set(e, ERR_CONFIG, "\"none\" is not a key");
    }
    strlist_deinit(&words);
    if (r == 0) {
        d->old_keys = refs;
        d->old_key_count = count;
        return 0;
    }
    while (count > 0)
        secret_ref_deinit(&refs[--count]);
    free(refs);
    return -1;
}

static int parse_compression(const char *s, struct destination *d, struct err *e)
{
    int64_t level = 2;

    if (strcmp(s, "none") == 0) {
        d->compression = COMPRESSION_NONE;
        d->compression_level = 1;
        return 0;
    }
    if (strcmp(s, "gzip") != 0 && !str_starts(s, "gzip:"))
        return err_set(e, ERR_CONFIG, "\"%.80s\" is neither none nor gzip nor gzip:LEVEL", s);
    if (s[4] == ':' && str_to_i64(s + 5, 1, 9, &level, e) < 0)
        return err_wrap(e, "level");
    d->compression = COMPRESSION_GZIP;
    d->compression_level = (int)level;
    return 0;
}

/* The quotes of a command belong to its words: they are taken off only around the whole. */
static int parse_secret(const struct config_option *o, const char *raw, const char *text,
                        struct secret_ref *field, struct err *e)
{
    if (secret_ref_parse(raw[0] == '"' ? text : raw, field, e) < 0)
        return -1;
    if (field->kind == SECRET_NONE && o->type != OPTION_KEY)
        return err_set(e, ERR_CONFIG, "\"none\" is no secret; leave the line out");
    return 0;
}

static int parse_scalar(const struct config_option *o, char *s, void *base, struct err *e)
{
    void *field = field_of(o, base);

    switch (o->type) {
    case OPTION_SWITCH:
        return parse_switch(s, field, e);
    case OPTION_CHOICE:
        return parse_choice(o, s, field, e);
    case OPTION_NUMBER:
    case OPTION_COUNT_OR_NONE:
        return parse_number(o, s, field, e);
    case OPTION_PERCENT:
        return parse_percent(o, s, field, e);
    case OPTION_SPAN:
        return parse_span(o, s, field, e);
    case OPTION_SPAN_OR_NEVER:
        return parse_span_or_never(o, s, field, e);
    case OPTION_SIZE:
        return parse_size(o, s, field, e);
    case OPTION_KEEP:
        return rule_parse_keep(s, field, e);
    case OPTION_TIER:
        return rule_parse_tier(s, field, e);
    case OPTION_VERIFY:
        return rule_parse_verify(s, field, e);
    case OPTION_COMPRESSION:
        return parse_compression(s, base, e);
    case OPTION_RATES:
        return rate_parse(s, o->min, o->max, field, e);
    default:
        return value_parse_text(o, s, field, e);
    }
}

int value_parse(const struct config_option *o, const char *raw, void *base, struct err *e)
{
    char *text = NULL;
    int r;

    value_free(o, base);
    value_init(o, base);
    if (ini_unquote(raw, &text, e) < 0)
        return -1;
    if (text[0] == '\0' && o->type != OPTION_TIER)
        r = err_set(e, ERR_CONFIG, "no value; leave the line out for the default");
    else if (o->type == OPTION_WORDS || o->type == OPTION_COMMAND || o->type == OPTION_PEOPLE)
        r = value_parse_words(o, raw, field_of(o, base), e);
    else if (o->type == OPTION_SECRET || o->type == OPTION_KEY)
        r = parse_secret(o, raw, text, field_of(o, base), e);
    else if (o->type == OPTION_SPANS)
        r = parse_spans(o, raw, base, e);
    else if (o->type == OPTION_OLD_KEYS)
        r = parse_old_keys(raw, base, e);
    else
        r = parse_scalar(o, text, base, e);
    if (r < 0 && e != NULL)
        e->code = ERR_CONFIG;
    mem_wipe(text, strlen(text));
    free(text);
    return r;
}

/* ---- what is left out ---- */

void value_init(const struct config_option *o, void *base)
{
    void *field = field_of(o, base);

    switch (o->type) {
    case OPTION_TIER:
    case OPTION_VERIFY:
        *(struct tier_rule *)field =
            (struct tier_rule){.when = mem_strdup(""), .keep = KEEP_FOREVER};
        return;
    case OPTION_COUNT_OR_NONE:
        *(int *)field = KEEP_UNSET;
        return;
    case OPTION_SPAN_OR_NEVER:
        *(int64_t *)field = SPAN_UNSET;
        return;
    case OPTION_KEEP:
        *(int *)field = KEEP_FOREVER;
        return;
    default:
        break;
    }
    if (o->fallback == NULL)
        return;
    _cleanup_free_ char *text = mem_strdup(o->fallback);
    int r = o->type == OPTION_SPANS ? parse_spans(o, text, base, NULL)
                                    : parse_scalar(o, text, base, NULL);
    if (r < 0)
        abort(); /* options.def is wrong: test_config_value reads every fallback */
}

void value_free(const struct config_option *o, void *base)
{
    void *field = field_of(o, base);

    switch (o->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_PLACE:
    case OPTION_PREFIX:
    case OPTION_TOKEN:
    case OPTION_URI:
    case OPTION_URL:
    case OPTION_ENDPOINT:
    case OPTION_ZONE: {
        char **text = field;
        if (*text != NULL)
            mem_wipe(*text, strlen(*text));
        free(TAKE(*text));
        break;
    }
    case OPTION_WORDS:
    case OPTION_COMMAND:
    case OPTION_PEOPLE:
        strlist_deinit(field);
        break;
    case OPTION_TIER:
    case OPTION_VERIFY:
        free(((struct tier_rule *)field)->when);
        *(struct tier_rule *)field = (struct tier_rule){0};
        break;
    case OPTION_KEY:
    case OPTION_SECRET:
        secret_ref_deinit(field);
        break;
    case OPTION_RATES:
        rate_free(field);
        break;
    case OPTION_OLD_KEYS: {
        struct destination *d = base;
        for (size_t i = 0; i < d->old_key_count; i++)
            secret_ref_deinit(&d->old_keys[i]);
        free(TAKE(d->old_keys));
        d->old_key_count = 0;
        break;
    }
    case OPTION_SOURCES:
        free(TAKE(((struct job *)base)->sources));
        break;
    case OPTION_DESTINATIONS:
        free(TAKE(((struct job *)base)->destinations));
        break;
    default:
        break; /* no memory of its own */
    }
}
