/* What no single line can tell: names that lead nowhere, places that lie in each other. */
#include <string.h>
#include <sys/un.h>

#include "lib/base/mem.h"
#include "lib/config/loader.h"

/* ---- names ---- */

static void note_dangling(struct loader *l, const struct job *j, int line, const char *what,
                          const char *name, const char *const *known, size_t count)
{
    const char *nearest;

    if (l->errors.count >= CONFIG_ERRORS_MAX)
        return;
    nearest = str_nearest(name, known, count);
    if (nearest != NULL)
        loader_error(l, j->at.file, line, "[job %s]: no [%s %.80s]; did you mean \"%s\"?", j->name,
                     what, name, nearest);
    else
        loader_error(l, j->at.file, line, "[job %s]: no [%s %.80s] is written anywhere", j->name,
                     what, name);
}

static void resolve_sources(struct loader *l, struct job *j, const struct names *names)
{
    const struct config *c = l->config;
    const char **known = mem_alloc(c->source_count * sizeof(*known));

    for (size_t i = 0; i < c->source_count; i++)
        known[i] = c->sources[i]->name;
    j->sources = mem_alloc(names->list.count * sizeof(struct source *));
    for (size_t i = 0; i < names->list.count; i++) {
        struct source *s = config_source(c, names->list.items[i]);
        if (s != NULL)
            j->sources[j->source_count++] = s;
        else
            note_dangling(l, j, names->line, "source", names->list.items[i], known,
                          c->source_count);
    }
    free(known);
}

static void resolve_destinations(struct loader *l, struct job *j, const struct names *names)
{
    const struct config *c = l->config;
    const char **known = mem_alloc(c->destination_count * sizeof(*known));

    for (size_t i = 0; i < c->destination_count; i++)
        known[i] = c->destinations[i]->name;
    j->destinations = mem_alloc(names->list.count * sizeof(struct destination *));
    for (size_t i = 0; i < names->list.count; i++) {
        struct destination *d = config_destination(c, names->list.items[i]);
        if (d != NULL)
            j->destinations[j->destination_count++] = d;
        else
            note_dangling(l, j, names->line, "destination", names->list.items[i], known,
                          c->destination_count);
    }
    free(known);
}

/* ---- places ---- */

/* The part of `path` below `folder` ("" if they are the same), or NULL if it is not inside. */
static const char *below(const char *path, const char *folder)
{
    size_t len = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

    if (strncmp(path, folder, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return NULL;
    return path[len] == '/' ? path + len + 1 : "";
}

/* Whether an exclude names the place itself, or a folder above it, letter by letter. */
static bool is_excluded(const struct source *s, const char *inside)
{
    for (size_t i = 0; i < s->exclude.count; i++) {
        const char *pattern = s->exclude.items[i];
        size_t len;

        pattern += pattern[0] == '/';
        len = strlen(pattern);
        if (len > 0 && pattern[len - 1] == '/')
            len--;
        if (len > 0 && strncmp(inside, pattern, len) == 0 &&
            (inside[len] == '/' || inside[len] == '\0'))
            return true;
    }
    return false;
}

static void check_overlap(struct loader *l, const struct job *j, const struct source *s,
                          const struct destination *d)
{
    const char *inside;

    if (s->type != SOURCE_FILES || s->path == NULL || d->type != DESTINATION_DIRECTORY)
        return;
    inside = below(d->path, s->path);
    if (inside != NULL && (inside[0] == '\0' || !is_excluded(s, inside)))
        loader_error(l, d->at.file, d->at.line,
                     "[destination %s]: %s lies inside source \"%s\" of job \"%s\": backups would "
                     "hold themselves; move it, or exclude it by its path in the source",
                     d->name, d->path, s->name, j->name);
    else if (inside == NULL && below(s->path, d->path) != NULL)
        loader_error(l, s->at.file, s->at.line,
                     "[source %s]: %s lies inside destination \"%s\" of job \"%s\"", s->name,
                     s->path, d->name, j->name);
}

/* Where a destination lies, as a path that begins with what it is a path of: two are the same or
 * one inside the other exactly if these are. */
static char *full_path(const struct destination *d)
{
    switch (d->type) {
    case DESTINATION_S3:
        return mem_printf("%s/%s%s%s", d->endpoint, d->bucket, d->prefix != NULL ? "/" : "",
                          d->prefix != NULL ? d->prefix : "");
    case DESTINATION_SFTP: /* two users may each have a root of their own */
        return mem_printf("%s@%s:%d%s%s", d->user, d->host, d->port, d->path[0] != '/' ? "~/" : "",
                          d->path);
    case DESTINATION_DIRECTORY:
        break;
    }
    return mem_strdup(d->path);
}

static void check_apart(struct loader *l, const struct destination *a, const struct destination *b)
{
    _cleanup_free_ char *path_a = full_path(a), *path_b = full_path(b);
    _cleanup_free_ char *shown_a = destination_place(a), *shown_b = destination_place(b);

    if (strcmp(path_a, path_b) == 0)
        loader_error(l, a->at.file, a->at.line,
                     "[destination %s]: %s is the path of destination \"%s\" too", a->name, shown_a,
                     b->name);
    else if (below(path_a, path_b) != NULL)
        loader_error(l, a->at.file, a->at.line,
                     "[destination %s]: %s lies inside %s of destination \"%s\"", a->name, shown_a,
                     shown_b, b->name);
    else if (below(path_b, path_a) != NULL)
        loader_error(l, b->at.file, b->at.line,
                     "[destination %s]: %s lies inside %s of destination \"%s\"", b->name, shown_b,
                     shown_a, a->name);
}

static void check_bucket(struct loader *l, const struct destination *d)
{
    if (str_starts(d->endpoint, "http://") && !d->insecure)
        loader_error(
            l, d->at.file, d->at.line,
            "[destination %s]: endpoint: %s is not encrypted, anyone on the way can read and "
            "change what is sent; write https://, or insecure = yes if that is meant",
            d->name, d->endpoint);
    if (d->encryption_key_id != NULL && d->encryption != S3_ENCRYPTION_KMS)
        loader_error(l, d->at.file, d->at.line,
                     "[destination %s]: encryption_key_id is for encryption = aws:kms only",
                     d->name);
}

static bool same_secret(const struct secret_ref *a, const struct secret_ref *b)
{
    return a->kind == b->kind && str_equal(a->value, b->value);
}

static void check_repository(struct loader *l, const struct destination *d)
{
    if (d->key.kind == SECRET_NONE)
        loader_error(l, d->at.file, d->at.line,
                     "[destination %s]: key = none: a repository is always encrypted", d->name);
    if (!str_is_name(d->repository))
        loader_error(l, d->at.file, d->at.line,
                     "[destination %s]: repository: \"%.80s\" is no name", d->name, d->repository);
    for (size_t i = 0; i < l->config->destination_count && l->config->destinations[i] != d; i++) {
        const struct destination *other = l->config->destinations[i];
        if (!str_equal(other->repository, d->repository))
            continue;
        if (!same_secret(&other->key, &d->key))
            loader_error(l, d->at.file, d->at.line,
                         "[destination %s]: key differs from that of \"%s\", which holds the same "
                         "repository \"%s\"",
                         d->name, other->name, d->repository);
        if (other->trash_s != d->trash_s)
            loader_error(l, d->at.file, d->at.line,
                         "[destination %s]: trash differs from that of \"%s\", which holds the "
                         "same repository \"%s\"",
                         d->name, other->name, d->repository);
    }
}

static bool has_replica(const struct config *c, const struct destination *d)
{
    for (size_t i = 0; i < c->destination_count; i++)
        if (c->destinations[i] != d && str_equal(c->destinations[i]->repository, d->repository))
            return true;
    return false;
}

/* A repository that has no name of its own has the destination's; one that has no replica is fed by the
 * read, wherever it lies: what a copy makes anew knows nothing of what was there before. */
static void complete_repositories(const struct config *c)
{
    for (size_t i = 0; i < c->destination_count; i++) {
        struct destination *d = c->destinations[i];
        if (d->format == FORMAT_REPOSITORY && d->repository == NULL)
            d->repository = mem_strdup(d->name);
    }
    for (size_t i = 0; i < c->destination_count; i++) {
        struct destination *d = c->destinations[i];
        if (d->format == FORMAT_REPOSITORY && d->feed == FEED_AUTO && destination_is_remote(d) &&
            !has_replica(c, d))
            d->feed = FEED_LIVE;
    }
}

static void check_destinations(struct loader *l)
{
    const struct config *c = l->config;

    for (size_t i = 0; i < c->destination_count; i++) {
        const struct destination *d = c->destinations[i];
        if (d->type == DESTINATION_DIRECTORY && strcmp(d->path, "/") == 0)
            loader_error(l, d->at.file, d->at.line, "[destination %s]: path is the root folder",
                         d->name);
        if (d->type == DESTINATION_S3)
            check_bucket(l, d);
        if (d->format == FORMAT_REPOSITORY)
            check_repository(l, d);
        if (d->passphrase.kind != SECRET_UNSET && d->private_key.kind == SECRET_UNSET)
            loader_error(l, d->at.file, d->at.line,
                         "[destination %s]: passphrase without private_key", d->name);
        for (size_t k = 0; k < i; k++)
            check_apart(l, d, c->destinations[k]);
    }
}

/* Such a pattern would match nothing, so that an exclude silently does not hold. */
static bool is_bad_pattern(const char *pattern)
{
    bool names = false;

    for (const char *p = pattern; *p != '\0';) {
        size_t len = strcspn(p, "/");
        if ((len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
            return true;
        names = names || len > 0;
        p += len + (p[len] == '/');
    }
    return !names;
}

static void check_patterns(struct loader *l, const struct source *s, const char *key,
                           const struct strlist *patterns)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (is_bad_pattern(patterns->items[i]))
            loader_error(l, s->at.file, s->at.line,
                         "[source %s]: %s: \"%.80s\" can match nothing: no \".\" and \"..\", and a "
                         "name in it",
                         s->name, key, patterns->items[i]);
}

static void check_sources(struct loader *l)
{
    const struct config *c = l->config;

    for (size_t i = 0; i < c->source_count; i++) {
        const struct source *s = c->sources[i];
        bool all = strlist_contains(&s->databases, "*");
        check_patterns(l, s, "include", &s->include);
        check_patterns(l, s, "exclude", &s->exclude);
        if (all && s->databases.count > 1)
            loader_error(l, s->at.file, s->at.line,
                         "[source %s]: databases is either * or a list of names", s->name);
        if (s->exclude_databases.count > 0 && !all)
            loader_error(l, s->at.file, s->at.line,
                         "[source %s]: exclude_databases is for databases = * only", s->name);
    }
}

static void check_daemon(struct loader *l)
{
    const struct config *c = l->config;
    struct sockaddr_un address;

    if (c->socket_path != NULL && strlen(c->socket_path) >= sizeof(address.sun_path))
        loader_error(l, l->daemon_at.file, l->daemon_at.line,
                     "[daemon]: socket: the path is longer than the %zu bytes that a socket's "
                     "name may have",
                     sizeof(address.sun_path) - 1);
}

void loader_finish(struct loader *l)
{
    const struct config *c = l->config;

    check_daemon(l);
    complete_repositories(c);
    check_destinations(l);
    check_sources(l);
    for (size_t i = 0; i < c->job_count; i++) {
        struct job *j = c->jobs[i];
        resolve_sources(l, j, &l->job_names[i].sources);
        resolve_destinations(l, j, &l->job_names[i].destinations);
        for (size_t s = 0; s < j->source_count; s++)
            for (size_t d = 0; d < j->destination_count; d++)
                check_overlap(l, j, j->sources[s], j->destinations[d]);
    }
}
