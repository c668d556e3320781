#include "daemon/worker/destination_store.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/repository.h"

enum { OLD_KEYS_MAX = 100, TRASH_USUAL_S = 7 * 86400 };

static int read_keys(const json_t *o, struct destination *d, struct err *e)
{
    const json_t *key = json_object_get(o, "key"), *old = json_object_get(o, "old_keys");

    if (!json_is_string(key) && !json_is_null(key))
        return err_set(e, ERR_FORMAT, "\"key\" is neither a string nor null");
    d->key = destination_secret(key);
    size_t count = json_array_size(old);
    if (count > OLD_KEYS_MAX)
        return err_set(e, ERR_CONFIG, "more than %d old keys", OLD_KEYS_MAX);
    d->old_keys = mem_alloc(count * sizeof(*d->old_keys));
    d->ring = keyring_new(d->key.text != NULL ? &d->key : NULL);
    for (size_t i = 0; i < count; i++) {
        d->old_keys[d->old_key_count] = destination_secret(json_array_get(old, i));
        const struct secret *s = &d->old_keys[d->old_key_count++];
        keyring_add_old(d->ring, s->text != NULL ? s : NULL);
    }
    return 0;
}

static int read_head(const json_t *o, const char *key, struct log_head *ret, bool *known,
                     struct err *e)
{
    const char *text = json_opt_string(o, key, NULL);

    *known = text != NULL;
    return text != NULL ? log_head_parse(text, ret, e) : 0;
}

/* Left out by who knows of no other replica. */
static int read_newest(const json_t *o, struct destination *d, struct err *e)
{
    const json_t *newest = json_object_get(o, "newest");

    if (newest == NULL)
        return 0;
    if (json_get_i64(newest, "writer", 0, INT64_MAX, &d->newest_writer, e) < 0)
        return -1;
    return json_get_i64(newest, "pruner", 0, INT64_MAX, &d->newest_pruner, e);
}

static int read_repository(const json_t *o, struct destination *d, struct err *e)
{
    const char *name;

    d->repository = true;
    if (json_get_string(o, "repository", &name, e) < 0 ||
        json_get_i64(o, "trash_s", 0, INT64_MAX / 1000000, &d->trash_s, e) < 0 ||
        read_newest(o, d, e) < 0)
        return -1;
    if (!str_is_name(name))
        return err_set(e, ERR_FORMAT, "\"repository\" is no name");
    d->repository_name = mem_strdup(name);
    d->cache_dir = mem_strdup(json_opt_string(o, "cache_dir", NULL));
    d->stretched = mem_alloc(sizeof(*d->stretched));
    *d->stretched = destination_secret(json_object_get(o, "stretched"));
    return 0;
}

static int read_plain(const json_t *o, struct destination *d, struct err *e)
{
    int64_t level, volume_bytes;

    if (json_get_bool(o, "gzip", &d->gzip, e) < 0 ||
        json_get_i64(o, "level", 0, 9, &level, e) < 0 ||
        json_get_i64(o, "volume_bytes", 65536, INT64_MAX / 4, &volume_bytes, e) < 0)
        return -1;
    d->level = level > 0 ? (int)level : 1;
    d->volume_bytes = (uint64_t)volume_bytes;
    return 0;
}

/* Without a configuration, what lies there says what it is. */
static int probe_format(struct destination *d, struct err *e)
{
    char id[REPOSITORY_ID_LEN * 2 + 1];
    int rc = repository_probe(d->store, id, e);

    d->repository = rc == 0;
    d->trash_s = TRASH_USUAL_S;
    if (rc == 1 && (d->writer_known || d->pruner_known))
        return err_set(e, ERR_TAMPERED, "%s holds no repository, though records of one were seen",
                       store_place(d->store));
    return rc < 0 ? -1 : 0;
}

static int read_store(const json_t *o, struct destination *d, struct err *e)
{
    const char *name, *unreadable = json_opt_string(o, "unreadable", NULL);
    const char *format = json_opt_string(o, "format", "plain");

    /* its null for a key does not mean that there is none */
    if (unreadable != NULL)
        return err_set(e, ERR_KEY, "%s", unreadable);
    if (json_get_string(o, "destination", &name, e) < 0 || read_keys(o, d, e) < 0 ||
        read_head(o, "known_writer", &d->writer_head, &d->writer_known, e) < 0 ||
        read_head(o, "known_pruner", &d->pruner_head, &d->pruner_known, e) < 0 ||
        (strcmp(format, "repository") == 0 ? read_repository : read_plain)(o, d, e) < 0)
        return -1;
    d->name = mem_strdup(name);
    d->key_hint = mem_strdup(json_opt_string(o, "key_hint", ""));
    d->owner = mem_strdup(json_opt_string(o, "owner", NULL));
    d->known_id = mem_strdup(json_opt_string(o, "known_id", NULL));
    d->warn_free_percent = json_opt_i64(o, "warn_free_percent", 0);
    if (destination_open_store(o, d, e) < 0)
        return -1;
    return strcmp(format, "any") == 0 ? probe_format(d, e) : 0;
}

int destination_open(struct worker *w, const json_t *store, struct destination *ret, struct err *e)
{
    *ret = (struct destination){.worker = w};
    if (read_store(store, ret, e) == 0)
        return 0;
    destination_close(ret);
    return -1;
}

int destination_open_for(struct worker *w, const json_t *store, struct destination *ret,
                         struct err *e)
{
    if (destination_open(w, store, ret, e) < 0)
        return -1;
    store_stop_reads(ret->store, worker_is_stopped, w);
    return 0;
}

static int open_file(const json_t *job, struct destination *d, char **ret_job, char **ret_id,
                     struct err *e)
{
    struct set_source source = {0};
    const char *path;

    if (json_get_string(job, "file", &path, e) < 0 || read_keys(job, d, e) < 0 ||
        set_source_open(path, &source, e) < 0)
        return -1;
    d->store = TAKE(source.store);
    d->name = mem_strdup(path);
    d->file = true;
    *ret_job = mem_strdup(source.job);
    *ret_id = mem_strdup(source.id);
    return 0;
}

int destination_open_set(struct worker *w, const json_t *job, struct destination *ret,
                         char **ret_job, char **ret_id, struct err *e)
{
    json_t *store;
    const char *name, *id;

    *ret = (struct destination){0};
    *ret_job = *ret_id = NULL;
    if (json_object_get(job, "file") != NULL) {
        if (open_file(job, ret, ret_job, ret_id, e) == 0)
            return 0;
        destination_close(ret);
        return -1;
    }
    if (json_get_object(job, "store", &store, e) < 0 || json_get_string(job, "job", &name, e) < 0 ||
        json_get_string(job, "id", &id, e) < 0 || destination_open_for(w, store, ret, e) < 0)
        return -1;
    *ret_job = mem_strdup(name);
    *ret_id = mem_strdup(id);
    return 0;
}

void destination_say_name(const struct destination *d, struct err *e)
{
    static const char placeholder[] = " adopt DESTINATION";
    const char *at = e != NULL ? strstr(e->text, placeholder) : NULL;
    struct err why;

    if (at == NULL || at[strlen(placeholder)] != '\0')
        return;
    why = *e;
    (void)err_set(e, why.code, "%.*s adopt %s", (int)(at - e->text), why.text, d->name);
}

int destination_claim(struct destination *d, struct marker *ret, struct err *e)
{
    if (d->owner == NULL)
        return err_set(e, ERR_FORMAT, "\"owner\" is missing");
    if (marker_claim(d->store, d->owner, d->known_id, ret, e) == 0)
        return 0;
    destination_say_name(d, e);
    return -1;
}

int destination_read(struct destination *d, const char *job, const char *id, struct manifest *ret,
                     const struct secret **ret_key, const struct mac_key **ret_mac, struct err *e)
{
    struct marker marker;
    /* without its marker a destination can still be restored from: the MAC holds all the same */
    bool known = !d->file && marker_read(d->store, &marker, NULL) == 0;

    return keyring_read(d->ring, d->store, job, id, known ? marker.id : NULL, ret, ret_key, ret_mac,
                        e);
}

struct artifact_target destination_target(const struct destination *d, const char *set_prefix)
{
    return (struct artifact_target){
        .store = d->store,
        .set_prefix = set_prefix,
        .codec = {.gzip = d->gzip, .level = d->level, .key = d->key.text != NULL ? &d->key : NULL},
        .volume_bytes = d->volume_bytes,
    };
}

void destination_close(struct destination *d)
{
    keyring_free(d->ring);
    secret_deinit(&d->key);
    for (size_t i = 0; i < d->old_key_count; i++)
        secret_deinit(&d->old_keys[i]);
    free(d->old_keys);
    destination_close_store(d);
    free(d->name);
    free(d->key_hint);
    free(d->owner);
    free(d->known_id);
    free(d->repository_name);
    free(d->cache_dir);
    if (d->stretched != NULL)
        secret_deinit(d->stretched);
    free(d->stretched);
    *d = (struct destination){0};
}
