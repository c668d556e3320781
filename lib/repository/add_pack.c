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
    const struct add_builders *b = &a->builders[class_of(s)];

    return (b->filling != NULL && pack_builder_fits(b->filling, s->entry.stored)) ||
           b->free_count > 0 || b->count < ADD_BUILDERS;
}

int add_pack_close(struct adder *a, enum object_class class, struct err *e)
{
    struct add_builders *b = &a->builders[class];

    if (b->filling == NULL)
        return 0;
    struct add_job *job = mem_alloc(sizeof(*job));
    struct pack_built *p = &job->built;
    job->builder = TAKE(b->filling);
    job->class = class;
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
    struct add_builders *b = &a->builders[class];

    (void)pthread_mutex_lock(&a->lock);
    if (b->free_count > 0)
        b->filling = b->free[--b->free_count];
    else
        b->count++;
    (void)pthread_mutex_unlock(&a->lock);
    return b->filling == NULL ? pack_builder_new(a->repository->keys, class, &b->filling, e)
                              : pack_builder_reset(b->filling, class, e);
}

int add_pack_chunk(struct adder *a, struct add_slot *s, struct err *e)
{
    enum object_class class = class_of(s);
    struct add_builders *b = &a->builders[class];
    uint32_t offset;

    if (b->filling != NULL && !pack_builder_fits(b->filling, s->entry.stored) &&
        add_pack_close(a, class, e) < 0)
        return -1;
    if (b->filling == NULL && begin_pack(a, class, e) < 0)
        return -1;
    if (pack_builder_add(b->filling, &s->entry, s->data, &offset, e) < 0)
        return -1;
    a->packed_bytes += s->entry.stored + (uint64_t)SEAL_TAG_LEN + sizeof(struct chunk_entry);
    return 0;
}
