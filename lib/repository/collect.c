#include "lib/repository/collect.h"

#include <stdio.h>
#include <string.h>

#include "lib/repository/collect_parts.h"

enum { PROBLEMS_MAX = 100 };

void collect_result_deinit(struct collect_result *r)
{
    strlist_deinit(&r->refused);
    strlist_deinit(&r->problems);
    *r = (struct collect_result){0};
}

int collect_cancelled(const struct collector *c, struct err *e)
{
    if (c->spec->cancelled != NULL && c->spec->cancelled(c->spec->arg))
        return err_set(e, ERR_CANCELLED, "cancelled");
    return 0;
}

void collect_progress(const struct collector *c, const char *phase, uint64_t done, uint64_t total)
{
    if (c->spec->progress != NULL)
        c->spec->progress(c->spec->arg, phase, done, total);
}

void collect_problem(struct collector *c, const char *fmt, ...)
{
    struct strlist *list = &c->result->problems;
    char text[ERR_TEXT_MAX];
    va_list args;

    if (list->count > PROBLEMS_MAX)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    strlist_add(list, list->count == PROBLEMS_MAX ? "and more" : text);
}

bool collect_is_read(const struct collect_spec *s, const char *job, const char *id)
{
    for (size_t i = 0; i < s->reading_count; i++)
        if (strcmp(s->reading[i].job, job) == 0 && strcmp(s->reading[i].id, id) == 0)
            return true;
    return false;
}

static void collector_deinit(struct collector *c)
{
    fetcher_close(c->fetcher);
    index_close(c->readable);
    index_close(c->ix);
    strlist_deinit(&c->lists);
    free(c->marks);
    free(c->noted);
    free(c->packs);
    free(c->trash);
    free(c->replicas);
}

static void begin(struct collector *c)
{
    const struct collect_spec *s = c->spec;

    c->began = clock_mono();
    c->replica_count = 1 + s->replica_count;
    c->replicas = mem_alloc(c->replica_count * sizeof(*c->replicas));
    c->replicas[0].store = c->r->store;
    for (size_t i = 0; i < s->replica_count; i++)
        c->replicas[1 + i].store = s->replicas[i];
}

/* One segment, so that a chunk is a bit. */
static int open_index(struct collector *c, struct err *e)
{
    if (index_open(c->r->store, c->r->keys, c->r->cache_dir, false, &c->ix, NULL, e) < 0 ||
        index_merge(c->ix, c->r->store, NULL, 0, e) < 0)
        return -1;
    c->marks = mem_alloc(index_count(c->ix) / 8 + 1);
    return 0;
}

/* An index of its own, without what is not there: of a chunk that lies twice the other copy is read. The
 * one for marks has them all, or its numbers would be others. */
static int open_fetcher(struct collector *c, struct err *e)
{
    _cleanup_free_ struct pack_name *gone = mem_alloc(c->pack_count * sizeof(*gone));
    size_t count = 0;

    for (size_t i = 0; i < c->pack_count; i++)
        if (c->packs[i].indexed && !c->packs[i].at_store)
            gone[count++] = c->packs[i].name;
    if (index_open(c->r->store, c->r->keys, c->r->cache_dir, false, &c->readable, NULL, e) < 0)
        return -1;
    index_exclude(c->readable, gone, count);
    return fetcher_open(&c->fetcher, c->r, c->readable, c->spec->threads, e);
}

/* A list that is lost is begun again: what was on it is on trash since now, which only takes longer. */
static int read_trash(struct collector *c, struct err *e)
{
    struct err why;

    if (repository_trash(c->r, &c->trash, &c->trash_count, &why) == 0) {
        collect_sort_trash(c);
        return 0;
    }
    if (why.code == ERR_DAMAGED) {
        collect_problem(c, "the trash list is begun anew: %s", why.text);
        return 0;
    }
    if (e != NULL)
        *e = why;
    return -1;
}

static int run(struct collector *c, struct err *e)
{
    if (log_check_holder(c->r->pruner, c->spec->who, e) < 0)
        return -1;
    collect_bring_replicas(c);
    if (collect_remove_sets(c, e) < 0)
        return -1;
    if (c->spec->clock_in_doubt) {
        collect_problem(c, "the clock is in doubt: what no set needs waits until it is not");
        return 0;
    }
    if (c->spec->remove_only)
        return 0;
    if (collect_cancelled(c, e) < 0 || read_trash(c, e) < 0 || open_index(c, e) < 0 ||
        collect_list_packs(c, e) < 0 || open_fetcher(c, e) < 0 || collect_mark(c, e) < 0 ||
        collect_account(c, e) < 0 || collect_move(c, e) < 0 || collect_put_list(c, e) < 0)
        return -1;
    return collect_delete(c, e);
}

int collect(const struct collect_spec *spec, struct collect_result *ret, struct err *e)
{
    struct collector c = {.spec = spec, .result = ret, .r = spec->repository};

    *ret = (struct collect_result){0};
    if (c.r->keys->write_only)
        return err_set(e, ERR_KEY,
                       "%s: the key at hand may only write: prune with one that may read, and "
                       "leave it to that with delete = no here",
                       store_place(c.r->store));
    begin(&c);
    int rc = run(&c, e);
    for (size_t i = 0; i < c.replica_count; i++)
        ret->replicas_behind += c.replicas[i].behind;
    collector_deinit(&c);
    return rc;
}
