/* keys.c — the keys verb: who may open a repository. Its key slots are listed, added and removed, and a new
 * reading key is made, at every replica.
 *
 * The happy path is: open every replica, change the one whose log is the longest, carry the object and the
 * record to the others. Failure modes: a replica that is away or behind gets both by a later copy, and is
 * named; the pruner's role is another's (ERR_FOREIGN); the key may only write (ERR_KEY). */
#include <string.h>

#include "daemon/worker/replicas.h"
#include "lib/base/mem.h"
#include "lib/repository/mirror.h"

struct access {
    struct worker *worker;
    struct destination *all;
    size_t count;
    struct destination *first; /* whose log is appended to */
    struct repo repo;          /* there */
    struct strlist problems;   /* of replicas */
};

static void note(struct access *a, const char *destination, const struct err *why)
{
    strlist_addf(&a->problems, "replica \"%s\": %s", destination, why->text);
}

/* It stays the installation's that owns it, in whose name the change is made. */
static int find_owner(struct destination *d, struct err *e)
{
    struct marker marker;

    if (d->owner != NULL)
        return 0;
    if (marker_read(d->store, &marker, e) < 0)
        return -1;
    d->owner = mem_strdup(marker.owner);
    return 0;
}

static bool is_longer(const struct repo *x, const struct repo *y)
{
    const uint64_t pruner = log_head(x->repository->pruner).number;
    const uint64_t other = log_head(y->repository->pruner).number;

    return pruner > other || (pruner == other && log_head(x->repository->writer).number >
                                                     log_head(y->repository->writer).number);
}

static int open_one(struct access *a, struct destination *d, struct err *e)
{
    struct repo repo;

    if (!d->repository)
        return err_set(e, ERR_REFUSED, "%s holds no repository: only those have key slots",
                       store_place(d->store));
    if (repo_open(d, &repo, e) < 0)
        return -1;
    if (a->first != NULL && !is_longer(&repo, &a->repo)) {
        repo_close(&repo);
        return 0;
    }
    repo_close(&a->repo);
    a->repo = repo;
    a->first = d;
    return 0;
}

/* -1 with the error of the last when none opens. */
static int open_all(struct access *a, const json_t *job, struct err *e)
{
    json_t *stores, *store;
    struct err why;
    size_t i;

    if (json_get_array(job, "stores", &stores, e) < 0)
        return -1;
    a->all = mem_alloc(json_array_size(stores) * sizeof(*a->all));
    (void)err_set(e, ERR_FORMAT, "\"stores\" is empty");
    json_array_foreach(stores, i, store)
    {
        struct destination *d = &a->all[a->count];
        int rc = destination_open_for(a->worker, store, d, &why);
        if (rc == 0) {
            a->count++;
            rc = open_one(a, d, &why);
        }
        if (rc == 0)
            continue;
        note(a, json_opt_string(store, "destination", "?"), &why);
        *e = why;
    }
    return a->first != NULL ? 0 : -1;
}

static json_t *describe(const struct slot *s, const char *opened)
{
    char created[32];

    if (s->damaged)
        return json_pack("{s:s,s:b}", "slot", s->id, "damaged", 1);
    return json_pack("{s:s,s:b,s:s,s:o,s:s,s:b}", "slot", s->id, "damaged", 0, "kind",
                     slot_kind_word(s->kind), "label", json_printable(s->label), "created",
                     clock_iso8601(s->created, created), "opened", strcmp(s->id, opened) == 0);
}

static int list_slots(const struct access *a, json_t *result, struct err *e)
{
    _cleanup_free_ struct slot *slots = NULL;
    json_t *list = json_array();
    size_t count;

    (void)json_object_set_new(result, "slots", list);
    if (slots_list(a->first->store, &slots, &count, e) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, describe(&slots[i], a->repo.repository->slot));
    return 0;
}

/* --- changes, and what they are at the other replicas --- */

static void carry(struct access *a, const char *object, const char *slot_gone)
{
    for (size_t i = 0; i < a->count; i++) {
        struct destination *d = &a->all[i];
        struct err why = {0};
        uint64_t bytes;
        int rc = 0;
        if (d == a->first || !d->repository)
            continue;
        if (object != NULL)
            rc = mirror_object(a->first->store, d->store, object, MIRROR_IF_MISSING, &bytes, &why);
        else if (slot_remove(d->store, slot_gone, &why) < 0 && why.code != ERR_NOT_FOUND)
            rc = -1;
        if (rc >= 0)
            rc = log_replicate(a->repo.repository->pruner, d->store, &why);
        if (rc == 1)
            (void)err_set(&why, ERR_LATE,
                          "it lacks earlier records of the log: the next copy brings them");
        if (rc != 0)
            note(a, d->name, &why);
    }
}

static int parse_kind(const char *word, enum slot_kind *ret, struct err *e)
{
    for (enum slot_kind k = SLOT_OPERATION; k <= SLOT_WRITE_ONLY; k++)
        if (strcmp(slot_kind_word(k), word) == 0) {
            *ret = k;
            return 0;
        }
    return err_set(e, ERR_FORMAT, "\"kind\" is no kind of key slot");
}

static int add(struct access *a, const struct log_author *who, const json_t *job, json_t *result,
               struct err *e)
{
    const json_t *given = json_object_get(job, "secret");
    const char *word, *label;
    enum slot_kind kind;
    struct secret secret = {0};
    char slot[33];

    if (json_get_string(job, "kind", &word, e) < 0 || parse_kind(word, &kind, e) < 0 ||
        json_get_string(job, "label", &label, e) < 0)
        return -1;
    int rc = json_is_string(given) ? 0 : slot_recovery_code(&secret, e);
    if (json_is_string(given))
        secret = secret_copy(json_string_value(given), json_string_length(given));
    if (rc == 0)
        rc = secret_check_key(&secret, e);
    if (rc == 0)
        rc = repository_add_slot(a->repo.repository, who, kind, label, &secret, slot, e);
    if (rc == 0) {
        _cleanup_free_ char *name = mem_printf("keys/%s.json", slot);
        (void)json_object_set_new(result, "slot", json_string(slot));
        if (!json_is_string(given))
            (void)json_object_set_new(result, "secret", json_string(secret.text));
        carry(a, name, NULL);
    }
    secret_deinit(&secret);
    return rc;
}

static int remove_slot(struct access *a, const struct log_author *who, const json_t *job,
                       json_t *result, struct err *e)
{
    const char *slot;

    if (json_get_string(job, "slot", &slot, e) < 0)
        return -1;
    if (a->repo.repository->keys->write_only)
        return err_set(e, ERR_KEY,
                       "%s: the key at hand may only write: who has access is changed with one "
                       "that may read",
                       store_place(a->first->store));
    if (slot_may_go(a->first->store, slot, e) < 0)
        return -1;
    if (strcmp(slot, a->repo.repository->slot) == 0)
        return err_set(e, ERR_REFUSED,
                       "%s: slot %s is the one that this key opens: remove it with another key, "
                       "once nothing uses this one",
                       store_place(a->first->store), slot);
    if (repository_remove_slot(a->repo.repository, who, slot, e) < 0)
        return -1;
    (void)json_object_set_new(result, "slot", json_string(slot));
    carry(a, NULL, slot);
    return 0;
}

static int rotate(struct access *a, const struct log_author *who, json_t *result, struct err *e)
{
    if (repository_rotate(a->repo.repository, who, e) < 0)
        return -1;
    const unsigned number = keys_current(a->repo.repository->keys)->number;
    _cleanup_free_ char *name = mem_printf("generations/%u.json", number);
    (void)json_object_set_new(result, "generation", json_integer(number));
    carry(a, name, NULL);
    return 0;
}

static int change(struct access *a, const json_t *job, json_t *result, struct err *e)
{
    const char *what;
    struct repo_author author;

    if (json_get_string(job, "change", &what, e) < 0)
        return -1;
    if (strcmp(what, "list") == 0)
        return 0;
    if (find_owner(a->first, e) < 0 || repo_author(a->first, &author, e) < 0 ||
        replicas_check(a->first, &a->repo, NULL, 0, e) < 0)
        return -1;
    if (strcmp(what, "add") == 0)
        return add(a, &author.who, job, result, e);
    if (strcmp(what, "remove") == 0)
        return remove_slot(a, &author.who, job, result, e);
    if (strcmp(what, "rotate") == 0)
        return rotate(a, &author.who, result, e);
    return err_set(e, ERR_FORMAT, "\"change\" is none of list, add, remove, rotate");
}

static int work(struct access *a, const json_t *job, json_t *result, struct err *e)
{
    if (open_all(a, job, e) < 0 || change(a, job, result, e) < 0 || list_slots(a, result, e) < 0)
        return -1;
    (void)json_object_set_new(result, "repository", json_string(a->repo.repository->id));
    (void)json_object_set_new(result, "may_read",
                              json_boolean(!a->repo.repository->keys->write_only));
    (void)json_object_set_new(result, "problems", json_from_strings(&a->problems));
    return 0;
}

int verb_keys(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct access a = {.worker = w};
    _cleanup_json_ json_t *result = json_object();
    int rc = work(&a, job, result, e);

    if (rc == 0)
        *ret_result = json_incref(result);
    repo_close(&a.repo);
    for (size_t i = 0; i < a.count; i++)
        destination_close(&a.all[i]);
    free(a.all);
    strlist_deinit(&a.problems);
    return rc;
}
