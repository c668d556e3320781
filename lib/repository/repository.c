#include "lib/repository/repository.h"

#include <string.h>

#include "lib/repository/object.h"
#include "lib/repository/repository_parts.h"
#include "lib/repository/slot_parts.h"

void repository_close(struct repository *r)
{
    if (r == NULL)
        return;
    log_close(r->writer);
    log_close(r->pruner);
    keys_free(r->keys);
    free(r->cache_dir);
    free(r);
}

/* The pruner's first: a removal that is in it is of a set whose record the writer's log, read
 * later, must have. */
static int open_logs(struct repository *r, const struct repository_spec *spec, struct err *e)
{
    if (log_open(r->store, r->keys, LOG_PRUNER, r->cache_dir, spec->known_pruner, &r->pruner, e) <
        0)
        return -1;
    return log_open(r->store, r->keys, LOG_WRITER, r->cache_dir, spec->known_writer, &r->writer, e);
}

/* A newer generation that somebody removed: else one would go on with a key that was given up. */
static int check_generation(const struct repository *r, struct err *e)
{
    for (size_t i = log_count(r->pruner); i-- > 0;) {
        const struct log_record x = log_at(r->pruner, i);
        int64_t number = json_opt_i64(x.body, "generation", 0);
        if (strcmp(x.kind, "keys") != 0 || number == 0)
            continue;
        if (number <= keys_current(r->keys)->number)
            return 0;
        return err_set(e, ERR_TAMPERED, "%s: generation %lld of the reading key is missing",
                       store_place(r->store), (long long)number);
    }
    return 0;
}

/* With r->id and the keys there. */
static int go_on(struct repository *r, const struct repository_spec *spec, struct err *e)
{
    if (spec->cache_dir != NULL)
        r->cache_dir = mem_printf("%s/%s", spec->cache_dir, r->id);
    if (open_logs(r, spec, e) < 0)
        return -1;
    return check_generation(r, e);
}

/* Without a key slot: keys are made only where nothing was stored yet. */
static int check_empty(struct store *s, struct err *e)
{
    static const char *const prefixes[] = {"log/", "packs/", "index/", "generations/", NULL};
    struct store_object found;
    size_t count;

    for (size_t i = 0; prefixes[i] != NULL; i++) {
        if (store_list(s, prefixes[i], true, "", &found, 1, &count, e) < 0)
            return -1;
        if (count > 0)
            return err_set(
                e, ERR_KEY,
                "%s: all key slots of the repository are gone, and without one nothing opens it, "
                "but %s lies there: put the folder keys/ back from a replica or a copy (synbakctl "
                "repair)",
                store_place(s), found.name);
    }
    return 0;
}

static int open_keys(struct repository *r, const struct repository_spec *spec, struct err *e)
{
    struct err why;

    if (slots_open(r->store, spec->secret, spec->stretched, &r->keys, r->slot, &why) == 0)
        return 0;
    if (why.code == ERR_NOT_FOUND && check_empty(r->store, &why) == 0)
        return err_set(e, ERR_NOT_FOUND,
                       "%s: there is no repository: one was begun, and broken off before it had a "
                       "key (the next run goes on with it)",
                       store_place(r->store));
    if (e != NULL)
        *e = why;
    return -1;
}

int repository_open(const struct repository_spec *spec, struct repository **ret, struct err *e)
{
    struct repository *r = mem_alloc(sizeof(*r));

    r->store = spec->store;
    int rc = repository_probe(r->store, r->id, e);
    if (rc == 1 && (rc = repository_check_remains(r->store, e)) == 0)
        rc = err_set(e, ERR_NOT_FOUND, "%s: there is no repository", store_place(r->store));
    if (rc == 0)
        rc = open_keys(r, spec, e);
    if (rc == 0)
        rc = go_on(r, spec, e);
    if (rc < 0) {
        repository_close(r);
        return -1;
    }
    *ret = r;
    return 0;
}

/* The first slot has the repository's id for its name: of two that begin a repository at once, one puts
 * it, and its keys are the repository's. */
static int first_slot(struct repository *r, const struct secret *secret, struct err *e)
{
    uint8_t id[REPOSITORY_ID_LEN];
    struct keys *k;
    struct err why;

    if (object_hex_text(r->id, id, sizeof(id), e) < 0 || keys_create_for(id, &k, e) < 0)
        return -1;
    int rc = slot_add_as(r->store, k, r->id, SLOT_OPERATION, "the first key", secret, &why);
    keys_free(k);
    if (rc == 0 || why.code == ERR_EXISTS)
        return 0;
    if (e != NULL)
        *e = why;
    return -1;
}

static int open_or_make_keys(struct repository *r, const struct repository_spec *spec,
                             struct err *e)
{
    struct strlist names = {0};
    struct err why;
    int rc = slot_names(r->store, &names, e);

    if (rc == 0 && names.count == 0) {
        rc = check_empty(r->store, e);
        if (rc == 0)
            rc = first_slot(r, spec->secret, e);
    }
    strlist_deinit(&names);
    if (rc < 0)
        return -1;
    if (slots_open(r->store, spec->secret, spec->stretched, &r->keys, r->slot, &why) == 0)
        return 0;
    if (why.code == ERR_KEY)
        return err_set(e, ERR_EXISTS, "%s: another repository was made there, with another key",
                       store_place(r->store));
    if (e != NULL)
        *e = why;
    return -1;
}

static int begin_log(const struct repository *r, struct log *l, const struct log_author *who,
                     struct err *e)
{
    const char *host, *holder = log_holder(l, &host, NULL);

    if (holder == NULL)
        return log_take(l, who, e);
    return strcmp(holder, who->installation) == 0
               ? 0
               : err_set(e, ERR_EXISTS, "%s: the repository was made there by another, on %s",
                         store_place(r->store), host);
}

int repository_create(const struct repository_spec *spec, const struct log_author *who,
                      struct repository **ret, struct err *e)
{
    struct repository *r = mem_alloc(sizeof(*r));

    r->store = spec->store;
    if (repository_begin(r->store, r->id, e) < 0 || open_or_make_keys(r, spec, e) < 0 ||
        go_on(r, spec, e) < 0 || begin_log(r, r->writer, who, e) < 0 ||
        (!r->keys->write_only && begin_log(r, r->pruner, who, e) < 0)) {
        repository_close(r);
        return -1;
    }
    *ret = r;
    return 0;
}
