#include "lib/protocol/job.h"

#include "lib/base/mem.h"

/* Straight into the object, whose memory is wiped when it goes (json_secure_memory). */
static json_t *key_text(const struct secret *s)
{
    return s != NULL && s->text != NULL ? json_string(s->text) : json_null();
}

/* json_string(NULL) is NULL, and a NULL member would be left out: absent is said as null. */
static json_t *string_or_null(const char *s)
{
    return s != NULL ? json_printable(s) : json_null();
}

static void set(json_t *o, const char *key, json_t *value)
{
    if (json_object_set_new(o, key, value) != 0)
        abort(); /* as mem.h: memory is exhausted */
}

static const char *key_hint(const struct secret_ref *ref, char **owned)
{
    switch (ref->kind) {
    case SECRET_FILE:
        return *owned = mem_printf("file:%s", ref->value);
    case SECRET_ENV:
        return *owned = mem_printf("env:%s", ref->value);
    case SECRET_CREDENTIAL:
        return *owned = mem_printf("credential:%s", ref->value);
    case SECRET_COMMAND:
        return "command"; /* its arguments may themselves be private */
    case SECRET_UNSET:
    case SECRET_NONE:
        break;
    }
    return "none";
}

json_t *job_store(const struct destination *d, const struct secret *key,
                  const struct secret *old_keys, size_t old_key_count, const char *owner,
                  const char *known_id)
{
    _cleanup_free_ char *hint = NULL;
    json_t *store = json_object(), *old = json_array();

    for (size_t i = 0; i < old_key_count; i++)
        if (json_array_append_new(old, key_text(&old_keys[i])) != 0)
            abort();
    set(store, "destination", json_string(d->name));
    set(store, "type", json_string("directory"));
    set(store, "path", json_printable(d->path));
    set(store, "owner", string_or_null(owner));
    set(store, "known_id", string_or_null(known_id));
    set(store, "key", key_text(key));
    set(store, "key_hint", json_printable(key_hint(&d->key, &hint)));
    set(store, "old_keys", old);
    set(store, "gzip", json_boolean(d->compression == COMPRESSION_GZIP));
    set(store, "level", json_integer(d->compression_level));
    set(store, "volume_bytes", json_integer(d->volume_bytes));
    return store;
}

static void add_database(json_t *o, const struct source *s)
{
    set(o, "type", json_string("postgresql"));
    set(o, "uri", string_or_null(s->uri));
    set(o, "restore_uri", string_or_null(s->restore_uri != NULL ? s->restore_uri : s->uri));
    set(o, "databases", json_from_strings(&s->databases));
    set(o, "exclude_databases", json_from_strings(&s->exclude_databases));
    set(o, "exclude_tables", json_from_strings(&s->exclude_tables));
    set(o, "exclude_table_data", json_from_strings(&s->exclude_table_data));
    set(o, "schemas", json_from_strings(&s->schemas));
    set(o, "schema_only", json_boolean(s->schema_only));
    set(o, "globals", json_boolean(s->globals));
    set(o, "format", json_string(s->dump_format == DUMP_CUSTOM ? "custom" : "plain"));
    set(o, "bin_dir", string_or_null(s->bin_dir));
    set(o, "lock_timeout_s", json_integer(s->lock_timeout_s));
}

static void add_files(json_t *o, const struct source *s, bool had_files)
{
    set(o, "type", json_string("files"));
    set(o, "path", string_or_null(s->path));
    set(o, "include", json_from_strings(&s->include));
    set(o, "exclude", json_from_strings(&s->exclude));
    set(o, "one_file_system", json_boolean(s->one_file_system));
    set(o, "xattrs", json_boolean(s->xattrs));
    set(o, "allow_empty", json_boolean(s->allow_empty));
    set(o, "had_files", json_boolean(had_files));
}

json_t *job_source(const struct source *s, bool had_files)
{
    json_t *o = json_object();

    set(o, "name", json_string(s->name));
    switch (s->type) {
    case SOURCE_POSTGRESQL:
        add_database(o, s);
        break;
    case SOURCE_FILES:
        add_files(o, s, had_files);
        break;
    case SOURCE_COMMAND:
        set(o, "type", json_string("command"));
        set(o, "command", json_from_strings(&s->command));
        set(o, "restore_command", json_from_strings(&s->restore_command));
        break;
    }
    return o;
}

static int read_key(const struct destination *d, const struct secret_ref *ref, struct secret *ret,
                    struct err *e)
{
    if (secret_read(ref, ret, e) < 0 || secret_check_key(ret, e) < 0) {
        secret_deinit(ret);
        return err_wrap(e, "destination \"%s\"", d->name);
    }
    return 0;
}

int job_read_keys(const struct destination *d, struct secret *key, struct secret **old_keys,
                  struct err *e)
{
    struct secret *old = mem_alloc(d->old_key_count * sizeof(*old));

    *key = (struct secret){0};
    *old_keys = NULL;
    if (d->key.kind != SECRET_NONE && read_key(d, &d->key, key, e) < 0)
        goto fail;
    for (size_t i = 0; i < d->old_key_count; i++)
        if (read_key(d, &d->old_keys[i], &old[i], e) < 0)
            goto fail;
    *old_keys = old;
    return 0;
fail:
    secret_deinit(key);
    for (size_t i = 0; i < d->old_key_count; i++)
        secret_deinit(&old[i]);
    free(old);
    return -1;
}
