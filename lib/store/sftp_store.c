/* sftp_store.c — the link of a store and the files that it holds open, and reading from them.
 *
 * Opening a file costs a round trip, and archives are read in many ranges: the last SFTP_FILES stay
 * open. Objects never change; one that we delete or replace is forgotten here. */
#include "lib/store/sftp_store.h"

#include <string.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { FIRST_PAUSE_MS = 250, LAST_PAUSE_MS = 4000 };

char *sftp_path(const struct sftp_store *s, const char *name)
{
    if (name[0] == '\0')
        return mem_strdup(s->root);
    return mem_printf("%s%s%s", s->root, str_ends(s->root, "/") ? "" : "/", name);
}

char *sftp_incoming_path(const struct sftp_store *s, const char *temporary)
{
    _cleanup_free_ char *folder = sftp_path(s, INCOMING_DIR);

    return mem_printf("%s/%s", folder, temporary);
}

bool sftp_connect_is_unwanted(void *store)
{
    struct sftp_store *s = store;

    return sftp_link_is_unwanted(s) || (s->waiter.stop != NULL && s->waiter.stop(s->waiter.arg));
}

bool sftp_link_is_unwanted(void *store)
{
    struct sftp_store *s = store;
    store_stop_cb *stop = atomic_load(&s->stop_reads);

    return atomic_load(&s->over) || (stop != NULL && stop(s->stop_arg));
}

/* The first time at once or not at all; later a server that restarts is given some seconds. Those who
 * lost it together do not come back together. Lock held. */
static int connect_again(struct sftp_store *s, struct err *e)
{
    for (int64_t pause_ms = FIRST_PAUSE_MS;; pause_ms *= 2) {
        struct err why = {0};
        uint16_t jitter = 0;
        if (sftp_connect_is_unwanted(s))
            return err_set(e, ERR_CANCELLED, "%s: cancelled", s->base.place);
        if (sftp_link_open(&s->options, s->base.place, &s->link, &why) == 0) {
            s->connected = true;
            s->options.waiter.tell = NULL; /* it is worth waiting for */
            sftp_link_stop_when(s->link, sftp_link_is_unwanted, s);
            return 0;
        }
        bool again = s->connected && pause_ms <= LAST_PAUSE_MS &&
                     (why.code == ERR_UNAVAILABLE || why.code == ERR_TIMEOUT);
        if (!again) {
            if (e != NULL)
                *e = why;
            return -1;
        }
        (void)io_random(&jitter, sizeof(jitter));
        clock_sleep_ms(pause_ms + jitter * pause_ms / UINT16_MAX);
    }
}

int sftp_use(struct sftp_store *s, struct sftp_link **ret, struct err *e)
{
    int rc = 0;

    (void)pthread_mutex_lock(&s->lock);
    if (s->link != NULL && sftp_link_has_failed(s->link)) {
        sftp_link_unref(s->link);
        s->link = NULL;
        for (size_t i = 0; i < SFTP_FILES; i++)
            free(s->files[i].name);
        memset(s->files, 0, sizeof(s->files));
    }
    if (s->link == NULL)
        rc = connect_again(s, e);
    if (rc == 0)
        *ret = sftp_link_ref(s->link);
    (void)pthread_mutex_unlock(&s->lock);
    return rc;
}

bool sftp_is_lost(struct sftp_link *l, int tries)
{
    return tries < SFTP_TRIES && sftp_link_has_failed(l);
}

static struct sftp_file *find_file(struct sftp_store *s, const struct sftp_link *l,
                                   const char *name)
{
    for (size_t i = 0; i < SFTP_FILES && s->link == l; i++)
        if (!s->files[i].gone && str_equal(s->files[i].name, name))
            return &s->files[i];
    return NULL;
}

/* A free place, or that of the file that was not used for longest. NULL: all are in use. */
static struct sftp_file *find_place(struct sftp_store *s)
{
    struct sftp_file *best = NULL;

    for (size_t i = 0; i < SFTP_FILES; i++) {
        struct sftp_file *f = &s->files[i];
        if (f->name == NULL)
            return f;
        if (f->users == 0 && (best == NULL || f->used < best->used))
            best = f;
    }
    return best;
}

static void close_file(struct sftp_link *l, struct sftp_file *f)
{
    sftp_close_handle(l, &f->handle);
    free(f->name);
    *f = (struct sftp_file){0};
}

/* Lock held. Keeps the handle if there is room: false, and the caller closes it. */
static bool keep_file(struct sftp_store *s, struct sftp_link *l, const char *name,
                      const struct sftp_handle *h)
{
    struct sftp_file *f = s->link == l && find_file(s, l, name) == NULL ? find_place(s) : NULL;

    if (f == NULL)
        return false;
    if (f->name != NULL)
        close_file(l, f);
    *f = (struct sftp_file){.name = mem_strdup(name), .handle = *h, .used = ++s->uses};
    return true;
}

void sftp_forget_file(struct sftp_store *s, const char *name)
{
    (void)pthread_mutex_lock(&s->lock);
    struct sftp_file *f = s->link == NULL ? NULL : find_file(s, s->link, name);
    if (f != NULL && f->users > 0)
        f->gone = true;
    else if (f != NULL)
        close_file(s->link, f);
    (void)pthread_mutex_unlock(&s->lock);
}

/* Both asked at once: that it is a file, since the server would open a folder or follow a link too.
 * 1: there is no such object. */
static int open_object(struct sftp_store *s, struct sftp_link *l, const char *name,
                       struct sftp_handle *ret, struct err *e)
{
    _cleanup_free_ char *path = sftp_path(s, name);
    struct sftp_call look, open;
    struct sftp_attrs a = {0};
    uint32_t looked = FX_OK, opened = FX_OK;

    sftp_link_send(l, sftp_frame_new(FXP_LSTAT, "s", path), &look);
    int rc = sftp_ask(l, sftp_frame_open(path, FXF_READ), &open, e);
    if (sftp_link_wait(l, &look, e) < 0)
        rc = -1;
    ret->len = 0;
    if (rc == 0)
        rc = sftp_take_handle(s->base.place, &open, ret, &opened, e);
    if (rc >= 0) {
        int stood = sftp_take_attrs(s->base.place, &look, &a, &looked, e);
        if (stood == 1 && looked != FX_NO_SUCH_FILE)
            rc = sftp_error(s->base.place, looked, "stat", name, e);
        else if (stood == 0 && sftp_is_regular(&a) && rc == 1)
            rc = sftp_error(s->base.place, opened, "open", name, e);
        else if (stood != 0 || !sftp_is_regular(&a))
            rc = stood < 0 ? -1 : 1;
    }
    if (rc != 0)
        sftp_close_handle(l, ret);
    sftp_call_done(&look);
    sftp_call_done(&open);
    return rc;
}

/* One of s->files, not to be closed meanwhile, or NULL. */
static struct sftp_file *borrow_file(struct sftp_store *s, struct sftp_link *l, const char *name)
{
    (void)pthread_mutex_lock(&s->lock);
    struct sftp_file *f = find_file(s, l, name);
    if (f != NULL) {
        f->users++;
        f->used = ++s->uses;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return f;
}

static void return_file(struct sftp_store *s, struct sftp_link *l, struct sftp_file *f)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->link == l && --f->users == 0 && f->gone) /* with another link, all its files are gone */
        close_file(l, f);
    (void)pthread_mutex_unlock(&s->lock);
}

static void keep_or_close(struct sftp_store *s, struct sftp_link *l, const char *name,
                          struct sftp_handle *h)
{
    (void)pthread_mutex_lock(&s->lock);
    if (!keep_file(s, l, name, h))
        sftp_close_handle(l, h);
    (void)pthread_mutex_unlock(&s->lock);
}

/* 1: no such object. */
static int get_on(struct sftp_store *s, struct sftp_link *l, const char *name, uint64_t offset,
                  void *data, size_t len, size_t *ret_len, struct err *e)
{
    struct sftp_file *f = borrow_file(s, l, name);
    struct sftp_handle fresh = {0};
    uint32_t status = FX_OK;
    int rc = f != NULL ? 0 : open_object(s, l, name, &fresh, e);

    if (rc == 1) {
        rc = sftp_bring_back(s, l, name, e);
        rc = rc <= 0 ? (rc < 0 ? -1 : 1) : open_object(s, l, name, &fresh, e);
    }
    if (rc != 0)
        return rc;
    rc = sftp_read(l, f != NULL ? &f->handle : &fresh, offset, data, len, ret_len, &status, e);
    if (f != NULL)
        return_file(s, l, f);
    else if (rc == 0)
        keep_or_close(s, l, name, &fresh);
    else
        sftp_close_handle(l, &fresh);
    return rc == 1 ? sftp_error(s->base.place, status, "read", name, e) : rc;
}

int sftp_get(struct store *base, const char *name, uint64_t offset, void *data, size_t len,
             size_t *ret_len, struct err *e)
{
    struct sftp_store *s = sftp_of(base);

    for (int tries = 1;; tries++) {
        struct sftp_link *l;
        if (sftp_use(s, &l, e) < 0)
            return -1;
        int rc = get_on(s, l, name, offset, data, len, ret_len, e);
        bool again = rc < 0 && sftp_is_lost(l, tries);
        sftp_link_unref(l);
        if (again)
            continue;
        return rc == 1 ? err_set(e, ERR_NOT_FOUND, "%s: there is no %s", base->place, name) : rc;
    }
}
