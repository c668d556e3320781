#include "lib/repository/add.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/add_parts.h"

/* What happened to replicas shows between the caller's calls only, so that it needs no lock. */
static int publish(struct adder *a, int rc)
{
    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->replica_count; i++) {
        if (a->replicas[i].failed && !a->shown[i].failed)
            a->shown[i].error = a->replicas[i].error;
        a->shown[i].failed = a->replicas[i].failed;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return rc;
}

static struct adder *adder_new(struct repository *r, struct index *index,
                               struct adder_replica *replicas, size_t count)
{
    struct adder *a = mem_alloc(sizeof(*a));

    a->repository = r;
    a->index = index;
    a->shown = replicas;
    cutter_init(&a->stream_cutter, r->keys->cutting, &cutter_stream);
    cutter_init(&a->list_cutter, r->keys->cutting, &cutter_list);
    a->writer = index_writer_new(r->keys, r->cache_dir);
    add_blocks_init(&a->blocks);
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_cond_init(&a->work, NULL);
    (void)pthread_cond_init(&a->room, NULL);
    (void)pthread_cond_init(&a->puts, NULL);
    for (size_t i = 0; i < count; i++) {
        struct add_replica *to = &a->replicas[a->replica_count++];
        to->store = replicas[i].store;
        to->failed = replicas[i].failed;
        to->error = replicas[i].error;
        to->near = store_get_parallel(to->store) <= 1;
        to->may_lag = replicas[i].may_lag;
    }
    return a;
}

static int start_workers(struct adder *a, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        struct add_worker *w = &a->workers[i];
        w->adder = a;
        if (chunk_coder_new(a->repository->keys, &w->coder, e) < 0)
            return -1;
        w->base = add_base_new(a);
        int rc = pthread_create(&w->thread, NULL, add_worker_main, w);
        if (rc != 0) {
            chunk_coder_free(w->coder);
            add_base_free(w->base);
            return err_sys(e, ERR_IO, rc, "start a thread");
        }
        a->worker_count++;
    }
    return 0;
}

static int start_lanes(struct adder *a, struct err *e)
{
    for (size_t i = 0; i < a->replica_count * ADD_LANES; i++) {
        struct add_lane *l = &a->lanes[a->lane_count];
        *l = (struct add_lane){.adder = a, .replica = i / ADD_LANES};
        if (a->replicas[l->replica].failed)
            continue;
        int rc = pthread_create(&l->thread, NULL, add_lane_main, l);
        if (rc != 0)
            return err_sys(e, ERR_IO, rc, "start a thread");
        a->lane_count++;
    }
    return 0;
}

/* Threads finish what they are at; puts that are queued too, unless it has failed. */
static void stop(struct adder *a)
{
    (void)pthread_mutex_lock(&a->lock);
    a->stopping = true;
    (void)pthread_cond_broadcast(&a->work);
    (void)pthread_cond_broadcast(&a->puts);
    (void)pthread_mutex_unlock(&a->lock);
    for (size_t i = 0; i < a->worker_count; i++) {
        (void)pthread_join(a->workers[i].thread, NULL);
        chunk_coder_free(a->workers[i].coder);
        add_base_free(a->workers[i].base);
    }
    for (size_t i = 0; i < a->lane_count; i++)
        (void)pthread_join(a->lanes[i].thread, NULL);
}

static void destroy(struct adder *a)
{
    stop(a);
    add_blocks_deinit(&a->blocks); /* with what was under way */
    for (struct add_job *job = a->jobs, *next; job != NULL; job = next) {
        next = job->next;
        add_job_free(job);
    }
    for (size_t class = 0; class < ARRAY_LEN(a->builders); class ++) {
        struct add_builders *b = &a->builders[class];
        while (b->free_count > 0)
            pack_builder_free(b->free[--b->free_count]);
        pack_builder_free(b->filling);
    }
    index_writer_free(a->writer);
    add_list_deinit(a);
    add_tree_deinit(a);
    add_ids_deinit(&a->pending);
    chunk_coder_free(a->coder);
    (void)pthread_cond_destroy(&a->work);
    (void)pthread_cond_destroy(&a->room);
    (void)pthread_cond_destroy(&a->puts);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

int adder_open(struct adder **ret, struct repository *r, struct index *index,
               struct adder_replica *replicas, size_t replica_count, int threads, struct err *e)
{
    size_t count = threads < 1 ? 1 : threads > ADD_THREADS_MAX ? ADD_THREADS_MAX : (size_t)threads;
    size_t alive = 0;

    for (size_t i = 0; i < replica_count; i++)
        alive += !replicas[i].failed;
    if (replica_count > ADD_REPLICAS_MAX)
        return err_set(e, ERR_LIMIT, "%zu replicas of one repository, %d at most", replica_count,
                       ADD_REPLICAS_MAX);
    if (alive == 0)
        return err_set(e, ERR_UNAVAILABLE, "no replica of the repository is left");
    struct adder *a = adder_new(r, index, replicas, replica_count);
    if (chunk_coder_new(r->keys, &a->coder, e) < 0 || start_workers(a, count, e) < 0 ||
        start_lanes(a, e) < 0) {
        adder_abort(a);
        return -1;
    }
    *ret = a;
    return 0;
}

void adder_set_elsewhere(struct adder *a, bool (*elsewhere)(void *arg), void *arg)
{
    a->elsewhere = elsewhere;
    a->elsewhere_arg = arg;
}

void added_deinit(struct added *x)
{
    free(x->list);
    *x = (struct added){0};
}

int adder_end(struct adder *a, struct added *ret, struct err *e)
{
    struct add_list *l = &a->list;
    int rc = l->is_tree ? add_tree_end(a, e) : add_stream_end(a, e);

    if (rc == 0)
        rc = add_list_finish(a, e);
    if (rc == 0) {
        *ret = (struct added){.list = TAKE(l->chunks),
                              .list_count = l->chunk_count,
                              .raw_bytes = l->content,
                              .entries = l->entries};
        (void)pthread_mutex_lock(&a->lock);
        ret->new_bytes = a->packed_bytes - l->packed_before;
        (void)pthread_mutex_unlock(&a->lock);
        add_list_deinit(a);
    }
    return publish(a, rc);
}

int adder_chunk(struct adder *a, enum chunk_kind kind, const void *data, size_t len,
                struct chunk_ref *ret, struct err *e)
{
    const struct add_wish how = {.kind = kind};
    struct add_block *b = NULL;

    if (len < 1 || len > CHUNK_MAX)
        return err_set(e, ERR_LIMIT, "a chunk of %zu bytes", len);
    int rc = add_block_take(a, len, &b, e);
    if (rc == 0) {
        memcpy(b->data, data, len);
        b->used = len;
        rc = add_submit(a, b, b->data, len, &how, e);
    }
    if (rc == 0)
        rc = add_wait_idle(a, e);
    if (rc == 0)
        rc = add_list_pump(a, e);
    add_block_drop(a, &b);
    chunk_coder_id(a->coder, kind, data, len, &ret->id);
    ret->length = (uint32_t)len;
    return publish(a, rc);
}

/* Packs before the segments that name them. */
static int put_rest(struct adder *a, struct err *e)
{
    if (a->list.open)
        return err_set(e, ERR_INTERNAL, "an artifact has no end");
    if (add_wait_idle(a, e) < 0 || add_pack_close(a, OBJECT_DATA, e) < 0 ||
        add_pack_close(a, OBJECT_LISTS, e) < 0 || add_put_wait(a, e) < 0)
        return -1;
    return add_put_segment(a, e) < 0 ? -1 : add_put_wait(a, e);
}

int adder_finish(struct adder *a, uint64_t *ret_new_bytes, struct err *e)
{
    int rc = publish(a, put_rest(a, e));

    if (rc < 0) {
        adder_abort(a);
        return -1;
    }
    *ret_new_bytes = a->put_bytes;
    destroy(a);
    return 0;
}

void adder_abort(struct adder *a)
{
    const struct err why = {.code = ERR_CANCELLED, .text = "given up"};

    if (a == NULL)
        return;
    add_fail(a, &why);
    (void)publish(a, 0);
    destroy(a);
}
