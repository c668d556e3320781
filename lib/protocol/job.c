#include "lib/protocol/job.h"

#include "lib/base/mem.h"

/* Straight into the object, whose memory is wiped when it goes (json_secure_memory). */
static json_t *secret_text(const struct secret *s)
{
    return s->text != NULL ? json_string(s->text) : json_null();
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

static json_t *rates_of(const struct rate_course *rates)
{
    json_t *list = json_array();

    for (size_t i = 0; rates != NULL && i < rates->count; i++) {
        json_t *step = json_object();
        set(step, "from", json_integer(rates->items[i].from_s));
        set(step, "bytes_per_second", json_integer(rates->items[i].bytes_per_second));
        if (json_array_append_new(list, step) != 0)
            abort();
    }
    return list;
}

static void add_bucket(json_t *o, const struct destination *d, const struct job_secrets *s)
{
    static const char *const encryptions[] = {
        [S3_ENCRYPTION_BUCKET] = NULL,
        [S3_ENCRYPTION_AES256] = "AES256",
        [S3_ENCRYPTION_KMS] = "aws:kms",
    };

    set(o, "type", json_string("s3"));
    set(o, "endpoint", json_printable(d->endpoint));
    set(o, "region", json_printable(d->region));
    set(o, "bucket", json_printable(d->bucket));
    set(o, "prefix", json_printable(d->prefix != NULL ? d->prefix : ""));
    set(o, "style", json_string(d->style == S3_STYLE_VIRTUAL ? "virtual" : "path"));
    set(o, "access_key", secret_text(&s->access_key));
    set(o, "secret_key", secret_text(&s->secret_key));
    set(o, "session_token", secret_text(&s->session_token));
    set(o, "ca_file", string_or_null(d->ca_file));
    set(o, "insecure", json_boolean(d->insecure));
    set(o, "storage_class", string_or_null(d->storage_class));
    set(o, "encryption", string_or_null(encryptions[d->encryption]));
    set(o, "encryption_key_id", string_or_null(d->encryption_key_id));
    set(o, "lock_s", json_integer(d->lock_s));
    set(o, "lock_mode", json_string(d->lock_mode == LOCK_GOVERNANCE ? "governance" : "compliance"));
    set(o, "full_readback", json_boolean(d->readback == READBACK_FULL));
}

static void add_server(json_t *o, const struct destination *d, const struct job_secrets *s)
{
    set(o, "type", json_string("sftp"));
    set(o, "host", json_printable(d->host));
    set(o, "port", json_integer(d->port));
    set(o, "user", json_printable(d->user));
    set(o, "path", json_printable(d->path));
    set(o, "private_key", secret_text(&s->private_key));
    set(o, "passphrase", secret_text(&s->passphrase));
    set(o, "known_hosts", json_printable(d->known_hosts));
}

static void add_place(json_t *o, const struct destination *d, const struct job_secrets *s,
                      const struct rate_course *rates)
{
    switch (d->type) {
    case DESTINATION_DIRECTORY:
        set(o, "type", json_string("directory"));
        set(o, "path", json_printable(d->path));
        return;
    case DESTINATION_S3:
        add_bucket(o, d, s);
        break;
    case DESTINATION_SFTP:
        add_server(o, d, s);
        break;
    }
    set(o, "parallel", json_integer(d->parallel));
    set(o, "upload_rate", rates_of(rates));
}

static void add_plain(json_t *o, const struct destination *d)
{
    set(o, "format", json_string("plain"));
    set(o, "gzip", json_boolean(d->compression == COMPRESSION_GZIP));
    set(o, "level", json_integer(d->compression_level));
    set(o, "volume_bytes", json_integer(d->volume_bytes));
}

static void add_repository(json_t *o, const struct destination *d,
                           const struct job_store_context *context)
{
    set(o, "format", json_string("repository"));
    set(o, "repository", json_string(d->repository));
    set(o, "stretched", string_or_null(context->stretched));
    set(o, "cache_dir", string_or_null(context->cache_dir));
    set(o, "known_writer", string_or_null(context->known_writer));
    set(o, "known_pruner", string_or_null(context->known_pruner));
    set(o, "newest",
        json_pack("{s:I,s:I}", "writer", (json_int_t)context->newest_writer, "pruner",
                  (json_int_t)context->newest_pruner));
    set(o, "trash_s", json_integer(d->trash_s));
}

json_t *job_store(const struct destination *d, const struct job_secrets *secrets,
                  const struct job_store_context *context)
{
    static const struct job_secrets none;
    const struct job_secrets *s = secrets != NULL ? secrets : &none;
    _cleanup_free_ char *hint = NULL;
    json_t *store = json_object(), *old = json_array();

    for (size_t i = 0; i < s->old_key_count; i++)
        if (json_array_append_new(old, secret_text(&s->old_keys[i])) != 0)
            abort();
    set(store, "destination", json_string(d->name));
    set(store, "owner", string_or_null(context->owner));
    set(store, "known_id", string_or_null(context->known_id));
    set(store, "key", secret_text(&s->key));
    set(store, "key_hint", json_printable(key_hint(&d->key, &hint)));
    set(store, "old_keys", old);
    set(store, "warn_free_percent", json_integer(d->warn_free_percent));
    if (d->format == FORMAT_REPOSITORY)
        add_repository(store, d, context);
    else
        add_plain(store, d);
    add_place(store, d, s, context->rates);
    if (context->unreadable != NULL)
        set(store, "unreadable", json_printable(context->unreadable));
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
