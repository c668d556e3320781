#include "lib/postgres/tools.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/child.h"
#include "lib/base/mem.h"

enum { VERSION_TIMEOUT_MS = 10000 };

static const char *const tool_names[] = {
    [PG_DUMP] = "pg_dump",
    [PG_DUMPALL] = "pg_dumpall",
    [PG_RESTORE] = "pg_restore",
    [PG_PSQL] = "psql",
};

int pg_tool_parse_version(const char *text, struct pg_program *ret, struct err *e)
{
    static const char mark[] = "(PostgreSQL) ";
    const char *at = strstr(text, mark);
    int major = 0, minor = 0;

    if (at != NULL)
        at += strlen(mark);
    if (at == NULL || sscanf(at, "%d.%d", &major, &minor) < 1 || major < 1 || major > 999) {
        _cleanup_free_ char *shown = str_printable(text, strcspn(text, "\n"));
        return err_set(e, ERR_SOURCE, "does not say which version it is but \"%s\"", shown);
    }
    ret->major = major;
    ret->minor = minor;
    ret->version = mem_strndup(at, strcspn(at, " \n"));
    return 0;
}

static int ask_version(struct pg_program *p, struct err *e)
{
    const char *const argv[] = {p->path, "--version", NULL};
    struct child_spec spec = {.argv = argv, .pass_fd = -1, .timeout_ms = VERSION_TIMEOUT_MS};
    struct buf out = BUF_INIT(4096);

    int rc = child_run(&spec, &out, e);
    if (rc == 0)
        rc = pg_tool_parse_version(out.data != NULL ? (const char *)out.data : "", p, e);
    buf_deinit(&out);
    return rc < 0 ? err_wrap(e, "%s", p->path) : 0;
}

/* Takes path. 0: good. 1: not there. -1: there, but it does not run. */
static int try_path(char *path, struct pg_program *p, struct err *e)
{
    if (access(path, X_OK) != 0) {
        free(path);
        return 1;
    }
    *p = (struct pg_program){.path = path};
    if (ask_version(p, e) < 0) {
        pg_program_deinit(p);
        return -1;
    }
    return 0;
}

static int find(enum pg_tool tool, int major, const char *bin_dir, struct pg_program *p,
                struct err *e)
{
    const char *name = tool_names[tool];
    int rc;

    if (bin_dir != NULL)
        return try_path(mem_printf("%s/%s", bin_dir, name), p, e);
    rc = try_path(mem_printf("/usr/lib/postgresql/%d/bin/%s", major, name), p, e); /* Debian */
    if (rc == 1)
        rc = try_path(mem_printf("/usr/pgsql-%d/bin/%s", major, name), p, e); /* Red Hat */
    if (rc != 1)
        return rc;
    char *path = child_find_program(name);
    return path == NULL ? 1 : try_path(path, p, e);
}

int pg_tool_find(enum pg_tool tool, int server_version, const char *bin_dir, struct pg_program *ret,
                 struct err *e)
{
    const char *name = tool_names[tool];
    int major = server_version / 10000;
    _cleanup_free_ char *advice =
        mem_printf("apt install postgresql-client-%d, or dnf install postgresql%d%s", major, major,
                   bin_dir != NULL ? ", or correct bin_dir" : "");

    *ret = (struct pg_program){0};
    if (major < 10)
        return err_set(e, ERR_SOURCE,
                       "the server is older than PostgreSQL 10, the oldest that "
                       "synbak reads: upgrade it");
    int rc = find(tool, major, bin_dir, ret, e);
    if (rc < 0)
        return -1;
    if (rc == 1)
        return err_set(e, ERR_SOURCE, "no %s for the server's version %d %s%s (%s)", name, major,
                       bin_dir != NULL ? "in " : "was found", bin_dir != NULL ? bin_dir : "",
                       advice);
    if (ret->major >= major)
        return 0;
    rc = err_set(e, ERR_SOURCE, "%s is version %s, too old for the server's version %d (%s)",
                 ret->path, ret->version, major, advice);
    pg_program_deinit(ret);
    return rc;
}

void pg_program_deinit(struct pg_program *p)
{
    free(TAKE(p->path));
    free(TAKE(p->version));
}

bool pg_program_restricts(const struct pg_program *p)
{
    static const struct {
        int major, minor;
    } mended[] = {{13, 22}, {14, 19}, {15, 14}, {16, 10}, {17, 6}};
    bool does = p->major > 17;

    for (size_t i = 0; i < ARRAY_LEN(mended); i++)
        does = does || (p->major == mended[i].major && p->minor >= mended[i].minor);
    return does;
}

int pg_psql_is_safe(const struct pg_program *psql, struct err *e)
{
    if (pg_program_restricts(psql))
        return 0;
    return err_set(e, ERR_SOURCE,
                   "%s is version %s, in which a dump can run commands on this machine: update "
                   "the package postgresql-client-%d to its last minor version",
                   psql->path, psql->version, psql->major);
}
