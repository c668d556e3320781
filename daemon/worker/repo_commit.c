#include "daemon/worker/repo_commit.h"

#include "daemon/worker/set_describe.h"
#include "lib/base/mem.h"

int repo_manifest_bytes(const struct manifest *m, struct buf *out, struct err *e)
{
    _cleanup_json_ json_t *o = manifest_to_json(m);
    struct manifest check;

    /* what could not be read again must not be called a set */
    if (manifest_from_json(o, &check, e) < 0)
        return err_wrap(e, "the manifest would not be valid");
    manifest_deinit(&check);
    return json_write(o, out, e);
}

static json_t *describe(const struct manifest *m)
{
    static const char *const elsewhere[] = {"id",         "sequence", "pinned", "pin_until",
                                            "pin_reason", "accepted", "key_id"};
    const struct marks none = {0};
    json_t *o = set_describe(m, &none);

    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
        (void)json_object_del(o, elsewhere[i]);
    (void)json_object_set_new(o, "readback", json_string(m->readback));
    return o;
}

int repo_append_set(struct repo *r, const struct log_author *who, const struct manifest *m,
                    const struct chunk_ref *manifest, struct err *e)
{
    _cleanup_free_ char *reference = chunk_ref_text(manifest);
    struct log_head head;

    return log_append(r->repository->writer, who, "set",
                      json_pack("{s:s,s:s,s:I,s:s,s:o}", "job", m->job, "id", m->id, "sequence",
                                (json_int_t)m->sequence, "manifest", reference, "describe",
                                describe(m)),
                      &head, e);
}
