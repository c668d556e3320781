/* add_pack.c — chunks into packs: one thread at a time. Data and lists lie apart. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/add_parts.h"

static enum object_class class_of(const struct add_slot *s)
{
    return s->kind == CHUNK_DATA ? OBJECT_DATA : OBJECT_LISTS;
}

bool add_pack_has_room(const struct adder *a, const struct add_slot *s)
{
    const struct pack_builder *b = a->filling[class_of(s)];

    return (b != NULL && pack_builder_fits(b, s->entry.stored)) || a->free_count > 0 ||
           a->builder_count < ADD_BUILDERS;
}

int add_pack_close(struct adder *a, enum object_class class, struct err *e)
{
    if (a->filling[class] == NULL)
        return 0;
    struct add_job *job = mem_alloc(sizeof(*job));
    struct pack_built *p = &job->built;
    job->builder = TAKE(a->filling[class]);
    if (pack_builder_finish(job->builder, p, e) < 0) {
        add_job_free(job);
        return -1;
    }
    pack_object_name(&p->name, job->name);
    memcpy(job->digest, p->name.bytes, sizeof(job->digest));
    job->data = p->data;
    job->len = p->len;
    (void)pthread_mutex_lock(&a->lock);
    add_put_queue(a, job);
    (void)pthread_mutex_unlock(&a->lock);
    return 0;
}

static int begin_pack(struct adder *a, enum object_class class, struct err *e)
{
    struct pack_builder *b = NULL;

    (void)pthread_mutex_lock(&a->lock);
    if (a->free_count > 0)
        b = a->free_builders[--a->free_count];
    else
        a->builder_count++;
    (void)pthread_mutex_unlock(&a->lock);
    a->filling[class] = b;
    return b == NULL ? pack_builder_new(a->repository->keys, class, &a->filling[class], e)
                     : pack_builder_reset(b, class, e);
}

int add_pack_chunk(struct adder *a, struct add_slot *s, struct err *e)
{
    enum object_class class = class_of(s);
    uint32_t offset;

    if (a->filling[class] != NULL && !pack_builder_fits(a->filling[class], s->entry.stored) &&
        add_pack_close(a, class, e) < 0)
        return -1;
    if (a->filling[class] == NULL && begin_pack(a, class, e) < 0)
        return -1;
    if (pack_builder_add(a->filling[class], &s->entry, s->data, &offset, e) < 0)
        return -1;
    a->packed_bytes += s->entry.stored + (uint64_t)SEAL_TAG_LEN + sizeof(struct chunk_entry);
    return 0;
}
