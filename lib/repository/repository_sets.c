#include <string.h>

#include "lib/repository/object.h"
#include "lib/repository/repository_parts.h"

/* The members of every record, and those of its kind. */
#define COMMON "number", "previous", "time", "installation", "host", "kind"
static const char *const set_members[] = {COMMON,     "job",      "id", "sequence",
                                          "manifest", "describe", NULL};
static const char *const mark_members[] = {COMMON, "job", "id", "reason", "until", NULL};
static const char *const removed_members[] = {COMMON, "sets", "rule", NULL};
static const char *const removed_set_members[] = {"job", "id", "number", NULL};

static int read_set(const struct log_record *r, struct repository_set *ret, struct err *e)
{
    const char *manifest;
    json_t *describe;

    *ret = (struct repository_set){.number = r->head.number};
    if (object_members(r->body, set_members, e) < 0 ||
        json_get_string(r->body, "job", &ret->job, e) < 0 ||
        json_get_string(r->body, "id", &ret->id, e) < 0 ||
        json_get_i64(r->body, "sequence", 0, INT64_MAX, &ret->sequence, e) < 0 ||
        json_get_string(r->body, "manifest", &manifest, e) < 0 ||
        json_get_object(r->body, "describe", &describe, e) < 0)
        return -1;
    ret->describe = describe;
    if (!str_is_name(ret->job))
        return err_set(e, ERR_FORMAT, "\"job\" is not a name");
    if (clock_parse_set_id(ret->id, &(struct wall){0}) < 0)
        return err_set(e, ERR_FORMAT, "\"id\" is not a set's");
    return chunk_ref_parse(manifest, &ret->manifest, e);
}

/* By the number of the set's record: ascending, as they were written. */
static struct repository_set *by_number(struct repository_set *sets, size_t count, uint64_t number)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (sets[mid].number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < count && sets[low].number == number ? &sets[low] : NULL;
}

static struct repository_set *by_name(struct repository_set *sets, size_t count, const char *job,
                                      const char *id)
{
    for (size_t i = count; i-- > 0;)
        if (strcmp(sets[i].id, id) == 0 && strcmp(sets[i].job, job) == 0)
            return &sets[i];
    return NULL;
}

/* A mark of a set that is not there any more means nothing. */
static int apply_mark(const struct log_record *r, struct repository_set *sets, size_t count,
                      struct err *e)
{
    const char *job, *id, *reason;
    struct wall until = {0};

    if (object_members(r->body, mark_members, e) < 0 ||
        json_get_string(r->body, "job", &job, e) < 0 ||
        json_get_string(r->body, "id", &id, e) < 0 ||
        json_get_string(r->body, "reason", &reason, e) < 0)
        return -1;
    const json_t *end = json_object_get(r->body, "until");
    if (end != NULL && !json_is_null(end) && object_time(r->body, "until", &until, e) < 0)
        return -1;
    struct repository_set *set = by_name(sets, count, job, id);
    if (set == NULL)
        return 0;
    if (strcmp(r->kind, "accept") == 0) {
        set->accepted = true;
        return 0;
    }
    set->pinned = strcmp(r->kind, "pin") == 0;
    set->pin_reason = set->pinned ? reason : NULL;
    set->pin_until = until;
    return 0;
}

static int in_writers_log(const struct repository *r, const struct log_record *x, struct err *e)
{
    return err_wrap(e, "%s: record %llu of the writer's log", store_place(r->store),
                    (unsigned long long)x->head.number);
}

static int read_written(const struct repository *r, struct repository_set *sets, size_t *ret_count,
                        struct err *e)
{
    size_t count = 0;

    for (size_t i = 0; i < log_count(r->writer); i++) {
        const struct log_record x = log_at(r->writer, i);
        int rc = 0;
        if (strcmp(x.kind, "set") == 0)
            rc = read_set(&x, &sets[count++], e);
        else if (strcmp(x.kind, "epoch") != 0)
            rc = apply_mark(&x, sets, count, e);
        if (rc < 0)
            return in_writers_log(r, &x, e);
    }
    *ret_count = count;
    return 0;
}

static int remove_one(const struct repository *r, const json_t *o, struct repository_set *sets,
                      size_t count, bool *gone, struct err *e)
{
    const char *job, *id;
    int64_t number;

    if (object_members(o, removed_set_members, e) < 0 || json_get_string(o, "job", &job, e) < 0 ||
        json_get_string(o, "id", &id, e) < 0 ||
        json_get_i64(o, "number", 1, INT64_MAX, &number, e) < 0)
        return -1;
    struct repository_set *set = by_number(sets, count, (uint64_t)number);
    if (set == NULL && (uint64_t)number > log_count(r->writer))
        return err_set(
            e, ERR_TAMPERED,
            "record %lld of the writer's log, which it names, is not there any more: the "
            "log was rolled back",
            (long long)number);
    if (set == NULL || strcmp(set->job, job) != 0 || strcmp(set->id, id) != 0)
        return err_set(e, ERR_FORMAT, "it names a set that the writer's log does not have");
    gone[set - sets] = true;
    return 0;
}

static int read_removed(const struct repository *r, struct repository_set *sets, size_t count,
                        bool *gone, struct err *e)
{
    for (size_t i = 0; i < log_count(r->pruner); i++) {
        const struct log_record x = log_at(r->pruner, i);
        json_t *list = NULL;
        if (strcmp(x.kind, "removed") != 0)
            continue;
        int rc = object_members(x.body, removed_members, e);
        if (rc == 0)
            rc = json_get_array(x.body, "sets", &list, e);
        for (size_t k = 0; rc == 0 && k < json_array_size(list); k++)
            rc = remove_one(r, json_array_get(list, k), sets, count, gone, e);
        if (rc < 0)
            return err_wrap(e, "%s: record %llu of the pruner's log", store_place(r->store),
                            (unsigned long long)x.head.number);
    }
    return 0;
}

int repository_sets(const struct repository *r, struct repository_set **ret, size_t *ret_count,
                    struct err *e)
{
    _cleanup_free_ struct repository_set *sets = mem_alloc(log_count(r->writer) * sizeof(*sets));
    size_t count, kept = 0;

    if (read_written(r, sets, &count, e) < 0)
        return -1;
    _cleanup_free_ bool *gone = mem_alloc(count * sizeof(*gone));
    if (read_removed(r, sets, count, gone, e) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!gone[i])
            sets[kept++] = sets[i];
    *ret = TAKE(sets);
    *ret_count = kept;
    return 0;
}

int repository_find_set(const struct repository *r, const char *job, const char *id,
                        struct repository_set *ret, struct err *e)
{
    _cleanup_free_ struct repository_set *sets = NULL;
    size_t count;

    if (repository_sets(r, &sets, &count, e) < 0)
        return -1;
    const struct repository_set *found = by_name(sets, count, job, id);
    if (found == NULL)
        return err_set(e, ERR_NOT_FOUND, "%s: there is no set %s/%s", store_place(r->store), job,
                       id);
    *ret = *found;
    return 0;
}
