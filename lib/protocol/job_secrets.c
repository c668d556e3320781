/* job_secrets.c — the secrets of a destination, read at once and wiped at once. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/protocol/job.h"

int job_read_secret_here(const struct secret_ref *ref, bool lines, struct secret *ret,
                         struct err *e)
{
    return lines ? secret_read_lines(ref, ret, e) : secret_read(ref, ret, e);
}

static int read_key(const struct secret_ref *ref, job_read_secret *read, struct secret *ret,
                    struct err *e)
{
    return read(ref, false, ret, e) < 0 || secret_check_key(ret, e) < 0 ? -1 : 0;
}

/* The line at *p, which then stands behind it; empty at the end. */
static struct secret take_line(const char **p)
{
    size_t len = strcspn(*p, "\n");
    struct secret line = len > 0 ? secret_copy(*p, len) : (struct secret){0};

    *p += len + ((*p)[len] == '\n');
    return line;
}

static int read_credentials(const struct destination *d, job_read_secret *read,
                            struct job_secrets *s, struct err *e)
{
    struct secret lines = {0};

    if (read(&d->credentials, true, &lines, e) < 0)
        return err_wrap(e, "credentials");
    const char *p = lines.text;
    s->access_key = take_line(&p);
    s->secret_key = take_line(&p);
    s->session_token = take_line(&p);
    bool whole = s->access_key.text != NULL && s->secret_key.text != NULL && *p == '\0';
    secret_deinit(&lines);
    if (whole)
        return 0;
    return err_set(
        e, ERR_KEY,
        "credentials: not two lines, the access key's id and the secret key, and perhaps "
        "a third, the session token");
}

static int read_private_key(const struct destination *d, job_read_secret *read,
                            struct job_secrets *s, struct err *e)
{
    struct secret lines = {0};

    if (read(&d->private_key, true, &lines, e) < 0)
        return err_wrap(e, "private_key");
    /* the last line's end was taken off, and is part of the form */
    s->private_key = secret_copy(lines.text, lines.len + 1);
    s->private_key.text[lines.len] = '\n';
    secret_deinit(&lines);
    if (d->passphrase.kind != SECRET_UNSET && read(&d->passphrase, false, &s->passphrase, e) < 0)
        return err_wrap(e, "passphrase");
    return 0;
}

static int read_all(const struct destination *d, job_read_secret *read, struct job_secrets *s,
                    struct err *e)
{
    if (d->key.kind != SECRET_NONE && read_key(&d->key, read, &s->key, e) < 0)
        return -1;
    s->old_keys = mem_alloc(d->old_key_count * sizeof(*s->old_keys));
    for (; s->old_key_count < d->old_key_count; s->old_key_count++)
        if (read_key(&d->old_keys[s->old_key_count], read, &s->old_keys[s->old_key_count], e) < 0) {
            secret_deinit(&s->old_keys[s->old_key_count]);
            return -1;
        }
    if (d->type == DESTINATION_S3)
        return read_credentials(d, read, s, e);
    if (d->private_key.kind != SECRET_UNSET)
        return read_private_key(d, read, s, e);
    return 0;
}

int job_read_secrets(const struct destination *d, job_read_secret *read, struct job_secrets *ret,
                     struct err *e)
{
    *ret = (struct job_secrets){0};
    if (read_all(d, read, ret, e) == 0)
        return 0;
    job_secrets_deinit(ret);
    return err_wrap(e, "destination \"%s\"", d->name);
}

void job_secrets_deinit(struct job_secrets *s)
{
    struct secret *const all[] = {&s->key,           &s->access_key,  &s->secret_key,
                                  &s->session_token, &s->private_key, &s->passphrase};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        secret_deinit(all[i]);
    for (size_t i = 0; i < s->old_key_count; i++)
        secret_deinit(&s->old_keys[i]);
    free(s->old_keys);
    *s = (struct job_secrets){0};
}
