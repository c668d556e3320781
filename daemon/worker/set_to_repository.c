#include "daemon/worker/set_to_repository.h"

#include <string.h>

#include "daemon/worker/replicas.h"
#include "lib/base/mem.h"
#include "lib/plain/marks.h"
#include "lib/tree/tree_replay.h"

enum { PIECE = 1 << 20 };

struct bringing {
    struct set_to_repository *job;
    struct worker *worker;
    struct adder *adder;
    struct adder_replica replica;
    struct set_artifact *content; /* of the artifact that is on its way */
    uint64_t before;
};

static int tell(struct bringing *b, struct err *e)
{
    return b->job->progress(b->job->arg, b->before + set_artifact_done(b->content))
               ? 0
               : err_set(e, ERR_CANCELLED, "cancelled");
}

static int add_stream(struct bringing *b, struct err *e)
{
    _cleanup_free_ uint8_t *data = mem_alloc(PIECE);
    size_t len = 1;

    if (adder_stream_begin(b->adder, -1, -1, e) < 0)
        return -1;
    while (len > 0)
        if (set_artifact_read(b->content, data, PIECE, &len, e) < 0 ||
            (len > 0 && adder_write(b->adder, data, len, e) < 0) || tell(b, e) < 0)
            return -1;
    return 0;
}

static int on_progress(void *arg, const char *path, uint64_t bytes, struct err *e)
{
    (void)path;
    (void)bytes;
    return tell(arg, e);
}

static void on_text(void *arg, const char *text)
{
    worker_log(((struct bringing *)arg)->worker, WORKER_WARNING, "%s", text);
}

static int add_tree(struct bringing *b, struct err *e)
{
    const struct adder_tree tree = {
        .arg = b, .progress = on_progress, .problem = on_text, .note = on_text};
    struct tree_visitor visitor;

    if (adder_tree_begin(b->adder, &tree, -1, -1, &visitor, e) < 0)
        return -1;
    return tree_replay(set_artifact_read, b->content, &visitor, e);
}

static void take_added(struct manifest_artifact *a, const struct added *added)
{
    const bool tree = manifest_artifact_is_tree(a);

    for (size_t i = 0; i < a->volume_count; i++)
        free(a->volumes[i].name);
    free(a->volumes);
    free(a->segments.name);
    strlist_deinit(&a->list);
    a->list = (struct strlist){0};
    a->volumes = NULL;
    a->volume_count = 0;
    a->segments = (struct artifact_volume){0};
    repo_list_text(added->list, added->list_count, &a->list);
    if (tree) {
        free(a->kind);
        a->kind = mem_strdup("tree");
    }
    a->raw_bytes = added->raw_bytes;
    a->stored_bytes = added->new_bytes;
    a->gzip = a->encrypted = false;
}

static int bring_artifact(struct bringing *b, const struct manifest_artifact *from,
                          struct manifest_artifact *a, struct err *e)
{
    _cleanup_free_ char *name = manifest_artifact_base_name(from);
    struct added added = {0};

    if (set_artifact_open(b->job->from, from, NULL, &b->content, e) < 0)
        return err_wrap(e, "%s", name);
    int rc = manifest_artifact_is_tree(from) ? add_tree(b, e) : add_stream(b, e);
    if (rc == 0)
        rc = adder_end(b->adder, &added, e);
    if (rc == 0)
        take_added(a, &added);
    added_deinit(&added);
    set_artifact_close(TAKE(b->content));
    b->before += set_artifact_size(from);
    return rc < 0 ? err_wrap(e, "%s", name) : 0;
}

static void bind(struct manifest *m, const struct bringing *b)
{
    m->repository = true;
    m->stays = false; /* it was copied: there is nothing to hold back any more */
    m->salt[0] = m->key_id[0] = '\0';
    memcpy(m->destination_id, b->job->repo.repository->id, sizeof(m->destination_id));
    free(m->readback);
    m->readback = mem_strdup(store_readback(b->job->to->store));
}

static int add_all(struct bringing *b, struct manifest *m, struct chunk_ref *ret, struct err *e)
{
    struct buf bytes = BUF_INIT(MANIFEST_MAX);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < m->artifact_count; i++)
        rc = bring_artifact(b, &b->job->from->manifest.artifacts[i], &m->artifacts[i], e);
    bind(m, b);
    if (rc == 0)
        rc = repo_manifest_bytes(m, &bytes, e);
    if (rc == 0)
        rc = adder_chunk(b->adder, CHUNK_SET, bytes.data, bytes.len, ret, e);
    buf_deinit(&bytes);
    return rc < 0 ? -1 : adder_finish(TAKE(b->adder), &b->job->sent, e);
}

/* What was said of the set, in this log too. */
static int append_marks(struct set_to_repository *p, const struct log_author *who, struct err *e)
{
    const struct manifest *m = &p->from->manifest;
    struct log *log = p->repo.repository->writer;
    struct log_head head;
    char until[32];

    if (p->marks->pinned &&
        log_append(log, who, "pin",
                   json_pack("{s:s,s:s,s:s,s:o}", "job", m->job, "id", m->id, "reason",
                             p->marks->pin_reason != NULL ? p->marks->pin_reason : "", "until",
                             p->marks->pin_until.us != 0
                                 ? json_string(clock_iso8601(p->marks->pin_until, until))
                                 : json_null()),
                   &head, e) < 0)
        return -1;
    return p->marks->accepted ? log_append(log, who, "accept",
                                           json_pack("{s:s,s:s,s:s}", "job", m->job, "id", m->id,
                                                     "reason", "as at the place it came from"),
                                           &head, e)
                              : 0;
}

static int commit(struct bringing *b, const struct log_author *who, struct err *e)
{
    _cleanup_json_ json_t *o = manifest_to_json(&b->job->from->manifest);
    struct manifest m;
    struct chunk_ref manifest;

    if (repo_index_for_adding(b->worker, &b->job->repo, e) < 0 ||
        adder_open(&b->adder, b->job->repo.repository, b->job->repo.index, &b->replica, 1,
                   repo_threads(), e) < 0 ||
        manifest_from_json(o, &m, e) < 0)
        return -1;
    int rc = add_all(b, &m, &manifest, e);
    if (rc == 0)
        rc = repo_append_set(&b->job->repo, who, &m, &manifest, e);
    manifest_deinit(&m);
    return rc < 0 ? -1 : append_marks(b->job, who, e);
}

int set_to_repository(struct worker *w, struct set_to_repository *p, struct err *e)
{
    const struct manifest *m = &p->from->manifest;
    struct bringing b = {.job = p, .worker = w, .replica = {.store = p->to->store}};
    struct repository_set there;
    struct repo_author author;
    struct err why = {0};

    p->sent = 0;
    if (repo_author(p->to, &author, e) < 0 || repo_open_or_create(p->to, &p->repo, e) < 0 ||
        replicas_check(p->to, &p->repo, NULL, 0, e) < 0)
        return -1;
    if (repository_find_set(p->repo.repository, m->job, m->id, &there, &why) == 0)
        return there.sequence == m->sequence
                   ? 0
                   : err_set(e, ERR_EXISTS, "%s holds another set under the id %s/%s",
                             store_place(p->to->store), m->job, m->id);
    int rc = commit(&b, &author.who, e);
    adder_abort(b.adder);
    set_artifact_close(b.content);
    return rc;
}
