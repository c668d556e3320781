/* restore_present.c — the happy path is: a file that looks the same in the target is compared to its end, and stays;
 * else one that an earlier restore made is, and is moved to its place when the stream has come to it; else both are
 * searched for chunks.
 *
 * Failure modes: a file that changes while it is read is worth no more than its parts, each of which is checked by
 * itself; one that changes later is noticed when the two trees are compared (tree_kept.h). */
#include "daemon/worker/restore_present.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/tree/tree_place.h"
#include "lib/tree/tree_present.h"
#include "lib/tree/tree_swap.h"

enum { LIVE = -1, MADE_MAX = 15 };

struct made { /* by a run that was cut off */
    int lock, root;
};

struct taken {  /* on its way from there to its place */
    char *path; /* owned */
    size_t made;
    ino_t inode;
    struct taken *next;
};

struct restore_present {
    struct restore_present_spec spec;
    bool privileged, trial;
    int live; /* the target, or -1 */
    struct made made[MADE_MAX];
    size_t made_count;
    struct tree_kept *kept;
    struct fetch_present hooks;

    /* of the thread that reads */
    struct tree_ids ids;
    struct tree_attrs attrs;
    const struct list_entry
        *x; /* the file under way; borrowed, as long as its candidates are asked for */
    struct candidate {
        int from; /* LIVE, or the number of what was made */
        int fd;
        struct stat st;
    } candidates[MADE_MAX + 1];
    int candidate_count;
    struct stat
        *link_stats;  /* owned; by number of the link, of the first link of a file that stays */
    bool *link_stays; /* owned */

    pthread_mutex_t lock; /* of what follows */
    struct taken *first, *last;

    struct restore_present_count count; /* of the thread that reads */
    _Atomic uint64_t written, passed;   /* bytes */
};

static void close_candidates(struct restore_present *p)
{
    while (p->candidate_count > 0)
        fs_closep(&p->candidates[--p->candidate_count].fd);
}

static void add_candidate(struct restore_present *p, int from, int root, const char *path)
{
    struct candidate *c = &p->candidates[p->candidate_count];

    c->from = from;
    c->fd = tree_present_open(root, path, &c->st);
    if (c->fd >= 0)
        p->candidate_count++;
}

static int look(void *arg, const struct list_entry *x, struct err *e)
{
    struct restore_present *p = arg;

    (void)e;
    close_candidates(p);
    p->x = x;
    if (p->live >= 0)
        add_candidate(p, LIVE, p->live, x->path);
    for (size_t i = 0; i < p->made_count; i++)
        add_candidate(p, (int)i, p->made[i].root, x->path);
    return p->candidate_count;
}

static bool same_attributes(struct restore_present *p, const struct candidate *c, size_t names)
{
    const struct list_entry *x = p->x;
    const struct tree_member want = {
        .attrs = &p->attrs,
        .user = x->user,
        .group = x->group,
        .st = {.st_mode = S_IFREG | (mode_t)x->mode,
               .st_uid = (uid_t)x->uid,
               .st_gid = (gid_t)x->gid,
               .st_size = (off_t)x->size,
               .st_mtim = {.tv_sec = x->mtime_s, .tv_nsec = x->mtime_ns}},
    };

    tree_attrs_clear(&p->attrs);
    for (size_t i = 0; i < x->attribute_count; i++)
        if (tree_attrs_add(&p->attrs, x->attributes[i].name, x->attributes[i].value,
                           x->attributes[i].value_len, NULL) < 0)
            return false;
    tree_attrs_finish(&p->attrs);
    return tree_present_same(c->fd, &c->st, &want, names, p->privileged, &p->ids);
}

/* All its names are there, and no others are anywhere: several names stay together or not at all. */
static bool is_same(struct restore_present *p, const struct candidate *c)
{
    const struct restore_look *l = p->spec.look;
    size_t first, count;
    struct stat st;

    restore_look_links(l, p->x->path, &first, &count);
    if (!same_attributes(p, c, 1 + count))
        return false;
    for (size_t i = first; i < first + count; i++)
        if (!tree_present_stat(p->live, l->links[i].name, &st) || st.st_ino != c->st.st_ino ||
            st.st_dev != c->st.st_dev)
            return false;
    return true;
}

/* "lost+found" is the file system's own: a swap does not look into it. */
static bool may_stay(const char *path)
{
    static const char own[] = "lost+found";
    size_t len = sizeof(own) - 1;

    return strncmp(path, own, len) != 0 || (path[len] != '\0' && path[len] != '/');
}

static enum fetch_verdict hope(void *arg, int candidate)
{
    struct restore_present *p = arg;
    const struct candidate *c = &p->candidates[candidate];

    if ((uint64_t)c->st.st_size != p->x->size)
        return FETCH_PARTS;
    if (c->from == LIVE)
        return may_stay(p->x->path) && is_same(p, c) ? FETCH_LEAVE : FETCH_PARTS;
    return p->x->size > 0 ? FETCH_TAKE : FETCH_PARTS;
}

static void report(struct restore_present *p, uint64_t more)
{
    worker_progress(p->spec.worker, p->spec.step,
                    atomic_load(&p->written) + atomic_load(&p->passed) + more, p->spec.total);
}

static int read_candidate(void *arg, int candidate, uint64_t offset, void *data, size_t len,
                          struct err *e)
{
    struct restore_present *p = arg;
    const struct candidate *c = &p->candidates[candidate];

    if (worker_cancelled(p->spec.worker))
        return err_set(e, ERR_CANCELLED, "cancelled");
    report(p, offset);
    return offset + len <= (uint64_t)c->st.st_size && tree_present_read(c->fd, offset, data, len)
               ? 0
               : 1;
}

static void stay(struct restore_present *p, const struct candidate *c)
{
    size_t first, count;

    tree_kept_add(p->kept, p->x->path, &c->st);
    restore_look_links(p->spec.look, p->x->path, &first, &count);
    for (size_t i = first; i < first + count; i++) {
        p->link_stays[i] = true;
        p->link_stats[i] = c->st;
    }
}

static void take(struct restore_present *p, const struct candidate *c)
{
    struct taken *t = mem_alloc(sizeof(*t));

    *t = (struct taken){
        .path = mem_strdup(p->x->path), .made = (size_t)c->from, .inode = c->st.st_ino};
    (void)pthread_mutex_lock(&p->lock);
    if (p->last != NULL)
        p->last->next = t;
    else
        p->first = t;
    p->last = t;
    (void)pthread_mutex_unlock(&p->lock);
}

static bool settle(void *arg, int candidate)
{
    struct restore_present *p = arg;
    const struct candidate *c = &p->candidates[candidate];
    const uint64_t size = p->x->size;

    if (!tree_present_unchanged(c->fd, &c->st))
        return false;
    if (c->from == LIVE) {
        p->count.stayed_files++;
        p->count.stayed_bytes += size;
        stay(p, c);
    } else {
        p->count.taken_files++;
        p->count.taken_bytes += size;
        if (!p->trial)
            take(p, c);
    }
    atomic_fetch_add(&p->passed, size);
    return true;
}

/* links are sorted by file, then by name: those of one file are few. */
static bool link_stays(void *arg, const struct list_entry *x)
{
    struct restore_present *p = arg;
    const struct restore_look *l = p->spec.look;
    size_t first, count;

    if (l == NULL)
        return false;
    restore_look_links(l, x->link, &first, &count);
    for (size_t i = first; i < first + count; i++)
        if (p->link_stays[i] && strcmp(l->links[i].name, x->path) == 0) {
            tree_kept_add(p->kept, x->path, &p->link_stats[i]);
            p->count.stayed_files++;
            return true;
        }
    return false;
}

/* A folder of what was made has its final permissions, if it was cut off late. */
static int move(int from, const char *old, int to, const char *name)
{
    int rc = io_rename(from, old, to, name, RENAME_NOREPLACE);

    if (rc != 0 && errno == EACCES && io_fchmod(from, 0700) == 0)
        rc = io_rename(from, old, to, name, RENAME_NOREPLACE);
    if (rc != 0 && errno == EINVAL) /* as on NFS; the folder is ours alone, and has no such entry */
        rc = io_rename(from, old, to, name, 0);
    return rc;
}

static struct taken *next_taken(struct restore_present *p, const char *path)
{
    (void)pthread_mutex_lock(&p->lock);
    struct taken *t = p->first;
    if (t != NULL && strcmp(t->path, path) == 0) {
        p->first = t->next;
        if (p->first == NULL)
            p->last = NULL;
    } else {
        t = NULL;
    }
    (void)pthread_mutex_unlock(&p->lock);
    return t;
}

static void taken_free(struct taken *t)
{
    free(t->path);
    free(t);
}

int restore_present_take(struct restore_present *p, const char *path, int folder, const char *name,
                         ino_t *ret_inode, struct err *e)
{
    struct taken *t = next_taken(p, path);
    const char *old;
    int from;

    if (t == NULL)
        return 1;
    struct tree_place place = TREE_PLACE(p->made[t->made].root);
    int rc = tree_place_open(&place, path, false, &from, &old, e);
    if (rc == 0 && move(from, old, folder, name) != 0)
        rc = err_sys(e, ERR_IO, errno, "move what was there already to its place");
    *ret_inode = t->inode;
    tree_place_deinit(&place);
    taken_free(t);
    return rc;
}

void restore_present_progress(struct restore_present *p, uint64_t written)
{
    atomic_store(&p->written, written);
    report(p, 0);
}

struct tree_kept *restore_present_kept(struct restore_present *p)
{
    return p->kept;
}

struct restore_present_count restore_present_count(const struct restore_present *p)
{
    return p->count;
}

static void drop_taken(struct restore_present *p)
{
    while (p->first != NULL) {
        struct taken *t = p->first;
        p->first = t->next;
        taken_free(t);
    }
    p->last = NULL;
}

const struct fetch_present *restore_present_begin(struct restore_present *p, bool trial)
{
    const size_t links = p->spec.look == NULL ? 0 : p->spec.look->link_count;

    p->trial = trial;
    close_candidates(p);
    drop_taken(p);
    tree_kept_clear(p->kept);
    p->count = (struct restore_present_count){0};
    p->written = p->passed = 0;
    for (size_t i = 0; i < links; i++)
        p->link_stays[i] = false;
    p->hooks = (struct fetch_present){.arg = p,
                                      .look = look,
                                      .hope = hope,
                                      .read = read_candidate,
                                      .settle = settle,
                                      .link_stays = link_stays};
    return &p->hooks;
}

static int open_all(struct restore_present *p, struct err *e)
{
    const struct strlist *runs = p->spec.runs;

    if (p->spec.look != NULL && fs_open_dir(p->spec.target, &p->live, e) < 0)
        return -1;
    for (size_t i = 0; i < runs->count && i < MADE_MAX; i++) {
        struct made *m = &p->made[p->made_count];
        struct err why = {0};
        *m = (struct made){-1, -1};
        if (tree_swap_open_made(p->spec.target, runs->items[i], &m->lock, &m->root, &why) == 0)
            p->made_count++;
        else if (why.code != ERR_NOT_FOUND) {
            if (e != NULL)
                *e = why;
            return -1;
        }
    }
    return 0;
}

int restore_present_open(const struct restore_present_spec *spec, struct restore_present **ret,
                         struct err *e)
{
    const size_t links = spec->look == NULL ? 0 : spec->look->link_count;
    struct restore_present *p = mem_alloc(sizeof(*p));

    p->spec = *spec;
    p->privileged = geteuid() == 0;
    p->live = -1;
    p->kept = tree_kept_new();
    p->link_stays = mem_alloc(links * sizeof(*p->link_stays));
    p->link_stats = mem_alloc(links * sizeof(*p->link_stats));
    if (pthread_mutex_init(&p->lock, NULL) != 0)
        abort(); /* memory, as in mem.h */
    if (open_all(p, e) < 0) {
        restore_present_free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

void restore_present_free(struct restore_present *p)
{
    if (p == NULL)
        return;
    close_candidates(p);
    drop_taken(p);
    for (size_t i = 0; i < p->made_count; i++) {
        fs_closep(&p->made[i].root);
        fs_closep(&p->made[i].lock);
    }
    fs_closep(&p->live);
    tree_kept_free(p->kept);
    tree_attrs_deinit(&p->attrs);
    free(p->link_stays);
    free(p->link_stats);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}
