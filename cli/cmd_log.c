/* cmd_log.c — the journal, a record a line: time, what, of which job and run, and the rest as
 * name=value. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/channel.h"

enum { FOLLOW_MS = 1000, PAGE = 1000, SHOWN = 50 };

/* Members that stand elsewhere in the line, or that no one reads. */
static bool is_told(const char *key)
{
    static const char *const told[] = {"seq", "prev", "time", "type", "job", "run", "batch"};

    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        if (strcmp(key, told[i]) == 0)
            return true;
    return false;
}

/* What says nothing: members at rest. */
static bool is_empty(const char *key, const json_t *value)
{
    return json_is_null(value) || json_is_false(value) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (strcmp(key, "code") == 0 && str_equal(json_string_value(value), "none"));
}

/* An array as people would write it: its words, or the names in its objects. Owned. */
static char *short_list(const json_t *list)
{
    _cleanup_json_ json_t *words = json_array();
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *word = json_string_value(item);
        if (word == NULL)
            word = json_opt_string(item, "destination", json_opt_string(item, "id", NULL));
        if (word != NULL)
            (void)json_array_append_new(words, json_string(word));
    }
    return join_strings(words, ",");
}

static void print_member(const struct screen *s, const char *key, const json_t *value)
{
    if (is_empty(key, value))
        return;
    if (json_is_array(value)) {
        _cleanup_free_ char *words = short_list(value);
        if (words[0] != '\0')
            say(s, PLAIN, " %s=%s", key, words);
        return;
    }
    if (json_is_string(value)) {
        const char *text = json_string_value(value);
        bool quoted = strchr(text, ' ') != NULL || text[0] == '\0';
        say(s, PLAIN, quoted ? " %s=\"%s\"" : " %s=%s", key, text);
        return;
    }
    char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    say(s, PLAIN, " %s=%s", key, dumped != NULL ? dumped : "?");
    free(dumped);
}

static enum tint record_tint(const char *type, const json_t *record)
{
    const char *outcome = json_opt_string(record, "outcome", "good");

    if (strstr(type, "fail") != NULL || str_equal(outcome, "failed"))
        return RED;
    return str_equal(outcome, "good") ? PLAIN : YELLOW;
}

/* With seconds, which are the same in every zone. */
static void print_time(const struct screen *s, const char *iso)
{
    char when[48];

    (void)screen_time(s, iso, when);
    if (iso == NULL || strlen(when) < 16 || strlen(iso) < 19)
        say(s, DIM, "%s ", when);
    else
        say(s, DIM, "%.16s:%.2s%s ", when, iso + 17, when + 16);
}

static void print_record(const struct cli *c, json_t *record)
{
    const struct screen *s = &c->screen;
    const char *type = json_opt_string(record, "type", "?"), *key;
    const char *job = json_opt_string(record, "job", NULL);
    int64_t run = json_opt_i64(record, "run", 0);
    json_t *value;

    if (cli_json(c, record) || strcmp(type, "run-result") == 0)
        return; /* run-finished says the same once more, when the hooks are through as well */
    print_time(s, json_opt_string(record, "time", NULL));
    say(s, record_tint(type, record), "%s", type);
    if (job != NULL)
        say(s, BOLD, " %s", job);
    if (run > 0)
        say(s, PLAIN, " run %lld", (long long)run);
    json_object_foreach(record, key, value) if (!is_told(key)) print_member(s, key, value);
    (void)putchar('\n');
}

/* One page of records after *after. 1: it was full, there may be more. */
static int print_page(struct cli *c, int64_t *after, int64_t count, struct err *e)
{
    const char *job = args_operand(c->args, 0);
    _cleanup_json_ json_t *result = NULL;
    json_t *params = cli_params(c), *record;
    size_t i;

    if (job != NULL)
        (void)json_object_set_new(params, "job", json_printable(job));
    if (*after >= 0)
        (void)json_object_set_new(params, "after", json_integer(*after));
    (void)json_object_set_new(params, "count", json_integer(count));
    if (cli_call(c, "log", params, &result, e) < 0)
        return -1;
    const json_t *records = json_object_get(result, "records");
    json_array_foreach(records, i, record) print_record(c, record);
    int64_t last = json_opt_i64(result, "last", *after > 0 ? *after : 0);
    bool full = *after >= 0 && (int64_t)json_array_size(records) >= count;
    if (full)
        last = json_opt_i64(json_array_get(records, json_array_size(records) - 1), "seq", last);
    *after = last;
    (void)fflush(stdout);
    return full;
}

int cmd_log(struct cli *c, struct err *e)
{
    _cleanup_(interrupt_close) struct interrupt interrupt = {-1};
    const char *text = args_value(c->args, "--count");
    int64_t after = -1, count = SHOWN;

    if (text != NULL && str_to_i64(text, 1, 10000, &count, e) < 0) {
        e->code = ERR_USAGE;
        return err_wrap(e, "--count");
    }
    if (print_page(c, &after, count, e) < 0)
        return -1;
    if (!args_has(c->args, "--follow"))
        return EXIT_DONE;
    if (interrupt_open(&interrupt, e) < 0)
        return -1;
    while (!interrupt_wait(&interrupt, FOLLOW_MS)) {
        int rc;
        while ((rc = print_page(c, &after, PAGE, e)) == 1)
            ;
        if (rc < 0)
            return -1;
        if (ferror(stdout) != 0)
            break; /* nobody reads any more: main says so */
    }
    return EXIT_DONE;
}
