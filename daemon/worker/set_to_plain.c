#include "daemon/worker/set_to_plain.h"

#include <string.h>

#include "lib/base/mem.h"

enum { PIECE = 1 << 20 };

uint64_t set_to_plain_size(const struct set_reader *from)
{
    uint64_t size = 0;

    for (size_t i = 0; i < from->manifest.artifact_count; i++)
        size += set_artifact_size(&from->manifest.artifacts[i]);
    return size;
}

static int pump(struct set_to_plain *p, struct set_artifact *content, struct artifact_writer *w,
                uint64_t before, struct err *e)
{
    _cleanup_free_ uint8_t *data = mem_alloc(PIECE);
    size_t len;

    do {
        if (set_artifact_read(content, data, PIECE, &len, e) < 0 ||
            (len > 0 && artifact_write(w, data, len, e) < 0))
            return -1;
        if (!p->progress(p->arg, before + set_artifact_done(content)))
            return err_set(e, ERR_CANCELLED, "cancelled");
    } while (len > 0);
    return 0;
}

static void take_result(struct manifest_artifact *a, const struct artifact_target *to,
                        uint64_t raw_bytes, struct artifact_result *r)
{
    if (manifest_artifact_is_tree(a)) {
        free(a->kind);
        a->kind = mem_strdup("tar");
    }
    strlist_deinit(&a->list);
    a->list = (struct strlist){0};
    a->volumes = TAKE(r->volumes);
    a->volume_count = r->volume_count;
    a->segments = r->segments;
    a->raw_bytes = raw_bytes;
    a->stored_bytes = r->stored_bytes;
    a->gzip = to->codec.gzip;
    a->encrypted = to->codec.key != NULL;
    *r = (struct artifact_result){0};
}

/* from: of the set that is read; a: the same in the manifest that is made. */
static int bring_artifact(struct set_to_plain *p, const struct manifest_artifact *from,
                          struct manifest_artifact *a, uint64_t before, struct err *e)
{
    _cleanup_free_ char *base = manifest_artifact_base_name(from);
    struct artifact_result result = {0};
    struct set_artifact *content = NULL;
    struct artifact_writer *w = NULL;

    if (set_artifact_open(p->from, from, NULL, &content, e) < 0)
        return err_wrap(e, "%s", base);
    int rc = artifact_create(&w, base, &p->to, 1, repo_threads(), e);
    if (rc == 0 && (rc = pump(p, content, w, before, e)) < 0)
        artifact_abort(TAKE(w));
    set_artifact_close(content);
    if (rc < 0)
        return err_wrap(e, "%s", base);
    uint64_t raw_bytes = artifact_raw_bytes(w);
    rc = artifact_finish(w, &result, e);
    if (rc == 0) {
        p->sent += result.stored_bytes + result.segments.size;
        take_result(a, &p->to, raw_bytes, &result);
    }
    artifact_result_deinit(&result);
    return rc < 0 ? err_wrap(e, "%s", base) : 0;
}

/* By way of its JSON, which says all of it. */
static int copy_manifest(const struct manifest *m, struct manifest *ret, struct err *e)
{
    _cleanup_json_ json_t *o = manifest_to_json(m);

    return manifest_from_json(o, ret, e);
}

static int bring_all(struct set_to_plain *p, struct manifest *m, struct err *e)
{
    uint64_t before = 0;

    for (size_t i = 0; i < m->artifact_count; i++) {
        const struct manifest_artifact *from = &p->from->manifest.artifacts[i];
        if (bring_artifact(p, from, &m->artifacts[i], before, e) < 0)
            return -1;
        before += set_artifact_size(from);
    }
    m->repository = false;
    m->stays = false; /* it was copied: there is nothing to hold back any more */
    manifest_bind(m, p->to.store, p->marker, p->mac);
    return manifest_commit(p->to.store, m, p->mac, p->key_hint, e);
}

int set_to_plain(struct set_to_plain *p, struct manifest *ret, struct err *e)
{
    p->sent = 0;
    if (copy_manifest(&p->from->manifest, ret, e) < 0)
        return -1;
    if (bring_all(p, ret, e) == 0)
        return 0;
    manifest_deinit(ret);
    return -1;
}
