/* sftp_list.c — the folders of a server for walk.h, and the sweeping of what never became an object. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/sftp_store.h"
#include "lib/store/walk.h"

enum { FOLDER_MAX = 1000 * 1000 };

/* Called with each entry of a folder; the name is valid until it returns. */
typedef int entry_cb(void *arg, const char *name, const struct sftp_attrs *a, struct err *e);

/* One answer of READDIR. 1: that was the last one. */
static int take_names(struct sftp_link *l, const struct sftp_call *call, entry_cb *cb, void *arg,
                      const char *shown, struct err *e)
{
    struct sftp_reader r = {.at = call->body, .left = call->len};
    uint32_t status = sftp_status(call);

    if (call->type == FXP_STATUS && status == FX_EOF)
        return 1;
    if (call->type == FXP_STATUS && status != FX_OK)
        return sftp_error(sftp_link_place(l), status, "list", shown, e);
    uint32_t count = sftp_read_u32(&r);
    if (call->type != FXP_NAME || count == 0)
        return sftp_wrong_answer(sftp_link_place(l), "list", e);
    for (; count > 0; count--) {
        struct sftp_attrs a = {0};
        _cleanup_free_ char *name = sftp_read_name(&r, &a);
        if (name == NULL)
            return sftp_wrong_answer(sftp_link_place(l), "list", e);
        if (cb(arg, name, &a, e) < 0)
            return -1;
    }
    return 0;
}

/* Always two answers ahead: most folders end with the second. */
static int read_handle(struct sftp_link *l, const struct sftp_handle *h, entry_cb *cb, void *arg,
                       const char *shown, struct err *e)
{
    struct sftp_call calls[2] = {0};
    int rc;

    for (size_t i = 0; i < 2; i++)
        sftp_link_send(l, sftp_frame_new(FXP_READDIR, "b", h->bytes, h->len), &calls[i]);
    for (size_t i = 0;; i ^= 1) {
        rc = sftp_link_wait(l, &calls[i], e);
        if (rc == 0)
            rc = take_names(l, &calls[i], cb, arg, shown, e);
        sftp_call_done(&calls[i]);
        if (rc != 0) {
            sftp_link_discard(l, &calls[i ^ 1]);
            return rc < 0 ? -1 : 0;
        }
        sftp_link_send(l, sftp_frame_new(FXP_READDIR, "b", h->bytes, h->len), &calls[i]);
    }
}

/* 1: there is no such folder. */
static int read_folder(struct sftp_link *l, const char *path, entry_cb *cb, void *arg,
                       const char *shown, struct err *e)
{
    struct sftp_call call = {0};
    struct sftp_handle h = {0};
    uint32_t status = FX_OK;
    int rc = sftp_ask(l, sftp_frame_new(FXP_OPENDIR, "s", path), &call, e);

    if (rc == 0)
        rc = sftp_take_handle(sftp_link_place(l), &call, &h, &status, e);
    sftp_call_done(&call);
    if (rc == 1 && status != FX_NO_SUCH_FILE)
        return sftp_error(sftp_link_place(l), status, "list", shown, e);
    if (rc != 0)
        return rc;
    rc = read_handle(l, &h, cb, arg, shown, e);
    sftp_close_handle(l, &h);
    return rc;
}

struct listing {
    struct sftp_store *store;
    struct sftp_link *link;
    struct walk *walk;
    const char *path;
    size_t seen;  /* entries of the folder */
    bool entered; /* the first folder; those below it were seen to be folders */
};

static int add_entry(void *arg, const char *name, const struct sftp_attrs *seen, struct err *e)
{
    struct listing *g = arg;
    struct sftp_attrs a = *seen;

    if (++g->seen > FOLDER_MAX)
        return err_set(e, ERR_LIMIT, "%s: list %s: more than %d entries", g->store->base.place,
                       g->path, FOLDER_MAX);
    if ((a.has & SFTP_ATTR_MODE) == 0) { /* a server may leave out everything */
        _cleanup_free_ char *whole = mem_printf("%s%s", g->path, name);
        _cleanup_free_ char *path = sftp_path(g->store, whole);
        uint32_t status = FX_OK;
        int rc = sftp_lstat(g->link, path, &a, &status, e);
        if (rc != 0)
            return rc < 0 ? -1 : 0; /* deleted since */
    }
    if (!sftp_is_regular(&a) && !sftp_is_folder(&a))
        return 0;
    struct walk_entry *entry = walk_add(g->walk, g->path, name, sftp_is_folder(&a));
    if (entry != NULL && sftp_is_regular(&a)) {
        entry->size = a.size;
        entry->modified.us = a.modified * 1000000LL;
    }
    return 0;
}

static int walk_folder(void *arg, struct walk *w, const char *path, struct err *e)
{
    struct listing *g = arg;
    _cleanup_free_ char *name = mem_strndup(path, strlen(path) - (path[0] == '\0' ? 0 : 1));
    _cleanup_free_ char *there = sftp_path(g->store, name);
    struct listing here = {.store = g->store, .link = g->link, .walk = w, .path = path};
    struct sftp_attrs a = {0};
    uint32_t status = FX_OK;

    if (!g->entered && path[0] != '\0') { /* OPENDIR would follow a link */
        int rc = sftp_lstat(g->link, there, &a, &status, e);
        if (rc != 0 || !sftp_is_folder(&a))
            return rc < 0 ? -1 : 1;
    }
    g->entered = true;
    return read_folder(g->link, there, add_entry, &here, path, e);
}

int sftp_list(struct store *base, const char *prefix, bool fold, const char *after,
              struct store_object *out, size_t max, size_t *ret_count, struct err *e)
{
    struct listing g = {.store = sftp_of(base)};

    for (int tries = 1;; tries++) {
        if (sftp_use(g.store, &g.link, e) < 0)
            return -1;
        g.entered = false;
        int rc = walk_list(walk_folder, &g, prefix, fold, after, out, max, ret_count, e);
        bool again = rc < 0 && sftp_is_lost(g.link, tries);
        sftp_link_unref(g.link);
        if (!again)
            return rc;
    }
}

struct sweeping {
    struct strlist old;
    int64_t before_s;
};

static int note_old(void *arg, const char *name, const struct sftp_attrs *a, struct err *e)
{
    struct sweeping *w = arg;

    (void)e;
    if (name[0] != '.' && strchr(name, '/') == NULL && !str_starts(name, SFTP_ASIDE) &&
        a->modified <= w->before_s && (a->has & SFTP_ATTR_TIMES) != 0 &&
        (sftp_is_regular(a) || S_ISLNK(a->mode)))
        strlist_add(&w->old, name);
    return 0;
}

/* The server's own time, by a file made now: its clock may be wrong, and what another worker is writing
 * must not look old. Where none can be made nothing can be swept either. */
static int server_now(struct sftp_store *s, struct sftp_link *l, int64_t *ret_s, struct err *e)
{
    char temporary[33];
    struct sftp_call call = {0};
    struct sftp_handle h = {0};
    struct sftp_attrs a = {0};
    uint32_t status = FX_OK;

    if (folder_temporary_name(temporary) != 0)
        return err_sys(e, ERR_IO, errno, "%s: sweep", s->base.place);
    _cleanup_free_ char *path = sftp_incoming_path(s, temporary);
    int rc = sftp_ask(l, sftp_frame_open(path, FXF_WRITE | FXF_CREAT | FXF_EXCL), &call, e);
    if (rc == 0)
        rc = sftp_take_handle(s->base.place, &call, &h, &status, e);
    sftp_call_done(&call);
    if (rc == 0) {
        sftp_close_handle(l, &h);
        rc = sftp_lstat(l, path, &a, &status, e);
        sftp_link_forget(l, sftp_frame_new(FXP_REMOVE, "s", path));
    }
    if (rc == 1)
        return sftp_error(s->base.place, status, "sweep", INCOMING_DIR, e);
    *ret_s = rc == 0 ? a.modified : 0;
    return rc;
}

static int remove_old(struct sftp_store *s, struct sftp_link *l, const struct strlist *old,
                      size_t *ret_removed, struct err *e)
{
    for (size_t i = 0; i < old->count; i++) {
        _cleanup_free_ char *path = sftp_incoming_path(s, old->items[i]);
        uint32_t status = FX_OK;
        if (sftp_ask_status(l, sftp_frame_new(FXP_REMOVE, "s", path), &status, e) < 0)
            return -1;
        if (status != FX_OK && status != FX_NO_SUCH_FILE)
            return sftp_error(s->base.place, status, "sweep", old->items[i], e);
        *ret_removed += status == FX_OK;
    }
    return 0;
}

/* SFTP has no locks: the age alone says that nobody is writing it. */
static int sweep_on(struct sftp_store *s, struct sftp_link *l, int64_t age_s, size_t *ret_removed,
                    struct err *e)
{
    _cleanup_free_ char *incoming = sftp_path(s, INCOMING_DIR);
    struct sweeping w = {.before_s = INT64_MAX};
    int64_t now_s = 0;
    int rc = read_folder(l, incoming, note_old, &w, INCOMING_DIR, e);
    bool any = w.old.count > 0;

    strlist_deinit(&w.old);
    if (rc != 0 || !any)
        return rc < 0 ? -1 : 0;
    if (server_now(s, l, &now_s, e) < 0)
        return -1;
    w = (struct sweeping){.before_s = now_s - age_s};
    rc = read_folder(l, incoming, note_old, &w, INCOMING_DIR, e);
    if (rc == 0)
        rc = remove_old(s, l, &w.old, ret_removed, e);
    strlist_deinit(&w.old);
    return rc < 0 ? -1 : 0;
}

int sftp_sweep(struct store *base, int64_t age_s, size_t *ret_removed, struct err *e)
{
    struct sftp_link *l;

    if (sftp_use(sftp_of(base), &l, e) < 0)
        return -1;
    int rc = sweep_on(sftp_of(base), l, age_s, ret_removed, e);
    sftp_link_unref(l);
    return rc;
}
