#include <string.h>

#include "lib/repository/collect_parts.h"
#include "lib/repository/mirror.h"
#include "lib/repository/object.h"

enum { SEGMENTS_MAX = 1 << 16 };

/* It gets what it lacks when it is mirrored; the pruner does not touch it before. */
static void fall_behind(struct collector *c, struct collect_replica *x, const char *why)
{
    x->behind = true;
    collect_problem(c, "%s is behind and is left alone: %s", store_place(x->store), why);
}

static int on_brought(void *arg, uint64_t bytes, uint64_t total, struct err *e)
{
    collect_progress(arg, "bring replicas in line", bytes, total);
    return collect_cancelled(arg, e);
}

/* What earlier prunes and changes of keys left lacking is small and is brought; sets are not. */
static int bring_in_line(struct collector *c, struct store *s, struct err *e)
{
    const struct mirror_spec spec = {.from = c->r, .to = s, .arg = c, .progress = on_brought};
    struct mirror_result brought;

    int rc = log_compare(c->r->writer, s, e);
    if (rc == 0)
        rc = log_compare(c->r->pruner, s, e);
    else if (rc == 1)
        return err_set(e, ERR_LATE, "it lacks sets, which a copy brings");
    if (rc == 1)
        rc = mirror_bring(&spec, &brought, e);
    return rc == 1 ? err_set(e, ERR_LATE, "its log goes on differently") : rc;
}

void collect_bring_replicas(struct collector *c)
{
    for (size_t i = 1; i < c->replica_count; i++) {
        struct collect_replica *x = &c->replicas[i];
        struct err why;
        if (bring_in_line(c, x->store, &why) < 0)
            fall_behind(c, x, why.text);
    }
}

void collect_replicate_log(struct collector *c)
{
    for (size_t i = 1; i < c->replica_count; i++) {
        struct collect_replica *x = &c->replicas[i];
        struct err why;
        if (x->behind)
            continue;
        int rc = log_replicate(c->r->pruner, x->store, &why);
        if (rc != 0)
            fall_behind(c, x, rc < 0 ? why.text : "its log is another one, or shorter");
    }
}

void collect_put_others(struct collector *c, const char *name, const void *data, size_t len)
{
    for (size_t i = 1; i < c->replica_count; i++) {
        struct collect_replica *x = &c->replicas[i];
        struct err why;
        if (!x->behind && object_put(x->store, name, data, len, &why) < 0)
            fall_behind(c, x, why.text);
    }
}

void collect_bring(struct collector *c, const char *name)
{
    for (size_t i = 1; i < c->replica_count; i++) {
        struct collect_replica *x = &c->replicas[i];
        uint64_t bytes;
        struct err why;
        if (!x->behind &&
            mirror_object(c->r->store, x->store, name, MIRROR_IF_MISSING, &bytes, &why) < 0)
            fall_behind(c, x, why.text);
    }
}

int collect_bring_segments(struct collector *c, struct err *e)
{
    struct strlist names = {0};
    const struct pack_name *superseded;
    size_t count;

    if (c->replica_count == 1)
        return 0;
    if (object_names(c->r->store, "index/", SEGMENTS_MAX, &names, e) < 0) {
        strlist_deinit(&names);
        return -1;
    }
    index_superseded(c->ix, &superseded, &count);
    for (size_t i = 0; i < names.count; i++) {
        struct pack_name name;
        bool counts = object_hex_text(names.items[i], name.bytes, sizeof(name.bytes), NULL) == 0;
        for (size_t k = 0; k < count && counts; k++)
            counts = memcmp(&superseded[k], &name, sizeof(name)) != 0;
        _cleanup_free_ char *object = mem_printf("index/%s", names.items[i]);
        if (counts)
            collect_bring(c, object);
    }
    strlist_deinit(&names);
    return 0;
}
