/* verify.c — the verb that reads back what is stored and compares it with the manifests. */
#include <string.h>

#include "daemon/worker/verify_repository.h"
#include "lib/base/mem.h"
#include "lib/plain/marks.h"
#include "lib/plain/set_list.h"
#include "lib/plain/set_verify.h"

struct verify {
    struct worker *worker;
    struct destination destination;
    json_t *damaged;
    size_t sets;
    bool names_only; /* the key may not read the repository */
    bool part;       /* of one set: from `from` to `to` of set_verify.h */
    uint64_t from, to;
    uint64_t bytes; /* of sets already done */
    uint64_t total; /* of all sets, as far as known */
    bool key_missing;
    struct err key_error; /* the first set that no key here fits */
};

static bool report(void *arg, uint64_t done)
{
    struct verify *v = arg;

    worker_progress(v->worker, "verify", v->bytes + done, v->total);
    return !worker_cancelled(v->worker);
}

static void note(struct verify *v, const char *job, const char *id, const struct err *why)
{
    (void)json_array_append_new(v->damaged,
                                json_pack("{s:s,s:s,s:o,s:s}", "job", job, "id", id, "error",
                                          json_printable(why->text), "code", err_word(why->code)));
}

/* Is this a finding about the set, or a reason to stop? A medium that cannot be read is a finding:
 * the set cannot be restored either. */
static bool is_finding(const struct err *why)
{
    return why->code == ERR_DAMAGED || why->code == ERR_IO || why->code == ERR_FORMAT;
}

static int verify_marks(struct verify *v, const char *job, const char *id,
                        const struct mac_key *mac, struct err *e)
{
    struct marks marks = {0};
    int rc = marks_read(v->destination.store, job, id, mac, &marks, e);

    marks_deinit(&marks);
    return rc;
}

static void warn_of_strays(struct verify *v, const struct manifest *m)
{
    struct strlist strays = {0};

    if (set_verify_strays(v->destination.store, m, &strays, NULL) == 0)
        for (size_t i = 0; i < strays.count; i++)
            worker_log(v->worker, WORKER_WARNING, "%s is not named by its manifest",
                       strays.items[i]);
    strlist_deinit(&strays);
}

static int verify_read(struct verify *v, const char *job, const char *id, struct err *e)
{
    struct manifest m;
    const struct mac_key *mac;

    if (destination_read(&v->destination, job, id, &m, NULL, &mac, e) < 0)
        return -1;
    uint64_t size = set_verify_size(&m);
    if (v->part)
        size = (uint64_t)((unsigned __int128)size * (v->to - v->from) / SET_VERIFY_END);
    if (v->total < v->bytes + size)
        v->total = v->bytes + size;
    int rc = v->part
                 ? set_verify_part(v->destination.store, &m, v->from, v->to, report, v, &size, e)
                 : set_verify(v->destination.store, &m, report, v, e);
    if (rc == 0 && !v->destination.file) {
        warn_of_strays(v, &m);
        rc = verify_marks(v, job, id, mac, e);
    }
    manifest_deinit(&m);
    v->bytes += size;
    return rc;
}

/* -1 only when the work as a whole must stop. */
static int verify_set(struct verify *v, const char *job, const char *id, struct err *e)
{
    struct err why = {0};

    v->sets++;
    if (verify_read(v, job, id, &why) == 0)
        return 0;
    if (is_finding(&why)) {
        note(v, job, id, &why);
        return 0;
    }
    if (why.code == ERR_KEY) { /* nothing is said about the set; the others are still looked at */
        worker_log(v->worker, WORKER_WARNING, "not verified: %s", why.text);
        if (!v->key_missing)
            v->key_error = why;
        v->key_missing = true;
        return 0;
    }
    if (why.code == ERR_NOT_FOUND) { /* never committed, or pruned since it was listed */
        v->sets--;
        return 0;
    }
    return err_set(e, why.code, "%s", why.text);
}

static int verify_job(struct verify *v, const char *job, struct err *e)
{
    _cleanup_free_ struct set_entry *entries = NULL;
    size_t count;

    if (set_list(v->destination.store, job, &entries, &count, e) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (entries[i].folder && verify_set(v, job, entries[i].id, e) < 0)
            return -1;
    return 0;
}

static int verify_all(struct verify *v, struct err *e)
{
    struct strlist jobs = {0};
    struct marker marker;
    struct err why = {0};
    int rc = 0;

    if (marker_read(v->destination.store, &marker, &why) < 0) {
        if (why.code != ERR_FORMAT)
            return err_set(e, why.code, "%s", why.text);
        note(v, "", "", &why);
    }
    rc = set_list_jobs(v->destination.store, &jobs, e);
    for (size_t i = 0; rc == 0 && i < jobs.count; i++)
        rc = verify_job(v, jobs.items[i], e);
    strlist_deinit(&jobs);
    return rc;
}

static int verify_one(struct verify *v, const char *name, const char *id, struct err *e)
{
    _cleanup_free_ char *manifest = mem_printf("%s/%s/manifest.json", name, id);
    struct store_object o;

    if (store_stat(v->destination.store, manifest, &o, e) < 0) {
        if (e != NULL && e->code == ERR_NOT_FOUND)
            return err_set(e, ERR_NOT_FOUND, "there is no set %s/%s at %s", name, id,
                           store_place(v->destination.store));
        return -1;
    }
    return verify_set(v, name, id, e);
}

static int run_repository(struct verify *v, const json_t *job, const char *name, const char *id,
                          struct err *e)
{
    const struct check_range part = {v->from, v->to};
    struct verify_repository whole = {.job = name,
                                      .id = id,
                                      .data = json_opt_bool(job, "data", false),
                                      .range = v->part ? &part : NULL,
                                      .damaged = v->damaged};
    int rc = verify_repository(v->worker, &v->destination, &whole, e);

    v->sets = whole.sets;
    v->bytes = whole.bytes;
    v->names_only = rc == 0 && !whole.may_read;
    return rc;
}

static int read_part(struct verify *v, const json_t *job, struct err *e)
{
    int64_t from, to;

    v->part = json_object_get(job, "to") != NULL;
    if (!v->part)
        return 0;
    if (json_get_i64(job, "from", 0, SET_VERIFY_END, &from, e) < 0 ||
        json_get_i64(job, "to", from, SET_VERIFY_END, &to, e) < 0)
        return -1;
    v->from = (uint64_t)from;
    v->to = (uint64_t)to;
    return 0;
}

static int run(struct verify *v, const json_t *job, struct err *e)
{
    _cleanup_free_ char *name = NULL, *id = NULL;
    json_t *store;

    if (read_part(v, job, e) < 0)
        return -1;
    if (json_opt_bool(job, "all", false)) {
        if (json_get_object(job, "store", &store, e) < 0 ||
            destination_open_for(v->worker, store, &v->destination, e) < 0)
            return -1;
        return v->destination.repository ? run_repository(v, job, NULL, NULL, e) : verify_all(v, e);
    }
    if (destination_open_set(v->worker, job, &v->destination, &name, &id, e) < 0)
        return -1;
    return v->destination.repository ? run_repository(v, job, name, id, e)
                                     : verify_one(v, name, id, e);
}

int verb_verify(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct verify v = {.worker = w, .damaged = json_array()};
    int rc = run(&v, job, e);

    if (rc == 0 && v.key_missing && json_array_size(v.damaged) == 0)
        rc = err_set(e, ERR_KEY, "%s", v.key_error.text);
    if (rc == 0)
        *ret_result =
            json_pack("{s:I,s:I,s:O,s:b}", "sets", (json_int_t)v.sets, "bytes", (json_int_t)v.bytes,
                      "damaged", v.damaged, "names_only", v.names_only);
    json_decref(v.damaged);
    destination_close(&v.destination);
    return rc;
}
