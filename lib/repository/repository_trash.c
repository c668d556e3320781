#include <stdio.h>
#include <string.h>

#include "lib/repository/log_parts.h"
#include "lib/repository/object.h"
#include "lib/repository/repository_parts.h"

enum { TRASH_MAX = 256 << 20, TRIES = 16, NAME_SIZE = 32 };
static const char *const record_members[] = {"number", "previous", "time", "installation",
                                             "host",   "kind",     "list", NULL};

static void name_of(uint64_t number, char ret[NAME_SIZE])
{
    (void)snprintf(ret, NAME_SIZE, "trash/%012llu", (unsigned long long)number);
}

static int read_item(const json_t *o, bool segment, struct repository_trash *ret, struct err *e)
{
    static const char *const members[] = {"name", "since", NULL};

    ret->segment = segment;
    if (object_members(o, members, e) < 0 ||
        object_hex(o, "name", ret->pack.bytes, sizeof(ret->pack.bytes), e) < 0)
        return -1;
    return object_time(o, "since", &ret->since, e);
}

static int read_list(const void *text, size_t len, struct repository_trash **ret, size_t *ret_count,
                     struct err *e)
{
    static const char *const members[] = {"packs", "segments", NULL};
    _cleanup_json_ json_t *o = NULL;
    json_t *packs, *segments;
    size_t at = 0;

    if (json_read(text, len, &o, e) < 0 || object_members(o, members, e) < 0 ||
        json_get_array(o, "packs", &packs, e) < 0 ||
        json_get_array(o, "segments", &segments, e) < 0)
        return -1;
    size_t pack_count = json_array_size(packs), count = pack_count + json_array_size(segments);
    _cleanup_free_ struct repository_trash *items = mem_alloc(count * sizeof(*items));
    for (; at < count; at++) {
        const json_t *x =
            at < pack_count ? json_array_get(packs, at) : json_array_get(segments, at - pack_count);
        if (read_item(x, at >= pack_count, &items[at], e) < 0)
            return -1;
    }
    *ret = TAKE(items);
    *ret_count = count;
    return 0;
}

/* Sealed as a record is, without a signature: its digest stands in one that has it. */
static int open_list(const struct repository *r, const struct buf *object, struct buf *ret,
                     struct err *e)
{
    struct seal_box *b;

    if (object->len < LOG_SALT_LEN + SEAL_TAG_LEN)
        return err_set(e, ERR_DAMAGED, "it is cut off");
    size_t len = object->len - LOG_SALT_LEN;
    if (buf_reserve(ret, len, e) < 0 || log_box_open(r->keys, object->data, &b, e) < 0)
        return -1;
    int rc = log_box_unseal(b, object->data + LOG_SALT_LEN, len, ret->data, e);
    seal_box_free(b);
    ret->len = len - SEAL_TAG_LEN;
    return rc;
}

static int read_trash(const struct repository *r, const struct log_record *x,
                      struct repository_trash **ret, size_t *ret_count, struct err *e)
{
    _cleanup_(buf_deinit) struct buf object = BUF_INIT(TRASH_MAX), text = BUF_INIT(TRASH_MAX);
    uint8_t want[SEAL_HASH_LEN], found[SEAL_HASH_LEN];
    char name[NAME_SIZE];

    name_of(x->head.number, name);
    if (object_members(x->body, record_members, e) < 0 ||
        object_hex(x->body, "list", want, sizeof(want), e) < 0)
        return -1;
    int rc = store_get_bytes(r->store, name, &object, e);
    if (rc < 0 && e != NULL && (e->code == ERR_NOT_FOUND || e->code == ERR_LIMIT))
        e->code = ERR_DAMAGED;
    if (rc == 0) {
        seal_sha256(object.data, object.len, found);
        if (memcmp(want, found, sizeof(want)) != 0)
            rc = err_set(e, ERR_DAMAGED, "it is not the list that the pruner signed");
    }
    if (rc == 0)
        rc = open_list(r, &object, &text, e);
    if (rc == 0)
        rc = read_list(text.data, text.len, ret, ret_count, e);
    if (rc == 0)
        return 0;
    if (e != NULL && e->code == ERR_FORMAT)
        e->code = ERR_DAMAGED;
    if (e != NULL && e->code == ERR_DAMAGED)
        return err_wrap(e, "%s: %s is damaged or lost (synbakctl prune begins a new list)",
                        store_place(r->store), name);
    return err_wrap(e, "%s: %s", store_place(r->store), name);
}

int repository_trash(const struct repository *r, struct repository_trash **ret, size_t *ret_count,
                     struct err *e)
{
    for (size_t i = log_count(r->pruner); i-- > 0;) {
        const struct log_record x = log_at(r->pruner, i);
        if (strcmp(x.kind, "trash") == 0)
            return read_trash(r, &x, ret, ret_count, e);
    }
    *ret = NULL;
    *ret_count = 0;
    return 0;
}

int repository_trash_packs(const struct repository *r, struct pack_name **ret, size_t *ret_count,
                           struct err *e)
{
    _cleanup_free_ struct repository_trash *items = NULL;
    size_t count, packs = 0;

    if (repository_trash(r, &items, &count, e) < 0)
        return -1;
    *ret = mem_alloc((count + 1) * sizeof(**ret));
    for (size_t i = 0; i < count; i++)
        if (!items[i].segment)
            (*ret)[packs++] = items[i].pack;
    *ret_count = packs;
    return 0;
}

void repository_avoid_trash(const struct repository *r, struct index *ix)
{
    _cleanup_free_ struct pack_name *trash = NULL;
    size_t count;

    if (repository_trash_packs(r, &trash, &count, NULL) == 0 && count > 0)
        index_avoid(ix, trash, count);
}

static int write_list(const struct repository_trash *items, size_t count, struct buf *out,
                      struct err *e)
{
    json_t *packs = json_array(), *segments = json_array();
    _cleanup_json_ json_t *o = json_pack("{s:o s:o}", "packs", packs, "segments", segments);

    for (size_t i = 0; i < count; i++) {
        char since[32];
        (void)json_array_append_new(
            items[i].segment ? segments : packs,
            json_pack("{s:o s:s}", "name",
                      object_hex_json(items[i].pack.bytes, sizeof(items[i].pack.bytes)), "since",
                      clock_iso8601(items[i].since, since)));
    }
    return json_write(o, out, e);
}

static int make_object(const struct repository *r, const struct repository_trash *items,
                       size_t count, struct buf *ret, struct err *e)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(TRASH_MAX);
    uint8_t salt[LOG_SALT_LEN];
    struct seal_box *b;

    if (write_list(items, count, &text, e) < 0 || seal_random(salt, sizeof(salt), e) < 0 ||
        buf_append(ret, salt, sizeof(salt), e) < 0 ||
        buf_reserve(ret, text.len + SEAL_TAG_LEN, e) < 0 || log_box_open(r->keys, salt, &b, e) < 0)
        return -1;
    int rc = log_box_seal(b, text.data, text.len, ret->data + ret->len, e);
    seal_box_free(b);
    ret->len += text.len + SEAL_TAG_LEN;
    return rc;
}

int repository_put_trash(struct repository *r, const struct log_author *who,
                         const struct repository_trash *items, size_t count, struct err *e)
{
    _cleanup_(buf_deinit) struct buf object = BUF_INIT(TRASH_MAX);
    uint8_t digest[SEAL_HASH_LEN];

    if (make_object(r, items, count, &object, e) < 0)
        return -1;
    seal_sha256(object.data, object.len, digest);
    for (int i = 0; i < TRIES; i++) {
        uint64_t number = log_head(r->pruner).number + 1;
        char name[NAME_SIZE];
        struct err why;
        int rc;
        name_of(number, name);
        if (object_put(r->store, name, object.data, object.len, &why) == 0) {
            rc = log_append_as(r->pruner, who, number, "trash",
                               json_pack("{s:o}", "list", object_hex_json(digest, sizeof(digest))),
                               e);
            if (rc <= 0)
                return rc;
        } else if (why.code != ERR_EXISTS) {
            if (e != NULL)
                *e = why;
            return -1;
        } else if (log_extend(r->pruner, who, e) < 0) {
            /* an object of that name is left of a run that was broken off: it is never written over */
            return -1;
        }
    }
    return err_set(e, ERR_UNAVAILABLE, "%s: others keep appending to the pruner's log",
                   store_place(r->store));
}
