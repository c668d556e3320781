/* manifest.c — what holds of every manifest, and reading one. */
#include "lib/plain/manifest.h"

#include <openssl/crypto.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/together.h"
#include "lib/plain/digest.h"

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

void manifest_bind(struct manifest *m, const struct store *s, const struct marker *marker,
                   const struct mac_key *k)
{
    free(m->readback);
    m->readback = mem_strdup(store_readback(s));
    memcpy(m->destination_id, marker->id, sizeof(m->destination_id));
    memcpy(m->salt, marker->salt, sizeof(m->salt));
    memcpy(m->key_id, k->id, sizeof(m->key_id));
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

/* --- read --- */

static int get_file(struct store *s, const char *job, const char *id, const char *file,
                    struct buf *out, struct err *e)
{
    struct wall when;

    if (!str_is_name(job) || clock_parse_set_id(id, &when) < 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such set");
    _cleanup_free_ char *name = mem_printf("%s/%s/%s", job, id, file);
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

struct fetching {
    struct store *store;
    const char *job, *id, *file;
    struct buf *out;
};

static int fetch(void *arg, struct err *e)
{
    const struct fetching *f = arg;

    return get_file(f->store, f->job, f->id, f->file, f->out, e);
}

static int fetch_both(struct store *s, const char *job, const char *id, bool at_once,
                      struct manifest_bytes *ret, struct err *e)
{
    *ret = (struct manifest_bytes){.manifest = BUF_INIT(MANIFEST_MAX), .mac = BUF_INIT(1024)};
    struct fetching manifest = {s, job, id, "manifest.json", &ret->manifest};
    struct fetching mac = {s, job, id, "manifest.mac", &ret->mac};
    struct together calls[] = {{.call = fetch, .arg = &manifest}, {.call = fetch, .arg = &mac}};
    int rc = together_run(calls, ARRAY_LEN(calls), at_once, e);

    if (rc < 0 && calls[0].rc == 0 && e != NULL && e->code == ERR_NOT_FOUND)
        e->code = ERR_DAMAGED; /* the set is there, its MAC is not */
    return rc < 0 ? as_damage(e, job, id) : 0;
}

int manifest_fetch(struct store *s, const char *job, const char *id, struct manifest_bytes *ret,
                   struct err *e)
{
    return fetch_both(s, job, id, store_get_parallel(s) > 1, ret, e);
}

int manifest_fetch_in_turn(struct store *s, const char *job, const char *id,
                           struct manifest_bytes *ret, struct err *e)
{
    return fetch_both(s, job, id, false, ret, e);
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
