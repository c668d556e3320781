#include "daemon/worker/destination_store.h"

#include <limits.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/s3.h"
#include "lib/store/sftp.h"

enum { RATE_STEPS_MAX = 10000 };

struct secret destination_secret(const json_t *value)
{
    return json_is_string(value) ? secret_copy(json_string_value(value), json_string_length(value))
                                 : (struct secret){0};
}

/* A member that is a string or null. */
static const char *text_or_null(const json_t *o, const char *key)
{
    return json_opt_string(o, key, NULL);
}

static const struct secret *if_any(const struct secret *s)
{
    return s->text != NULL ? s : NULL;
}

static int read_rates(const json_t *o, struct rate_plan *ret, struct err *e)
{
    json_t *list, *step;
    int64_t from, rate;
    size_t i;

    if (json_get_array(o, "upload_rate", &list, e) < 0)
        return -1;
    if (json_array_size(list) > RATE_STEPS_MAX)
        return err_set(e, ERR_FORMAT, "\"upload_rate\" has more than %d steps", RATE_STEPS_MAX);
    ret->steps = mem_alloc(json_array_size(list) * sizeof(*ret->steps));
    json_array_foreach(list, i, step)
    {
        if (json_get_i64(step, "from", 0, INT64_MAX / 1000000, &from, e) < 0 ||
            json_get_i64(step, "bytes_per_second", 0, INT64_MAX, &rate, e) < 0)
            return -1;
        ret->steps[ret->count++] =
            (struct rate_step){.from = {.us = from * 1000000}, .bytes_per_second = rate};
    }
    return 0;
}

static int open_bucket(const json_t *o, struct destination *d, struct err *e)
{
    struct s3_options s3 = {.session_token = NULL};
    const char *style, *lock_mode;
    int64_t parallel;

    d->access_key = destination_secret(json_object_get(o, "access_key"));
    d->secret_key = destination_secret(json_object_get(o, "secret_key"));
    d->session_token = destination_secret(json_object_get(o, "session_token"));
    if (d->access_key.text == NULL || d->secret_key.text == NULL)
        return err_set(e, ERR_KEY, "there are no credentials for the bucket");
    if (json_get_string(o, "endpoint", &s3.endpoint, e) < 0 ||
        json_get_string(o, "region", &s3.region, e) < 0 ||
        json_get_string(o, "bucket", &s3.bucket, e) < 0 ||
        json_get_string(o, "prefix", &s3.prefix, e) < 0 ||
        json_get_string(o, "style", &style, e) < 0 ||
        json_get_string(o, "lock_mode", &lock_mode, e) < 0 ||
        json_get_bool(o, "insecure", &s3.insecure, e) < 0 ||
        json_get_bool(o, "full_readback", &s3.full_readback, e) < 0 ||
        json_get_i64(o, "lock_s", 0, INT64_MAX / 1000000, &s3.lock_s, e) < 0 ||
        json_get_i64(o, "parallel", 1, 16, &parallel, e) < 0 || read_rates(o, &d->rates, e) < 0)
        return -1;
    s3.virtual_host = str_equal(style, "virtual");
    s3.lock_governance = str_equal(lock_mode, "governance");
    s3.access_key = &d->access_key;
    s3.secret_key = &d->secret_key;
    s3.session_token = if_any(&d->session_token);
    s3.ca_file = text_or_null(o, "ca_file");
    s3.storage_class = text_or_null(o, "storage_class");
    s3.encryption = text_or_null(o, "encryption");
    s3.encryption_key_id = text_or_null(o, "encryption_key_id");
    s3.parallel = (int)parallel;
    s3.upload_rate = d->rates.count > 0 ? &d->rates : NULL;
    s3.waiter = worker_waiter(d->worker);
    return store_open_s3(&s3, &d->store, e);
}

static int open_server(const json_t *o, struct destination *d, struct err *e)
{
    struct sftp_options sftp = {.key = NULL};
    int64_t port, parallel;

    d->private_key = destination_secret(json_object_get(o, "private_key"));
    d->passphrase = destination_secret(json_object_get(o, "passphrase"));
    if (json_get_string(o, "host", &sftp.host, e) < 0 ||
        json_get_string(o, "user", &sftp.user, e) < 0 ||
        json_get_string(o, "path", &sftp.path, e) < 0 ||
        json_get_string(o, "known_hosts", &sftp.known_hosts, e) < 0 ||
        json_get_i64(o, "port", 1, 65535, &port, e) < 0 ||
        json_get_i64(o, "parallel", 1, 16, &parallel, e) < 0 || read_rates(o, &d->rates, e) < 0)
        return -1;
    sftp.port = (int)port;
    sftp.parallel = (int)parallel;
    sftp.key = if_any(&d->private_key);
    sftp.passphrase = if_any(&d->passphrase);
    sftp.upload_rate = d->rates.count > 0 ? &d->rates : NULL;
    sftp.waiter = worker_waiter(d->worker);
    /* a folder that is not there at the first use is made; later it has been lost */
    return store_open_sftp(&sftp, d->owner != NULL && d->known_id == NULL, &d->store, e);
}

int destination_open_store(const json_t *o, struct destination *d, struct err *e)
{
    const char *type, *path;

    if (json_get_string(o, "type", &type, e) < 0)
        return -1;
    d->remote = strcmp(type, "directory") != 0;
    if (strcmp(type, "s3") == 0)
        return open_bucket(o, d, e);
    if (strcmp(type, "sftp") == 0)
        return open_server(o, d, e);
    if (strcmp(type, "directory") != 0)
        return err_set(e, ERR_FORMAT, "\"type\" is not a kind of store that is known");
    if (json_get_string(o, "path", &path, e) < 0)
        return -1;
    return store_open_directory(path, false, &d->store, e);
}

void destination_close_store(struct destination *d)
{
    struct secret *const borrowed[] = {&d->access_key, &d->secret_key, &d->session_token,
                                       &d->private_key, &d->passphrase};

    store_close(d->store);
    for (size_t i = 0; i < ARRAY_LEN(borrowed); i++)
        secret_deinit(borrowed[i]);
    free(d->rates.steps);
}
