/* cmd_key.c — key check and key card. The key itself is shown only on demand, on a terminal, to
 * somebody who typed yes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/bare.h"
#include "cli/card.h"
#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/keys.h"
#include "cli/place.h"

/* What a scan says of a destination:
 * {"destination","key","ok","sets","key_id","marker_id","error"}. */
static json_t *look_at(struct cli *c, const struct destination *d)
{
    _cleanup_json_ json_t *store = NULL, *scan = NULL;
    _cleanup_free_ char *where = key_where(&d->key);
    struct err e = {0};
    _cleanup_free_ char *place = destination_place(d);
    json_t *value = json_pack("{s:s, s:o, s:o}", "destination", d->name, "place",
                              json_printable(place), "key", json_printable(where));
    int rc = place_store_of(c, d, &store, &e);

    if (rc == 0)
        rc = bare_scan(c, store, NULL, &scan, &e);
    (void)json_object_set_new(value, "ok", json_boolean(rc == 0));
    if (rc < 0) {
        (void)json_object_set_new(value, "error", json_printable(e.text));
        return value;
    }
    int64_t count = 0, newest = -1;
    const char *name, *key_id = "";
    json_t *sets, *set;
    size_t i;
    json_object_foreach(json_object_get(scan, "sets"), name, sets) json_array_foreach(sets, i, set)
    {
        count++;
        if (json_opt_i64(set, "sequence", 0) > newest) {
            newest = json_opt_i64(set, "sequence", 0);
            key_id = json_opt_string(set, "key_id", "");
        }
    }
    (void)json_object_set_new(value, "sets", json_integer(count));
    (void)json_object_set_new(value, "key_id", json_string(key_id));
    if (json_object_get(scan, "slot") != NULL)
        (void)json_object_update_new(value, json_pack("{s:O,s:O,s:b}", "repository",
                                                      json_object_get(scan, "repository"), "slot",
                                                      json_object_get(scan, "slot"), "may_read",
                                                      json_opt_bool(scan, "may_read", true)));
    (void)json_object_set_new(value, "marker_id",
                              json_string(json_opt_string(scan, "marker_id", "")));
    (void)json_object_set_new(
        value, "damaged",
        json_integer((json_int_t)json_array_size(json_object_get(scan, "damaged"))));
    return value;
}

static void print_checked(const struct screen *s, const json_t *list)
{
    static const char *const titles[] = {"DESTINATION", "KEY", "STATE"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o)
    {
        bool ok = json_opt_bool(o, "ok", false);
        int64_t damaged = json_opt_i64(o, "damaged", 0);
        table_add(&t, PLAIN, "%s", json_opt_string(o, "destination", "?"));
        table_add(&t, PLAIN, "%s", json_opt_string(o, "key", "?"));
        if (!ok)
            table_add(&t, RED, "%s", json_opt_string(o, "error", "?"));
        else if (damaged > 0)
            table_add(&t, RED, "%lld sets do not open with it", (long long)damaged);
        else if (!json_opt_bool(o, "may_read", true))
            table_add(&t, GREEN, "ok, adds sets and may not read them (slot %s)",
                      json_opt_string(o, "slot", "-"));
        else if (json_opt_i64(o, "sets", 0) == 0)
            table_add(&t, GREEN, "ok, no sets yet");
        else
            table_add(
                &t, GREEN, "ok, opens %lld sets (%s %s)", (long long)json_opt_i64(o, "sets", 0),
                json_object_get(o, "slot") != NULL ? "slot" : "key id",
                json_opt_string(o, json_object_get(o, "slot") != NULL ? "slot" : "key_id", "-"));
    }
    table_print(s, &t);
}

int cmd_key_check(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *list = json_array();
    bool good = true;

    if (cli_load_config(c, e) < 0)
        return -1;
    for (size_t i = 0; i < c->config->destination_count; i++) {
        json_t *value = look_at(c, c->config->destinations[i]);
        good = good && json_opt_bool(value, "ok", false) && json_opt_i64(value, "damaged", 0) == 0;
        (void)json_array_append_new(list, value);
    }
    _cleanup_json_ json_t *result = json_pack("{s:O}", "keys", list);
    if (!cli_json(c, result))
        print_checked(&c->screen, list);
    return good ? EXIT_DONE : EXIT_FAILED;
}

static int print_secret(const struct cli *c, const struct destination *d, struct err *e)
{
    struct secret key = {0};

    if (d->key.kind == SECRET_NONE)
        return 0;
    if (key_read(&d->key, false, &key, e) < 0)
        return -1;
    say_line(&c->screen, PLAIN, "  THE KEY      %s", key.text);
    secret_deinit(&key);
    return 0;
}

static int print_destination(struct cli *c, const struct destination *d, const json_t *o,
                             struct err *e)
{
    const struct screen *s = &c->screen;
    const char *job = c->config->job_count > 0 ? c->config->jobs[0]->name : "JOB";

    say_heading(s, d->name);
    card_print_place(s, d);
    if (json_opt_bool(o, "ok", false) && d->format == FORMAT_REPOSITORY) {
        say_line(s, PLAIN, "  repository   %s", json_opt_string(o, "repository", "not made yet"));
        say_line(s, PLAIN, "  key slot     %s", json_opt_string(o, "slot", "-"));
    } else if (json_opt_bool(o, "ok", false)) {
        say_line(s, PLAIN, "  its id       %s", json_opt_string(o, "marker_id", "-"));
        say_line(s, PLAIN, "  key id       %s", json_opt_string(o, "key_id", ""));
    } else {
        say_line(s, YELLOW, "  not read     %s", json_opt_string(o, "error", "?"));
    }
    say_line(s, PLAIN, "  key          %s", json_opt_string(o, "key", "?"));
    if (args_has(c->args, "--show-key") && print_secret(c, d, e) < 0)
        return -1;
    if (!json_opt_bool(o, "may_read", true)) {
        say_line(s, YELLOW,
                 "  This key may only write: a recovery takes another one of this repository");
        say_line(s, YELLOW, "  (synbakctl key add --recovery, where a key is that may read).");
        return 0;
    }
    card_print_commands(s, d, d->key.kind == SECRET_NONE ? "none" : "file:KEY", job);
    if (d->format == FORMAT_REPOSITORY)
        return 0; /* what synbak alone reads; export makes files for other programs */
    say_line(s, PLAIN, "  Without synbak: PLACE/%s/ID/MANIFEST.txt has the commands for openssl,",
             job);
    say_line(s, PLAIN, "  gunzip, tar and pg_restore.");
    return 0;
}

int cmd_key_card(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *list = json_array();
    char host[256] = "?", now[32];

    if (args_has(c->args, "--show-key") && (c->screen.json || !c->screen.terminal))
        return err_set(e, ERR_REFUSED, "--show-key prints to a terminal only");
    if (cli_load_config(c, e) < 0)
        return -1;
    if (args_has(c->args, "--show-key") && confirm_yes("The key will stand on this screen.", e) < 0)
        return -1;
    (void)gethostname(host, sizeof(host) - 1);
    for (size_t i = 0; i < c->config->destination_count; i++)
        (void)json_array_append_new(list, look_at(c, c->config->destinations[i]));
    _cleanup_json_ json_t *result =
        json_pack("{s:o, s:s, s:O}", "host", json_printable(host), "made",
                  clock_iso8601(c->screen.now, now), "destinations", list);
    if (cli_json(c, result))
        return EXIT_DONE;
    say_line(&c->screen, BOLD, "Recovery card of %s, %s", host, now);
    say_line(&c->screen, PLAIN,
             "Keep it, and a copy of each key, where this machine's loss does not reach.");
    say_line(&c->screen, PLAIN, "Without the key nobody can read the backups, whoever asks.");
    for (size_t i = 0; i < c->config->destination_count; i++)
        if (print_destination(c, c->config->destinations[i], json_array_get(list, i), e) < 0)
            return -1;
    return EXIT_DONE;
}
