/* store.c — the checks that hold for every kind of store, and the calls made of others. */
#include "lib/store/store.h"

#include <string.h>

#include <openssl/sha.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/ops.h"

bool store_is_name(const char *name)
{
    const char *part = name;

    if (strlen(name) > STORE_NAME_MAX)
        return false;
    for (;;) {
        size_t len = strcspn(part, "/");
        if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && memcmp(part, "..", 2) == 0))
            return false;
        if (part[len] == '\0')
            return true;
        part += len + 1;
    }
}

static int check_name(const struct store *s, const char *name, struct err *e)
{
    if (store_is_name(name))
        return 0;
    _cleanup_free_ char *shown = str_printable(name, strnlen(name, 200));
    return err_set(e, ERR_FORMAT, "%s: \"%s\" cannot be the name of an object", s->place, shown);
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    char *place = s->place;
    s->ops->close(s);
    free(place);
}

const char *store_place(const struct store *s)
{
    return s->place;
}

void store_stop_reads(struct store *s, store_stop_cb *stop, void *arg)
{
    if (s->ops->stop_reads != NULL)
        s->ops->stop_reads(s, stop, arg);
}

void store_give_up(struct store *s)
{
    if (s->ops->give_up != NULL)
        s->ops->give_up(s);
}

int store_put_begin(struct store *s, const char *name, enum store_begin how, struct store_put **ret,
                    struct err *e)
{
    if (name != NULL && check_name(s, name, e) < 0)
        return -1;
    if (s->ops->put_begin(s, name, how, ret, e) < 0)
        return -1;
    (*ret)->name = name != NULL ? mem_strdup(name) : NULL;
    return 0;
}

static void put_free(struct store_put *p)
{
    free(p->name);
    p->store->ops->put_free(p);
}

int store_get_parallel(const struct store *s)
{
    return s->ops->get_parallel > 1 ? s->ops->get_parallel : 1;
}

const char *store_readback(const struct store *s)
{
    return s->ops->readback != NULL ? s->ops->readback : "read";
}

/* A put that failed may have a hole: whatever comes next must not make it an object. */
static int usable(struct store_put *p, struct err *e)
{
    if (!p->failed)
        return 0;
    return err_set(e, ERR_INTERNAL, "%s: a put that failed was used again", p->store->place);
}

int store_put_write(struct store_put *p, const void *data, size_t len, struct err *e)
{
    if (usable(p, e) < 0)
        return -1;
    p->failed = true;
    if (len > 0 && p->store->ops->put_write(p, data, len, e) < 0)
        return -1;
    p->failed = false;
    p->written += len;
    return 0;
}

int store_put_seal(struct store_put *p, const uint8_t sha256[STORE_DIGEST_LEN], struct err *e)
{
    uint64_t len = p->written - p->sealed;

    if (usable(p, e) < 0)
        return -1;
    p->failed = true;
    if (len > STORE_SEAL_MAX)
        return err_set(e, ERR_INTERNAL, "%s: a seal of %llu bytes", p->store->place,
                       (unsigned long long)len);
    if (len > 0 && p->store->ops->put_seal(p, p->sealed, (size_t)len, sha256, e) < 0)
        return -1;
    p->failed = false;
    p->sealed = p->written;
    return 0;
}

int store_put_commit(struct store_put *p, const char *name, enum store_commit how, struct err *e)
{
    int rc = -1;

    if (usable(p, e) == 0 && check_name(p->store, name, e) == 0) {
        if (p->sealed != p->written)
            rc = err_set(e, ERR_INTERNAL, "%s: %s: committed with unsealed bytes", p->store->place,
                         name);
        else if (p->name != NULL && strcmp(p->name, name) != 0)
            rc = err_set(e, ERR_INTERNAL, "%s: begun as %s, committed as %s", p->store->place,
                         p->name, name);
        else
            rc = p->store->ops->put_commit(p, name, how, e);
    }
    put_free(p);
    return rc;
}

void store_put_abort(struct store_put *p)
{
    if (p != NULL)
        put_free(p);
}

int store_put_bytes(struct store *s, const char *name, const void *data, size_t len,
                    enum store_commit how, struct err *e)
{
    struct store_put *p;
    const uint8_t *bytes = data;
    uint8_t digest[STORE_DIGEST_LEN];

    if (check_name(s, name, e) < 0 || store_put_begin(s, name, STORE_AFRESH, &p, e) < 0)
        return -1;
    for (size_t done = 0; done < len;) {
        size_t part = len - done < STORE_SEAL_MAX ? len - done : STORE_SEAL_MAX;
        (void)SHA256(bytes + done, part, digest);
        if (store_put_write(p, bytes + done, part, e) < 0 || store_put_seal(p, digest, e) < 0) {
            store_put_abort(p);
            return -1;
        }
        done += part;
    }
    return store_put_commit(p, name, how, e);
}

int store_get(struct store *s, const char *name, uint64_t offset, void *data, size_t len,
              size_t *ret_len, struct err *e)
{
    if (check_name(s, name, e) < 0)
        return -1;
    if (offset > INT64_MAX - len)
        return err_set(e, ERR_INTERNAL, "%s: %s: offset out of range", s->place, name);
    return s->ops->get(s, name, offset, data, len, ret_len, e);
}

int store_get_bytes(struct store *s, const char *name, struct buf *out, struct err *e)
{
    /* From a far store a second round trip costs more than room for a few MiB. */
    const size_t step = store_get_parallel(s) > 1 ? 4 * 1024 * 1024 : 64 * 1024;
    uint64_t offset = 0;
    size_t got;

    do {
        /* One byte past the bound may be asked for: only so is "too large" told from "just fits".
         */
        size_t room = out->max - out->len < step ? out->max - out->len : step;
        uint8_t spill;
        if (buf_reserve(out, room, e) < 0)
            return -1;
        if (store_get(s, name, offset, room > 0 ? out->data + out->len : &spill,
                      room > 0 ? room : 1, &got, e) < 0)
            return -1;
        if (room == 0 && got > 0)
            return err_set(e, ERR_LIMIT, "%s: %s: more than %zu bytes", s->place, name, out->max);
        if (room == 0)
            return 0;
        out->len += got;
        out->data[out->len] = 0;
        offset += got;
        if (got < room)
            return 0;
    } while (got > 0);
    return 0;
}

int store_list(struct store *s, const char *prefix, bool fold, const char *after,
               struct store_object *out, size_t max, size_t *ret_count, struct err *e)
{
    *ret_count = 0;
    if (max == 0)
        return 0;
    return s->ops->list(s, prefix, fold, after, out, max, ret_count, e);
}

int store_stat(struct store *s, const char *name, struct store_object *ret, struct err *e)
{
    if (check_name(s, name, e) < 0)
        return -1;
    return s->ops->stat(s, name, ret, e);
}

int store_delete(struct store *s, const char *name, struct err *e)
{
    if (check_name(s, name, e) < 0)
        return -1;
    return s->ops->delete (s, name, e);
}

int store_space(struct store *s, struct store_space *ret, struct err *e)
{
    *ret = (struct store_space){0};
    return s->ops->space(s, ret, e);
}

void store_space_of_blocks(uint64_t block_bytes, uint64_t blocks, uint64_t unused,
                           uint64_t available, struct store_space *ret)
{
    uint64_t ours = 0;

    ret->known = blocks > 0 && unused <= blocks &&
                 !__builtin_add_overflow(blocks - unused, available, &ours) && ours > 0 &&
                 !__builtin_mul_overflow(ours, block_bytes, &ret->total_bytes) &&
                 !__builtin_mul_overflow(available, block_bytes, &ret->free_bytes);
}

int store_sweep(struct store *s, int64_t age_s, size_t *ret_removed, struct err *e)
{
    *ret_removed = 0;
    return s->ops->sweep(s, age_s, ret_removed, e);
}

int store_point(struct store *s, const char *name, const char *target, struct err *e)
{
    if (check_name(s, name, e) < 0 || check_name(s, target, e) < 0)
        return -1;
    return s->ops->point(s, name, target, e);
}

char *store_local_path(struct store *s, const char *name)
{
    return store_is_name(name) ? s->ops->local_path(s, name) : NULL;
}
