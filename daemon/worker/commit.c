/* commit.c — the verb that turns what was put into a set, at each destination: the manifest. */
#include "daemon/worker/commit.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/together.h"

static int read_job(const json_t *job, struct commit *c, struct err *e)
{
    const char *started;

    if (json_get_string(job, "job", &c->job, e) < 0 || json_get_string(job, "id", &c->id, e) < 0 ||
        json_get_i64(job, "sequence", 0, INT64_MAX, &c->sequence, e) < 0 ||
        json_get_strings(job, "tiers", &c->tiers, e) < 0 ||
        json_get_string(job, "reason", &c->reason, e) < 0 ||
        json_get_string(job, "started", &started, e) < 0 ||
        json_get_bool(job, "fragment", &c->fragment, e) < 0 ||
        json_get_string(job, "host", &c->host, e) < 0 ||
        json_get_array(job, "sources", &c->sources, e) < 0 ||
        json_get_array(job, "stores", &c->stores, e) < 0)
        return -1;
    c->stays = json_opt_bool(job, "stays", false);
    if (clock_parse_iso8601(started, &c->started) < 0)
        return err_set(e, ERR_FORMAT, "\"started\" is not a time");
    return 0;
}

static int add_artifacts(struct manifest *m, const json_t *list, struct err *e)
{
    const json_t *o;
    size_t i;

    json_array_foreach(list, i, o)
    {
        m->artifacts = mem_resize_array(m->artifacts, m->artifact_count + 1, sizeof(*m->artifacts));
        if (manifest_artifact_from_json(o, &m->artifacts[m->artifact_count], e) < 0)
            return -1;
        m->artifact_count++;
    }
    return 0;
}

/* One source as this destination has it. What it lacks here makes the set incomplete here. */
static int add_source(struct manifest *m, const json_t *o, const char *destination, struct err *e)
{
    struct manifest_source *s;
    json_t *by_destination;
    const char *name, *type;

    m->sources = mem_resize_array(m->sources, m->source_count + 1, sizeof(*m->sources));
    s = &m->sources[m->source_count++];
    *s = (struct manifest_source){0};
    if (json_get_string(o, "name", &name, e) < 0 || json_get_string(o, "type", &type, e) < 0 ||
        json_get_bool(o, "whole", &s->whole, e) < 0 ||
        json_get_strings(o, "problems", &s->problems, e) < 0 ||
        json_get_object(o, "artifacts", &by_destination, e) < 0)
        return -1;
    s->name = mem_strdup(name);
    s->type = mem_strdup(type);
    const json_t *artifacts = json_object_get(by_destination, destination);
    if (json_array_size(artifacts) == 0 && s->whole) {
        s->whole = false;
        strlist_add(&s->problems, "it could not be stored at this destination");
    }
    m->incomplete = m->incomplete || !s->whole;
    return add_artifacts(m, artifacts, e);
}

int commit_fill(const struct commit *c, const char *destination, struct manifest *m, struct err *e)
{
    const json_t *source;
    size_t i;

    m->job = mem_strdup(c->job);
    m->id = mem_strdup(c->id);
    m->sequence = c->sequence;
    for (i = 0; i < c->tiers.count; i++)
        strlist_add(&m->tiers, c->tiers.items[i]);
    m->reason = mem_strdup(c->reason);
    m->host = mem_strdup(c->host);
    m->version = mem_strdup(SYNBAK_VERSION);
    m->started = c->started;
    m->finished = clock_wall();
    m->fragment = c->fragment;
    m->stays = c->stays;
    json_array_foreach(c->sources, i, source)
    {
        if (add_source(m, source, destination, e) < 0)
            return -1;
    }
    if (m->artifact_count == 0)
        return err_set(e, ERR_SOURCE, "nothing was stored, so there is no set");
    return 0;
}

struct preparing {
    const struct commit *commit;
    struct destination *to;
    struct marker *marker;
    struct manifest_place place;
};

static int claim(void *arg, struct err *e)
{
    const struct preparing *p = arg;

    return destination_claim(p->to, p->marker, e);
}

static int look(void *arg, struct err *e)
{
    struct preparing *p = arg;

    return manifest_look(p->to->store, p->commit->job, p->commit->id, &p->place, e);
}

static int commit_at(struct worker *w, const struct commit *c, struct destination *d,
                     struct marker *marker, uint64_t *stored, struct err *e)
{
    struct manifest m = {0};
    const struct mac_key *mac;
    struct preparing p = {.commit = c, .to = d, .marker = marker};
    struct together before[] = {{.call = claim, .arg = &p}, {.call = look, .arg = &p}};
    struct err why = {0};

    int rc = together_run(before, ARRAY_LEN(before), d->remote, e);
    if (rc == 0)
        rc = keyring_mac_key(d->ring, marker->salt, &mac, e);
    if (rc == 0)
        rc = commit_fill(c, d->name, &m, e);
    if (rc == 0)
        manifest_bind(&m, d->store, marker, mac);
    if (rc == 0)
        rc = manifest_commit_at(d->store, &p.place, &m, mac, d->key_hint, e);
    manifest_place_deinit(&p.place);
    for (size_t i = 0; rc == 0 && i < m.artifact_count; i++)
        *stored += m.artifacts[i].stored_bytes;
    if (rc == 0 &&
        manifest_is_good(&m)) { /* a convenience: the set is committed whatever becomes of it */
        _cleanup_free_ char *latest = mem_printf("%s/latest", c->job);
        if (store_point(d->store, latest, c->id, &why) < 0)
            worker_log(w, WORKER_WARNING, "%s", why.text);
    }
    manifest_deinit(&m);
    return rc;
}

json_t *commit_result(const char *destination, const char *marker_id, uint64_t stored_bytes,
                      json_t *heads, const struct err *e)
{
    return json_pack("{s:s,s:b,s:o,s:s,s:s,s:I,s:o*}", "destination", destination, "ok", e == NULL,
                     "error", json_printable(e == NULL ? "" : e->text), "code",
                     e == NULL ? "none" : err_word(e->code), "marker_id", marker_id, "stored_bytes",
                     (json_int_t)stored_bytes, "heads", heads);
}

static json_t *commit_one(struct worker *w, const struct commit *c, const json_t *store)
{
    struct destination d = {0};
    struct marker marker = {0};
    struct err e = {0};
    uint64_t stored = 0;
    int rc = destination_open(w, store, &d, &e);

    if (rc == 0)
        rc = commit_at(w, c, &d, &marker, &stored, &e);
    destination_close(&d);
    return commit_result(json_opt_string(store, "destination", ""), marker.id, stored, NULL,
                         rc == 0 ? NULL : &e);
}

static json_t *commit_all(struct worker *w, const struct commit *c)
{
    json_t *results = json_array();
    struct strlist done = {0}; /* repositories */
    const json_t *store;
    size_t i;

    json_array_foreach(c->stores, i, store)
    {
        const char *repository = json_opt_string(store, "repository", NULL);
        worker_progress(w, "commit", i, json_array_size(c->stores));
        if (repository == NULL)
            (void)json_array_append_new(results, commit_one(w, c, store));
        else if (!strlist_contains(&done, repository))
            commit_repository(w, c, repository, results);
        if (repository != NULL)
            strlist_add(&done, repository);
    }
    strlist_deinit(&done);
    return results;
}

/* Destinations that fail say so in the result; that the verb succeeds says only that all were
 * tried. */
int verb_commit(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct commit c = {0};
    int rc = read_job(job, &c, e);

    if (rc == 0)
        *ret_result = json_pack("{s:o}", "destinations", commit_all(w, &c));
    strlist_deinit(&c.tiers);
    return rc;
}
