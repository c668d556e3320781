/* manifest_commit.c — a set comes and goes. manifest.json is the set: put last, deleted first. */
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/together.h"
#include "lib/plain/digest.h"
#include "lib/plain/manifest.h"
#include "lib/store/listing.h"

enum { TEXT_LIMIT = 8 << 20 };

/* --- what lies there --- */

struct looking {
    struct store *store;
    const char *job, *id;
    struct manifest_place *place;
};

/* 1: it is committed. */
static int look_for_manifest(void *arg, struct err *e)
{
    const struct looking *l = arg;
    struct err why = {0};

    if (manifest_fetch(l->store, l->job, l->id, &l->place->bytes, &why) == 0)
        return 1;
    return why.code == ERR_NOT_FOUND ? 0 : err_set(e, why.code, "%s", why.text);
}

static int list_names(void *arg, struct err *e)
{
    const struct looking *l = arg;
    _cleanup_free_ char *prefix = mem_printf("%s/%s/", l->job, l->id);
    _cleanup_(store_listing_deinit) struct store_listing list = {.store = l->store,
                                                                 .prefix = prefix};
    struct store_object *x;
    int rc;

    while ((rc = store_listing_next(&list, &x, e)) == 0)
        strlist_add(&l->place->names, x->name);
    return rc < 0 ? -1 : 0;
}

int manifest_look(struct store *s, const char *job, const char *id, struct manifest_place *ret,
                  struct err *e)
{
    struct looking l = {s, job, id, ret};
    struct together calls[] = {{.call = look_for_manifest, .arg = &l},
                               {.call = list_names, .arg = &l}};

    *ret = (struct manifest_place){0};
    int rc = together_run(calls, ARRAY_LEN(calls), store_get_parallel(s) > 1, e);
    ret->committed = rc == 1;
    return rc < 0 ? err_wrap(e, "commit %s/%s at %s", job, id, store_place(s)) : 0;
}

void manifest_place_deinit(struct manifest_place *p)
{
    manifest_bytes_deinit(&p->bytes);
    strlist_deinit(&p->names);
}

/* --- commit --- */

/* An object of the set's own, made in memory and put. */
struct own_file {
    struct store *store;
    char *name; /* owned: of the object */
    struct buf bytes;
};

static struct own_file own_file(struct store *s, const struct manifest *m, const char *file,
                                size_t max)
{
    return (struct own_file){
        .store = s, .name = mem_printf("%s/%s/%s", m->job, m->id, file), .bytes = BUF_INIT(max)};
}

static void own_file_deinit(struct own_file *f)
{
    free(f->name);
    buf_deinit(&f->bytes);
}

static int put_file(void *arg, struct err *e)
{
    const struct own_file *f = arg;

    return store_put_bytes(f->store, f->name, f->bytes.data, f->bytes.len, STORE_REPLACE, e);
}

static struct artifact_volume described(const char *name, const struct buf *b)
{
    struct artifact_volume v = {.name = mem_strdup(name), .size = b->len};

    digest_bytes(b->data, b->len, v.sha256);
    return v;
}

/* May it stay? A commit with credentials that cannot delete leaves remains, which no manifest names:
 * they are of no harm, and whoever may delete will sweep them with the set. */
static int remove_remains(struct store *s, const struct manifest *m, const struct strlist *names,
                          struct err *e)
{
    _cleanup_json_ json_t *keep = manifest_names(m);
    size_t prefix_len = strlen(m->job) + 1 + strlen(m->id) + 1;

    for (size_t i = 0; i < names->count; i++) {
        struct err why = {0};
        if (json_object_get(keep, names->items[i] + prefix_len) == NULL &&
            store_delete(s, names->items[i], &why) < 0 && why.code != ERR_NOT_FOUND &&
            why.code != ERR_DENIED)
            return err_set(e, why.code, "%s", why.text);
    }
    return 0;
}

/* The texts are complete before the manifest is made, because their digests stand in it. */
static int fill_texts(struct manifest *m, const char *secret_hint, struct own_file *text,
                      struct own_file *sums, struct err *e)
{
    if (manifest_text_write(m, secret_hint, &text->bytes, e) < 0 ||
        manifest_sums_write(m, &text->bytes, &sums->bytes, e) < 0)
        return -1;
    m->text = described("MANIFEST.txt", &text->bytes);
    m->sums = described("SHA256SUMS", &sums->bytes);
    return 0;
}

static int fill_manifest(const struct manifest *m, const struct mac_key *k, struct own_file *mac,
                         struct own_file *json, struct err *e)
{
    _cleanup_json_ json_t *o = manifest_to_json(m);
    struct manifest check;
    char hex[65];

    /* what could not be read again must not be called a set */
    if (manifest_from_json(o, &check, e) < 0)
        return err_wrap(e, "the manifest would not be valid");
    manifest_deinit(&check);
    if (json_write(o, &json->bytes, e) < 0)
        return -1;
    mac_compute(k, json->bytes.data, json->bytes.len, hex);
    return buf_printf(&mac->bytes, e, "%s\n", hex);
}

static int write_all(struct store *s, const struct manifest *m, const struct mac_key *k,
                     const char *secret_hint, struct err *e)
{
    struct manifest whole = *m; /* the two texts are added to a shallow copy */
    struct own_file text = own_file(s, m, "MANIFEST.txt", TEXT_LIMIT);
    struct own_file sums = own_file(s, m, "SHA256SUMS", TEXT_LIMIT);
    struct own_file mac = own_file(s, m, "manifest.mac", 128);
    struct own_file json = own_file(s, m, "manifest.json", MANIFEST_MAX);
    struct together before[] = {{.call = put_file, .arg = &text},
                                {.call = put_file, .arg = &sums},
                                {.call = put_file, .arg = &mac}};
    int rc = -1;

    whole.text = whole.sums = (struct artifact_volume){0};
    if (fill_texts(&whole, secret_hint, &text, &sums, e) == 0 &&
        fill_manifest(&whole, k, &mac, &json, e) == 0 &&
        together_run(before, ARRAY_LEN(before), store_get_parallel(s) > 1, e) == 0)
        rc = put_file(&json, e);
    free(whole.text.name);
    free(whole.sums.name);
    own_file_deinit(&text);
    own_file_deinit(&sums);
    own_file_deinit(&mac);
    own_file_deinit(&json);
    return rc;
}

/* A commit may be repeated when its answer was lost: the same content again is success without a
 * touch, since rewriting the two proofs one after the other would open a gap. */
static int compare_committed(const struct manifest *m, const struct mac_key *k,
                             const struct manifest_bytes *bytes, struct err *e)
{
    struct manifest there;

    if (manifest_open(bytes, m->job, m->id, k, &there, e) < 0)
        return -1;
    _cleanup_json_ json_t *ours = manifest_to_json(m), *theirs = manifest_to_json(&there);
    bool same =
        there.sequence == m->sequence &&
        json_equal(json_object_get(ours, "artifacts"), json_object_get(theirs, "artifacts")) &&
        json_equal(json_object_get(ours, "sources"), json_object_get(theirs, "sources"));
    manifest_deinit(&there);
    return same ? 0 : err_set(e, ERR_EXISTS, "another set of this id is committed already");
}

int manifest_commit_at(struct store *s, const struct manifest_place *there,
                       const struct manifest *m, const struct mac_key *k, const char *secret_hint,
                       struct err *e)
{
    int rc;

    if (there->committed)
        rc = compare_committed(m, k, &there->bytes, e);
    else
        rc = remove_remains(s, m, &there->names, e) < 0 ? -1 : write_all(s, m, k, secret_hint, e);
    return rc < 0 ? err_wrap(e, "commit %s/%s at %s", m->job, m->id, store_place(s)) : 0;
}

int manifest_commit(struct store *s, const struct manifest *m, const struct mac_key *k,
                    const char *secret_hint, struct err *e)
{
    struct manifest_place there;
    int rc = manifest_look(s, m->job, m->id, &there, e);

    if (rc == 0)
        rc = manifest_commit_at(s, &there, m, k, secret_hint, e);
    manifest_place_deinit(&there);
    return rc;
}

/* --- delete --- */

static int delete_below(struct store *s, const char *prefix, struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing list = {.store = s, .prefix = prefix};
    struct store_object *x;
    int rc;

    while ((rc = store_listing_next(&list, &x, e)) == 0) {
        struct err why = {0};
        if (store_delete(s, x->name, &why) < 0 && why.code != ERR_NOT_FOUND)
            return err_set(e, why.code, "%s", why.text);
    }
    return rc < 0 ? -1 : 0;
}

int manifest_delete_set(struct store *s, const char *job, const char *id, struct err *e)
{
    _cleanup_free_ char *manifest = mem_printf("%s/%s/manifest.json", job, id);
    _cleanup_free_ char *folder = mem_printf("%s/%s/", job, id);
    _cleanup_free_ char *marks = mem_printf("%s/%s.marks/", job, id);
    struct err why = {0};
    struct wall when;

    if (!str_is_name(job) || clock_parse_set_id(id, &when) < 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such set");
    if (store_delete(s, manifest, &why) < 0 && why.code != ERR_NOT_FOUND) {
        (void)err_set(e, why.code, "%s", why.text);
        return err_wrap(e, "delete %s/%s", job, id);
    }
    if (delete_below(s, folder, &why) == 0 && delete_below(s, marks, &why) == 0)
        return 0;
    (void)err_set(e, why.code, "%s", why.text);
    return err_wrap(e, "delete %s/%s", job, id);
}
