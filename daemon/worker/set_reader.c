#include "daemon/worker/set_reader.h"

#include <string.h>

enum { CHUNK = 1 << 20 };

static int read_repository(struct set_reader *r, struct err *e)
{
    struct repository_set set;

    if (repo_open(&r->from, &r->repo, e) < 0 || repo_fetcher(r->worker, &r->repo, e) < 0 ||
        repository_find_set(r->repo.repository, r->job, r->id, &set, e) < 0)
        return -1;
    return repo_manifest(&r->repo, &set, &r->manifest, e);
}

int set_reader_open(struct worker *w, const json_t *job, struct set_reader *ret, struct err *e)
{
    *ret = (struct set_reader){.worker = w};
    if (destination_open_set(w, job, &ret->from, &ret->job, &ret->id, e) < 0)
        return -1;
    ret->prefix = mem_printf("%s/%s", ret->job, ret->id);
    if ((ret->from.repository ? read_repository(ret, e)
                              : keyring_read(ret->from.ring, ret->from.store, ret->job, ret->id,
                                             NULL, &ret->manifest, &ret->key, NULL, e)) == 0)
        return 0;
    set_reader_close(ret);
    return -1;
}

void set_reader_close(struct set_reader *r)
{
    manifest_deinit(&r->manifest);
    repo_close(&r->repo);
    destination_close(&r->from);
    free(r->job);
    free(r->id);
    free(r->prefix);
    *r = (struct set_reader){0};
}

/* --- artifacts --- */

struct set_artifact { /* one of the two */
    struct artifact_reader *stored;
    struct fetch_artifact *listed;
};

static int open_listed(struct set_reader *r, const struct manifest_artifact *a,
                       const struct strlist *only, struct fetch_artifact **ret, struct err *e)
{
    _cleanup_free_ struct chunk_ref *list = NULL;

    if (repo_list_parse(&a->list, &list, e) < 0)
        return -1;
    return fetch_artifact_open(r->repo.fetcher, list, a->list.count, manifest_artifact_is_tree(a),
                               only, ret, e);
}

int set_artifact_open(struct set_reader *r, const struct manifest_artifact *a,
                      const struct strlist *only, struct set_artifact **ret, struct err *e)
{
    _cleanup_free_ struct set_artifact *x = mem_alloc(sizeof(*x));
    const struct artifact_source src =
        manifest_artifact_source(a, r->from.store, r->prefix, r->key);

    if ((r->from.repository ? open_listed(r, a, only, &x->listed, e)
                            : artifact_open(&x->stored, &src, e)) < 0)
        return -1;
    *ret = TAKE(x);
    return 0;
}

void set_artifact_use(struct set_artifact *x, const struct fetch_present *p)
{
    if (x->listed != NULL)
        fetch_artifact_use(x->listed, p);
}

uint64_t set_artifact_present(const struct set_artifact *x)
{
    return x->listed != NULL ? fetch_artifact_present(x->listed) : 0;
}

int set_artifact_list(struct set_reader *r, const struct manifest_artifact *a,
                      struct list_reader **ret, struct err *e)
{
    _cleanup_free_ struct chunk_ref *list = NULL;

    if (repo_list_parse(&a->list, &list, e) < 0)
        return -1;
    return list_reader_open(r->repo.fetcher, list, a->list.count, ret, e);
}

int set_artifact_read(void *set_artifact, void *data, size_t len, size_t *ret_len, struct err *e)
{
    struct set_artifact *x = set_artifact;

    return x->listed != NULL ? fetch_artifact_read(x->listed, data, len, ret_len, e)
                             : artifact_read(x->stored, data, len, ret_len, e);
}

uint64_t set_artifact_done(const struct set_artifact *x)
{
    return x->listed != NULL ? fetch_artifact_done(x->listed) : artifact_read_stored(x->stored);
}

void set_artifact_close(struct set_artifact *x)
{
    if (x == NULL)
        return;
    fetch_artifact_close(x->listed);
    artifact_close(x->stored);
    free(x);
}

uint64_t set_artifact_size(const struct manifest_artifact *a)
{
    return a->list.count > 0 ? a->raw_bytes : a->stored_bytes;
}

static int read_through(struct set_artifact *x, artifact_progress_cb *progress, void *arg,
                        struct err *e)
{
    _cleanup_free_ uint8_t *chunk = mem_alloc(CHUNK);
    size_t len = 1;

    while (len > 0) {
        if (set_artifact_read(x, chunk, CHUNK, &len, e) < 0)
            return -1;
        if (!progress(arg, set_artifact_done(x)))
            return err_set(e, ERR_CANCELLED, "cancelled");
    }
    return 0;
}

int set_artifact_verify(struct set_reader *r, const struct manifest_artifact *a,
                        const struct fetch_present *present, artifact_progress_cb *progress,
                        void *arg, struct err *e)
{
    const struct artifact_source src =
        manifest_artifact_source(a, r->from.store, r->prefix, r->key);
    struct set_artifact *x;

    if (!r->from.repository)
        return artifact_verify(&src, progress, arg, e);
    if (set_artifact_open(r, a, NULL, &x, e) < 0)
        return -1;
    if (present != NULL)
        set_artifact_use(x, present);
    int rc = read_through(x, progress, arg, e);
    set_artifact_close(x);
    return rc;
}

int set_reader_check_source(const struct manifest *m, const char *source, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist known = {0};

    for (size_t i = 0; i < m->artifact_count; i++)
        if (!strlist_contains(&known, m->artifacts[i].source))
            strlist_add(&known, m->artifacts[i].source);
    if (strlist_contains(&known, source))
        return 0;
    const char *near = str_nearest(source, (const char *const *)known.items, known.count);
    return err_set(e, ERR_NOT_FOUND, "set %s/%s holds no source \"%s\"%s%s%s", m->job, m->id,
                   source, near != NULL ? " (did you mean \"" : "", near != NULL ? near : "",
                   near != NULL ? "\"?)" : "");
}

char *set_reader_file_name(const struct manifest_artifact *a)
{
    _cleanup_free_ char *stored = manifest_artifact_base_name(a);
    const char *slash = strrchr(stored, '/');

    return mem_strdup(slash == NULL ? stored : slash + 1);
}
