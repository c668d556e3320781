#include "daemon/worker/repo.h"

#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/plain/set_list.h"
#include "lib/repository/damaged.h"
#include "lib/repository/slot.h"

enum { THREADS_MAX = 4 };

int repo_threads(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);

    return online < 1 ? 1 : online > THREADS_MAX ? THREADS_MAX : (int)online;
}

int repo_author(const struct destination *d, struct repo_author *ret, struct err *e)
{
    if (d->owner == NULL)
        return err_set(e, ERR_FORMAT, "\"owner\" is missing");
    (void)gethostname(ret->host, sizeof(ret->host) - 1);
    ret->host[sizeof(ret->host) - 1] = '\0';
    ret->who = (struct log_author){.installation = d->owner, .host = ret->host};
    return 0;
}

static int make_spec(const struct destination *d, struct repository_spec *ret, struct err *e)
{
    if (d->key.text == NULL)
        return err_set(e, ERR_KEY, "%s holds a repository, which only a key opens (--key)",
                       store_place(d->store));
    *ret = (struct repository_spec){
        .store = d->store,
        .secret = &d->key,
        .stretched = d->stretched,
        .cache_dir = d->cache_dir,
        .known_writer = d->writer_known ? &d->writer_head : NULL,
        .known_pruner = d->pruner_known ? &d->pruner_head : NULL,
    };
    return 0;
}

/* What it cost to stretch the key is spared the workers after this one. */
static int open_and_tell(const struct destination *d, const struct repository_spec *spec,
                         struct repository **ret, struct err *e)
{
    struct secret before = {0};

    if (d->stretched != NULL && d->stretched->text != NULL)
        before = secret_copy(d->stretched->text, d->stretched->len);
    int rc = repository_open(spec, ret, e);
    if (d->stretched != NULL && d->stretched->text != NULL && !secret_equal(&before, d->stretched))
        worker_stretched(d->worker, d->name, d->stretched->text);
    secret_deinit(&before);
    return rc;
}

int repo_open(const struct destination *d, struct repo *ret, struct err *e)
{
    struct repository_spec spec;

    *ret = (struct repo){.place = d->name};
    if (make_spec(d, &spec, e) < 0)
        return -1;
    if (open_and_tell(d, &spec, &ret->repository, e) == 0)
        return 0;
    if (e != NULL && e->code == ERR_NOT_FOUND && d->writer_known)
        (void)err_set(e, ERR_TAMPERED, "the repository that was at %s is gone",
                      store_place(d->store));
    if (e == NULL || e->code != ERR_TAMPERED)
        return -1;
    struct err why = *e;
    if (d->owner == NULL)
        return err_set(e, ERR_TAMPERED,
                       "%s (to read what is there now all the same: without --known-head)",
                       why.text);
    return err_set(e, ERR_TAMPERED,
                   "%s; nothing is written or pruned there (find out who did it; synbakctl adopt "
                   "%s accepts what is there now)",
                   why.text, d->name);
}

/* Sets of the plain format would never be pruned by a repository, nor shown. */
static int check_empty(const struct destination *d, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist jobs = {0};

    if (set_list_jobs(d->store, &jobs, e) < 0)
        return -1;
    for (size_t i = 0; i < jobs.count; i++) {
        _cleanup_free_ struct set_entry *entries = NULL;
        size_t count;
        if (set_list(d->store, jobs.items[i], &entries, &count, e) < 0)
            return -1;
        if (count > 0)
            return err_set(e, ERR_REFUSED,
                           "%s holds sets of the plain format (job \"%s\"): a repository needs a "
                           "place of its own",
                           store_place(d->store), jobs.items[i]);
    }
    return 0;
}

int repo_open_or_create(const struct destination *d, struct repo *ret, struct err *e)
{
    struct repository_spec spec;
    struct repo_author author;
    char id[REPOSITORY_ID_LEN * 2 + 1];

    *ret = (struct repo){0};
    int rc = repository_probe(d->store, id, e);
    /* one that was here before and is gone is for repository_open to tell of */
    if (rc < 0)
        return -1;
    if (rc == 0 || d->writer_known) {
        struct err why = {0};
        rc = repo_open(d, ret, &why);
        if (rc == 0 || why.code != ERR_NOT_FOUND) { /* else it was begun and broken off */
            *e = why;
            return rc;
        }
    }
    if (d->newest_writer > 0)
        return err_set(e, ERR_UNAVAILABLE,
                       "%s holds no replica of repository \"%s\" yet: a copy brings one",
                       store_place(d->store), d->repository_name);
    if (make_spec(d, &spec, e) < 0 || repo_author(d, &author, e) < 0 || check_empty(d, e) < 0)
        return -1;
    return repository_create(&spec, &author.who, &ret->repository, e);
}

int repo_index(struct worker *w, struct repo *r, struct err *e)
{
    const struct repository *from = r->repository;
    struct err why = {0};

    if (r->index != NULL)
        return 0;
    if (index_open(from->store, from->keys, from->cache_dir, false, &r->index, NULL, &why) == 0)
        return 0;
    if (why.code != ERR_DAMAGED) {
        *e = why;
        return -1;
    }
    worker_log(w, WORKER_WARNING, "%s: the index is made again from the packs: %s",
               store_place(from->store), why.text);
    return index_open(from->store, from->keys, from->cache_dir, true, &r->index, NULL, e);
}

int repo_damaged(const struct repo *r, struct pack_name **ret, size_t *ret_count, struct err *e)
{
    return damaged_read(r->repository->cache_dir, r->place, ret, ret_count, e);
}

int repo_index_for_adding(struct worker *w, struct repo *r, struct err *e)
{
    _cleanup_free_ struct pack_name *trash = NULL, *damaged = NULL;
    size_t count, missing = 0;

    if (repo_index(w, r, e) < 0 || repository_trash_packs(r->repository, &trash, &count, e) < 0 ||
        index_exclude_missing(r->index, r->repository->store, &missing, e) < 0)
        return -1;
    if (missing > 0)
        worker_log(
            w, WORKER_WARNING,
            "%s: %zu packs are missing: what they held is stored again as far as it is still "
            "there (synbakctl verify names the sets that need them)",
            store_place(r->repository->store), missing);
    index_exclude(r->index, trash, count);
    if (repo_damaged(r, &damaged, &count, e) < 0)
        return -1;
    index_exclude(r->index, damaged, count);
    return 0;
}

/* What was stored again after a loss, or moved, lies twice: before packs that are damaged or on trash the
 * other copy is read. Of a pack that is gone nobody need know before: the fetcher finds another copy. */
int repo_fetcher(struct worker *w, struct repo *r, struct err *e)
{
    _cleanup_free_ struct pack_name *damaged = NULL;
    size_t count;

    if (r->fetcher != NULL)
        return 0;
    if (repo_index(w, r, e) < 0 || repo_damaged(r, &damaged, &count, e) < 0)
        return -1;
    if (count > 0)
        index_avoid(r->index, damaged, count);
    repository_avoid_trash(r->repository, r->index);
    r->worker = w;
    return fetcher_open(&r->fetcher, r->repository, r->index, repo_threads(), e);
}

void repo_close(struct repo *r)
{
    struct err first;

    if (r->fetcher != NULL && fetcher_mended(r->fetcher, &first) > 0)
        worker_log(r->worker, WORKER_WARNING,
                   "%s: read from another copy that is whole (synbakctl verify --data finds all "
                   "that is damaged, synbakctl repair mends it)",
                   first.text);
    fetcher_close(r->fetcher);
    index_close(r->index);
    repository_close(r->repository);
    *r = (struct repo){0};
}

int repo_has_recovery(const struct destination *d, bool *ret, struct err *e)
{
    _cleanup_free_ struct slot *slots = NULL;
    size_t count;

    *ret = false;
    if (slots_list(d->store, &slots, &count, e) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!slots[i].damaged &&
            (slots[i].kind == SLOT_RECOVERY || slots[i].kind == SLOT_PASSPHRASE))
            *ret = true;
    return 0;
}

json_t *repo_heads(const struct repo *r)
{
    const struct log_head writer = log_head(r->repository->writer);
    const struct log_head pruner = log_head(r->repository->pruner);
    _cleanup_free_ char *w = log_head_text(&writer), *p = log_head_text(&pruner);

    return json_pack("{s:s,s:s}", "writer", w, "pruner", p);
}

static int check_manifest(const struct manifest *m, const struct repo *r,
                          const struct repository_set *set, struct err *e)
{
    if (!m->repository || !str_equal(m->job, set->job) || !str_equal(m->id, set->id) ||
        !str_equal(m->destination_id, r->repository->id))
        return err_set(e, ERR_DAMAGED, "its manifest is that of another set, %s/%s", m->job, m->id);
    return 0;
}

int repo_manifest(struct repo *r, const struct repository_set *set, struct manifest *ret,
                  struct err *e)
{
    _cleanup_free_ uint8_t *data = NULL;
    _cleanup_json_ json_t *o = NULL;

    if (set->manifest.length > MANIFEST_MAX)
        return err_set(e, ERR_DAMAGED, "set %s/%s: its manifest is too long", set->job, set->id);
    data = mem_alloc(set->manifest.length);
    if (fetcher_chunk(r->fetcher, &set->manifest, CHUNK_SET, data, e) < 0 ||
        json_read(data, set->manifest.length, &o, e) < 0 || manifest_from_json(o, ret, e) < 0)
        return err_wrap(e, "set %s/%s", set->job, set->id);
    if (check_manifest(ret, r, set, e) == 0)
        return 0;
    manifest_deinit(ret);
    return err_wrap(e, "set %s/%s", set->job, set->id);
}

int repo_list_parse(const struct strlist *list, struct chunk_ref **ret, struct err *e)
{
    _cleanup_free_ struct chunk_ref *refs = mem_alloc((list->count + 1) * sizeof(*refs));

    for (size_t i = 0; i < list->count; i++)
        if (chunk_ref_parse(list->items[i], &refs[i], e) < 0)
            return -1;
    *ret = TAKE(refs);
    return 0;
}

void repo_list_text(const struct chunk_ref *list, size_t count, struct strlist *ret)
{
    for (size_t i = 0; i < count; i++)
        strlist_take(ret, chunk_ref_text(&list[i]));
}
