/* index_write.c — what was added is found at once, in memory; a flush makes a segment of it, whose file
 * on this machine is there before the object is put. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/index_put.h"

enum {
    FULL = 60000, /* and a pack more fits the room for 65,536 */
    OBJECT_MAX = 256 << 20
};

struct index_writer {
    const struct keys *keys; /* borrowed */
    char *dir;               /* owned; NULL */
    struct index_pending pending;
    struct index *ix; /* borrowed: where what is pending is found; NULL */
    struct buf object;
    char name[80];
};

struct index_writer *index_writer_new(const struct keys *k, const char *cache_dir)
{
    struct index_writer *w = mem_alloc(sizeof(*w));

    w->keys = k;
    w->dir = index_cache_dir(cache_dir);
    w->object = BUF_INIT(OBJECT_MAX);
    return w;
}

/* From now on ix, or nobody, finds what is pending. */
static void show_to(struct index_writer *w, struct index *ix)
{
    if (w->ix == ix)
        return;
    if (w->ix != NULL) {
        (void)pthread_rwlock_wrlock(&w->ix->lock);
        w->ix->pending = NULL;
        (void)pthread_rwlock_unlock(&w->ix->lock);
    }
    w->ix = ix;
    if (ix != NULL) {
        (void)pthread_rwlock_wrlock(&ix->lock);
        ix->pending = &w->pending;
        (void)pthread_rwlock_unlock(&ix->lock);
    }
}

void index_writer_free(struct index_writer *w)
{
    if (w == NULL)
        return;
    show_to(w, NULL);
    index_pending_deinit(&w->pending);
    buf_deinit(&w->object);
    free(w->dir);
    free(w);
}

int index_writer_add(struct index_writer *w, struct index *ix, const struct pack_built *p,
                     struct err *e)
{
    struct index_pack pack = {.name = p->name, .len = (uint32_t)p->len};

    if (p->len > PACK_MAX || p->count == 0)
        return err_set(e, ERR_INTERNAL, "a pack of %zu bytes and %zu chunks", p->len, p->count);
    for (size_t i = 0; i < p->count; i++)
        pack.chunk_bytes += p->entries[i].stored + SEAL_TAG_LEN;
    show_to(w, ix);
    if (ix != NULL)
        (void)pthread_rwlock_wrlock(&ix->lock);
    index_pending_add_pack(&w->pending, &pack);
    for (size_t i = 0; i < p->count; i++)
        index_pending_add(&w->pending,
                          &(struct index_item){.chunk = p->entries[i], .offset = p->offsets[i]});
    if (ix != NULL)
        (void)pthread_rwlock_unlock(&ix->lock);
    return 0;
}

bool index_writer_is_full(const struct index_writer *w)
{
    return w->pending.count >= FULL;
}

static int append(void *arg, const void *data, size_t len, struct err *e)
{
    return buf_append(arg, data, len, e);
}

static int make_object(struct index_writer *w, struct index_segment *g, struct err *e)
{
    struct index_object o;

    buf_clear(&w->object);
    int rc = index_object_new(g, w->keys, &o, e);
    if (rc == 0)
        rc = buf_reserve(&w->object, (size_t)g->object_len, e);
    if (rc == 0)
        rc = index_segment_seal(g, o.header, o.key, append, &w->object, e);
    seal_wipe(o.key, sizeof(o.key));
    if (rc == 0)
        rc = index_local_name(&g->local, &g->name, e);
    return rc;
}

static int flush(struct index_writer *w, struct index_segment *g, struct err *e)
{
    if (index_pending_write(&w->pending, w->dir, g, e) < 0 || make_object(w, g, e) < 0) {
        index_local_forget(&g->local);
        index_segment_free(g);
        return -1;
    }
    index_segment_object(&g->name, w->name);
    g->stored = true;
    if (w->ix != NULL)
        index_take_segment(w->ix, g);
    else
        index_segment_free(g);
    index_pending_clear(&w->pending);
    return 0;
}

int index_writer_flush(struct index_writer *w, const char **ret_name, const uint8_t **ret_data,
                       size_t *ret_len, struct err *e)
{
    if (w->pending.count == 0)
        return 1;
    if (w->ix != NULL)
        (void)pthread_rwlock_wrlock(&w->ix->lock);
    int rc = flush(w, index_segment_new(), e);
    if (w->ix != NULL)
        (void)pthread_rwlock_unlock(&w->ix->lock);
    if (rc < 0)
        return err_wrap(e, "index segment");
    *ret_name = w->name;
    *ret_data = w->object.data;
    *ret_len = w->object.len;
    return 0;
}
