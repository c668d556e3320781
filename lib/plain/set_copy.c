#include "lib/plain/set_copy.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/listing.h"

/* What lies below the set's folder already and could be of use: {NAME: size}. A list that is older
 * than the truth costs at most that something is sent twice. */
static int list_there(const struct set_copy *c, const struct manifest *m, json_t *there,
                      struct err *e)
{
    _cleanup_free_ char *prefix = mem_printf("%s/", c->to.set_prefix);
    _cleanup_(store_listing_deinit) struct store_listing list = {.store = c->to.store,
                                                                 .prefix = prefix};
    _cleanup_json_ json_t *names = manifest_names(m);
    struct store_object *x;
    int rc;

    while ((rc = store_listing_next(&list, &x, e)) == 0) {
        const char *name = x->name + strlen(prefix);
        if (json_object_get(names, name) != NULL)
            (void)json_object_set_new(there, name, json_integer((json_int_t)x->size));
    }
    return rc < 0 ? -1 : 0;
}

struct relay { /* progress of one artifact to progress of the set */
    const struct set_copy *copy;
    uint64_t before;
};

static bool relay_progress(void *arg, uint64_t stored_bytes)
{
    const struct relay *r = arg;

    return r->copy->progress == NULL || r->copy->progress(r->copy->arg, r->before + stored_bytes);
}

static void take_result(struct manifest_artifact *a, const struct set_copy *c,
                        struct artifact_result *r)
{
    for (size_t i = 0; i < a->volume_count; i++)
        free(a->volumes[i].name);
    free(a->volumes);
    free(a->segments.name);
    a->volumes = TAKE(r->volumes);
    a->volume_count = r->volume_count;
    a->segments = r->segments;
    a->stored_bytes = r->stored_bytes;
    a->gzip = c->to.codec.gzip;
    a->encrypted = c->to.codec.key != NULL;
    *r = (struct artifact_result){0};
}

static int copy_artifact(struct set_copy *c, struct manifest_artifact *a, const json_t *there,
                         uint64_t before, struct err *e)
{
    const struct artifact_source from =
        manifest_artifact_source(a, c->from, c->to.set_prefix, c->from_key);
    struct relay relay = {.copy = c, .before = before};
    struct artifact_copy one = {
        .to = &c->to, .there = there, .progress = relay_progress, .arg = &relay};
    int rc;

    if (artifact_copy_fits(&from, &c->to)) {
        rc = artifact_copy_bytes(&one, &from, e);
    } else {
        _cleanup_free_ char *base = manifest_artifact_base_name(a);
        struct artifact_result result;
        rc = artifact_copy_anew(&one, &from, base, a->raw_bytes, c->threads, &result, e);
        if (rc == 0)
            take_result(a, c, &result);
        c->reencrypted = true;
    }
    c->sent += one.sent;
    return rc;
}

int set_copy(struct set_copy *c, struct manifest *m, struct err *e)
{
    _cleanup_json_ json_t *there = json_object();
    uint64_t before = 0;

    c->sent = 0;
    c->reencrypted = false;
    if (list_there(c, m, there, e) < 0)
        return -1;
    if (json_object_get(there, "manifest.json") != NULL)
        return err_set(e, ERR_EXISTS, "%s: the set %s is committed already",
                       store_place(c->to.store), c->to.set_prefix);
    for (size_t i = 0; i < m->artifact_count; i++) {
        uint64_t stored = m->artifacts[i].stored_bytes;
        if (copy_artifact(c, &m->artifacts[i], there, before, e) < 0)
            return -1;
        before += stored;
    }
    m->stays = false; /* it was copied: there is nothing to hold back any more */
    manifest_bind(m, c->to.store, c->marker, c->mac);
    return manifest_commit(c->to.store, m, c->mac, c->key_hint, e);
}
