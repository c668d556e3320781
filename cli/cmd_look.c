/* cmd_look.c — ls, dump, export: a worker of our own reads one set. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/place.h"
#include "cli/worker_run.h"
#include "lib/base/io.h"

/* Find the set of the first operand, run `verb` over it with the members of `extra` (taken). */
static int look(struct cli *c, const char *verb, json_t *extra, json_t **ret, struct err *e)
{
    _cleanup_(target_deinit) struct target t = {0};
    struct place p = {0};
    struct worker_run run = {.screen = &c->screen,
                             .output = strcmp(verb, "cat") == 0,
                             .quiet = strcmp(verb, "export") != 0};
    int rc = target_parse(args_operand(c->args, 0), &t, e);

    if (rc == 0)
        rc = place_find(c, &t, verb, &p, e);
    if (rc == 0) {
        run.job = place_job(&p, verb);
        (void)json_object_update(run.job, extra);
        rc = worker_run(&run, ret, e);
        if (rc == 0 && p.job != NULL) {
            (void)json_object_set_new(*ret, "job", json_printable(p.job));
            (void)json_object_set_new(*ret, "id", json_printable(p.id));
        }
    }
    json_decref(extra);
    place_release(c, &p, rc < 0 ? e : NULL, NULL);
    return rc;
}

static json_t *string_or_null(const char *s)
{
    return s != NULL ? json_printable(s) : json_null();
}

static void add_entry(const struct screen *s, struct table *t, const json_t *o)
{
    char size[16], when[48];
    const char *path = json_opt_string(o, "path", "");
    int64_t bytes = json_opt_i64(o, "size", 0);
    const json_t *mtime = json_object_get(o, "mtime");
    char iso[32] = "";

    if (json_is_integer(mtime))
        (void)clock_iso8601((struct wall){json_integer_value(mtime) * 1000000}, iso);
    else if (json_is_string(mtime))
        (void)snprintf(iso, sizeof(iso), "%s", json_string_value(mtime));
    table_add(t, PLAIN, "%s", json_opt_string(o, "type", "?"));
    table_add(t, PLAIN, "%s", str_bytes((uint64_t)(bytes > 0 ? bytes : 0), size));
    table_add(t, PLAIN, "%s", screen_time(s, iso[0] != '\0' ? iso : NULL, when));
    table_add(t, PLAIN, "%s", json_opt_string(o, "source", "?"));
    table_add(t, PLAIN, "%s", path);
}

int cmd_ls(struct cli *c, struct err *e)
{
    static const char *const titles[] = {"TYPE", "SIZE", "CHANGED", "SOURCE", "PATH"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    _cleanup_json_ json_t *result = NULL;
    json_t *extra = json_object(), *o;
    size_t i;

    (void)json_object_set_new(extra, "source", string_or_null(args_value(c->args, "--source")));
    if (look(c, "ls", extra, &result, e) < 0)
        return -1;
    if (cli_json(c, result))
        return EXIT_DONE;
    json_array_foreach(json_object_get(result, "entries"), i, o) add_entry(&c->screen, &t, o);
    table_print(&c->screen, &t);
    return EXIT_DONE;
}

int cmd_dump(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;
    const char *source = args_operand(c->args, 1), *member = args_operand(c->args, 2);

    if (c->screen.json)
        return err_set(e, ERR_USAGE,
                       "dump writes the bytes themselves, --json does not go with it");
    if (isatty(STDOUT_FILENO) == 1 && member == NULL)
        return err_set(e, ERR_REFUSED, "dump does not write to a terminal (add: > FILE)");
    json_t *extra = json_object();
    (void)json_object_set_new(extra, "source", json_printable(source));
    (void)json_object_set_new(extra, "path", string_or_null(member));
    return look(c, "cat", extra, &result, e) < 0 ? -1 : EXIT_DONE;
}

static bool exists(const char *path, bool *is_folder)
{
    struct stat st;
    int rc = io_stat(AT_FDCWD, path, &st, 0);

    *is_folder = rc == 0 && S_ISDIR(st.st_mode);
    return rc == 0;
}

int cmd_export(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;
    const char *place = args_operand(c->args, 1);
    _cleanup_free_ char *here = getcwd(NULL, 0);
    _cleanup_free_ char *path =
        place[0] == '/' || here == NULL ? mem_strdup(place) : mem_printf("%s/%s", here, place);
    char size[16];
    bool is_folder;

    if (target_is_path(args_operand(c->args, 0)))
        return err_set(e, ERR_USAGE, "export wants JOB/ID, not a file");
    if (exists(path, &is_folder) && !is_folder)
        return err_set(e, ERR_REFUSED, "%s exists already; export writes a new file", path);
    json_t *extra = json_object();
    (void)json_object_set_new(extra, "place", json_printable(path));
    if (look(c, "export", extra, &result, e) < 0)
        return -1;
    if (cli_json(c, result))
        return EXIT_DONE;
    /* in a folder the worker names the file after the set */
    _cleanup_free_ char *file =
        is_folder ? mem_printf("%s/%s-%s.tar", path, json_opt_string(result, "job", "?"),
                               json_opt_string(result, "id", "?"))
                  : mem_strdup(path);
    say_line(&c->screen, PLAIN, "%s: %s, SHA-256 %s", file,
             str_bytes((uint64_t)json_opt_i64(result, "bytes", 0), size),
             json_opt_string(result, "sha256", "?"));
    say_line(&c->screen, PLAIN, "restore it with: synbakctl restore %s --key SECRET --target DIR",
             file);
    return EXIT_DONE;
}
