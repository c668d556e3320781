#include "daemon/repositories.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/set_json.h"
#include "lib/base/mem.h"

struct repositories {
    json_t *heads;   /* {DESTINATION: HEADS} */
    json_t *tracked; /* {JOB: {REPOSITORY: {SOURCE: number}}} */
    json_t *read;    /* {DESTINATION: [[from, time in us]..]}: each up to the next, from 0 on */
};

struct repositories *repositories_new(void)
{
    struct repositories *r = mem_alloc(sizeof(*r));

    *r = (struct repositories){
        .heads = json_object(), .tracked = json_object(), .read = json_object()};
    return r;
}

void repositories_free(struct repositories *r)
{
    if (r == NULL)
        return;
    json_decref(r->heads);
    json_decref(r->tracked);
    json_decref(r->read);
    free(r);
}

const char *repositories_head(const struct repositories *r, const char *destination,
                              const char *role)
{
    return json_opt_string(json_object_get(r->heads, destination), role, NULL);
}

/* Of "N:HEX64"; 0: not one. */
static int64_t number_of(const char *head)
{
    return head != NULL ? strtoll(head, NULL, 10) : 0;
}

int64_t repositories_number(const struct repositories *r, const char *destination, const char *role)
{
    return number_of(repositories_head(r, destination, role));
}

bool repositories_is_news(const struct repositories *r, const char *destination,
                          const json_t *heads)
{
    static const char *const roles[] = {"writer", "pruner"};
    bool news = false;

    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        int64_t now = number_of(json_opt_string(heads, roles[i], NULL));
        int64_t known = repositories_number(r, destination, roles[i]);
        if (now < known)
            return false;
        news = news || now > known;
    }
    return news;
}

void repositories_note_heads(struct repositories *r, const json_t *record)
{
    const char *destination = json_opt_string(record, "destination", "");

    if (json_opt_string(record, "writer", "")[0] == '\0') {
        (void)json_object_del(r->heads, destination);
        return;
    }
    (void)json_object_set_new(r->heads, destination,
                              json_pack("{s:s,s:s}", "writer",
                                        json_opt_string(record, "writer", ""), "pruner",
                                        json_opt_string(record, "pruner", "")));
}

int64_t repositories_tracked(const struct repositories *r, const char *job, const char *repository,
                             const char *source)
{
    return json_opt_i64(json_object_get(json_object_get(r->tracked, job), repository), source, 0);
}

/* o[key], made if it is not there. */
static json_t *member(json_t *o, const char *key)
{
    json_t *value = json_object_get(o, key);

    if (value == NULL) {
        value = json_object();
        (void)json_object_set_new(o, key, value);
    }
    return value;
}

void repositories_note_tracked(struct repositories *r, const json_t *record)
{
    json_t *job = member(r->tracked, json_opt_string(record, "job", "")), *numbers;
    const char *repository;

    json_object_foreach(json_object_get(record, "numbers"), repository, numbers)(void)
        json_object_update(member(job, repository), numbers);
}

/* --- what has been read again --- */

void repositories_note_read(struct repositories *r, const json_t *record)
{
    const char *destination = json_opt_string(record, "destination", "");

    (void)json_object_set_new(
        r->read, destination,
        read_parts_note(json_object_get(r->read, destination), time_from_json(record, "since"),
                        (uint64_t)json_opt_i64(record, "from", 0),
                        (uint64_t)json_opt_i64(record, "to", 0), time_from_json(record, "time")));
}

size_t repositories_read_parts(const struct repositories *r, const char *destination,
                               struct wall unread, struct read_part **ret)
{
    return read_parts(json_object_get(r->read, destination), unread, ret);
}

void repositories_forget_job(struct repositories *r, const char *job)
{
    (void)json_object_del(r->tracked, job);
}

json_t *repositories_to_json(const struct repositories *r)
{
    return json_pack("{s:O,s:O,s:O}", "heads", r->heads, "tracked", r->tracked, "read", r->read);
}

void repositories_from_json(struct repositories *r, const json_t *o)
{
    json_t *heads = json_object_get(o, "heads"), *tracked = json_object_get(o, "tracked");

    (void)json_object_update(r->heads, heads);
    (void)json_object_update(r->tracked, tracked);
    if (json_is_object(json_object_get(o, "read")))
        (void)json_object_update(r->read, json_object_get(o, "read"));
}
