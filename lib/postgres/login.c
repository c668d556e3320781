/* login.c — handing a login on to PostgreSQL's programs.
 *
 * What counts is what this connection used in the end, after defaults, services, environment and
 * ~/.pgpass, so that a child can never reach another server than the one that was looked at. */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <errno.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/postgres/query.h"

static void append_quoted(struct buf *b, const char *keyword, const char *value)
{
    /* the buffer's bound is far above what libpq accepts; running into it cuts and then fails */
    (void)!buf_printf(b, NULL, "%s%s='", b->len > 0 ? " " : "", keyword);
    for (const char *c = value; *c != '\0'; c++)
        (void)!buf_printf(b, NULL, "%s%c", *c == '\'' || *c == '\\' ? "\\" : "", *c);
    (void)!buf_append(b, "'", 1, NULL);
}

static const char *value_in_use(const struct pg *p, const PQconninfoOption *o)
{
    if (str_equal(o->keyword, "host")) /* of several hosts the one that answered */
        return PQhost(p->conn);
    if (str_equal(o->keyword, "port"))
        return PQport(p->conn);
    if (str_equal(o->keyword, "user"))
        return PQuser(p->conn);
    if (str_equal(o->keyword, "hostaddr") && o->val != NULL && strchr(o->val, ',') != NULL)
        return PQhostaddr(p->conn);
    return o->val;
}

static bool is_left_out(const PQconninfoOption *o, const char *value)
{
    static const char *const never[] = {"dbname",
                                        "password",
                                        "passfile",
                                        "sslpassword",
                                        "service",
                                        "replication",
                                        "fallback_application_name"};

    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (str_equal(o->keyword, never[i]))
            return true;
    /* a default needs no saying, and another libpq may not know the word */
    return value == NULL || value[0] == '\0' || str_equal(value, o->compiled);
}

static char *make_conninfo(const struct pg *p, const char *database)
{
    struct buf b = BUF_INIT(64 << 10);
    PQconninfoOption *options = PQconninfo(p->conn);

    append_quoted(&b, "dbname", database);
    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        const char *value = value_in_use(p, o);
        if (!is_left_out(o, value))
            append_quoted(&b, o->keyword, value);
    }
    PQconninfoFree(options);
    return buf_take_string(&b);
}

static int make_passfile(const char *password, int *ret, struct err *e)
{
    struct buf line = BUF_INIT(16 << 10);
    int fd = memfd_create("pgpass", MFD_CLOEXEC);

    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "memory for a password");
    (void)!buf_append(&line, "*:*:*:*:", 8, NULL);
    for (const char *c = password; *c != '\0'; c++)
        (void)!buf_printf(&line, NULL, "%s%c", *c == ':' || *c == '\\' ? "\\" : "", *c);
    int rc = buf_append(&line, "\n", 1, e);
    if (rc == 0 && io_fchmod(fd, 0600) != 0) /* libpq refuses a wider mode */
        rc = err_sys(e, ERR_IO, errno, "memory for a password");
    if (rc == 0)
        rc = fs_write_all(fd, line.data, line.len, e);
    buf_wipe(&line);
    if (rc < 0) {
        fs_closep(&fd);
        return -1;
    }
    *ret = fd;
    return 0;
}

static void make_environment(struct pg_login *l)
{
    static const char *const kept[] = {"PATH", "HOME", "TZ", "KRB5CCNAME", "KRB5_CONFIG", "TMPDIR"};

    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const char *value = getenv(kept[i]);
        if (value != NULL)
            strlist_addf(&l->env, "%s=%s", kept[i], value);
    }
    strlist_add(&l->env, "LC_ALL=C"); /* their words are read by pg_child_error_code */
    strlist_add(&l->env, "PGCONNECT_TIMEOUT=10");
    if (l->pass_fd >= 0)
        strlist_addf(&l->env, "PGPASSFILE=/proc/self/fd/%d", l->pass_fd);
    else
        strlist_add(&l->env, "PGPASSFILE=/dev/null/none"); /* /dev/null alone is warned of */
}

int pg_login_make(const struct pg *p, const char *database, struct pg_login *ret, struct err *e)
{
    const char *password = PQpass(p->conn);

    *ret = (struct pg_login){.pass_fd = -1};
    if (password != NULL && password[0] != '\0' && make_passfile(password, &ret->pass_fd, e) < 0)
        return -1;
    ret->conninfo = make_conninfo(p, database);
    make_environment(ret);
    return 0;
}

void pg_login_deinit(struct pg_login *l)
{
    free(TAKE(l->conninfo));
    fs_closep(&l->pass_fd);
    strlist_deinit(&l->env);
}

char *pg_tool_options(const struct pg *p)
{
    _cleanup_free_ char *host = str_shell_quote(PQhost(p->conn));
    _cleanup_free_ char *port = str_shell_quote(PQport(p->conn));
    _cleanup_free_ char *user = str_shell_quote(PQuser(p->conn));

    return mem_printf(" --host=%s --port=%s --username=%s", host, port, user);
}

enum err_code pg_child_error_code(const char *stderr_text)
{
    static const char *const passing[] = {
        "could not connect",
        "connection to server",
        "server closed the connection",
        "terminating connection",
        "too many clients",
        "remaining connection slots",
        "the database system is",
        "lock timeout",
        "statement timeout", /* pg_dump makes its --lock-wait-timeout out of that */

        "could not obtain lock",
        "connection to database",
        "no connection to the server",
        "could not receive data",
        "SSL connection has been closed",
    };

    for (size_t i = 0; i < ARRAY_LEN(passing); i++)
        if (strstr(stderr_text, passing[i]) != NULL)
            return ERR_UNAVAILABLE;
    return ERR_SOURCE;
}
