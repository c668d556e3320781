/* A folder that was scanned ahead hangs in its parent's list until the walk takes it out. The walk
 * enters folders in the order in which they are handed out, so the first of the list is always
 * the next to be entered, and an entry that is not there has not been handed out. */
#include "lib/tree/tree_ahead.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

#include "lib/base/mem.h"
#include "lib/tree/tree_read.h"

struct helper {
    pthread_t thread;
    struct tree_ahead *ahead;
    struct tree_scanner scanner;
};

struct tree_ahead {
    struct tree_scanner *scanner; /* of the walk's thread */
    size_t descriptors;           /* of folders, at most */
    struct helper helpers[TREE_HELPERS_MAX];
    unsigned running; /* helpers that have not been joined */

    pthread_mutex_t lock; /* guards all below, and the last part of every scan */
    pthread_cond_t work;  /* a folder was listed, or there is room again, or stop: for helpers */
    pthread_cond_t done;  /* a scan is done: for the walk */
    struct tree_scan *here;
    size_t folders, entries; /* ahead; folders that are being scanned count as one entry */
    unsigned asleep;
    bool stop;
};

static bool has_room(const struct tree_ahead *a)
{
    return a->folders < TREE_AHEAD_FOLDERS && a->entries < TREE_AHEAD_ENTRIES &&
           a->folders + (size_t)a->here->depth < a->descriptors;
}

/* The nearest folder at or below f with something left to hand out, in the order of the walk. */
static struct tree_scan *find_work_in(struct tree_scan *f)
{
    for (struct tree_scan *c = f->first; c != NULL; c = c->next) {
        struct tree_scan *found = c->done ? find_work_in(c) : NULL;
        if (found != NULL)
            return found;
    }
    return f->folders_left > 0 ? f : NULL;
}

static struct tree_scan *find_work(const struct tree_ahead *a)
{
    struct tree_scan *found = NULL;

    for (struct tree_scan *f = a->here; f != NULL && found == NULL; f = f->parent)
        found = find_work_in(f);
    return found;
}

static struct tree_scan *hand_out(struct tree_scan *parent, size_t index)
{
    parent->handed_out = index + 1;
    parent->folders_left--;
    return tree_scan_new(parent, index);
}

/* Scan one folder ahead, if there is one and room for it. Locked before and after. */
static bool scan_one(struct tree_ahead *a, struct tree_scanner *scanner)
{
    struct tree_scan *parent = has_room(a) ? find_work(a) : NULL;

    if (parent == NULL)
        return false;
    size_t index = parent->handed_out;
    while (parent->entries[index].type != DT_DIR)
        index++;
    struct tree_scan *f = hand_out(parent, index);
    if (parent->last == NULL)
        parent->first = f;
    else
        parent->last->next = f;
    parent->last = f;
    a->folders++;
    a->entries++;
    (void)pthread_mutex_unlock(&a->lock);
    tree_scan_run(scanner, f);
    (void)pthread_mutex_lock(&a->lock);
    f->done = true;
    a->entries += f->count;
    if (a->asleep > 0 && f->folders_left > 0)
        (void)pthread_cond_signal(&a->work);
    return true;
}

static void *helper_main(void *arg)
{
    struct helper *h = arg;
    struct tree_ahead *a = h->ahead;

    (void)pthread_mutex_lock(&a->lock);
    while (!a->stop) {
        if (scan_one(a, &h->scanner)) {
            (void)pthread_cond_signal(&a->done);
            continue;
        }
        a->asleep++;
        (void)pthread_cond_wait(&a->work, &a->lock);
        a->asleep--;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return NULL;
}

static size_t descriptors_for_folders(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (size_t)limit.rlim_cur / 2 : 0;
}

struct tree_ahead *tree_ahead_new(struct tree_scanner *scanner, struct tree_scan *root,
                                  unsigned helpers)
{
    struct tree_ahead *a = mem_alloc(sizeof(*a));

    a->scanner = scanner;
    a->here = root;
    a->descriptors = descriptors_for_folders();
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_cond_init(&a->work, NULL);
    (void)pthread_cond_init(&a->done, NULL);
    while (a->running < helpers && a->running < TREE_HELPERS_MAX && root->folder_count > 0) {
        struct helper *h = &a->helpers[a->running];
        h->ahead = a;
        h->scanner = (struct tree_scanner){.rules = scanner->rules,
                                           .one_file_system = scanner->one_file_system,
                                           .device = scanner->device};
        if (pthread_create(&h->thread, NULL, helper_main, h) != 0)
            break;
        a->running++;
    }
    return a;
}

/* Take out the first of the list once it is scanned. */
static struct tree_scan *take_first(struct tree_ahead *a)
{
    struct tree_scan *here = a->here, *f = here->first;

    while (!f->done)
        if (!scan_one(a, a->scanner))
            (void)pthread_cond_wait(&a->done, &a->lock);
    here->first = f->next;
    if (here->first == NULL)
        here->last = NULL;
    f->next = NULL;
    a->folders--;
    a->entries -= 1 + f->count;
    if (a->asleep > 0 && a->folders <= TREE_AHEAD_FOLDERS / 2)
        (void)pthread_cond_signal(&a->work);
    return f;
}

static void stop(struct tree_ahead *a)
{
    (void)pthread_mutex_lock(&a->lock);
    a->stop = true;
    (void)pthread_cond_broadcast(&a->work);
    (void)pthread_mutex_unlock(&a->lock);
    while (a->running > 0)
        (void)pthread_join(a->helpers[--a->running].thread, NULL);
}

bool tree_ahead_give_up(struct tree_ahead *a)
{
    if (a == NULL || a->running == 0)
        return false;
    stop(a);
    for (struct tree_scan *f = a->here; f != NULL; f = f->parent) {
        if (f->first != NULL)
            f->handed_out = f->first->index;
        for (struct tree_scan *c; (c = f->first) != NULL; tree_scan_free(c)) {
            f->first = c->next;
            f->folders_left++;
        }
        f->last = NULL;
    }
    a->folders = a->entries = 0;
    return true;
}

static bool lacks_descriptors(const struct tree_scan *f)
{
    return f->found == TREE_SCAN_NOT_OPENED && (f->errnum == EMFILE || f->errnum == ENFILE);
}

struct tree_scan *tree_ahead_enter(struct tree_ahead *a, size_t index)
{
    struct tree_scan *f;

    (void)pthread_mutex_lock(&a->lock);
    bool ahead = a->here->first != NULL && a->here->first->index == index;
    f = ahead ? take_first(a) : hand_out(a->here, index);
    (void)pthread_mutex_unlock(&a->lock);
    if (!ahead)
        tree_scan_run(a->scanner, f);
    if (lacks_descriptors(f) && tree_ahead_give_up(a))
        tree_scan_run(a->scanner, f);
    (void)pthread_mutex_lock(&a->lock);
    a->here = f;
    if (a->asleep > 0 && f->folders_left > 0)
        (void)pthread_cond_signal(&a->work);
    (void)pthread_mutex_unlock(&a->lock);
    return f;
}

void tree_ahead_leave(struct tree_ahead *a)
{
    struct tree_scan *f = a->here;

    (void)pthread_mutex_lock(&a->lock);
    a->here = f->parent;
    bool unfinished = f->first != NULL;
    (void)pthread_mutex_unlock(&a->lock);
    if (unfinished)
        stop(a);
    tree_scan_free(f);
}

void tree_ahead_free(struct tree_ahead *a)
{
    if (a == NULL)
        return;
    stop(a);
    for (size_t i = 0; i < TREE_HELPERS_MAX; i++)
        tree_scanner_deinit(&a->helpers[i].scanner);
    (void)pthread_cond_destroy(&a->done);
    (void)pthread_cond_destroy(&a->work);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}
