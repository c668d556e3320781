/* cmd_keys.c — key add, list, remove, rotate: who may open a repository. A worker of ours does it, at every
 * replica that is configured; a new secret is shown once, or written to a file of the caller's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask_secret.h"
#include "cli/card.h"
#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/repository_places.h"
#include "cli/worker_run.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"

enum { SLOT_LEN = 32, SLOT_PART_MIN = 4 };

/* members (taken): what the change wants besides. */
static int run_worker(struct cli *c, struct repository_places *p, const char *change,
                      json_t *members, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *more = members;
    _cleanup_free_ char *user = repository_places_user(p);

    if (repository_places_open(c, p, e) < 0)
        return -1;
    json_t *job = json_pack("{s:s,s:s,s:O}", "verb", "keys", "change", change, "stores", p->stores);
    if (more != NULL)
        (void)json_object_update(job, more);
    const struct worker_run run = {.screen = &c->screen, .quiet = true, .job = job, .user = user};
    return worker_run(&run, ret, e);
}

/* For the journal of the synbakd that writes there. One that is not there, or does not know the place, writes
 * nothing down. */
static void tell_daemon(struct cli *c, const struct repository_places *p, const char *change,
                        const char *kind, const json_t *result)
{
    _cleanup_json_ json_t *unused = NULL;
    struct err ignored;

    if (p->bare != NULL || p->count == 0 || cli_connect_optional(c, &ignored) != 0)
        return;
    json_t *params =
        json_pack("{s:s,s:s,s:s?,s:s?,s:I}", "destination", p->items[0]->name, "change", change,
                  "kind", kind, "slot", json_opt_string(result, "slot", NULL), "generation",
                  (json_int_t)json_opt_i64(result, "generation", 0));
    (void)!client_call(c->client, (struct client_call){.method = "keys-changed", .params = params},
                       &unused, &ignored);
}

/* What did not reach a replica yet. */
static int report_problems(const struct cli *c, const json_t *result)
{
    const json_t *problems = json_object_get(result, "problems");
    json_t *one;
    size_t i;

    json_array_foreach(problems, i, one) if (!c->screen.json)
    {
        _cleanup_free_ char *shown = str_printable(json_string_value(one), json_string_length(one));
        (void)fprintf(stderr, "synbakctl: %s\n", shown);
    }
    return json_array_size(problems) > 0 ? EXIT_LATE : EXIT_DONE;
}

/* --- list --- */

static void print_slots(const struct screen *s, const json_t *result)
{
    static const char *const titles[] = {"SLOT", "KIND", "MADE", "LABEL"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    char when[48];
    json_t *slot;
    size_t i;

    json_array_foreach(json_object_get(result, "slots"), i, slot)
    {
        table_add(&t, PLAIN, "%s", json_opt_string(slot, "slot", "?"));
        if (json_opt_bool(slot, "damaged", false)) {
            table_add(&t, RED, "damaged");
            table_add(&t, PLAIN, "-");
            table_add(&t, RED, "it opens nothing any more: synbakctl key remove");
            continue;
        }
        table_add(&t, PLAIN, "%s", json_opt_string(slot, "kind", "?"));
        table_add(&t, PLAIN, "%s", screen_time(s, json_opt_string(slot, "created", NULL), when));
        table_add(&t, PLAIN, "%s%s", json_opt_string(slot, "label", ""),
                  json_opt_bool(slot, "opened", false) ? " (this key)" : "");
    }
    table_print(s, &t);
}

static int list_one(struct cli *c, struct repository_places *p, json_t *all, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;

    if (run_worker(c, p, "list", NULL, &result, e) < 0)
        return err_wrap(e, "repository \"%s\"", p->name);
    (void)json_object_set_new(result, "name", json_printable(p->name));
    (void)json_array_append(all, result);
    if (c->screen.json)
        return report_problems(c, result);
    say_heading(&c->screen, p->name);
    say_line(&c->screen, PLAIN, "repository %s", json_opt_string(result, "repository", "?"));
    print_slots(&c->screen, result);
    return report_problems(c, result);
}

static int list_configured(struct cli *c, json_t *all, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist names = {0};
    int status = EXIT_DONE;

    repository_places_list(c->config, &names);
    for (size_t i = 0; i < names.count && status >= 0; i++) {
        struct repository_places p = {0};
        repository_places_of(c->config, names.items[i], &p);
        int rc = list_one(c, &p, all, e);
        status = rc != EXIT_DONE ? rc : status;
        repository_places_deinit(&p);
    }
    return status;
}

int cmd_key_list(struct cli *c, struct err *e)
{
    _cleanup_(repository_places_deinit) struct repository_places p = {0};
    _cleanup_json_ json_t *all = json_array();
    int status;

    if (args_has(c->args, "--destination"))
        status = repository_places_find(c, &p, e) < 0 ? -1 : list_one(c, &p, all, e);
    else
        status = cli_load_config(c, e) < 0 ? -1 : list_configured(c, all, e);
    if (status < 0)
        return -1;
    _cleanup_json_ json_t *result = json_pack("{s:O}", "repositories", all);
    if (!cli_json(c, result) && json_array_size(all) == 0)
        say_line(&c->screen, PLAIN, "no destination has format = repository");
    return status;
}

/* --- add --- */

static const char *new_kind(const struct args *a, struct err *e)
{
    static const char *const options[] = {"--recovery", "--passphrase", "--write-only",
                                          "--operation"};
    const char *found = NULL;

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (args_has(a, options[i]) && found != NULL) {
            (void)err_set(e, ERR_USAGE, "%s and %s do not go together", found, options[i]);
            return NULL;
        }
        if (args_has(a, options[i]))
            found = options[i];
    }
    if (found == NULL)
        (void)err_set(e, ERR_USAGE,
                      "key add needs --recovery, --passphrase, --write-only or --operation");
    return found != NULL ? found + 2 : NULL;
}

static json_t *new_members(const struct cli *c, const char *kind, const struct secret *secret)
{
    const char *label = args_value(c->args, "--label");

    return json_pack("{s:s,s:o,s:o}", "kind", kind, "label",
                     json_printable(label != NULL ? label : kind), "secret",
                     secret->text != NULL ? json_string(secret->text) : json_null());
}

static int open_output(const char *path, int *ret, struct err *e)
{
    *ret = io_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *ret >= 0 ? 0 : err_sys(e, ERR_IO, errno, "create %s", path);
}

static int write_output(const char *path, int fd, json_t *result, struct err *e)
{
    const char *secret = json_opt_string(result, "secret", "");

    if (fs_write_all(fd, secret, strlen(secret), e) < 0 || fs_write_all(fd, "\n", 1, e) < 0 ||
        io_fsync(fd) != 0)
        return err_wrap(e, "the new key, which is lost (key remove %s)",
                        json_opt_string(result, "slot", "?"));
    (void)json_object_del(result, "secret");
    (void)json_object_set_new(result, "output", json_printable(path));
    return 0;
}

static void print_card(struct cli *c, const struct repository_places *p, const json_t *result,
                       const char *code)
{
    const struct screen *s = &c->screen;
    const char *job =
        c->config != NULL && c->config->job_count > 0 ? c->config->jobs[0]->name : "JOB";
    char now[32];

    say_line(s, BOLD, "Recovery card of repository \"%s\", %s", p->name,
             clock_iso8601(s->now, now));
    say_line(s, PLAIN,
             "Print it and keep it where this machine's loss does not reach. The code is shown");
    say_line(s, PLAIN, "this once; whoever has it and the repository can read all backups.");
    say_line(s, PLAIN, "  repository   %s", json_opt_string(result, "repository", "?"));
    say_line(s, PLAIN, "  slot         %s", json_opt_string(result, "slot", "?"));
    if (code != NULL)
        say_line(s, BOLD, "  code         %s", code);
    for (size_t i = 0; i < p->count; i++) {
        say_heading(s, p->items[i]->name);
        card_print_place(s, p->items[i]);
        card_print_commands(s, p->items[i], "ask", job);
    }
}

static void print_added(struct cli *c, const struct repository_places *p, const char *kind,
                        const json_t *result)
{
    const struct screen *s = &c->screen;
    const char *secret = json_opt_string(result, "secret", NULL);
    const char *output = json_opt_string(result, "output", NULL);

    if (strcmp(kind, "recovery") == 0) {
        print_card(c, p, result, secret);
    } else {
        say_line(s, PLAIN, "slot %s (%s) opens repository \"%s\" from now on",
                 json_opt_string(result, "slot", "?"), kind, p->name);
        if (secret != NULL)
            say_line(s, BOLD, "key, shown this once: %s", secret);
    }
    if (output != NULL)
        say_line(s, PLAIN, "the secret is in %s", output);
}

/* With the file that the secret goes to, if it goes to one. */
static int add_key(struct cli *c, struct repository_places *p, const char *kind, int output,
                   json_t **ret, struct err *e)
{
    struct secret secret = {0};

    if (strcmp(kind, "passphrase") == 0 && ask_secret("New passphrase", true, &secret, e) < 0)
        return -1;
    int rc = run_worker(c, p, "add", new_members(c, kind, &secret), ret, e);
    secret_deinit(&secret);
    if (rc == 0 && output >= 0)
        rc = write_output(args_value(c->args, "--output"), output, *ret, e);
    return rc;
}

int cmd_key_add(struct cli *c, struct err *e)
{
    _cleanup_(repository_places_deinit) struct repository_places p = {0};
    _cleanup_(fs_closep) int output = -1;
    _cleanup_json_ json_t *result = NULL;
    const char *kind = new_kind(c->args, e), *path = args_value(c->args, "--output");

    if (kind == NULL)
        return -1;
    if (path != NULL && strcmp(kind, "passphrase") == 0)
        return err_set(e, ERR_USAGE, "--output is for what is made here, not for a passphrase");
    if (repository_places_find(c, &p, e) < 0 || (path != NULL && open_output(path, &output, e) < 0))
        return -1;
    if (add_key(c, &p, kind, output, &result, e) < 0) {
        if (path != NULL)
            (void)io_unlink(AT_FDCWD, path, 0);
        return -1;
    }
    tell_daemon(c, &p, "add", kind, result);
    if (!cli_json(c, result))
        print_added(c, &p, kind, result);
    return report_problems(c, result);
}

/* --- remove, rotate --- */

/* The one slot whose id begins so. Borrowed of list. */
static const json_t *find_slot(const json_t *list, const char *part, struct err *e)
{
    const json_t *found = NULL;
    json_t *slot;
    size_t i;

    if (strlen(part) < SLOT_PART_MIN) {
        (void)err_set(e, ERR_USAGE, "at least %d characters of the slot's id are needed",
                      SLOT_PART_MIN);
        return NULL;
    }
    json_array_foreach(json_object_get(list, "slots"), i, slot)
    {
        if (!str_starts(json_opt_string(slot, "slot", ""), part))
            continue;
        if (found != NULL) {
            (void)err_set(e, ERR_USAGE, "more than one slot begins with \"%s\"", part);
            return NULL;
        }
        found = slot;
    }
    if (found == NULL)
        (void)err_set(e, ERR_NOT_FOUND, "there is no slot \"%.*s\" (synbakctl key list)", SLOT_LEN,
                      part);
    return found;
}

static int confirm_removal(const struct cli *c, const json_t *slot, struct err *e)
{
    _cleanup_free_ char *label = str_printable(json_opt_string(slot, "label", ""),
                                               strlen(json_opt_string(slot, "label", "")));
    _cleanup_free_ char *question = mem_printf(
        "Slot %s (%s%s%s) will open nothing any more.", json_opt_string(slot, "slot", "?"),
        json_opt_string(slot, "kind", "damaged"), label[0] != '\0' ? ", " : "", label);

    return args_has(c->args, "--yes") ? 0 : confirm_yes(question, e);
}

int cmd_key_remove(struct cli *c, struct err *e)
{
    _cleanup_(repository_places_deinit) struct repository_places p = {0};
    _cleanup_json_ json_t *list = NULL, *result = NULL;

    if (repository_places_find(c, &p, e) < 0 || run_worker(c, &p, "list", NULL, &list, e) < 0)
        return -1;
    const json_t *slot = find_slot(list, args_operand(c->args, 0), e);
    if (slot == NULL || confirm_removal(c, slot, e) < 0)
        return -1;
    json_t *members = json_pack("{s:s}", "slot", json_opt_string(slot, "slot", ""));
    if (run_worker(c, &p, "remove", members, &result, e) < 0)
        return -1;
    tell_daemon(c, &p, "remove", NULL, result);
    if (!cli_json(c, result)) {
        say_line(&c->screen, PLAIN, "slot %s is removed", json_opt_string(slot, "slot", "?"));
        say_line(&c->screen, PLAIN,
                 "If its secret may be known to others: synbakctl key rotate, and what was written "
                 "before stays readable with a copy of the slot.");
    }
    return report_problems(c, result);
}

int cmd_key_rotate(struct cli *c, struct err *e)
{
    _cleanup_(repository_places_deinit) struct repository_places p = {0};
    _cleanup_json_ json_t *result = NULL;

    if (repository_places_find(c, &p, e) < 0 || run_worker(c, &p, "rotate", NULL, &result, e) < 0)
        return -1;
    tell_daemon(c, &p, "rotate", NULL, result);
    if (!cli_json(c, result))
        say_line(&c->screen, PLAIN,
                 "what is written to repository \"%s\" from now on has reading key %lld", p.name,
                 (long long)json_opt_i64(result, "generation", 0));
    return report_problems(c, result);
}
