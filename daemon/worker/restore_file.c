/* restore_file.c — a dump or a command's output as a file below the target folder: under a
 * temporary name, .NAME.synbak-part, until all of it is there and durable. It is locked (flock) for
 * as long as it is written, so that the next restore there removes what a killed one left, or, from a
 * repository, goes on behind what is right of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "daemon/worker/restore_item.h"
#include "daemon/worker/set_reader.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/tree/tree_present.h"

#define PART_SUFFIX ".synbak-part"

enum { CHUNK = 1 << 20 };

struct restore_file {
    struct worker *worker;
    char *folder, *name, *temporary, *step;
    uint64_t total;
    int folder_fd;
    int part;                     /* the temporary file of a restore that was cut off, or -1 */
    struct fetch_present hooks;   /* of the part */
    uint64_t passed;              /* bytes of it that are right */
    uint64_t there;               /* bytes of it, right or not */
    bool resumable;               /* what is made serves a later restore */
    bool made;                    /* the temporary file is there */
    bool made_folder;             /* so is the folder, and it is ours */
    bool swapped;                 /* it has its own name */
    const struct strlist *tables; /* of a dump, as SQL text; empty: the file as it is */
    struct pg_program program;    /* that takes them out */
};

static bool is_ours(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_uid == geteuid() && st->st_nlink == 1;
}

static bool is_part(int folder, const char *name)
{
    struct stat st;

    return name[0] == '.' && str_ends(name, PART_SUFFIX) &&
           io_stat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_ours(&st);
}

static int remove_part(struct worker *w, int folder, const char *name, struct restore_step *step,
                       struct err *e)
{
    _cleanup_free_ char *shown = str_printable(name, strlen(name));
    _cleanup_(fs_closep) int fd = io_open(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

    if (fd >= 0 && io_flock(fd, LOCK_EX | LOCK_NB) != 0) {
        step->refusal = mem_printf("another restore is at work there (%s)", shown);
        return 0;
    }
    if (io_unlink(folder, name, 0) != 0)
        return err_sys(e, ERR_IO, errno, "remove %s", shown);
    worker_log(w, WORKER_WARNING, "removed %s, which an earlier restore that was cut off left",
               shown);
    return 0;
}

/* It may go on as the beginning of a file of this set. */
static bool is_resumable(const struct restore_request *q, const char *name)
{
    const struct manifest *m = &q->set->manifest;
    bool is = false;

    for (size_t i = 0; q->set->from.repository && q->tables->count == 0 && i < m->artifact_count;
         i++) {
        _cleanup_free_ char *file = set_reader_file_name(&m->artifacts[i]);
        _cleanup_free_ char *part = mem_printf(".%s" PART_SUFFIX, file);
        is |= strcmp(part, name) == 0;
    }
    return is;
}

/* What a restore that was killed left in the folder is ours to remove, or to go on with: *ret_kept of them. */
static int remove_leftovers(const struct restore_request *q, struct restore_step *step,
                            uint64_t *ret_kept, struct err *e)
{
    DIR *dir = io_opendir(AT_FDCWD, q->target);
    struct dirent *entry;
    int rc = 0;

    *ret_kept = 0;
    if (dir == NULL)
        return 0; /* none yet, or what is said of it next */
    while (rc == 0 && step->refusal == NULL && (entry = io_readdir(dir)) != NULL)
        if (is_part(dirfd(dir), entry->d_name)) {
            if (is_resumable(q, entry->d_name))
                (*ret_kept)++;
            else
                rc = remove_part(q->worker, dirfd(dir), entry->d_name, step, e);
        }
    (void)io_closedir(dir);
    return rc < 0 ? err_wrap(e, "target %s", q->target) : 0;
}

/* "synapse.dump", and "synapse.sql" for tables that come out of it. Owned. */
static char *file_name(const struct restore_request *q)
{
    char *name = set_reader_file_name(q->artifact), *dot = strrchr(name, '.');

    if (q->tables->count == 0)
        return name;
    char *sql = mem_printf("%.*s.sql", dot != NULL ? (int)(dot - name) : (int)strlen(name), name);
    free(name);
    return sql;
}

/* What and with what. */
static void plan_tables(struct restore_file *f, const struct restore_request *q,
                        struct restore_step *step)
{
    struct err why = {0};
    char size[16];

    if (f->tables->count == 0) {
        step->what = mem_printf("%s as a file, %s", f->name, str_bytes(f->total, size));
        return;
    }
    _cleanup_free_ char *wanted = restore_tables_text(f->tables);
    step->what = mem_printf("%s as SQL text, of a dump of %s", wanted, str_bytes(f->total, size));
    if (step->refusal == NULL && restore_tables_find(q, &f->program, &why) < 0)
        step->refusal = mem_strdup(why.text);
}

static int read_part(void *arg, int candidate, uint64_t offset, void *data, size_t len,
                     struct err *e)
{
    struct restore_file *f = arg;

    (void)candidate;
    if (worker_cancelled(f->worker))
        return err_set(e, ERR_CANCELLED, "cancelled");
    worker_progress(f->worker, f->step, offset, f->total);
    return tree_present_read(f->part, offset, data, len) ? 0 : 1;
}

static void pass_part(void *arg, uint64_t bytes)
{
    ((struct restore_file *)arg)->passed = bytes;
}

/* What an earlier restore made of this very file. */
static void open_part(struct restore_file *f, struct restore_step *step)
{
    char there[16], all[16];
    struct stat st;

    if (!f->resumable || fs_open_dir(f->folder, &f->folder_fd, NULL) < 0 ||
        !is_part(f->folder_fd, f->temporary))
        return;
    f->part = io_open(f->folder_fd, f->temporary, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
    if (f->part < 0 || io_fstat(f->part, &st) != 0 || !is_ours(&st)) {
        fs_closep(&f->part);
        return; /* staging says why */
    }
    if (io_flock(f->part, LOCK_EX | LOCK_NB) != 0) {
        step->refusal = mem_printf("another restore is at work there (%s)", f->temporary);
        return;
    }
    f->hooks = (struct fetch_present){.arg = f, .read = read_part, .pass = pass_part};
    step->resumes = mem_printf("goes on with the restore that was cut off: %s of %s is there "
                               "already, which is checked",
                               str_bytes((uint64_t)st.st_size, there), str_bytes(f->total, all));
    f->there = (uint64_t)st.st_size;
}

int restore_file_plan(const struct restore_request *q, struct restore_step *step,
                      struct restore_file **ret, struct err *e)
{
    const struct manifest_artifact *a = q->artifact;
    struct tree_recovered recovered = {0};
    struct restore_file *f;
    uint64_t parts;

    if (a->volume_count == 0 && a->list.count == 0)
        return err_set(e, ERR_DAMAGED, "the manifest names no volume of source \"%s\"", a->source);
    if (remove_leftovers(q, step, &parts, e) < 0 ||
        (step->refusal == NULL &&
         restore_step_check_empty(q->worker, step, q->target, NULL, parts, &recovered, e) < 0))
        return -1;
    tree_recovered_deinit(&recovered);
    f = mem_alloc(sizeof(*f));
    f->worker = q->worker;
    f->folder = mem_strdup(q->target);
    f->tables = q->tables;
    f->name = file_name(q);
    f->temporary = mem_printf(".%s" PART_SUFFIX, f->name);
    f->step = mem_printf("restore %s", f->name);
    f->total = a->raw_bytes;
    f->folder_fd = f->part = -1;
    f->resumable = is_resumable(q, f->temporary);
    open_part(f, step);
    plan_tables(f, q, step);
    step->where = mem_printf("%s/%s", f->folder, f->name);
    restore_step_space(step, f->folder, f->there < f->total ? f->total - f->there : 0);
    *ret = f;
    return 0;
}

const struct fetch_present *restore_file_present(const struct restore_file *f)
{
    return f->part >= 0 ? &f->hooks : NULL;
}

/* The first bytes came: what is right of an earlier restore is known by now, and nothing else of it stays. */
static int go_on(struct restore_file *f, int fd, uint64_t *done, struct err *e)
{
    if (io_truncate(fd, (off_t)f->passed) != 0 || io_seek(fd, (off_t)f->passed, SEEK_SET) < 0)
        return err_sys(e, ERR_IO, errno, "%s/%s", f->folder, f->temporary);
    *done = f->passed;
    return 0;
}

static int copy(struct restore_file *f, int fd, restore_read *read, void *arg, struct err *e)
{
    _cleanup_free_ uint8_t *chunk = mem_alloc(CHUNK);
    uint64_t done = 0;
    size_t len;

    for (;;) {
        if (worker_cancelled(f->worker))
            return err_set(e, ERR_CANCELLED, "cancelled");
        if (read(arg, chunk, CHUNK, &len, e) < 0)
            return -1;
        if (done == 0 && go_on(f, fd, &done, e) < 0)
            return -1;
        if (len == 0)
            break;
        if (fs_write_all(fd, chunk, len, e) < 0)
            return err_wrap(e, "%s/%s", f->folder, f->name);
        worker_progress(f->worker, f->step, done += len, f->total);
    }
    return io_fsync(fd) == 0 ? 0 : err_sys(e, ERR_IO, errno, "%s/%s", f->folder, f->name);
}

static int extract(struct restore_file *f, int fd, restore_read *read, void *arg, struct err *e)
{
    struct restore_tables t = {.worker = f->worker,
                               .program = &f->program,
                               .tables = f->tables,
                               .step = f->step,
                               .total = f->total,
                               .read = read,
                               .arg = arg};

    if (restore_tables_write(&t, fd, e) < 0)
        return -1;
    return io_fsync(fd) == 0 ? 0 : err_sys(e, ERR_IO, errno, "%s/%s", f->folder, f->name);
}

/* A new one, or that of an earlier restore. */
static int open_temporary(struct restore_file *f, struct err *e)
{
    if (f->part >= 0) {
        f->made = true;
        return 0;
    }
    f->part = io_open(f->folder_fd, f->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (f->part < 0)
        return err_sys(e, ERR_IO, errno, "create %s/%s", f->folder, f->name);
    f->made = true;
    if (io_flock(f->part, LOCK_EX | LOCK_NB) != 0)
        return err_sys(e, ERR_IO, errno, "lock %s/%s", f->folder, f->temporary);
    return 0;
}

int restore_file_stage(struct restore_file *f, restore_read *read, void *arg, struct err *e)
{
    struct stat st;

    f->made_folder = io_stat(AT_FDCWD, f->folder, &st, 0) != 0;
    if (fs_make_dirs(AT_FDCWD, f->folder, 0700, e) < 0 ||
        (f->folder_fd < 0 && fs_open_dir(f->folder, &f->folder_fd, e) < 0) ||
        open_temporary(f, e) < 0)
        return -1;
    return f->tables->count > 0 ? extract(f, f->part, read, arg, e)
                                : copy(f, f->part, read, arg, e);
}

int restore_file_give_up(struct restore_file *f, enum err_code why)
{
    struct stat st;

    if (f == NULL || !f->made || !f->resumable || why == ERR_CANCELLED ||
        io_fstat(f->part, &st) != 0 || st.st_size == 0)
        return 0;
    f->made = false;
    worker_log(f->worker, WORKER_WARNING,
               "what was made stays in %s/%s, and the same command goes on with it", f->folder,
               f->temporary);
    return -1;
}

int restore_file_swap(struct restore_file *f, struct err *e)
{
    if (io_rename(f->folder_fd, f->temporary, f->folder_fd, f->name, RENAME_NOREPLACE) != 0 &&
        (errno != EINVAL || io_rename(f->folder_fd, f->temporary, f->folder_fd, f->name, 0) != 0))
        return err_sys(e, ERR_IO, errno, "create %s/%s", f->folder, f->name);
    f->made = false;
    f->swapped = true;
    return fs_sync_dir(f->folder_fd, ".", e);
}

void restore_file_free(struct restore_file *f)
{
    if (f == NULL)
        return;
    if (f->made)
        (void)io_unlink(f->folder_fd, f->temporary, 0);
    if (f->made_folder && !f->swapped) /* fails if others put something there */
        (void)io_unlink(AT_FDCWD, f->folder, AT_REMOVEDIR);
    fs_closep(&f->part);
    fs_closep(&f->folder_fd);
    free(f->folder);
    free(f->name);
    free(f->temporary);
    free(f->step);
    pg_program_deinit(&f->program);
    free(f);
}
