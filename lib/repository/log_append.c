#include <string.h>

#include "lib/repository/log_parts.h"
#include "lib/repository/object.h"

enum { TRIES = 16 }; /* each lost to somebody who appended meanwhile */

static int put_length(struct buf *out, size_t len, struct err *e)
{
    const uint8_t bytes[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
                              (uint8_t)(len >> 24)};

    return buf_append(out, bytes, sizeof(bytes), e);
}

/* The records of the group that record `number` belongs to, up to the one before it. */
static int group_before(const struct log *l, uint64_t number, struct buf *out, struct err *e)
{
    for (uint64_t n = (number - 1) / LOG_GROUP * LOG_GROUP + 1; n < number; n++) {
        const struct log_entry *x = &l->entries[n - 1];
        if (put_length(out, x->raw_len, e) < 0 || buf_append(out, x->raw, x->raw_len, e) < 0)
            return -1;
    }
    return 0;
}

int log_newest_object(const struct log *l, struct buf *ret, struct err *e)
{
    const struct log_entry *last = &l->entries[l->count - 1];

    if (group_before(l, l->count, ret, e) < 0 || put_length(ret, last->raw_len, e) < 0)
        return -1;
    return buf_append(ret, last->raw, last->raw_len, e);
}

static json_t *make_body(const struct log *l, const struct log_author *who, const char *kind,
                         const json_t *members)
{
    const struct log_head head = log_head(l);
    char now[32];
    json_t *o = json_pack("{s:I s:o s:s s:s s:o s:s}", "number", (json_int_t)(head.number + 1),
                          "previous", object_hex_json(head.hash, sizeof(head.hash)), "time",
                          clock_iso8601(clock_wall(), now), "installation", who->installation,
                          "host", json_printable(who->host), "kind", kind);

    if (o != NULL && members != NULL &&
        json_object_update_missing(o, (json_t *)(uintptr_t)members) != 0) {
        json_decref(o);
        return NULL;
    }
    return o;
}

/* Record number count + 1. 1: that number is taken; the log has been read on. */
static int append_next(struct log *l, const struct log_author *who, const char *kind,
                       const json_t *members, struct err *e)
{
    _cleanup_(buf_deinit) struct buf object = BUF_INIT(LOG_OBJECT_MAX);
    _cleanup_json_ json_t *body = make_body(l, who, kind, members);
    _cleanup_free_ uint8_t *raw = NULL;
    char name[LOG_NAME_SIZE];
    uint64_t number = l->count + 1;
    size_t len;
    struct err why;

    if (body == NULL)
        return err_set(e, ERR_INTERNAL, "a record that cannot be written down");
    log_object_name(l->role, number, name);
    if (log_record_make(l->keys, l->role, number, body, &raw, &len, e) < 0 ||
        group_before(l, number, &object, e) < 0 || put_length(&object, len, e) < 0 ||
        buf_append(&object, raw, len, e) < 0)
        return err_wrap(e, "%s: %s", store_place(l->store), name);
    if (object_put(l->store, name, object.data, object.len, &why) == 0)
        return log_absorb(l, number, &object, e);
    /* taken, or perhaps no answer to a put of ours that happened or of another */
    if (log_refresh(l, e) < 0)
        return -1;
    if (l->count >= number) {
        uint8_t hash[SEAL_HASH_LEN];
        seal_sha256(raw, len, hash);
        return memcmp(hash, l->entries[number - 1].says.head.hash, sizeof(hash)) == 0 ? 0 : 1;
    }
    if (e != NULL)
        *e = why;
    return -1;
}

static bool holds(const struct log *l, const struct log_author *who)
{
    const char *holder = log_holder(l, NULL, NULL);

    return holder != NULL && strcmp(holder, who->installation) == 0;
}

static int check_holds(const struct log *l, const struct log_author *who, struct err *e)
{
    const char *host;
    struct wall since;
    char when[32];

    if (holds(l, who))
        return 0;
    const char *holder = log_holder(l, &host, &since);
    if (holder == NULL)
        return err_set(e, ERR_INTERNAL, "%s: nobody is the %s yet", store_place(l->store),
                       log_role_word(l->role));
    return err_set(
        e, ERR_FOREIGN,
        "%s: the installation on %s has been the %s since %s (%.8s…): nothing is %s from "
        "here; to take over: synbakctl adopt DESTINATION",
        store_place(l->store), host, log_role_word(l->role), clock_iso8601(since, when), holder,
        l->role == LOG_WRITER ? "written" : "removed");
}

int log_take(struct log *l, const struct log_author *who, struct err *e)
{
    if (log_refresh(l, e) < 0) /* what was ours may be another's by now */
        return -1;
    for (int i = 0; i < TRIES; i++) {
        if (holds(l, who))
            return 0;
        int rc = append_next(l, who, "epoch", NULL, e);
        if (rc <= 0)
            return rc;
    }
    return err_set(e, ERR_UNAVAILABLE, "%s: others keep taking the role of the %s",
                   store_place(l->store), log_role_word(l->role));
}

int log_extend(struct log *l, const struct log_author *who, struct err *e)
{
    if (check_holds(l, who, e) < 0)
        return -1;
    return append_next(l, who, "epoch", NULL, e) < 0 ? -1 : 0;
}

/* Is this what we wanted to append? A put whose answer was lost by an earlier call. */
static bool says_the_same(const struct log_record *r, const struct log_author *who,
                          const char *kind, const json_t *members)
{
    static const char *const common[] = {"number", "previous", "time", "installation",
                                         "host",   "kind",     NULL};

    if (strcmp(r->kind, kind) != 0 || strcmp(r->installation, who->installation) != 0)
        return false;
    _cleanup_json_ json_t *rest = json_copy(r->body);
    for (size_t i = 0; common[i] != NULL; i++)
        (void)json_object_del(rest, common[i]);
    return members == NULL ? json_object_size(rest) == 0 : json_equal(rest, members) == 1;
}

static int append(struct log *l, const struct log_author *who, const char *kind,
                  const json_t *members, struct log_head *ret, struct err *e)
{
    size_t seen = l->count;

    for (int i = 0; i < TRIES; i++) {
        if (check_holds(l, who, e) < 0)
            return -1;
        int rc = append_next(l, who, kind, members, e);
        if (rc < 0)
            return -1;
        for (; seen < l->count; seen++) {
            const struct log_record *r = &l->entries[seen].says;
            if (!says_the_same(r, who, kind, members))
                continue;
            if (ret != NULL)
                *ret = r->head;
            return 0;
        }
    }
    return err_set(e, ERR_UNAVAILABLE, "%s: others keep appending to the %s's log",
                   store_place(l->store), log_role_word(l->role));
}

int log_append(struct log *l, const struct log_author *who, const char *kind, json_t *members,
               struct log_head *ret, struct err *e)
{
    int rc = 0;

    if (l->count == 0)
        rc = log_take(l, who, e);
    if (rc == 0)
        rc = append(l, who, kind, members, ret, e);
    json_decref(members);
    return rc;
}

int log_append_as(struct log *l, const struct log_author *who, uint64_t number, const char *kind,
                  json_t *members, struct err *e)
{
    int rc = check_holds(l, who, e);

    if (rc == 0)
        rc = l->count + 1 == number ? append_next(l, who, kind, members, e) : 1;
    json_decref(members);
    return rc;
}

int log_check_holder(struct log *l, const struct log_author *who, struct err *e)
{
    if (log_refresh(l, e) < 0)
        return -1;
    return check_holds(l, who, e);
}
