/* manifest.c — the set as a whole: commit, read, delete. manifest.json is the set: put last,
 * deleted first. */
#include "lib/plain/manifest.h"

#include <openssl/crypto.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/plain/digest.h"

enum { PAGE = 64, TEXT_LIMIT = 8 << 20 };

static char *object_name(const char *job, const char *id, const char *file)
{
    return mem_printf("%s/%s/%s", job, id, file);
}

struct artifact_source manifest_artifact_source(const struct manifest_artifact *a, struct store *s,
                                                const char *set_prefix, const struct secret *key)
{
    return (struct artifact_source){.store = s,
                                    .set_prefix = set_prefix,
                                    .volumes = a->volumes,
                                    .volume_count = a->volume_count,
                                    .segments = &a->segments,
                                    .gzip = a->gzip,
                                    .key = a->encrypted ? key : NULL};
}

char *manifest_file_name(const char *source, const char *kind, const char *database)
{
    if (str_equal(kind, "globals"))
        return mem_printf("%s/globals.sql", source);
    if (str_equal(kind, "out"))
        return mem_printf("%s/%s.out", source, source);
    if (database == NULL)
        return mem_printf("%s/%s.tar", source, source);
    _cleanup_free_ char *encoded = str_percent_encode(database);
    if (str_equal(kind, "dump"))
        return mem_printf("%s/%s.dump", source, encoded);
    /* "globals.sql" is taken, whatever a database is called */
    return mem_printf("%s/%s.sql", source, str_equal(encoded, "globals") ? "%67lobals" : encoded);
}

char *manifest_artifact_base_name(const struct manifest_artifact *a)
{
    if (a->list.count > 0)
        return manifest_file_name(a->source, a->kind, a->database);
    char *name = mem_strdup(a->volume_count > 0 ? a->volumes[0].name : a->source);

    if (a->encrypted && str_ends(name, ".enc"))
        name[strlen(name) - strlen(".enc")] = '\0';
    if (a->gzip && str_ends(name, ".gz"))
        name[strlen(name) - strlen(".gz")] = '\0';
    return name;
}

bool manifest_is_good(const struct manifest *m)
{
    return !m->incomplete && !m->fragment && !strlist_contains(&m->tiers, "pre-restore");
}

/* --- commit --- */

void manifest_bind(struct manifest *m, const struct store *s, const struct marker *marker,
                   const struct mac_key *k)
{
    free(m->readback);
    m->readback = mem_strdup(store_readback(s));
    memcpy(m->destination_id, marker->id, sizeof(m->destination_id));
    memcpy(m->salt, marker->salt, sizeof(m->salt));
    memcpy(m->key_id, k->id, sizeof(m->key_id));
}

static int put_file(struct store *s, const struct manifest *m, const char *file,
                    const struct buf *b, struct err *e)
{
    _cleanup_free_ char *name = object_name(m->job, m->id, file);

    return store_put_bytes(s, name, b->data, b->len, STORE_REPLACE, e);
}

static struct artifact_volume described(const char *name, const struct buf *b)
{
    struct artifact_volume v = {.name = mem_strdup(name), .size = b->len};

    digest_bytes(b->data, b->len, v.sha256);
    return v;
}

json_t *manifest_names(const struct manifest *m)
{
    static const char *const own[] = {"SHA256SUMS", "MANIFEST.txt", "manifest.mac",
                                      "manifest.json"};
    json_t *names = json_object();

    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        (void)json_object_set_new(names, own[i], json_true());
    for (size_t i = 0; i < m->artifact_count; i++) {
        const struct manifest_artifact *a = &m->artifacts[i];
        for (size_t v = 0; v < a->volume_count; v++)
            (void)json_object_set_new(names, a->volumes[v].name, json_true());
        (void)json_object_set_new(names, a->segments.name, json_true());
    }
    return names;
}

/* May it stay? A commit with credentials that cannot delete leaves remains, which no manifest names:
 * they are of no harm, and whoever may delete will sweep them with the set. */
static bool may_stay(const json_t *keep, const struct err *why)
{
    return why->code == ERR_NOT_FOUND || (keep != NULL && why->code == ERR_DENIED);
}

/* Delete what begins with prefix, but not what `keep` names (relative to prefix; may be NULL). */
static int delete_below(struct store *s, const char *prefix, const json_t *keep, struct err *e)
{
    _cleanup_free_ struct store_object *page = mem_alloc(PAGE * sizeof(*page));
    char after[STORE_NAME_MAX + 1] = "";
    size_t n = PAGE;

    while (n == PAGE) {
        if (store_list(s, prefix, false, after, page, PAGE, &n, e) < 0)
            return -1;
        for (size_t i = 0; i < n; i++) {
            if (keep != NULL && json_object_get(keep, page[i].name + strlen(prefix)) != NULL)
                continue;
            struct err why = {0};
            if (store_delete(s, page[i].name, &why) < 0 && !may_stay(keep, &why))
                return err_set(e, why.code, "%s", why.text);
        }
        if (n > 0)
            memcpy(after, page[n - 1].name, sizeof(after));
    }
    return 0;
}

static int write_texts(struct store *s, struct manifest *m, const char *secret_hint, struct err *e)
{
    struct buf text = BUF_INIT(TEXT_LIMIT), sums = BUF_INIT(TEXT_LIMIT);
    int rc = -1;

    if (manifest_text_write(m, secret_hint, &text, e) == 0 &&
        manifest_sums_write(m, &text, &sums, e) == 0 &&
        put_file(s, m, "MANIFEST.txt", &text, e) == 0 &&
        put_file(s, m, "SHA256SUMS", &sums, e) == 0) {
        m->text = described("MANIFEST.txt", &text);
        m->sums = described("SHA256SUMS", &sums);
        rc = 0;
    }
    buf_deinit(&text);
    buf_deinit(&sums);
    return rc;
}

static int write_manifest(struct store *s, const struct manifest *m, const struct mac_key *k,
                          struct err *e)
{
    struct buf bytes = BUF_INIT(MANIFEST_MAX), mac = BUF_INIT(128);
    _cleanup_json_ json_t *o = manifest_to_json(m);
    struct manifest check;
    char hex[65];
    int rc = -1;

    /* what could not be read again must not be called a set */
    if (manifest_from_json(o, &check, e) < 0)
        return err_wrap(e, "the manifest would not be valid");
    manifest_deinit(&check);
    if (json_write(o, &bytes, e) == 0) {
        mac_compute(k, bytes.data, bytes.len, hex);
        rc = buf_printf(&mac, e, "%s\n", hex) < 0 || put_file(s, m, "manifest.mac", &mac, e) < 0
                 ? -1
                 : put_file(s, m, "manifest.json", &bytes, e);
    }
    buf_deinit(&bytes);
    buf_deinit(&mac);
    return rc;
}

/* A commit may be repeated when its answer was lost: the same content again is success without a
 * touch, since rewriting the two proofs one after the other would open a gap. 1: not committed. */
static int find_committed(struct store *s, const struct manifest *m, const struct mac_key *k,
                          struct err *e)
{
    struct err why = {0};
    struct manifest there;

    if (manifest_read(s, m->job, m->id, k, &there, &why) < 0) {
        if (why.code == ERR_NOT_FOUND)
            return 1;
        return err_set(e, why.code, "%s", why.text);
    }
    _cleanup_json_ json_t *ours = manifest_to_json(m), *theirs = manifest_to_json(&there);
    bool same =
        there.sequence == m->sequence &&
        json_equal(json_object_get(ours, "artifacts"), json_object_get(theirs, "artifacts")) &&
        json_equal(json_object_get(ours, "sources"), json_object_get(theirs, "sources"));
    manifest_deinit(&there);
    return same ? 0 : err_set(e, ERR_EXISTS, "another set of this id is committed already");
}

int manifest_commit(struct store *s, const struct manifest *m, const struct mac_key *k,
                    const char *secret_hint, struct err *e)
{
    _cleanup_free_ char *prefix = mem_printf("%s/%s/", m->job, m->id);
    _cleanup_json_ json_t *names = manifest_names(m);
    struct manifest whole = *m; /* the two texts are added to a shallow copy */
    int rc = find_committed(s, m, k, e);

    whole.text = whole.sums = (struct artifact_volume){0};
    if (rc == 1)
        rc = delete_below(s, prefix, names, e) == 0 && write_texts(s, &whole, secret_hint, e) == 0
                 ? write_manifest(s, &whole, k, e)
                 : -1;
    free(whole.text.name);
    free(whole.sums.name);
    return rc < 0 ? err_wrap(e, "commit %s/%s at %s", m->job, m->id, store_place(s)) : 0;
}

/* --- read --- */

static int get_file(struct store *s, const char *job, const char *id, const char *file,
                    struct buf *out, struct err *e)
{
    struct wall when;

    if (!str_is_name(job) || clock_parse_set_id(id, &when) < 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such set");
    _cleanup_free_ char *name = object_name(job, id, file);
    return store_get_bytes(s, name, out, e);
}

int manifest_peek_bytes(const void *data, size_t len, struct manifest_peek *ret, struct err *e)
{
    _cleanup_json_ json_t *o = NULL;
    struct wall when;

    *ret = (struct manifest_peek){0};
    if (json_read(data, len, &o, e) < 0)
        return -1;
    const char *job = json_opt_string(o, "job", ""), *id = json_opt_string(o, "id", "");
    const char *salt = json_opt_string(o, "salt", ""), *key_id = json_opt_string(o, "key_id", "");
    if (!str_is_name(job) || clock_parse_set_id(id, &when) < 0 || strlen(salt) != 32 ||
        (strlen(key_id) != 16 && key_id[0] != '\0') ||
        strspn(key_id, "0123456789abcdef") != strlen(key_id))
        return err_set(e, ERR_FORMAT, "it is not a manifest of the plain format");
    (void)snprintf(ret->job, sizeof(ret->job), "%s", job);
    (void)snprintf(ret->id, sizeof(ret->id), "%s", id);
    (void)snprintf(ret->salt, sizeof(ret->salt), "%s", salt);
    (void)snprintf(ret->key_id, sizeof(ret->key_id), "%s", key_id);
    return 0;
}

/* What does not parse was not written so: for the reader that is damage. */
static int as_damage(struct err *e, const char *job, const char *id)
{
    if (e != NULL && (e->code == ERR_FORMAT || e->code == ERR_LIMIT))
        e->code = ERR_DAMAGED;
    return err_wrap(e, "%s/%s: manifest.json", job, id);
}

static int check_mac(const struct buf *bytes, const struct buf *mac, const struct mac_key *k,
                     struct err *e)
{
    struct manifest_peek says;
    char hex[66];

    mac_compute(k, bytes->data, bytes->len, hex);
    hex[64] = '\n';
    hex[65] = '\0';
    if (mac->len == 65 && CRYPTO_memcmp(mac->data, hex, 65) == 0)
        return 0;
    if (manifest_peek_bytes(bytes->data, bytes->len, &says, NULL) == 0 &&
        strcmp(says.key_id, k->id) != 0)
        return err_set(e, ERR_KEY, "it was made %s%s, %s%s was given",
                       says.key_id[0] != '\0' ? "with the key " : "without a key", says.key_id,
                       k->none ? "no key" : "the key ", k->id);
    return err_set(e, ERR_DAMAGED, "it is not what was written (its MAC does not fit)");
}

/* Copied from another set, it would be authentic and still a lie. */
static int check_place(const struct manifest *m, const char *job, const char *id,
                       const struct mac_key *k, struct err *e)
{
    if (m->repository)
        return err_set(e, ERR_FORMAT, "it is a manifest of a repository");
    if (strcmp(m->job, job) != 0 || strcmp(m->id, id) != 0)
        return err_set(e, ERR_DAMAGED, "it belongs to another set, %s/%s", m->job, m->id);
    if (strcmp(m->key_id, k->id) != 0)
        return err_set(e, ERR_DAMAGED, "it names another key than it was authenticated with");
    return 0;
}

static int parse_verified(const struct buf *bytes, const char *job, const char *id,
                          const struct mac_key *k, struct manifest *ret, struct err *e)
{
    _cleanup_json_ json_t *o = NULL;

    if (json_read(bytes->data, bytes->len, &o, e) < 0 || manifest_from_json(o, ret, e) < 0)
        return -1;
    if (check_place(ret, job, id, k, e) == 0)
        return 0;
    manifest_deinit(ret);
    return -1;
}

int manifest_fetch(struct store *s, const char *job, const char *id, struct manifest_bytes *ret,
                   struct err *e)
{
    *ret = (struct manifest_bytes){.manifest = BUF_INIT(MANIFEST_MAX), .mac = BUF_INIT(1024)};
    int rc = get_file(s, job, id, "manifest.json", &ret->manifest, e);

    if (rc == 0 && (rc = get_file(s, job, id, "manifest.mac", &ret->mac, e)) < 0 && e != NULL &&
        e->code == ERR_NOT_FOUND)
        e->code = ERR_DAMAGED; /* the set is there, its MAC is not */
    return rc < 0 ? as_damage(e, job, id) : 0;
}

int manifest_open(const struct manifest_bytes *b, const char *job, const char *id,
                  const struct mac_key *k, struct manifest *ret, struct err *e)
{
    int rc = check_mac(&b->manifest, &b->mac, k, e);

    if (rc == 0)
        rc = parse_verified(&b->manifest, job, id, k, ret, e);
    return rc < 0 ? as_damage(e, job, id) : 0;
}

void manifest_bytes_deinit(struct manifest_bytes *b)
{
    buf_deinit(&b->manifest);
    buf_deinit(&b->mac);
}

int manifest_read(struct store *s, const char *job, const char *id, const struct mac_key *k,
                  struct manifest *ret, struct err *e)
{
    struct manifest_bytes b;
    int rc = manifest_fetch(s, job, id, &b, e);

    if (rc == 0)
        rc = manifest_open(&b, job, id, k, ret, e);
    manifest_bytes_deinit(&b);
    return rc;
}

/* --- delete --- */

int manifest_delete_set(struct store *s, const char *job, const char *id, struct err *e)
{
    _cleanup_free_ char *manifest = object_name(job, id, "manifest.json");
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
    struct err local = {0};
    if (delete_below(s, folder, NULL, &local) < 0 || delete_below(s, marks, NULL, &local) < 0) {
        (void)err_set(e, local.code, "%s", local.text);
        return err_wrap(e, "delete %s/%s", job, id);
    }
    return 0;
}
