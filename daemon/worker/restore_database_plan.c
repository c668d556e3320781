/* restore_database_plan.c — the look before a database is restored: the server, the present
 * database, programs, rights and room. Nothing is changed here. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "daemon/worker/restore_database.h"
#include "daemon/worker/restore_item.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"

static int read_details(struct restore_database *d, const struct manifest_artifact *a,
                        struct err *e)
{
    json_t *database;
    int64_t version, tables = json_opt_i64(a->details, "tables", 0);

    if (json_get_i64(a->details, "server_version_num", 0, 10000000, &version, e) < 0)
        return err_wrap(e, "details of the dump");
    d->dump_version = (int)version;
    d->tables = tables > 0 && tables < UINT32_MAX ? (uint32_t)tables : 0;
    if (d->globals)
        return 0;
    if (json_get_object(a->details, "database", &database, e) < 0 ||
        pg_database_from_json(database, &d->like, e) < 0)
        return err_wrap(e, "details of the dump");
    d->properties = json_incref(json_object_get(a->details, "properties"));
    return 0;
}

static int read_request(struct restore_database *d, const struct restore_request *q, struct err *e)
{
    const struct manifest_artifact *a = q->artifact;
    const char *uri = q->uri, *bin_dir = NULL;

    d->worker = q->worker;
    d->globals = str_equal(a->kind, "globals");
    d->custom = str_equal(a->kind, "dump");
    d->drop_first = q->drop_first;
    d->only = q->tables;
    d->source = mem_strdup(a->source);
    if (q->source != NULL) {
        uri = json_opt_string(q->source, "restore_uri", json_opt_string(q->source, "uri", uri));
        bin_dir = json_opt_string(q->source, "bin_dir", NULL);
    }
    d->uri = mem_strdup(uri);
    d->bin_dir = mem_strdup(bin_dir);
    if (read_details(d, a, e) < 0)
        return -1;
    if (d->only->count > 0)
        d->tables = 0;
    if (!d->globals)
        db_names_make(&d->names, q->mode == RESTORE_DATABASE ? q->database : d->like.name, q->run,
                      q->mode == RESTORE_DATABASE);
    return 0;
}

static void add_part(struct buf *out, const char *what, const json_t *names)
{
    const json_t *name;
    size_t i;

    /* the buffer's bound only shortens a description */
    json_array_foreach(names, i, name)(void) !buf_printf(out, NULL, "%s%s", i == 0 ? what : " ",
                                                         json_string_value(name));
}

/* What the dump leaves out, as it was configured then; "" if nothing. Owned. */
static char *describe_parts(const json_t *details)
{
    struct buf out = BUF_INIT(4096);

    if (json_opt_bool(details, "schema_only", false))
        (void)!buf_printf(&out, NULL, ", without any data");
    add_part(&out, ", only the schemas ", json_object_get(details, "schemas"));
    add_part(&out, ", without the tables ", json_object_get(details, "exclude_tables"));
    add_part(&out, ", without the data of ", json_object_get(details, "exclude_table_data"));
    return buf_take_string(&out);
}

static char *describe(const struct restore_database *d, const struct manifest_artifact *a)
{
    char size[16];

    if (d->globals)
        return mem_strdup("roles that are missing (none that exists is changed)");
    _cleanup_free_ char *name = str_printable(d->like.name, strlen(d->like.name));
    _cleanup_free_ char *tables = d->tables > 0 ? mem_printf("%u tables, ", d->tables) : NULL;
    _cleanup_free_ char *parts = describe_parts(a->details);
    _cleanup_free_ char *shown = str_printable(parts, strlen(parts));
    if (d->only->count > 0) {
        _cleanup_free_ char *wanted = restore_tables_text(d->only);
        return mem_printf("database %s: only %s", name, wanted);
    }
    return mem_printf("database %s: %s%s%s", name, tables != NULL ? tables : "",
                      str_bytes(d->like.bytes, size), shown);
}

static void plan_space(struct pg *p, const struct restore_database *d, struct restore_step *step)
{
    _cleanup_free_ char *place = NULL;
    _cleanup_(fs_closep) int fd = -1;
    struct statvfs space;
    struct stat st;

    if (pg_is_local(p))
        place = pg_tablespace_place(p, d->like.tablespace);
    if (place == NULL)
        return;
    fd = io_open(AT_FDCWD, place, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0 || io_statvfs(fd, &space) != 0 || io_fstat(fd, &st) != 0)
        return; /* a server in a container: its paths are not ours */
    step->need_bytes = d->like.bytes;
    if (d->drop_first && step->need_bytes > d->names.present_bytes)
        step->need_bytes -= d->names.present_bytes;
    else if (d->drop_first)
        step->need_bytes = 0;
    step->free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    step->file_system = (uint64_t)st.st_dev;
}

static int plan_present(struct pg *p, struct restore_database *d, struct restore_step *step,
                        struct err *e)
{
    struct pg_database present = {0};
    char size[16];

    int rc = pg_database_get(p, d->names.name, &present, e);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    rc = db_names_find_present(&d->names, p, e);
    if (rc == 0 && d->names.must_be_new) {
        step->refusal =
            mem_printf("database \"%s\" exists already: choose another name", d->names.name);
    } else if (rc == 0) {
        d->names.present_bytes = present.bytes;
        step->replaces =
            mem_printf("database %s, %s", d->names.name, str_bytes(present.bytes, size));
        struct pg_database dumped = d->like;
        d->like = present;
        present = dumped;
        d->like.bytes = dumped.bytes; /* the size of what comes, not of what goes */
    }
    pg_database_deinit(&present);
    return rc;
}

/* What bears the staged one's name is ours to drop: so nothing may bear it before. */
static int check_staged_name(struct pg *p, struct restore_database *d, struct restore_step *step,
                             struct err *e)
{
    uint32_t oid;
    int rc = pg_database_oid(p, d->names.staged, &oid, e);

    if (rc == 0)
        step->refusal =
            mem_printf("database \"%s\" exists already: drop or rename it", d->names.staged);
    return rc < 0 ? -1 : 0;
}

static int plan_programs(struct pg *p, struct restore_database *d, struct err *e)
{
    int server = pg_server_version(p), version = server;

    if (d->custom && d->dump_version > version) /* only a newer pg_restore reads a newer dump */
        version = d->dump_version;
    if (pg_tool_find(d->custom ? PG_RESTORE : PG_PSQL, version, d->bin_dir, &d->program, e) < 0)
        return -1;
    return d->custom ? 0 : pg_psql_is_safe(&d->program, e);
}

static int plan_on_server(struct pg *p, struct restore_database *d, struct restore_step *step,
                          struct err *e)
{
    struct err why = {0};

    if (d->globals)
        return 0;
    if (strlen(d->names.name) > 63) {
        step->refusal =
            mem_printf("the name \"%s\" is longer than PostgreSQL's 63 bytes", d->names.name);
        return 0;
    }
    if (plan_present(p, d, step, e) < 0)
        return -1;
    if (step->refusal == NULL && check_staged_name(p, d, step, e) < 0)
        return -1;
    if (step->refusal == NULL && plan_programs(p, d, &why) < 0)
        step->refusal = mem_strdup(why.text);
    if (step->refusal == NULL &&
        db_names_check_rights(&d->names, p, step->replaces != NULL, &step->refusal, e) < 0)
        return -1;
    plan_space(p, d, step);
    return 0;
}

int restore_database_plan(const struct restore_request *q, struct restore_step *step,
                          struct restore_database **ret, struct err *e)
{
    struct restore_database *d = mem_alloc(sizeof(*d));
    struct pg *p = NULL;

    int rc = read_request(d, q, e);
    if (rc == 0) {
        step->what = describe(d, q->artifact);
        if (d->uri == NULL) {
            step->where = mem_strdup("a server that is not named");
            step->refusal = mem_strdup(
                "no server is known for it: name a configuration that has it (--config), "
                "or restore its dump as a file (--target)");
        } else {
            rc = restore_database_open(d, &p, e);
        }
    }
    if (rc == 0 && p != NULL) {
        step->where = d->globals ? mem_printf("the server at %s", pg_place(p))
                                 : mem_printf("database \"%s\" at %s", d->names.name, pg_place(p));
        rc = plan_on_server(p, d, step, e);
    }
    pg_close(p);
    if (rc < 0) {
        restore_database_free(d);
        return -1;
    }
    *ret = d;
    return 0;
}
