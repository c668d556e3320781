/* sftp.c — opening the store, and all its calls but put, list and sweep. */
#include "lib/store/sftp.h"

#include <string.h>
#include <sys/statvfs.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/sftp_store.h"

static int not_found(const struct store *s, const char *name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "%s: there is no %s", s->place, name);
}

/* Is there an object? 1: no. */
static int find_object(struct sftp_store *s, struct sftp_link *l, const char *name,
                       struct sftp_attrs *ret, struct err *e)
{
    _cleanup_free_ char *path = sftp_path(s, name);
    uint32_t status = FX_OK;
    int rc = sftp_lstat(l, path, ret, &status, e);

    if (rc == 1 && status == FX_NO_SUCH_FILE) {
        rc = sftp_bring_back(s, l, name, e);
        if (rc <= 0)
            return rc < 0 ? -1 : 1;
        rc = sftp_lstat(l, path, ret, &status, e);
    }
    if (rc == 1 && status != FX_NO_SUCH_FILE)
        return sftp_error(s->base.place, status, "stat", name, e);
    return rc == 0 && !sftp_is_regular(ret) ? 1 : rc;
}

static int sftp_stat(struct store *base, const char *name, struct store_object *ret, struct err *e)
{
    struct sftp_store *s = sftp_of(base);
    struct sftp_attrs a = {0};

    for (int tries = 1;; tries++) {
        struct sftp_link *l;
        if (sftp_use(s, &l, e) < 0)
            return -1;
        int rc = find_object(s, l, name, &a, e);
        bool again = rc < 0 && sftp_is_lost(l, tries);
        sftp_link_unref(l);
        if (again)
            continue;
        if (rc != 0)
            return rc < 0 ? -1 : not_found(base, name, e);
        (void)strncpy(ret->name, name, STORE_NAME_MAX);
        ret->name[STORE_NAME_MAX] = '\0';
        ret->size = a.size;
        ret->modified.us = a.modified * 1000000LL;
        return 0;
    }
}

/* Remove the folders of a deleted object as far as they are empty, all asked for at once: one that is
 * not empty stays, and so do those above. Tidiness, no promise. */
static void prune_folders(struct sftp_store *s, struct sftp_link *l, const char *name)
{
    _cleanup_free_ char *folder = mem_strdup(name);
    char *slash;

    while ((slash = strrchr(folder, '/')) != NULL) {
        *slash = '\0';
        _cleanup_free_ char *path = sftp_path(s, folder);
        sftp_link_forget(l, sftp_frame_new(FXP_RMDIR, "s", path));
    }
}

static int delete_on(struct sftp_store *s, struct sftp_link *l, const char *name, struct err *e)
{
    _cleanup_free_ char *path = sftp_path(s, name);
    struct sftp_attrs a = {0};
    uint32_t status = FX_OK;
    int rc = find_object(s, l, name, &a, e);

    if (rc != 0)
        return rc < 0 ? -1 : not_found(&s->base, name, e);
    sftp_forget_file(s, name);
    sftp_drop_aside(s, l, name);
    if (sftp_ask_status(l, sftp_frame_new(FXP_REMOVE, "s", path), &status, e) < 0)
        return -1;
    if (status == FX_NO_SUCH_FILE)
        return not_found(&s->base, name, e);
    if (status != FX_OK)
        return sftp_error(s->base.place, status, "delete", name, e);
    prune_folders(s, l, name);
    return 0;
}

static int sftp_delete(struct store *base, const char *name, struct err *e)
{
    struct sftp_link *l;

    if (sftp_use(sftp_of(base), &l, e) < 0)
        return -1;
    int rc = delete_on(sftp_of(base), l, name, e);
    sftp_link_unref(l);
    return rc;
}

int sftp_space_on(struct sftp_link *l, const char *path, struct store_space *ret,
                  bool *ret_read_only, struct err *e)
{
    struct sftp_call call = {0};

    *ret = (struct store_space){0};
    if (ret_read_only != NULL)
        *ret_read_only = false;
    if (!sftp_link_extensions(l)->statvfs)
        return 0;
    int rc = sftp_ask(l, sftp_frame_new(FXP_EXTENDED, "ss", "statvfs@openssh.com", path), &call, e);
    struct sftp_reader r = {.at = call.body, .left = call.len};
    if (rc == 0 && call.type == FXP_EXTENDED_REPLY) {
        (void)sftp_read_u64(&r); /* f_bsize */
        uint64_t unit = sftp_read_u64(&r), blocks = sftp_read_u64(&r);
        uint64_t unused = sftp_read_u64(&r);
        uint64_t available = sftp_read_u64(&r), files = sftp_read_u64(&r);
        (void)sftp_read_u64(&r); /* f_ffree */
        uint64_t files_available = sftp_read_u64(&r);
        (void)sftp_read_u64(&r); /* f_fsid */
        bool read_only = (sftp_read_u64(&r) & ST_RDONLY) != 0;
        if (ret_read_only != NULL)
            *ret_read_only = read_only;
        if (!r.bad)
            store_space_of_blocks(unit, blocks, unused, available, ret);
        ret->free_inodes = files == 0 ? UINT64_MAX : files_available; /* btrfs has no limit */
    }
    sftp_call_done(&call);
    return rc;
}

int sftp_space(struct store *base, struct store_space *ret, struct err *e)
{
    struct sftp_store *s = sftp_of(base);
    struct sftp_link *l;

    if (sftp_use(s, &l, e) < 0)
        return -1;
    int rc = sftp_space_on(l, s->root, ret, NULL, e);
    sftp_link_unref(l);
    return rc;
}

static int sftp_point(struct store *s, const char *name, const char *target, struct err *e)
{
    (void)s;
    (void)name;
    (void)target;
    (void)e;
    return 0; /* servers disagree on which argument of SYMLINK is which, and nothing needs links */
}

static char *sftp_local_path(struct store *s, const char *name)
{
    (void)s;
    (void)name;
    return NULL;
}

static void sftp_close(struct store *base)
{
    struct sftp_store *s = sftp_of(base);

    for (size_t i = 0; i < SFTP_FILES; i++)
        free(s->files[i].name); /* the server closes what we had open */
    sftp_link_unref(s->link);
    rate_limiter_free(s->limiter);
    secret_deinit(&s->key);
    secret_deinit(&s->passphrase);
    free((char *)s->options.host);
    free((char *)s->options.user);
    free((char *)s->options.known_hosts);
    free(s->root);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static void sftp_stop_reads(struct store *base, store_stop_cb *stop, void *arg)
{
    struct sftp_store *s = sftp_of(base);

    s->stop_arg = arg;
    atomic_store(&s->stop_reads, stop);
    if (stop == NULL)
        s->waiter.stop = NULL;
}

static void sftp_give_up(struct store *base)
{
    atomic_store(&sftp_of(base)->over, true);
}

static void tell_waiter(void *store, const char *text)
{
    const struct sftp_store *s = store;

    s->waiter.tell(s->waiter.arg, text);
}

static const struct store_ops sftp_ops = {
    .close = sftp_close,
    .put_begin = sftp_put_begin,
    .put_write = sftp_put_write,
    .put_seal = sftp_put_seal,
    .put_commit = sftp_put_commit,
    .put_free = sftp_put_free,
    .get = sftp_get,
    .list = sftp_list,
    .stat = sftp_stat,
    .delete = sftp_delete,
    .space = sftp_space,
    .sweep = sftp_sweep,
    .stop_reads = sftp_stop_reads,
    .give_up = sftp_give_up,
    .point = sftp_point,
    .local_path = sftp_local_path,
};

/* mkdir -p, asked for at once: what stands there already refuses, and that is fine. */
static void make_root(struct sftp_store *s, struct sftp_link *l)
{
    for (char *at = s->root + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        sftp_link_forget(l, sftp_frame_mkdir(s->root));
        *at = '/';
    }
    sftp_link_forget(l, sftp_frame_mkdir(s->root));
}

static int check_root(struct sftp_store *s, struct sftp_link *l, bool create, struct err *e)
{
    struct sftp_call call = {0};
    struct sftp_attrs a = {0};
    uint32_t status = FX_OK;

    if (create)
        make_root(s, l);
    int rc = sftp_ask(l, sftp_frame_new(FXP_STAT, "s", s->root), &call, e);
    if (rc == 0)
        rc = sftp_take_attrs(s->base.place, &call, &a, &status, e);
    sftp_call_done(&call);
    if (rc == 1 && status == FX_NO_SUCH_FILE)
        return err_set(e, ERR_NOT_FOUND,
                       "%s: no such folder (mount it there, or create it with mkdir -p)",
                       s->base.place);
    if (rc == 1)
        return sftp_error(s->base.place, status, "open the destination", NULL, e);
    if (rc == 0 && !sftp_is_folder(&a))
        return err_set(e, ERR_CONFIG, "%s: not a folder (name another path)", s->base.place);
    return rc;
}

static char *place_of(const struct sftp_options *o)
{
    _cleanup_free_ char *port = o->port == 22 ? mem_strdup("") : mem_printf(":%d", o->port);

    return mem_printf("sftp://%s@%s%s%s%s", o->user, o->host, port, o->path[0] == '/' ? "" : "/",
                      o->path);
}

static struct sftp_store *make_store(const struct sftp_options *o)
{
    struct sftp_store *s = mem_alloc(sizeof(*s));
    size_t len = strlen(o->path);

    while (len > 1 && o->path[len - 1] == '/')
        len--;
    *s = (struct sftp_store){.ops = sftp_ops,
                             .options = *o,
                             .waiter = o->waiter,
                             .root = len == 0 ? mem_strdup(".") : mem_strndup(o->path, len),
                             .limiter = rate_limiter_new(o->upload_rate)};
    s->base = (struct store){.ops = &s->ops, .place = place_of(o)};
    s->ops.get_parallel = o->parallel;
    s->options.host = mem_strdup(o->host);
    s->options.user = mem_strdup(o->user);
    s->options.known_hosts = mem_strdup(o->known_hosts);
    s->options.path = s->root;
    s->options.waiter = (struct store_waiter){.stop = sftp_connect_is_unwanted,
                                              .tell = o->waiter.tell != NULL ? tell_waiter : NULL,
                                              .arg = s};
    if (o->key != NULL) {
        s->key = secret_copy(o->key->text, o->key->len);
        s->options.key = &s->key;
    }
    if (o->passphrase != NULL) {
        s->passphrase = secret_copy(o->passphrase->text, o->passphrase->len);
        s->options.passphrase = &s->passphrase;
    }
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        abort(); /* memory, as in mem.h */
    return s;
}

int store_open_sftp(const struct sftp_options *o, bool create, struct store **ret, struct err *e)
{
    struct sftp_store *s = make_store(o);
    struct sftp_link *l;
    int rc = sftp_use(s, &l, e);

    if (rc == 0) {
        rc = check_root(s, l, create, e);
        if (!sftp_link_extensions(l)->fsync)
            s->ops.readback = "store-checked";
        sftp_link_unref(l);
    }
    if (rc < 0) {
        store_close(&s->base);
        return -1;
    }
    *ret = &s->base;
    return 0;
}

bool sftp_has_fsync(const struct store *s)
{
    return str_equal(store_readback(s), "read");
}
