/* add_put.c — objects on their way to the replicas.
 *
 * The happy path is: a job is queued; a lane of each replica puts it; when all have, a pack's chunks
 * enter the index and its builder is free again. Failure modes: a put fails: that replica drops out, and
 * nobody waits for it any more; the last one does: everything ends. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/add_parts.h"

void add_job_free(struct add_job *job)
{
    pack_builder_free(job->builder);
    free(job->owned);
    free(job);
}

void add_put_queue(struct adder *a, struct add_job *job)
{
    struct add_job **end = &a->jobs;

    for (size_t i = 0; i < a->replica_count; i++)
        if (!a->replicas[i].failed)
            job->waits |= 1U << i;
    while (*end != NULL)
        end = &(*end)->next;
    *end = job;
    a->put_bytes += job->len;
    (void)pthread_cond_broadcast(&a->puts);
}

static int put(struct store *s, const struct add_job *job, struct err *e)
{
    struct store_put *p = NULL;

    if (store_put_begin(s, job->name, STORE_AFRESH, &p, e) < 0)
        return -1;
    if (store_put_write(p, job->data, job->len, e) < 0 || store_put_seal(p, job->digest, e) < 0) {
        store_put_abort(p);
        return -1;
    }
    return store_put_commit(p, job->name, STORE_REPLACE,
                            e); /* whoever has the name has the bytes */
}

/* A segment of what the writer has gathered; 1: there was nothing. */
static int queue_segment(struct adder *a, struct err *e)
{
    struct add_job *job = mem_alloc(sizeof(*job));
    const uint8_t *data;
    const char *name;
    size_t len;
    int rc = index_writer_flush(a->writer, &name, &data, &len, e);

    if (rc != 0) {
        add_job_free(job);
        return rc;
    }
    (void)snprintf(job->name, sizeof(job->name), "%s", name);
    job->data = job->owned = mem_copy(data, len);
    job->len = len;
    seal_sha256(data, len, job->digest);
    add_put_queue(a, job);
    return 0;
}

/* Everywhere durable: now others may know of it. */
static int pack_is_there(struct adder *a, struct add_job *job, struct err *e)
{
    if (index_writer_add(a->writer, a->index, &job->built, e) < 0)
        return -1;
    a->epoch++;
    for (size_t i = 0; i < job->built.count; i++)
        add_ids_remove(&a->pending, &job->built.entries[i].id);
    struct add_builders *b = &a->builders[job->class];
    b->free[b->free_count++] = TAKE(job->builder);
    (void)pthread_cond_signal(&a->work);
    return index_writer_is_full(a->writer) && queue_segment(a, e) < 0 ? -1 : 0;
}

static void finish_jobs(struct adder *a)
{
    struct add_job **at = &a->jobs, *job;
    struct err e = {0};

    while ((job = *at) != NULL && a->error.code == ERR_NONE) {
        if (job->waits != 0 || job->users > 0) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        if (job->builder != NULL && pack_is_there(a, job, &e) < 0)
            add_fail_locked(a, &e);
        add_job_free(job);
    }
    (void)pthread_cond_signal(&a->room);
}

void add_put_drop(struct adder *a, size_t replica, const struct err *why)
{
    bool any = false;

    if (a->replicas[replica].failed)
        return;
    a->replicas[replica].failed = true;
    a->replicas[replica].error = *why;
    for (size_t i = 0; i < a->replica_count; i++)
        any = any || !a->replicas[i].failed;
    if (!any) {
        add_fail_locked(a, why);
        return;
    }
    for (struct add_job *job = a->jobs; job != NULL; job = job->next)
        job->waits &= ~(1U << replica);
    (void)pthread_cond_broadcast(&a->puts); /* its lanes end */
    finish_jobs(a);
}

/* What it held up of the read is forgotten once it has all. */
static void note_progress(struct adder *a, size_t replica)
{
    for (const struct add_job *job = a->jobs; job != NULL; job = job->next)
        if ((job->waits & 1U << replica) != 0)
            return;
    a->replicas[replica].held_us = 0;
}

/* The next that this replica lacks; waits for one. NULL: no more. */
static struct add_job *next_job(struct adder *a, size_t replica)
{
    for (;;) {
        if (a->error.code != ERR_NONE || a->replicas[replica].failed)
            return NULL;
        for (struct add_job *job = a->jobs; job != NULL; job = job->next)
            if ((job->taken & 1U << replica) == 0)
                return job;
        if (a->stopping)
            return NULL;
        (void)pthread_cond_wait(&a->puts, &a->lock);
    }
}

void *add_lane_main(void *lane)
{
    const struct add_lane *l = lane;
    struct adder *a = l->adder;
    struct add_job *job;
    struct err e = {0};

    (void)pthread_mutex_lock(&a->lock);
    while ((job = next_job(a, l->replica)) != NULL) {
        job->taken |= 1U << l->replica;
        job->users++;
        (void)pthread_mutex_unlock(&a->lock);
        int rc = put(a->replicas[l->replica].store, job, &e);
        (void)pthread_mutex_lock(&a->lock);
        job->users--;
        job->waits &= ~(1U << l->replica);
        if (rc < 0)
            add_put_drop(a, l->replica, &e);
        else
            note_progress(a, l->replica);
        finish_jobs(a);
    }
    (void)pthread_mutex_unlock(&a->lock);
    return NULL;
}

int add_put_wait(struct adder *a, struct err *e)
{
    int rc;

    (void)pthread_mutex_lock(&a->lock);
    while ((rc = add_error_locked(a, e)) == 0 && a->jobs != NULL)
        (void)pthread_cond_wait(&a->room, &a->lock);
    (void)pthread_mutex_unlock(&a->lock);
    return rc;
}

int add_put_segment(struct adder *a, struct err *e)
{
    (void)pthread_mutex_lock(&a->lock);
    int rc = queue_segment(a, e);
    (void)pthread_mutex_unlock(&a->lock);
    return rc < 0 ? -1 : 0;
}
