/* sftp_put.c — one object on its way to an SFTP server.
 *
 * The happy path is: a file of a random name in INCOMING_DIR; writes, SFTP_IN_FLIGHT of them under way;
 * a sealed range whose writes are all answered is read back by a thread of its own, after an fsync where the server
 * has one; fsync; rename; fsync once more, since the file systems with a journal then write out the new
 * name too (SFTP has no fsync of a folder).
 *
 * The name: a new object by the rename of version 3, which fails if the name exists; one that may
 * replace another by posix-rename@openssh.com (without it: sftp_aside.c).
 *
 * Failure modes: any write, fsync or read-back fails: the file is removed and the put is over. The link
 * fails: as above, but the file stays for the sweep. It fails between the rename and its answer: the object
 * is there or not, whole in either case. The last fsync fails: a new object is taken away again, one that
 * may have replaced another stays. */
#include <errno.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/readback.h"
#include "lib/store/sftp_store.h"

enum {
    READ_CHUNK = SFTP_PIECE * SFTP_IN_FLIGHT,
    FSYNC_EVERY = 16 * 1024 * 1024, /* bytes; the whole is synced at the end in any case */
    NEARLY_FULL = 1024 * 1024,      /* bytes free: a write that fails then has found no room */
    TRIES = 5
};

struct seal {
    uint64_t offset;
    size_t len;
    uint8_t sha256[STORE_DIGEST_LEN];
};

struct sftp_put {
    struct store_put base;
    struct sftp_store *store;
    struct sftp_link *link;
    char *temporary; /* path on the server */
    struct sftp_handle handle, reader;
    bool renamed;

    struct sftp_call writes[SFTP_IN_FLIGHT]; /* a ring */
    size_t lens[SFTP_IN_FLIGHT], first, under_way;
    uint64_t asked, answered; /* bytes */
    struct seal *seals;       /* not yet handed on */
    size_t seal_count;

    uint64_t synced; /* the reading thread's */
    struct readback *readback;
};

static struct sftp_put *put_of(struct store_put *p)
{
    return (struct sftp_put *)p;
}

/* SFTP version 3 says "failure" for a full disk and for a read-only one too: look. */
static int refused(struct sftp_put *p, uint32_t status, const char *doing, const char *name,
                   struct err *e)
{
    const char *place = p->store->base.place, *blank = name == NULL ? "" : " ";
    struct store_space space;
    bool read_only;
    struct err unused;

    if (status != FX_FAILURE ||
        sftp_space_on(p->link, p->store->root, &space, &read_only, &unused) < 0)
        return sftp_error(place, status, doing, name, e);
    name = name == NULL ? "" : name;
    if (read_only)
        return err_set(e, ERR_IO,
                       "%s: %s%s%s: the file system there is read-only (see dmesg for errors, then "
                       "mount -o remount,rw)",
                       place, doing, blank, name);
    if (space.known && (space.free_bytes < NEARLY_FULL || space.free_inodes == 0))
        return err_set(e, ERR_NO_SPACE,
                       "%s: %s%s%s: no space left (free some space there, or keep fewer sets)",
                       place, doing, blank, name);
    return sftp_error(place, status, doing, name[0] == '\0' ? NULL : name, e);
}

/* --- what is read back --- */

static int fsync_file(struct sftp_put *p, const char *name, struct err *e)
{
    uint32_t status = FX_OK;

    if (!sftp_link_extensions(p->link)->fsync)
        return 0;
    if (sftp_ask_status(
            p->link,
            sftp_frame_new(FXP_EXTENDED, "sb", "fsync@openssh.com", p->handle.bytes, p->handle.len),
            &status, e) < 0)
        return -1;
    return status == FX_OK ? 0 : refused(p, status, "fsync", name, e);
}

static int write_out(void *arg, uint64_t offset, size_t len, struct err *e)
{
    struct sftp_put *p = arg;

    if (offset + len - p->synced < FSYNC_EVERY)
        return 0;
    p->synced = offset + len;
    return fsync_file(p, "an object", e);
}

static int read_written(void *arg, uint64_t offset, void *data, size_t len, size_t *ret_len,
                        struct err *e)
{
    struct sftp_put *p = arg;
    struct sftp_call call = {0};
    uint32_t status = FX_OK;
    int rc = 0;

    if (p->reader.len == 0) {
        rc = sftp_ask(p->link, sftp_frame_open(p->temporary, FXF_READ), &call, e);
        if (rc == 0)
            rc = sftp_take_handle(p->store->base.place, &call, &p->reader, &status, e);
        sftp_call_done(&call);
    }
    if (rc == 0)
        rc = sftp_read(p->link, &p->reader, offset, data, len, ret_len, &status, e);
    return rc == 1 ? refused(p, status, "read back", "an object", e) : rc;
}

static const struct readback_medium written = {
    .write_out = write_out, .read = read_written, .chunk = READ_CHUNK};

/* What was read and differs is told without the place. */
static int explain(const struct sftp_put *p, struct err *e)
{
    if (e != NULL && e->code == ERR_DAMAGED)
        return err_wrap(e, "%s: read back an object", p->store->base.place);
    return -1;
}

/* --- writing --- */

int sftp_put_begin(struct store *s, const char *name, enum store_begin how, struct store_put **ret,
                   struct err *e)
{
    struct sftp_put *p = mem_alloc(sizeof(*p));
    struct sftp_call call = {0};
    char temporary[33];
    uint32_t status = FX_OK;
    int rc;

    *p = (struct sftp_put){.base.store = s, .store = sftp_of(s), .renamed = true};
    (void)name; /* a temporary one is as good; and what was left behind is not worth its reading */
    (void)how;
    if (folder_temporary_name(temporary) != 0)
        rc = err_sys(e, ERR_IO, errno, "%s: begin an object", s->place);
    else
        rc = sftp_use(p->store, &p->link, e);
    if (rc == 0) {
        _cleanup_free_ char *incoming = sftp_path(p->store, INCOMING_DIR);
        p->temporary = sftp_incoming_path(p->store, temporary);
        sftp_link_forget(p->link, sftp_frame_mkdir(incoming));
        rc = sftp_ask(p->link, sftp_frame_open(p->temporary, FXF_WRITE | FXF_CREAT | FXF_EXCL),
                      &call, e);
        if (rc == 0)
            rc = sftp_take_handle(s->place, &call, &p->handle, &status, e);
        sftp_call_done(&call);
        if (rc == 1)
            (void)refused(p, status, "begin an object", NULL, e);
    }
    if (rc != 0) {
        sftp_put_free(&p->base);
        return -1;
    }
    p->renamed = false;
    p->readback = readback_new(&written, p);
    *ret = &p->base;
    return 0;
}

/* The oldest write's answer. */
static int take_answer(struct sftp_put *p, struct err *e)
{
    struct sftp_call *call = &p->writes[p->first];
    int rc = sftp_link_wait(p->link, call, e);
    uint32_t status = rc == 0 ? sftp_status(call) : FX_FAILURE;

    if (rc == 0 && call->type != FXP_STATUS)
        rc = sftp_wrong_answer(p->store->base.place, "write an object", e);
    else if (rc == 0 && status != FX_OK)
        rc = refused(p, status, "write an object", NULL, e);
    sftp_call_done(call);
    p->answered += p->lens[p->first];
    p->first = (p->first + 1) % SFTP_IN_FLIGHT;
    p->under_way--;
    return rc;
}

/* Hand on the ranges that the server has whole. */
static int read_sealed(struct sftp_put *p, struct err *e)
{
    size_t n = 0;
    int rc = 0;

    for (; n < p->seal_count && rc == 0; n++) {
        const struct seal *s = &p->seals[n];
        if (s->offset + s->len > p->answered)
            break;
        rc = readback_add(p->readback, s->offset, s->len, s->sha256, e);
    }
    p->seal_count -= n;
    if (p->seal_count > 0)
        memmove(p->seals, p->seals + n, p->seal_count * sizeof(*p->seals));
    return rc < 0 ? explain(p, e) : 0;
}

int sftp_put_write(struct store_put *base, const void *data, size_t len, struct err *e)
{
    struct sftp_put *p = put_of(base);
    const uint8_t *bytes = data;

    if (readback_check(p->readback, e) < 0)
        return explain(p, e);
    while (len > 0) {
        size_t n = rate_limiter_take(p->store->limiter, len < SFTP_PIECE ? len : SFTP_PIECE);
        while (p->under_way > 0 && (p->under_way == SFTP_IN_FLIGHT ||
                                    sftp_link_is_answered(p->link, &p->writes[p->first])))
            if (take_answer(p, e) < 0)
                return -1;
        size_t at = (p->first + p->under_way) % SFTP_IN_FLIGHT;
        p->lens[at] = n;
        p->under_way++;
        sftp_link_send(
            p->link,
            sftp_frame_new(FXP_WRITE, "bUb", p->handle.bytes, p->handle.len, p->asked, bytes, n),
            &p->writes[at]);
        p->asked += n;
        bytes += n;
        len -= n;
    }
    return read_sealed(p, e);
}

int sftp_put_seal(struct store_put *base, uint64_t offset, size_t len,
                  const uint8_t sha256[STORE_DIGEST_LEN], struct err *e)
{
    struct sftp_put *p = put_of(base);

    p->seals = mem_resize_array(p->seals, p->seal_count + 1, sizeof(*p->seals));
    struct seal *s = &p->seals[p->seal_count++];
    *s = (struct seal){.offset = offset, .len = len};
    memcpy(s->sha256, sha256, sizeof(s->sha256));
    return read_sealed(p, e);
}

/* --- the name --- */

/* 1: there is something of that name. */
static int stands(struct sftp_put *p, const char *path, struct err *e)
{
    struct sftp_attrs a = {0};
    uint32_t status = FX_OK;
    int rc = sftp_lstat(p->link, path, &a, &status, e);

    return rc < 0 ? -1 : rc == 0;
}

/* Servers other than OpenSSH have been seen to overwrite: look first. A destination has one owner,
 * so nobody races with us. */
static int rename_new(struct sftp_put *p, const char *path, const char *name, uint32_t *ret_status,
                      struct err *e)
{
    int taken = sftp_bring_back(p->store, p->link, name, e);

    if (taken == 0 && !sftp_link_extensions(p->link)->openssh)
        taken = stands(p, path, e);
    if (taken != 0)
        return taken;
    if (sftp_ask_status(p->link, sftp_frame_new(FXP_RENAME, "ss", p->temporary, path), ret_status,
                        e) < 0)
        return -1;
    return *ret_status == FX_FAILURE ? stands(p, path, e) : 0;
}

static int rename_over(struct sftp_put *p, const char *path, const char *name, uint32_t *ret_status,
                       struct err *e)
{
    if (sftp_link_extensions(p->link)->posix_rename)
        return sftp_ask_status(
            p->link,
            sftp_frame_new(FXP_EXTENDED, "sss", "posix-rename@openssh.com", p->temporary, path),
            ret_status, e);
    int rc = rename_new(p, path, name, ret_status, e);
    return rc == 1 ? sftp_replace(p->store, p->link, p->temporary, name, ret_status, e) : rc;
}

static void make_folders(struct sftp_put *p, const char *name)
{
    _cleanup_free_ char *folder = mem_strdup(name);

    for (char *slash = strchr(folder, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        _cleanup_free_ char *path = sftp_path(p->store, folder);
        sftp_link_forget(p->link, sftp_frame_mkdir(path));
        *slash = '/';
    }
}

static int place(struct sftp_put *p, const char *name, enum store_commit how, struct err *e)
{
    _cleanup_free_ char *path = sftp_path(p->store, name);
    uint32_t status = FX_OK;

    for (int i = 0;; i++) {
        int rc = how == STORE_REPLACE ? rename_over(p, path, name, &status, e)
                                      : rename_new(p, path, name, &status, e);
        if (rc < 0)
            return -1;
        if (rc == 1)
            return err_set(e, ERR_EXISTS, "%s: %s exists already", p->store->base.place, name);
        if (status == FX_OK)
            break;
        /* Its folder is not there yet, or a deletion beside us has pruned it as empty. */
        if (status != FX_NO_SUCH_FILE || i == TRIES)
            return refused(p, status, "rename an object to", name, e);
        make_folders(p, name);
    }
    p->renamed = true;
    sftp_forget_file(p->store, name);
    return 0;
}

int sftp_put_commit(struct store_put *base, const char *name, enum store_commit how, struct err *e)
{
    struct sftp_put *p = put_of(base);

    while (p->under_way > 0)
        if (take_answer(p, e) < 0)
            return -1;
    if (read_sealed(p, e) < 0 || fsync_file(p, name, e) < 0)
        return -1;
    if (readback_finish(p->readback, e) < 0)
        return explain(p, e);
    if (!sftp_link_extensions(p->link)->fsync)
        sftp_close_handle(p->link, &p->handle); /* not every system renames what is open */
    sftp_close_handle(p->link, &p->reader);
    if (place(p, name, how, e) < 0)
        return -1;
    if (fsync_file(p, name, e) == 0)
        return 0;
    if (how == STORE_FAIL_IF_EXISTS) {
        _cleanup_free_ char *path = sftp_path(p->store, name);
        sftp_link_forget(p->link, sftp_frame_new(FXP_REMOVE, "s", path));
    }
    return -1;
}

void sftp_put_free(struct store_put *base)
{
    struct sftp_put *p = put_of(base);
    struct err unused;
    uint32_t status = FX_OK;

    readback_free(p->readback);
    for (; p->under_way > 0; p->under_way--) {
        sftp_link_discard(p->link, &p->writes[p->first]);
        p->first = (p->first + 1) % SFTP_IN_FLIGHT;
    }
    if (p->link != NULL) {
        sftp_close_handle(p->link, &p->reader);
        sftp_close_handle(p->link, &p->handle);
        if (!p->renamed && sftp_ask_status(p->link, sftp_frame_new(FXP_REMOVE, "s", p->temporary),
                                           &status, &unused) < 0)
            p->renamed = false; /* sweep does it */
    }
    sftp_link_unref(p->link);
    free(p->seals);
    free(p->temporary);
    free(p);
}
