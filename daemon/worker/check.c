/* check.c — the check verb: destinations and sources looked at before anything depends on them.
 * Nothing is changed: what must be writable is tried with a put that is given up. */
#include "daemon/worker/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/worker/destination.h"
#include "daemon/worker/repo.h"
#include "lib/base/child.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/store/medium.h"
#include "lib/store/sftp.h"

void findings_add(struct findings *f, enum finding_level level, const char *doing, const char *fmt,
                  ...)
{
    static const char *const words[] = {"error", "warning", "note"};
    char what[ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    (void)json_array_append_new(f->list,
                                json_pack("{s:s, s:o, s:o}", "level", words[level], "what",
                                          json_printable(what), "do", json_printable(doing)));
}

void findings_add_size(struct findings *f, const char *source, const char *what, uint64_t bytes)
{
    char size[16];

    findings_add(f, FINDING_NOTE, "", "source \"%s\": %s: %s", source, what,
                 str_bytes(bytes, size));
    json_t *last = json_array_get(f->list, json_array_size(f->list) - 1);
    (void)json_object_set_new(last, "source", json_string(source));
    (void)json_object_set_new(last, "bytes", json_integer((json_int_t)bytes));
}

/* --- destinations --- */

static void check_marker(struct findings *f, const struct destination *d)
{
    struct marker marker;
    struct err why = {0};

    if (marker_read(d->store, &marker, &why) < 0) {
        if (why.code == ERR_NOT_FOUND && d->known_id == NULL)
            return; /* the first run writes it */
        if (why.code == ERR_NOT_FOUND)
            findings_add(f, FINDING_ERROR,
                         "mount it; if it was emptied on purpose: synbakctl adopt",
                         "destination \"%s\": %s lost its marker %s, as when it is not mounted",
                         d->name, store_place(d->store), MARKER_NAME);
        else
            findings_add(f, FINDING_ERROR, "look at the file " MARKER_NAME,
                         "destination \"%s\": %s", d->name, why.text);
        return;
    }
    if (d->known_id != NULL && !str_equal(d->known_id, marker.id))
        findings_add(f, FINDING_ERROR, "mount the right one",
                     "destination \"%s\": another destination is at %s", d->name,
                     store_place(d->store));
    else if (d->owner != NULL && !str_equal(d->owner, marker.owner))
        findings_add(f, FINDING_ERROR, "if it is yours: synbakctl adopt",
                     "destination \"%s\": %s belongs to another installation of synbak", d->name,
                     store_place(d->store));
}

/* What fsync and rename are worth there. */
static void check_medium(struct findings *f, const struct destination *d)
{
    const struct medium *m = store_medium(d->store);

    if (m != NULL)
        findings_add(f, FINDING_WARNING, m->advice, "destination \"%s\": %s lies on %s, where %s",
                     d->name, store_place(d->store), m->name, m->meaning);
    if (str_starts(store_place(d->store), "sftp://") && !sftp_has_fsync(d->store))
        findings_add(
            f, FINDING_WARNING, "use OpenSSH's sftp-server there, or let a job verify",
            "destination \"%s\": the server of %s offers no fsync, so that a set is only as "
            "durable as the server makes it",
            d->name, store_place(d->store));
}

static void check_mode(struct findings *f, const struct destination *d)
{
    struct stat st;
    const char *path = store_place(d->store);
    const struct medium *m = store_medium(d->store);

    if (io_stat(AT_FDCWD, path, &st, 0) != 0)
        return; /* not a folder of this machine */
    if ((st.st_mode & 077) != 0) {
        _cleanup_free_ char *quoted = str_shell_quote(path),
                            *doing = mem_printf("chmod 700 %s", quoted);
        findings_add(f, FINDING_WARNING, m != NULL && m->modes != NULL ? m->modes : doing,
                     "destination \"%s\": others may enter %s (mode %o)", d->name, path,
                     st.st_mode & 07777);
    }
}

static int try_put(struct store *s, struct err *e)
{
    static const uint8_t probe[] = "synbak";
    struct store_put *put = NULL;

    int rc = store_put_begin(s, NULL, STORE_AFRESH, &put, e);
    if (rc == 0)
        rc = store_put_write(put, probe, sizeof(probe), e);
    store_put_abort(put);
    return rc;
}

static void check_space(struct findings *f, const struct destination *d)
{
    struct store_space space;
    struct err why = {0};
    char size[16], total[16];

    if (store_space(d->store, &space, &why) < 0 || !space.known || space.total_bytes == 0)
        return;
    bool low = space.free_bytes < space.total_bytes / 100 * (uint64_t)d->warn_free_percent;
    findings_add(
        f, low ? FINDING_WARNING : FINDING_NOTE, low ? "make room, or keep fewer sets" : "",
        "destination \"%s\": %s of %s are free at %s", d->name, str_bytes(space.free_bytes, size),
        str_bytes(space.total_bytes, total), store_place(d->store));
}

/* What a remote place refuses with says itself what to do about it. */
static void note_unopened(struct findings *f, const json_t *store, const struct err *why)
{
    const char *name = json_opt_string(store, "destination", "?");
    const char *type = json_opt_string(store, "type", "");
    _cleanup_free_ char *quoted = str_shell_quote(json_opt_string(store, "path", ""));
    _cleanup_free_ char *make = mem_printf("mount it, or: install -d -m 700 %s", quoted);

    if (str_equal(type, "sftp") && why->code == ERR_NOT_FOUND)
        findings_add(f, FINDING_WARNING,
                     "nothing if it is new: the first run makes it; if it has held backups, mount "
                     "it there",
                     "destination \"%s\": there is no folder %s on the server yet", name, quoted);
    else
        findings_add(f, FINDING_ERROR, str_equal(type, "directory") ? make : "",
                     "destination \"%s\": %s", name, why->text);
}

/* That there is none yet is no fault. */
static void check_repository(struct findings *f, const struct destination *d)
{
    struct repo r = {0};
    struct err why = {0};

    if (repo_open(d, &r, &why) < 0 && why.code != ERR_NOT_FOUND)
        findings_add(f, FINDING_ERROR, "", "destination \"%s\": %s", d->name, why.text);
    repo_close(&r);
}

static void check_store(struct findings *f, const json_t *store)
{
    struct destination d = {0};
    struct err why = {0};

    const char *type = json_opt_string(store, "type", "");
    if (destination_open(f->worker, store, &d, &why) < 0) {
        note_unopened(f, store, &why);
        return;
    }
    if (str_equal(type, "s3") && check_bucket(f, d.store, d.name, store, &why) < 0) {
        note_unopened(f, store, &why);
        destination_close(&d);
        return;
    }
    check_marker(f, &d);
    check_mode(f, &d);
    check_medium(f, &d);
    if (try_put(d.store, &why) < 0)
        findings_add(f, FINDING_ERROR, "let the user that synbakd runs as write there",
                     "destination \"%s\": %s", d.name, why.text);
    check_space(f, &d);
    if (d.repository)
        check_repository(f, &d);
    if (d.key.text == NULL)
        findings_add(
            f, FINDING_NOTE, "set key, unless the medium is encrypted",
            "destination \"%s\": sets are neither encrypted nor authenticated (key = none)",
            d.name);
    destination_close(&d);
}

/* --- sources --- */

static bool is_empty(DIR *dir)
{
    struct dirent *entry;

    while ((entry = io_readdir(dir)) != NULL)
        if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
            return false;
    return true;
}

static void check_folder(struct findings *f, const char *name, const char *path, bool allow_empty)
{
    DIR *dir = io_opendir(AT_FDCWD, path);

    if (dir == NULL) {
        findings_add(f, FINDING_ERROR, "give synbakd the right to read it (CAP_DAC_READ_SEARCH)",
                     "source \"%s\": read %s: %s", name, path, strerror(errno));
        return;
    }
    if (is_empty(dir) && !allow_empty)
        findings_add(f, FINDING_ERROR, "mount it, or set allow_empty = yes",
                     "source \"%s\": %s is empty", name, path);
    (void)io_closedir(dir);
}

static void check_files(struct findings *f, const json_t *source)
{
    const char *name = json_opt_string(source, "name", "?");
    const char *path = json_opt_string(source, "path", "");
    struct stat st;

    if (io_stat(AT_FDCWD, path, &st, 0) != 0) {
        findings_add(f, FINDING_ERROR,
                     "correct path, mount it, or give synbakd the right to see it",
                     "source \"%s\": %s: %s", name, path, strerror(errno));
        return;
    }
    if (S_ISDIR(st.st_mode)) {
        check_folder(f, name, path, json_opt_bool(source, "allow_empty", false));
        return;
    }
    int fd = io_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (fd < 0)
        findings_add(f, FINDING_ERROR, "give synbakd the right to read it (CAP_DAC_READ_SEARCH)",
                     "source \"%s\": read %s: %s", name, path, strerror(errno));
    fs_closep(&fd);
}

static void check_program(struct findings *f, enum finding_level level, const json_t *source,
                          const char *option)
{
    const char *name = json_opt_string(source, "name", "?");
    const char *program = json_string_value(json_array_get(json_object_get(source, option), 0));

    if (program == NULL) {
        findings_add(f, level, "set it", "source \"%s\": %s is not set", name, option);
        return;
    }
    _cleanup_free_ char *path = child_find_program(program);
    if (path == NULL)
        findings_add(f, level, "install it, or give its full path",
                     "source \"%s\": %s: there is no program \"%s\"", name, option, program);
}

static void check_source(struct findings *f, const json_t *source)
{
    const char *type = json_opt_string(source, "type", "");

    if (str_equal(type, "postgresql")) {
        check_postgres(f, source);
    } else if (str_equal(type, "files")) {
        check_files(f, source);
    } else {
        check_program(f, FINDING_ERROR, source, "command");
        check_program(f, FINDING_WARNING, source, "restore_command");
    }
}

/* A destination inside a source would back itself up; on the same disk it dies with it. */
static void check_pair(struct findings *f, const json_t *store, const json_t *source)
{
    const char *place = json_opt_string(store, "path", ""),
               *path = json_opt_string(source, "path", "");
    size_t len = strlen(path);
    struct stat a, b;

    if (len == 0 || !str_equal(json_opt_string(store, "type", ""), "directory") ||
        io_stat(AT_FDCWD, place, &a, 0) != 0 || io_stat(AT_FDCWD, path, &b, 0) != 0)
        return;
    const char *to = json_opt_string(store, "destination", "?");
    const char *from = json_opt_string(source, "name", "?");
    if (strncmp(place, path, len) == 0 && (place[len] == '/' || place[len] == '\0'))
        findings_add(f, FINDING_ERROR, "move it, or exclude it",
                     "destination \"%s\" (%s) lies inside source \"%s\" (%s)", to, place, from,
                     path);
    else if (a.st_dev == b.st_dev)
        findings_add(f, FINDING_NOTE, "add a destination on another disk or machine",
                     "destination \"%s\" is on the same file system as source \"%s\"", to, from);
}

int verb_check(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct findings f = {.worker = w, .list = NULL};
    json_t *stores, *sources, *store, *source;
    size_t i, j;

    if (json_get_array(job, "stores", &stores, e) < 0 ||
        json_get_array(job, "sources", &sources, e) < 0)
        return -1;
    f.list = json_array();
    json_array_foreach(stores, i, store)
    {
        worker_progress(w, "check destinations", 0, 0);
        check_store(&f, store);
        json_array_foreach(sources, j, source) check_pair(&f, store, source);
    }
    json_array_foreach(sources, i, source)
    {
        if (worker_cancelled(w)) {
            json_decref(f.list);
            return err_set(e, ERR_CANCELLED, "cancelled");
        }
        worker_progress(w, "check sources", 0, 0);
        check_source(&f, source);
    }
    *ret_result = json_pack("{s:o}", "findings", f.list);
    return 0;
}
