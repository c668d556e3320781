/* cmd_config.c — config check, show, sandbox: the configuration read as the daemon reads it; config
 * options: what can stand in it. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/sandbox.h"
#include "lib/config/reference.h"
#include "lib/schedule/calendar.h"

/* FILE, or --config, or the default, with every error that was found in *errors. */
static int load(struct cli *c, struct strlist *errors, struct err *e)
{
    const char *file = args_operand(c->args, 0);

    if (file == NULL)
        file = cli_config_file(c);
    if (config_load(file, &c->config, errors, e) < 0)
        return -1;
    return schedule_check_config(c->config, errors, e);
}

static int load_or_first_error(struct cli *c, struct err *e)
{
    struct strlist errors = {0};
    int rc = load(c, &errors, e);

    strlist_deinit(&errors);
    return rc;
}

static json_t *destinations_value(const struct config *config)
{
    static const char *const types[] = {[DESTINATION_DIRECTORY] = "directory",
                                        [DESTINATION_S3] = "s3",
                                        [DESTINATION_SFTP] = "sftp"};
    json_t *list = json_array();

    for (size_t i = 0; i < config->destination_count; i++) {
        const struct destination *d = config->destinations[i];
        _cleanup_free_ char *place = destination_place(d);
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:o, s:s, s:s, s:b, s:b}", "name", d->name, "type",
                            types[d->type], "place", json_printable(place), "format",
                            d->format == FORMAT_REPOSITORY ? "repository" : "plain", "feed",
                            destination_is_fed_live(d) ? "live" : "copy", "deletes", d->deletes,
                            "tells_room", d->type != DESTINATION_S3));
    }
    return list;
}

static json_t *check_value(const struct cli *c, const struct strlist *errors, bool good)
{
    json_t *value = json_pack("{s:b, s:o}", "ok", good, "errors", json_from_strings(errors));

    if (good) {
        (void)json_object_set_new(value, "files", json_from_strings(&c->config->files));
        (void)json_object_set_new(value, "jobs", json_integer((json_int_t)c->config->job_count));
        (void)json_object_set_new(value, "destinations", destinations_value(c->config));
    }
    return value;
}

/* What can be said of a remote place without asking it: doctor asks. */
static void print_remote(const struct screen *s, const struct destination *d)
{
    _cleanup_free_ char *place = destination_place(d);

    if (!destination_is_remote(d))
        return;
    say_line(s, PLAIN, "%s: %s, %s, %s; %s", d->name, place,
             destination_is_fed_live(d) ? "fed live" : "fed by copy",
             d->deletes ? "retention deletes there" : "nothing is deleted there",
             d->type == DESTINATION_S3
                 ? "a bucket does not tell how much room it has"
                 : "its room is what the server tells: synbakctl doctor asks it");
}

int cmd_config_check(struct cli *c, struct err *e)
{
    struct strlist errors = {0};
    int rc = load(c, &errors, e);
    _cleanup_json_ json_t *value = check_value(c, &errors, rc == 0);

    if (cli_json(c, value)) {
        rc = rc < 0 ? err_exit_status(e->code) : EXIT_DONE;
    } else if (rc < 0) {
        /* all but the first, which main prints as the command's own error */
        for (size_t i = 1; i < errors.count; i++) {
            _cleanup_free_ char *shown = str_printable(errors.items[i], strlen(errors.items[i]));
            (void)fprintf(stderr, "synbakctl: %s\n", shown);
        }
    } else {
        say(&c->screen, GREEN, "ok");
        say_line(&c->screen, PLAIN, ": %zu job%s, %zu source%s, %zu destination%s in %zu file%s",
                 c->config->job_count, c->config->job_count == 1 ? "" : "s",
                 c->config->source_count, c->config->source_count == 1 ? "" : "s",
                 c->config->destination_count, c->config->destination_count == 1 ? "" : "s",
                 c->config->files.count, c->config->files.count == 1 ? "" : "s");
        for (size_t i = 0; i < c->config->destination_count; i++)
            print_remote(&c->screen, c->config->destinations[i]);
    }
    strlist_deinit(&errors);
    return rc;
}

int cmd_config_show(struct cli *c, struct err *e)
{
    struct buf out = BUF_INIT(16 << 20);

    if (load_or_first_error(c, e) < 0)
        return -1;
    int rc = config_print(c->config, &out, e);
    if (rc == 0) {
        _cleanup_json_ json_t *value =
            json_pack("{s:s%}", "config", (const char *)out.data, out.len);
        if (!cli_json(c, value))
            (void)fwrite(out.data, 1, out.len, stdout);
    }
    buf_deinit(&out);
    return rc;
}

int cmd_config_options(struct cli *c, struct err *e)
{
    bool man = args_has(c->args, "--man");
    struct buf out = BUF_INIT(1 << 20);
    int rc = config_reference(man ? REFERENCE_MAN : REFERENCE_TEXT, &out, e);

    if (rc == 0) {
        _cleanup_json_ json_t *value =
            json_pack("{s:s%}", "options", (const char *)out.data, out.len);
        if (!cli_json(c, value))
            (void)fwrite(out.data, 1, out.len, stdout);
    }
    buf_deinit(&out);
    return rc;
}

int cmd_config_sandbox(struct cli *c, struct err *e)
{
    if (load_or_first_error(c, e) < 0)
        return -1;
    _cleanup_free_ char *text = sandbox_drop_in(c->config);
    _cleanup_json_ json_t *value = json_pack("{s:s}", "drop_in", text);
    if (!cli_json(c, value))
        (void)fputs(text, stdout);
    return EXIT_DONE;
}
