#include "tests/lib/memory_store.h"

#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/ops.h"

struct object {
    char *name;
    uint8_t *data;
    size_t len;
    struct wall modified;
};

struct catalog {
    struct object *items; /* sorted by name */
    size_t count;
};

struct memory_store {
    struct store base;
    struct store_ops ops;       /* base.ops points here */
    pthread_mutex_t lock;       /* calls may come from several threads */
    struct catalog now, before; /* before: as lists may still see it */
    struct memory_store_faults faults;
    atomic_bool given_up;
};

struct memory_put {
    struct store_put base;
    uint8_t *data;
    size_t len;
};

static struct memory_store *memory_of(struct store *s)
{
    return (struct memory_store *)s;
}

struct memory_store_faults *memory_store_faults(struct store *s)
{
    return &memory_of(s)->faults;
}

static void catalog_clear(struct catalog *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->items[i].name);
        free(c->items[i].data);
    }
    free(c->items);
    *c = (struct catalog){0};
}

static void remember(struct memory_store *m)
{
    catalog_clear(&m->before);
    m->before.items = mem_alloc(m->now.count * sizeof(*m->before.items));
    m->before.count = m->now.count;
    for (size_t i = 0; i < m->now.count; i++) {
        m->before.items[i] = m->now.items[i];
        m->before.items[i].name = mem_strdup(m->now.items[i].name);
        m->before.items[i].data = NULL; /* a list needs none */
    }
}

static struct object *find(struct catalog *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->items[i].name, name) == 0)
            return &c->items[i];
    return NULL;
}

static int unavailable(struct store *s, struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "%s: no answer (try again)", s->place);
}

static pthread_mutex_t *enter(struct store *s)
{
    (void)pthread_mutex_lock(&memory_of(s)->lock);
    return &memory_of(s)->lock;
}

static void leave(pthread_mutex_t **lock)
{
    (void)pthread_mutex_unlock(*lock);
}

/* Until the end of the scope. */
#define HOLD(store) _cleanup_(leave) __attribute__((unused)) pthread_mutex_t *lock_ = enter(store)

/* At the start of every call. */
static int arrive(struct store *s, struct err *e)
{
    struct memory_store_faults *f = &memory_of(s)->faults;

    f->calls++;
    if (f->fail_call != 0 &&
        (f->calls == f->fail_call || (f->fail_ever_after && f->calls > f->fail_call)))
        return unavailable(s, e);
    return 0;
}

/* At the end of a change that has happened. */
static int answer(struct store *s, struct err *e)
{
    struct memory_store_faults *f = &memory_of(s)->faults;

    f->changes++;
    return f->changes == f->lose_answer ? unavailable(s, e) : 0;
}

static void memory_close(struct store *s)
{
    struct memory_store *m = memory_of(s);

    catalog_clear(&m->now);
    catalog_clear(&m->before);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

static int memory_put_begin(struct store *s, const char *name, enum store_begin how,
                            struct store_put **ret, struct err *e)
{
    HOLD(s);

    (void)name;
    (void)how;
    if (arrive(s, e) < 0)
        return -1;
    struct memory_put *p = mem_alloc(sizeof(*p));
    p->base.store = s;
    *ret = &p->base;
    return 0;
}

static int memory_put_write(struct store_put *put, const void *data, size_t len, struct err *e)
{
    while (atomic_load(&memory_of(put->store)->faults.hold_puts)) {
        if (atomic_load(&memory_of(put->store)->given_up))
            return err_set(e, ERR_CANCELLED, "%s: given up", put->store->place);
        (void)usleep(1000);
    }
    HOLD(put->store);
    struct memory_put *p = (struct memory_put *)put;

    if (arrive(put->store, e) < 0)
        return -1;
    p->data = mem_resize(p->data, p->len + len);
    memcpy(p->data + p->len, data, len);
    p->len += len;
    return 0;
}

static int memory_put_seal(struct store_put *put, uint64_t offset, size_t len,
                           const uint8_t sha256[STORE_DIGEST_LEN], struct err *e)
{
    HOLD(put->store);
    struct memory_put *p = (struct memory_put *)put;
    uint8_t found[SHA256_DIGEST_LENGTH];

    if (arrive(put->store, e) < 0)
        return -1;
    (void)SHA256(p->data + offset, len, found);
    if (memcmp(found, sha256, sizeof(found)) != 0)
        return err_set(e, ERR_DAMAGED, "%s: the bytes at %llu are not those written",
                       put->store->place, (unsigned long long)offset);
    return 0;
}

static void insert(struct catalog *c, struct object o)
{
    size_t at = 0;

    while (at < c->count && strcmp(c->items[at].name, o.name) < 0)
        at++;
    c->items = mem_resize_array(c->items, c->count + 1, sizeof(*c->items));
    memmove(c->items + at + 1, c->items + at, (c->count - at) * sizeof(*c->items));
    c->items[at] = o;
    c->count++;
}

static int memory_put_commit(struct store_put *put, const char *name, enum store_commit how,
                             struct err *e)
{
    HOLD(put->store);
    struct memory_put *p = (struct memory_put *)put;
    struct memory_store *m = memory_of(put->store);

    if (arrive(put->store, e) < 0)
        return -1;
    struct object *old = find(&m->now, name);
    if (old != NULL && how == STORE_FAIL_IF_EXISTS)
        return err_set(e, ERR_EXISTS, "%s: %s exists already", put->store->place, name);
    if (old != NULL && m->faults.refuse_overwrite)
        return err_set(e, ERR_DENIED, "%s: %s is locked", put->store->place, name);
    remember(m);
    if (old != NULL) {
        free(old->data);
        old->data = TAKE(p->data);
        old->len = p->len;
        old->modified = clock_wall();
    } else {
        insert(&m->now, (struct object){.name = mem_strdup(name),
                                        .data = TAKE(p->data),
                                        .len = p->len,
                                        .modified = clock_wall()});
    }
    return answer(put->store, e);
}

static void memory_put_free(struct store_put *put)
{
    struct memory_put *p = (struct memory_put *)put;

    free(p->data);
    free(p);
}

static int not_found(struct store *s, const char *name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "%s: there is no %s", s->place, name);
}

static int memory_get(struct store *s, const char *name, uint64_t offset, void *data, size_t len,
                      size_t *ret_len, struct err *e)
{
    HOLD(s);

    if (arrive(s, e) < 0)
        return -1;
    const struct object *o = find(&memory_of(s)->now, name);
    if (o == NULL)
        return not_found(s, name, e);
    size_t there = offset < o->len ? o->len - (size_t)offset : 0;
    *ret_len = len < there ? len : there;
    if (*ret_len > 0)
        memcpy(data, o->data + offset, *ret_len);
    return 0;
}

static int memory_list(struct store *s, const char *prefix, bool fold, const char *after,
                       struct store_object *out, size_t max, size_t *ret_count, struct err *e)
{
    HOLD(s);

    struct memory_store *m = memory_of(s);
    const struct catalog *c = m->faults.stale_lists ? &m->before : &m->now;

    if (arrive(s, e) < 0)
        return -1;
    for (size_t i = 0; i < c->count && *ret_count < max; i++) {
        const struct object *o = &c->items[i];
        struct store_object *r = &out[*ret_count];
        if (!str_starts(o->name, prefix))
            continue;
        *r = (struct store_object){.size = o->len, .modified = o->modified};
        (void)snprintf(r->name, sizeof(r->name), "%s", o->name);
        char *slash = fold ? strchr(r->name + strlen(prefix), '/') : NULL;
        if (slash != NULL) {
            slash[1] = '\0';
            r->size = 0;
        }
        bool repeated = *ret_count > 0 && strcmp(out[*ret_count - 1].name, r->name) == 0;
        *ret_count += strcmp(r->name, after) > 0 && !repeated;
    }
    return 0;
}

static int memory_stat(struct store *s, const char *name, struct store_object *ret, struct err *e)
{
    HOLD(s);

    if (arrive(s, e) < 0)
        return -1;
    const struct object *o = find(&memory_of(s)->now, name);
    if (o == NULL)
        return not_found(s, name, e);
    *ret = (struct store_object){.size = o->len, .modified = o->modified};
    (void)snprintf(ret->name, sizeof(ret->name), "%s", name);
    return 0;
}

static int memory_delete(struct store *s, const char *name, struct err *e)
{
    HOLD(s);

    struct memory_store *m = memory_of(s);

    if (arrive(s, e) < 0)
        return -1;
    struct object *o = find(&m->now, name);
    if (o == NULL)
        return not_found(s, name, e);
    if (m->faults.refuse_delete)
        return err_set(e, ERR_DENIED, "%s: %s is locked", s->place, name);
    remember(m);
    free(o->name);
    free(o->data);
    size_t at = (size_t)(o - m->now.items);
    m->now.count--;
    memmove(o, o + 1, (m->now.count - at) * sizeof(*o));
    return answer(s, e);
}

static int memory_space(struct store *s, struct store_space *ret, struct err *e)
{
    (void)ret; /* not known */
    return arrive(s, e);
}

static int memory_sweep(struct store *s, int64_t age_s, size_t *ret_removed, struct err *e)
{
    (void)age_s;
    (void)ret_removed; /* an uncommitted put leaves nothing here */
    return arrive(s, e);
}

static int memory_point(struct store *s, const char *name, const char *target, struct err *e)
{
    (void)name;
    (void)target; /* no links here */
    return arrive(s, e);
}

static char *memory_local_path(struct store *s, const char *name)
{
    (void)s;
    (void)name;
    return NULL;
}

void memory_store_damage(struct store *s, const char *name, size_t offset)
{
    struct object *o = find(&memory_of(s)->now, name);

    if (o == NULL || offset >= o->len)
        abort();
    o->data[offset] ^= 1;
}

void memory_store_set_parallel(struct store *s, int parallel)
{
    memory_of(s)->ops.get_parallel = parallel;
}

static void memory_give_up(struct store *s)
{
    atomic_store(&memory_of(s)->given_up, true);
}

static const struct store_ops memory_ops = {
    .close = memory_close,
    .put_begin = memory_put_begin,
    .put_write = memory_put_write,
    .put_seal = memory_put_seal,
    .put_commit = memory_put_commit,
    .put_free = memory_put_free,
    .get = memory_get,
    .list = memory_list,
    .stat = memory_stat,
    .delete = memory_delete,
    .space = memory_space,
    .sweep = memory_sweep,
    .point = memory_point,
    .local_path = memory_local_path,
    .give_up = memory_give_up,
};

struct store *memory_store_new(void)
{
    struct memory_store *m = mem_alloc(sizeof(*m));

    m->ops = memory_ops;
    m->base = (struct store){.ops = &m->ops, .place = mem_strdup("memory")};
    (void)pthread_mutex_init(&m->lock, NULL);
    return &m->base;
}
