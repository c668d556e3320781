/* bare_place.c — see bare_place.h. Every value is read as the option of synbak.conf(5) that it
 * stands for, so both have the same rules. */
#include "cli/bare_place.h"

#include <string.h>
#include <unistd.h>

#include "cli/place.h"
#include "lib/config/section.h"
#include "lib/config/value.h"

#define SYSTEM_KNOWN_HOSTS "/etc/ssh/ssh_known_hosts"

static bool is_bucket(const char *text)
{
    return str_starts(text, "s3://");
}

static bool is_server(const char *text)
{
    return str_starts(text, "sftp://");
}

bool bare_is_place(const char *text)
{
    return target_is_path(text) || strstr(text, "://") != NULL;
}

static int set_option(struct destination *d, const char *key, const char *value, const char *from,
                      struct err *e)
{
    const struct config_option *o = config_option_find(SECTION_DESTINATION, key);

    if (value_parse(o, value, d, e) == 0)
        return 0;
    e->code = ERR_USAGE;
    return err_wrap(e, "%s", from);
}

/* A part of the address. */
static int set_part(struct destination *d, const char *key, const char *part, size_t len,
                    struct err *e)
{
    _cleanup_free_ char *value = mem_strndup(part, len);

    return set_option(d, key, value, "--destination", e);
}

struct pair {
    const char *option, *key;
};

/* The options that were given, each as its key. */
static int set_given(struct cli *c, struct destination *d, const struct pair *pairs, size_t count,
                     struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = args_value(c->args, pairs[i].option);
        if (value != NULL && set_option(d, pairs[i].key, value, pairs[i].option, e) < 0)
            return -1;
    }
    return 0;
}

static int set_secret(struct cli *c, const char *option, struct secret_ref *ref, struct err *e)
{
    const char *value = args_value(c->args, option);

    if (value == NULL)
        return 0;
    if (place_parse_secret(option, value, ref, e) < 0)
        return -1;
    if (ref->kind == SECRET_NONE)
        return err_set(e, ERR_USAGE, "%s: \"none\" is no secret", option);
    return 0;
}

static int parse_bucket(struct cli *c, const char *address, struct destination *d, struct err *e)
{
    static const struct pair pairs[] = {
        {"--endpoint", "endpoint"}, {"--region", "region"}, {"--ca-file", "ca_file"}};
    const char *bucket = address + strlen("s3://");
    size_t len = strcspn(bucket, "/");
    const char *prefix = bucket + len + strspn(bucket + len, "/");

    d->type = DESTINATION_S3;
    if (len == 0)
        return err_set(e, ERR_USAGE, "--destination s3://BUCKET/PREFIX: no bucket");
    if (set_part(d, "bucket", bucket, len, e) < 0 ||
        (prefix[0] != '\0' && set_part(d, "prefix", prefix, strlen(prefix), e) < 0) ||
        set_given(c, d, pairs, ARRAY_LEN(pairs), e) < 0 ||
        set_secret(c, "--credentials", &d->credentials, e) < 0)
        return -1;
    d->insecure = args_has(c->args, "--insecure");
    d->style = args_has(c->args, "--virtual-host") ? S3_STYLE_VIRTUAL : S3_STYLE_PATH;
    if (d->endpoint == NULL)
        return err_set(e, ERR_USAGE, "--destination s3://... needs --endpoint https://HOST");
    if (d->credentials.kind == SECRET_UNSET)
        return err_set(e, ERR_USAGE,
                       "--destination s3://... needs --credentials: file:PATH, env:NAME or "
                       "command:..., two lines with the access key's id and the secret key");
    if (str_starts(d->endpoint, "http://") && !d->insecure)
        return err_set(e, ERR_USAGE,
                       "--endpoint %s is not encrypted, anyone on the way can read and change what "
                       "is sent (use https://, or add --insecure if that is meant)",
                       d->endpoint);
    return 0;
}

/* Where ssh itself would look, first the caller's own. */
static char *usual_known_hosts(void)
{
    const char *home = getenv("HOME");
    char *own = home != NULL ? mem_printf("%s/.ssh/known_hosts", home) : NULL;

    if (own != NULL && access(own, R_OK) == 0)
        return own;
    free(own);
    return access(SYSTEM_KNOWN_HOSTS, R_OK) == 0 ? mem_strdup(SYSTEM_KNOWN_HOSTS) : NULL;
}

/* HOST, [HOST] or HOST:PORT, up to `end`. */
static int parse_host(const char *host, const char *end, struct destination *d, struct err *e)
{
    const char *close = host[0] == '[' ? memchr(host, ']', (size_t)(end - host)) : NULL;
    const char *name = close != NULL ? host + 1 : host;
    const char *colon =
        memchr(close != NULL ? close : host, ':', (size_t)(end - (close != NULL ? close : host)));
    const char *stop = close != NULL ? close : colon != NULL ? colon : end;

    if (stop == name)
        return err_set(e, ERR_USAGE, "--destination sftp://USER@HOST[:PORT]/PATH: no host");
    if (set_part(d, "host", name, (size_t)(stop - name), e) < 0)
        return -1;
    return colon != NULL ? set_part(d, "port", colon + 1, (size_t)(end - colon - 1), e) : 0;
}

static int parse_server(struct cli *c, const char *address, struct destination *d, struct err *e)
{
    static const struct pair pairs[] = {{"--known-hosts", "known_hosts"}};
    const char *user = address + strlen("sftp://");
    const char *path = user + strcspn(user, "/");
    const char *at = memrchr(user, '@', (size_t)(path - user));
    _cleanup_free_ char *hosts = usual_known_hosts();

    d->type = DESTINATION_SFTP;
    if (at == NULL || at == user || path[0] == '\0')
        return err_set(e, ERR_USAGE,
                       "\"%.200s\" is not sftp://USER@HOST[:PORT]/PATH (below the login folder: "
                       "sftp://USER@HOST/~/PATH)",
                       address);
    const bool relative = str_starts(path, "/~/");
    const char *folder = relative ? path + strlen("/~/") : path;
    if (relative && folder[0] == '\0')
        folder = ".";
    if (set_part(d, "user", user, (size_t)(at - user), e) < 0 ||
        parse_host(at + 1, path, d, e) < 0 || set_part(d, "path", folder, strlen(folder), e) < 0 ||
        (hosts != NULL && set_option(d, "known_hosts", hosts, hosts, e) < 0) ||
        set_given(c, d, pairs, ARRAY_LEN(pairs), e) < 0 ||
        set_secret(c, "--private-key", &d->private_key, e) < 0 ||
        set_secret(c, "--passphrase", &d->passphrase, e) < 0)
        return -1;
    return 0;
}

static int parse_place(struct cli *c, const char *address, struct destination *d, struct err *e)
{
    const char *key = args_value(c->args, "--key");

    if (!target_is_path(address) && !is_bucket(address) && !is_server(address))
        return err_set(e, ERR_USAGE,
                       "\"%.200s\" is no place that synbak knows (a folder's path, "
                       "s3://BUCKET/PREFIX with --endpoint, or sftp://USER@HOST[:PORT]/PATH)",
                       address);
    if (place_key_is_asked(c)) /* by place_store_of_bare */
        d->key.kind = SECRET_NONE;
    else if (key == NULL)
        return err_set(e, ERR_USAGE,
                       "--destination %s needs --key: file:PATH, env:NAME, ask or none (how it was "
                       "made is in MANIFEST.txt of each set)",
                       target_is_path(address) ? "PATH" : address);
    else if (place_parse_secret("--key", key, &d->key, e) < 0)
        return -1;
    if (is_bucket(address))
        return parse_bucket(c, address, d, e);
    if (is_server(address))
        return parse_server(c, address, d, e);
    d->path = place_absolute(address);
    return 0;
}

int bare_place_parse(struct cli *c, struct destination **ret, struct err *e)
{
    const char *address = args_value(c->args, "--destination");
    struct destination *d = section_new(SECTION_DESTINATION, address);

    if (parse_place(c, address, d, e) < 0) {
        bare_place_free(d);
        return -1;
    }
    *ret = d;
    return 0;
}

void bare_place_free(struct destination *d)
{
    section_free(SECTION_DESTINATION, d);
}
