/* local_copy.c
 *
 * The happy path is: read the marker of each destination for its owner's id, let a worker read each
 * source into all of them, commit, pin, chown. Failure modes: a destination that is not there is
 * left out; a source that is not read whole, or a commit that reaches no destination, stops the
 * restore, and what was written is swept by the daemon one day, because it was never committed. */
#include "cli/local_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/worker_run.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/protocol/job.h"

#define MARKER "synbak-destination.json" /* docs/plain-format.md */

enum { MARKER_MAX = 1 << 16, PIN_DAYS = 14, THREADS = 2 };

struct copy {
    struct cli *c;
    const struct job *job;
    char id[32], started[32];
    json_t *stores;  /* [STORE] */
    json_t *sources; /* as commit wants them */
};

static int read_marker(const struct destination *d, json_t **ret, struct err *e)
{
    if (destination_is_remote(d))
        return err_set(
            e, ERR_UNAVAILABLE,
            "destination \"%s\" is remote, and without synbakd only a local one can take "
            "the copy",
            d->name);
    _cleanup_free_ char *path = mem_printf("%s/%s", d->path, MARKER);
    struct buf text = BUF_INIT(MARKER_MAX);
    int rc = fs_read_file(AT_FDCWD, path, &text, e);

    if (rc == 0)
        rc = json_read(text.data, text.len, ret, e);
    buf_deinit(&text);
    return rc < 0 ? err_wrap(e, "destination \"%s\"", d->name) : 0;
}

bool local_copy_possible(const struct job *job)
{
    for (size_t i = 0; job != NULL && i < job->destination_count; i++) {
        _cleanup_json_ json_t *marker = NULL;
        if (read_marker(job->destinations[i], &marker, NULL) == 0)
            return true;
    }
    return false;
}

/* The destinations that can be written, in the name of the installation that owns them. */
static int open_stores(struct copy *copy, struct err *e)
{
    (void)err_set(e, ERR_CONFIG, "job \"%s\" has no destination", copy->job->name);
    for (size_t i = 0; i < copy->job->destination_count; i++) {
        const struct destination *d = copy->job->destinations[i];
        _cleanup_json_ json_t *marker = NULL, *store = NULL;
        if (read_marker(d, &marker, e) < 0 || place_store_of(copy->c, d, &store, e) < 0)
            continue;
        (void)json_object_set(store, "owner", json_object_get(marker, "owner"));
        (void)json_object_set(store, "known_id", json_object_get(marker, "id"));
        (void)json_array_append(copy->stores, store);
    }
    return json_array_size(copy->stores) > 0 ? 0 : -1;
}

/* {DESTINATION: [ARTIFACT]} of those that took the source. */
static json_t *artifacts_of(const json_t *result)
{
    json_t *artifacts = json_object(), *d;
    size_t i;

    json_array_foreach(json_object_get(result, "destinations"), i,
                       d) if (json_opt_bool(d, "ok", false))(void)
        json_object_set(artifacts, json_opt_string(d, "destination", "?"),
                        json_object_get(d, "artifacts"));
    return artifacts;
}

static int read_source(struct copy *copy, const struct source *s, struct err *e)
{
    static const char *const verbs[] = {
        [SOURCE_POSTGRESQL] = "dump", [SOURCE_FILES] = "archive", [SOURCE_COMMAND] = "command"};
    _cleanup_json_ json_t *result = NULL, *source = job_source(s, false);
    const struct worker_run run = {.screen = &copy->c->screen,
                                   .job = json_pack("{s:s, s:s, s:s, s:O, s:O, s:i}", "verb",
                                                    verbs[s->type], "job", copy->job->name, "id",
                                                    copy->id, "source", source, "stores",
                                                    copy->stores, "threads", THREADS)};

    if (worker_run(&run, &result, e) < 0)
        return -1;
    if (!json_opt_bool(result, "whole", false)) {
        _cleanup_free_ char *why = join_strings(json_object_get(result, "problems"), "; ");
        return err_set(e, ERR_INCOMPLETE, "source \"%s\" could not be read whole: %s", s->name,
                       why);
    }
    json_t *problems = json_object_get(result, "problems");
    (void)json_array_append_new(copy->sources,
                                json_pack("{s:s, s:O, s:b, s:O, s:o}", "name", s->name, "type",
                                          json_object_get(source, "type"), "whole", 1, "problems",
                                          problems, "artifacts", artifacts_of(result)));
    return 0;
}

static int commit(struct copy *copy, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;
    char host[256] = "";
    json_t *d;
    size_t i;

    (void)gethostname(host, sizeof(host) - 1);
    const struct worker_run run = {
        .screen = &copy->c->screen,
        .job = json_pack("{s:s, s:s, s:s, s:i, s:[s], s:s, s:s, s:b, s:o, s:O, s:O}", "verb",
                         "commit", "job", copy->job->name, "id", copy->id, "sequence", 0, "tiers",
                         tier_word(TIER_PRE_RESTORE), "reason", "before a restore", "started",
                         copy->started, "fragment", 0, "host", json_printable(host), "stores",
                         copy->stores, "sources", copy->sources)};
    if (worker_run(&run, &result, e) < 0)
        return -1;
    (void)err_set(e, ERR_UNAVAILABLE, "no destination took it");
    json_array_foreach(json_object_get(result, "destinations"), i, d)
    {
        if (json_opt_bool(d, "ok", false))
            return 0;
        (void)err_set(e, err_from_word(json_opt_string(d, "code", "internal")),
                      "destination \"%s\": %s", json_opt_string(d, "destination", "?"),
                      json_opt_string(d, "error", "?"));
    }
    return -1;
}

/* So that retention leaves it alone; one that has no set to pin is no failure of the copy. */
static void pin(struct copy *copy)
{
    char until[32];
    const struct wall end = {copy->c->screen.now.us + (int64_t)PIN_DAYS * 86400 * 1000000};
    json_t *store;
    size_t i;

    json_array_foreach(copy->stores, i, store)
    {
        _cleanup_json_ json_t *result = NULL;
        const struct worker_run run = {
            .screen = &copy->c->screen,
            .quiet = true,
            .job = json_pack("{s:s, s:O, s:s, s:s, s:s, s:s, s:s}", "verb", "mark", "store", store,
                             "job", copy->job->name, "id", copy->id, "kind", "pin", "reason",
                             "before a restore", "until", clock_iso8601(end, until))};
        (void)!worker_run(&run, &result, NULL);
    }
}

/* Following nothing: whoever owns the destination may have put links there. */
static void give_tree(int dirfd, const char *name, const struct stat *owner)
{
    int fd = io_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    struct dirent *entry;

    if (io_chown(dirfd, name, owner->st_uid, owner->st_gid, AT_SYMLINK_NOFOLLOW) != 0 || fd < 0) {
        fs_closep(&fd);
        return;
    }
    DIR *dir = io_opendir(fd, ".");
    while (dir != NULL && (entry = io_readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            give_tree(fd, entry->d_name, owner);
    if (dir != NULL)
        (void)io_closedir(dir);
    fs_closep(&fd);
}

/* As root we would leave files that the daemon can neither read nor delete. */
static void give_away(const struct copy *copy)
{
    _cleanup_free_ char *marks = mem_printf("%s.marks", copy->id);

    for (size_t i = 0; geteuid() == 0 && i < copy->job->destination_count; i++) {
        const struct destination *d = copy->job->destinations[i];
        if (destination_is_remote(d))
            continue;
        _cleanup_free_ char *marker = mem_printf("%s/%s", d->path, MARKER);
        _cleanup_free_ char *path = mem_printf("%s/%s", d->path, copy->job->name);
        _cleanup_(fs_closep) int folder =
            io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
        struct stat owner;
        if (folder < 0 || io_stat(AT_FDCWD, marker, &owner, AT_SYMLINK_NOFOLLOW) != 0 ||
            owner.st_uid == 0)
            continue;
        give_tree(folder, copy->id, &owner);
        give_tree(folder, marks, &owner);
    }
}

int local_copy_make(struct cli *c, const struct job *job, json_t *names, char **ret_id,
                    struct err *e)
{
    struct copy copy = {.c = c, .job = job, .stores = json_array(), .sources = json_array()};
    const struct wall now = clock_wall();
    json_t *name;
    size_t i;

    (void)clock_set_id(now, copy.id);
    (void)clock_iso8601(now, copy.started);
    int rc = open_stores(&copy, e);
    json_array_foreach(names, i, name)
    {
        const struct source *s = config_source(c->config, json_string_value(name));
        if (rc == 0 && s == NULL)
            rc = err_set(e, ERR_CONFIG, "source \"%s\" is not configured any more",
                         json_string_value(name));
        if (rc == 0)
            rc = read_source(&copy, s, e);
    }
    if (rc == 0)
        rc = commit(&copy, e);
    if (rc == 0) {
        pin(&copy);
        *ret_id = mem_strdup(copy.id);
    }
    give_away(&copy);
    json_decref(copy.stores);
    json_decref(copy.sources);
    return rc;
}
