/* changes.c — the changes verb: what runs found added, changed and removed, as tracking remembers it.
 * Nothing but this machine's own files is read. */
#include <string.h>

#include "daemon/worker/worker.h"
#include "lib/base/clock.h"
#include "lib/repository/tracking.h"

enum { CHANGES_MAX = 50000, TEXT_MAX = 8 << 20 };

struct changes {
    struct worker *worker;
    const char *source; /* being read */
    const char *since;  /* id; NULL: only the last transaction */
    json_t *list;       /* of transactions */
    json_t *now;        /* changes of the transaction that is being read; NULL: not wanted */
    size_t count, text;
    int64_t left_out, lost;
};

static int on_transaction(void *arg, const struct tracking_summary *s, struct err *e)
{
    struct changes *c = arg;
    char when[32];

    if (worker_cancelled(c->worker))
        return err_set(e, ERR_CANCELLED, "cancelled");
    worker_progress(c->worker, "read what changed", (uint64_t)s->number, 0);
    c->now = NULL;
    if (c->since != NULL && strcmp(s->id, c->since) <= 0) /* ids are times */
        return 0;
    json_t *o = json_pack("{s:s,s:s,s:s,s:b,s:[]}", "source", c->source, "id", s->id, "started",
                          clock_iso8601(s->started, when), "compared", s->compared, "changes");
    c->now = json_object_get(o, "changes");
    (void)json_array_append_new(c->list, o);
    return 0;
}

static const char *word_of(enum tracking_kind kind)
{
    return kind == TRACKING_ADDED ? "added" : kind == TRACKING_REMOVED ? "removed" : "changed";
}

static int on_change(void *arg, const struct tracking_change *x, struct err *e)
{
    struct changes *c = arg;
    const struct wall mtime = {x->mtime_s * 1000000};
    char when[32];

    (void)e;
    if (c->now == NULL)
        return 0;
    c->text += strlen(x->path);
    if (c->count++ >= CHANGES_MAX || c->text > TEXT_MAX) {
        c->left_out++;
        return 0;
    }
    (void)json_array_append_new(
        c->now, json_pack("{s:s,s:o,s:I,s:s}", "change", word_of(x->kind), "path",
                          json_printable(x->path[0] != '\0' ? x->path : "."), "size",
                          (json_int_t)x->size, "mtime", clock_iso8601(mtime, when)));
    return 0;
}

static int on_lost(void *arg, int64_t number, struct err *e)
{
    struct changes *c = arg;

    (void)number;
    (void)e;
    c->lost++;
    return 0;
}

static int read_track(struct changes *c, const json_t *track, struct err *e)
{
    const struct tracking_reader reader = {
        .arg = c, .transaction = on_transaction, .change = on_change, .lost = on_lost};
    const char *dir;
    int64_t number;

    if (json_get_string(track, "source", &c->source, e) < 0 ||
        json_get_string(track, "dir", &dir, e) < 0 ||
        json_get_i64(track, "number", 1, INT64_MAX - 1, &number, e) < 0)
        return -1;
    return tracking_changes_read(dir, c->since == NULL ? number : 1, number, &reader, e);
}

int verb_changes(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct changes c = {
        .worker = w, .since = json_opt_string(job, "since", NULL), .list = json_array()};
    json_t *tracks, *track;
    size_t i;
    int rc = json_get_array(job, "tracks", &tracks, e);

    for (i = 0; rc == 0 && i < json_array_size(tracks); i++) {
        track = json_array_get(tracks, i);
        rc = read_track(&c, track, e);
    }
    if (rc == 0)
        *ret_result = json_pack("{s:O,s:I,s:I}", "transactions", c.list, "left_out",
                                (json_int_t)c.left_out, "lost", (json_int_t)c.lost);
    json_decref(c.list);
    return rc;
}
