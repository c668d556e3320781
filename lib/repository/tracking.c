/* tracking.c — transactions as folders: the one that counts is read, the next one written beside it. */
#include "lib/repository/tracking.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/repository/tracking_changes.h"
#include "lib/repository/tracking_same.h"

enum {
    NAME_LEN_MAX = 200,
    CHANGES_MAX = 10000, /* a run an hour for a year */
    CHANGES_AGE_S = 366 * 24 * 3600,
};

struct tracking {
    int dir;
    int64_t number;
    int old, new;              /* DIR/N, DIR/N+1; -1: there is none */
    struct tracking_head past; /* count 0: nothing is believed */
    struct tracking_head next;
    bool finished, has_tree;
    char *doubt;

    /* The artifact that is open; name NULL: none. */
    struct tracking_artifact artifact;
    int previous, copy;
    bool comparable; /* the list of last time is of the same tree */
    struct tracking_same *same;
};

static void doubt(struct tracking *t, const char *fmt, ...) printf_like(2, 3);

/* The first reason is the one to tell. */
static void doubt(struct tracking *t, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (t->doubt == NULL)
        t->doubt = mem_strdup(text);
}

const char *tracking_doubt(const struct tracking *t)
{
    return t->doubt;
}

/* --- what lies in the folder --- */

/* "N" or "N.changes"; what else there may be is not ours. */
static bool parse_name(const char *name, int64_t *ret_number, bool *ret_changes)
{
    size_t digits = strspn(name, "0123456789");
    _cleanup_free_ char *number = mem_strndup(name, digits);

    *ret_changes = str_equal(name + digits, TRACKING_CHANGES_SUFFIX);
    return (name[digits] == '\0' || *ret_changes) &&
           str_to_i64(number, 1, INT64_MAX, ret_number, NULL) == 0;
}

static bool is_too_old(const struct tracking *t, const char *name, int64_t number)
{
    struct stat st;

    if (number <= t->number - CHANGES_MAX)
        return true;
    return io_stat(t->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_mtim.tv_sec < t->next.started.us / 1000000 - CHANGES_AGE_S;
}

static int remove_remains(struct tracking *t, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist remains = {0};
    DIR *dir = io_opendir(t->dir, ".");
    struct dirent *entry;
    int64_t number;
    bool changes;

    if (dir == NULL)
        return err_sys(e, ERR_IO, errno, "list");
    while ((entry = io_readdir(dir)) != NULL)
        if (parse_name(entry->d_name, &number, &changes) &&
            (changes ? number > t->number || is_too_old(t, entry->d_name, number)
                     : number != t->number))
            strlist_add(&remains, entry->d_name);
    int why = errno;
    (void)io_closedir(dir);
    if (why != 0)
        return err_sys(e, ERR_IO, why, "list");
    for (size_t i = 0; i < remains.count; i++)
        if (fs_remove_tree(t->dir, remains.items[i], e) < 0)
            return -1;
    return 0;
}

/* --- opening --- */

static void read_past(struct tracking *t)
{
    char name[32];
    struct err why = {0};

    (void)snprintf(name, sizeof(name), "%lld", (long long)t->number);
    t->old = io_open(t->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (t->old < 0) {
        doubt(t, "what was remembered of transaction %s cannot be opened: %s", name,
              strerror(errno));
        return;
    }
    if (tracking_head_read(t->old, &t->past, &why) < 0)
        doubt(t, "what was remembered of transaction %s is not usable: %s", name, why.text);
    else if (t->past.number != t->number)
        doubt(t, "what is in the place of transaction %s is another", name);
    else if (!str_equal(t->past.repository, t->next.repository))
        doubt(t, "what was remembered is of another repository, %s", t->past.repository);
    else if (!str_equal(t->past.host, t->next.host))
        doubt(t, "what was remembered is of another host, %s", t->past.host);
    else
        return;
    tracking_head_deinit(&t->past);
}

int tracking_open(const struct tracking_spec *spec, struct tracking **ret, struct err *e)
{
    struct tracking *t = mem_alloc(sizeof(*t));

    *t = (struct tracking){.dir = -1,
                           .number = spec->number,
                           .old = -1,
                           .new = -1,
                           .previous = -1,
                           .copy = -1,
                           .next = {.number = spec->number + 1,
                                    .repository = mem_strdup(spec->repository),
                                    .host = mem_strdup(spec->host),
                                    .id = mem_strdup(spec->id),
                                    .started = clock_wall()}};
    if (fs_make_dirs(AT_FDCWD, spec->dir, 0700, e) < 0 || fs_open_dir(spec->dir, &t->dir, e) < 0 ||
        remove_remains(t, e) < 0) {
        tracking_free(t);
        return err_wrap(e, "%s", spec->dir);
    }
    if (t->number > 0)
        read_past(t);
    *ret = t;
    return 0;
}

static void close_artifact(struct tracking *t)
{
    tracking_same_free(TAKE(t->same));
    tracking_artifact_deinit(&t->artifact);
    fs_closep(&t->previous);
    fs_closep(&t->copy);
    t->previous = t->copy = -1;
}

void tracking_free(struct tracking *t)
{
    char name[64];

    if (t == NULL)
        return;
    close_artifact(t);
    if (t->dir >= 0 && !t->finished) { /* what cannot be removed now goes when the next opens */
        (void)snprintf(name, sizeof(name), "%lld", (long long)t->next.number);
        (void)!fs_remove_tree(t->dir, name, NULL);
        (void)snprintf(name, sizeof(name), "%lld" TRACKING_CHANGES_SUFFIX,
                       (long long)t->next.number);
        (void)!fs_remove_tree(t->dir, name, NULL);
    }
    tracking_head_deinit(&t->past);
    tracking_head_deinit(&t->next);
    fs_closep(&t->old);
    fs_closep(&t->new);
    fs_closep(&t->dir);
    free(t->doubt);
    free(t);
}

/* --- an artifact --- */

/* The list of last time, if it is still what was written. */
static void open_previous(struct tracking *t, const struct tracking_artifact *a)
{
    _cleanup_free_ char *file = mem_printf("%s.list", a->name);
    uint8_t sha256[SEAL_HASH_LEN];
    struct stat st;
    _cleanup_(fs_closep) int fd = io_open(t->old, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

    if (fd < 0 || io_fstat(fd, &st) != 0)
        doubt(t, "%s of last time cannot be opened: %s", file, strerror(errno));
    else if (st.st_size != (int64_t)a->length ||
             tracking_digest_file(fd, a->length, sha256, NULL) < 0 ||
             !seal_equal(sha256, a->sha256, SEAL_HASH_LEN))
        doubt(t, "%s of last time is not what was written", file);
    else
        t->previous = fs_take_fd(&fd);
}

static int make_next(struct tracking *t, struct err *e)
{
    char name[32];

    if (t->new >= 0)
        return 0;
    (void)snprintf(name, sizeof(name), "%lld", (long long)t->next.number);
    if (io_mkdir(t->dir, name, 0700) != 0)
        return err_sys(e, ERR_IO, errno, "make the folder of transaction %s", name);
    t->new = io_open(t->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    return t->new >= 0 ? 0 : err_sys(e, ERR_IO, errno, "open the folder of transaction %s", name);
}

int tracking_begin(struct tracking *t, const char *name, struct err *e)
{
    const struct tracking_artifact *past = tracking_head_find(&t->past, name);
    _cleanup_free_ char *file = mem_printf("%s.list", name);

    if (strlen(name) > NAME_LEN_MAX || strchr(name, '/') != NULL ||
        tracking_head_find(&t->next, name) != NULL)
        return err_set(e, ERR_INTERNAL, "%s cannot be remembered under that name", name);
    if (make_next(t, e) < 0)
        return -1;
    close_artifact(t);
    t->copy = io_open(t->new, file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (t->copy < 0)
        return err_sys(e, ERR_IO, errno, "make %s", file);
    t->artifact.name = mem_strdup(name);
    if (past != NULL)
        open_previous(t, past);
    return 0;
}

/* What identifies a tree: its path, and the folder there, which may have another device number
 * after each boot but then has the same file system. */
static int identify_tree(struct tracking_artifact *a, const char *path, struct statfs *ret_fs,
                         struct err *e)
{
    struct stat st;
    _cleanup_(fs_closep) int fd = io_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

    if (fd < 0 || io_fstat(fd, &st) != 0 || io_statfs(fd, ret_fs) != 0)
        return err_sys(e, ERR_SOURCE, errno, "%s", path);
    a->is_tree = true;
    a->root = mem_strdup(path);
    a->device = st.st_dev;
    a->inode = st.st_ino;
    memcpy(&a->fs_id, &ret_fs->f_fsid, sizeof(a->fs_id));
    return 0;
}

static bool is_same_tree(const struct tracking_artifact *a, const struct tracking_artifact *b)
{
    return b->is_tree && str_equal(a->root, b->root) && a->inode == b->inode &&
           (a->device == b->device || (a->fs_id != 0 && a->fs_id == b->fs_id));
}

int tracking_begin_tree(struct tracking *t, const char *name, const char *path, bool attributes,
                        struct err *e)
{
    struct statfs fs;

    if (t->has_tree)
        return err_set(e, ERR_INTERNAL, "%s: a second tree in one source", name);
    if (tracking_begin(t, name, e) < 0 || identify_tree(&t->artifact, path, &fs, e) < 0)
        return -1;
    t->artifact.attributes = attributes;
    t->has_tree = true;
    const struct tracking_artifact *past = tracking_head_find(&t->past, name);
    if (t->previous < 0 || past == NULL)
        return 0;
    if (!is_same_tree(&t->artifact, past)) {
        doubt(t, "what was remembered is of another %s", path);
        return 0;
    }
    t->comparable = true;
    if (past->all_spoiled)
        doubt(t, "too much of %s could not be read last time", path);
    else if (attributes != past->attributes)
        doubt(t, "the attributes of %s are read now and were not last time, or the other way round",
              path);
    else
        t->same = tracking_same_new(t->previous, past, &t->past, &t->next, t->artifact.device, &fs);
    return 0;
}

int tracking_previous(const struct tracking *t)
{
    return t->previous;
}

int tracking_copy(const struct tracking *t)
{
    return t->copy;
}

int tracking_find(void *arg, const char *path, const struct stat *st, const struct list_entry **ret,
                  bool *ret_same, struct err *e)
{
    struct tracking *t = arg;
    struct err why = {0};

    (void)e;
    int rc = t->same == NULL ? 1 : tracking_same_find(t->same, path, st, ret, ret_same, &why);
    if (rc >= 0)
        return rc;
    doubt(t, "what was remembered cannot be read: %s", why.text); /* from here on all is new */
    tracking_same_free(TAKE(t->same));
    return 1;
}

int tracking_more(void *arg, const struct chunk_ref **ret, size_t *ret_count, struct err *e)
{
    struct tracking *t = arg;

    return t->same == NULL ? 1 : tracking_same_more(t->same, ret, ret_count, e);
}

void tracking_spoil(struct tracking *t, const char *path)
{
    if (t->artifact.spoiled.count < TRACKING_SPOILED_MAX)
        strlist_add(&t->artifact.spoiled, path);
    else
        t->artifact.all_spoiled = true;
}

/* The copy was written by others: what it holds now is what next time is compared with. */
static int write_changes(struct tracking *t, struct err *e)
{
    const struct tracking_artifact *past = tracking_head_find(&t->past, t->artifact.name);
    struct tracking_summary s = {
        .number = t->next.number, .started = t->next.started, .compared = t->comparable};

    (void)snprintf(s.id, sizeof(s.id), "%s", t->next.id);
    if (t->comparable && past->length == t->artifact.length &&
        seal_equal(past->sha256, t->artifact.sha256, SEAL_HASH_LEN))
        return tracking_changes_write_none(t->dir, &s, e); /* it need not be read to know that */
    return tracking_changes_write(t->dir, &s, t->comparable ? t->previous : -1, t->copy, e);
}

/* The copy was written by others: what it holds now is what next time is compared with. */
static int seal_artifact(struct tracking *t, struct err *e)
{
    struct stat st;

    if (io_fstat(t->copy, &st) != 0)
        return err_sys(e, ERR_IO, errno, "stat");
    t->artifact.length = (uint64_t)st.st_size;
    if (tracking_digest_file(t->copy, t->artifact.length, t->artifact.sha256, e) < 0 ||
        (t->artifact.is_tree && write_changes(t, e) < 0))
        return -1;
    if (io_fsync(t->copy) != 0)
        return err_sys(e, ERR_IO, errno, "fsync");
    tracking_head_add(&t->next, &t->artifact);
    return 0;
}

int tracking_end(struct tracking *t, bool whole, struct err *e)
{
    int rc = whole ? seal_artifact(t, e) : 0;

    if (rc < 0)
        (void)err_wrap(e, "%s.list", t->artifact.name);
    close_artifact(t);
    t->comparable = false;
    return rc;
}

int tracking_finish(struct tracking *t, int64_t *ret, struct err *e)
{
    if (make_next(t, e) < 0 || tracking_head_write(t->new, &t->next, e) < 0 ||
        fs_sync_dir(t->dir, ".", e) < 0)
        return -1;
    t->finished = true;
    *ret = t->next.number;
    return 0;
}
