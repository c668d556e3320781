/* cmd_log.c — the journal, a record a line: time, job, and what happened; --json has the whole of
 * each record. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/channel.h"
#include "cli/log_text.h"

enum { FOLLOW_MS = 1000, PAGE = 1000, SHOWN = 50 };

static enum tint record_tint(const char *type, const json_t *record)
{
    const char *outcome = json_opt_string(record, "outcome", "good");

    if (strstr(type, "fail") != NULL || str_equal(outcome, "failed"))
        return RED;
    return str_equal(outcome, "good") && json_opt_bool(record, "ok", true) ? PLAIN : YELLOW;
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
    const char *job = json_opt_string(record, "job", NULL);

    if (cli_json(c, record))
        return;
    _cleanup_free_ char *text = log_text(record);
    if (text == NULL)
        return;
    print_time(s, json_opt_string(record, "time", NULL));
    if (job != NULL) {
        say(s, BOLD, "%s", job);
        say(s, PLAIN, ": ");
    }
    say_line(s, record_tint(json_opt_string(record, "type", "?"), record), "%s", text);
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
