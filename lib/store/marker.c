/* marker.c — the marker object: reading, first writing, and handing over. */
#include "lib/store/marker.h"

#include <errno.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/listing.h"

enum { MARKER_SIZE_MAX = 4096, ID_LEN = 16 };

static int get_hex(const json_t *o, const char *key, char out[33], struct err *e)
{
    const char *text;
    uint8_t bytes[ID_LEN];

    if (json_get_string(o, key, &text, e) < 0)
        return -1;
    if (strlen(text) != 2 * sizeof(bytes) || hex_decode(text, bytes, ID_LEN) < 0)
        return err_set(e, ERR_FORMAT, "\"%s\" is not 32 hex digits", key);
    hex_encode(bytes, ID_LEN, out); /* in lower case, so that ids compare as text */
    return 0;
}

int marker_parse(const void *data, size_t len, struct marker *ret, struct err *e)
{
    _cleanup_json_ json_t *o = NULL;
    const char *created;
    int64_t version;

    if (json_read(data, len, &o, e) < 0 ||
        json_get_i64(o, "version", 1, INT64_MAX, &version, e) < 0)
        return -1;
    if (version != 1)
        return err_set(e, ERR_REFUSED,
                       "written by a newer version of synbak (format %lld; this one knows 1): "
                       "update synbak here",
                       (long long)version);
    if (get_hex(o, "id", ret->id, e) < 0 || get_hex(o, "owner", ret->owner, e) < 0 ||
        get_hex(o, "salt", ret->salt, e) < 0 || json_get_string(o, "created", &created, e) < 0)
        return -1;
    if (clock_parse_iso8601(created, &ret->created) < 0)
        return err_set(e, ERR_FORMAT, "\"created\" is not a time");
    return 0;
}

int marker_read(struct store *s, struct marker *ret, struct err *e)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(MARKER_SIZE_MAX);

    int rc = store_get_bytes(s, MARKER_NAME, &text, e);
    if (rc < 0 && (e == NULL || e->code != ERR_LIMIT))
        return -1;
    if (rc < 0)
        e->code = ERR_FORMAT;
    if (rc == 0 && marker_parse(text.data, text.len, ret, e) == 0)
        return 0;
    if (e != NULL && e->code == ERR_REFUSED) /* whole, but not for us to read */
        return err_wrap(e, "%s: %s", store_place(s), MARKER_NAME);
    return err_wrap(e, "%s: %s is damaged (remove it, then synbakctl adopt)", store_place(s),
                    MARKER_NAME);
}

static int marker_write(struct store *s, const struct marker *m, enum store_commit how,
                        struct err *e)
{
    char created[32];
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(MARKER_SIZE_MAX);
    _cleanup_json_ json_t *o =
        json_pack("{s:i s:s s:s s:s s:s}", "version", 1, "id", m->id, "owner", m->owner, "salt",
                  m->salt, "created", clock_iso8601(m->created, created));

    if (o == NULL)
        return err_set(e, ERR_INTERNAL, "%s: the marker's text is not UTF-8", store_place(s));
    if (json_write(o, &text, e) < 0 || buf_append(&text, "\n", 1, e) < 0)
        return -1;
    return store_put_bytes(s, MARKER_NAME, text.data, text.len, how, e);
}

static int random_hex(char out[33], struct err *e)
{
    uint8_t bytes[ID_LEN];

    if (io_random(bytes, sizeof(bytes)) != 0)
        return err_sys(e, ERR_IO, errno, "random bytes");
    hex_encode(bytes, sizeof(bytes), out);
    return 0;
}

static int make_new(const char *owner, struct marker *ret, struct err *e)
{
    *ret = (struct marker){.created = clock_wall()};
    if (strlen(owner) >= sizeof(ret->owner))
        return err_set(e, ERR_INTERNAL, "\"%s\" cannot be an owner", owner);
    memcpy(ret->owner, owner, strlen(owner) + 1);
    if (random_hex(ret->id, e) < 0)
        return -1;
    return random_hex(ret->salt, e);
}

static int check_owner(struct store *s, const struct marker *m, const char *owner, struct err *e)
{
    if (strcmp(m->owner, owner) == 0)
        return 0;
    return err_set(e, ERR_FOREIGN,
                   "%s belongs to another installation (owner %.8s…): two must not write and prune "
                   "there; if that one is gone: synbakctl adopt DESTINATION",
                   store_place(s), m->owner);
}

/* A folder JOB/ID/ with a manifest in it? */
static int job_has_set(struct store *s, const char *job, bool *ret, struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing list = {
        .store = s, .prefix = job, .fold = true};
    struct store_object *x;
    int rc = 0;

    while (!*ret && (rc = store_listing_next(&list, &x, e)) == 0) {
        char *id = x->name + strlen(job);
        struct wall ignored;
        if (!str_ends(id, "/"))
            continue;
        id[strlen(id) - 1] = '\0';
        *ret = clock_parse_set_id(id, &ignored) == 0;
    }
    return rc < 0 ? -1 : 0;
}

/* Without a marker, sets are a sign that something is wrong: a lost marker, another's backups. */
static int holds_sets(struct store *s, bool *ret, struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing list = {
        .store = s, .prefix = "", .fold = true};
    struct store_object *x;
    int rc = 0;

    *ret = false;
    while (!*ret && (rc = store_listing_next(&list, &x, e)) == 0)
        if (str_ends(x->name, "/") && job_has_set(s, x->name, ret, e) < 0)
            return -1;
    return rc < 0 ? -1 : 0;
}

static int claim_unmarked(struct store *s, const char *owner, struct marker *ret, struct err *e)
{
    bool used;
    struct err why = {0};

    if (holds_sets(s, &used, e) < 0)
        return -1;
    if (used)
        return err_set(e, ERR_FOREIGN,
                       "%s holds backups but no %s: if they are yours, synbakctl adopt DESTINATION",
                       store_place(s), MARKER_NAME);
    if (make_new(owner, ret, e) < 0)
        return -1;
    if (marker_write(s, ret, STORE_FAIL_IF_EXISTS, &why) == 0)
        return 0;
    /* Somebody was faster; or it was we, and the answer was lost. What lies there decides. */
    if (marker_read(s, ret, NULL) == 0)
        return check_owner(s, ret, owner, e);
    if (e != NULL)
        *e = why;
    return -1;
}

/* What lies in a bucket or on a server is named by an address. */
static bool is_mounted_here(const struct store *s)
{
    return store_place(s)[0] == '/';
}

int marker_claim(struct store *s, const char *owner, const char *known_id, struct marker *ret,
                 struct err *e)
{
    struct err why = {0};

    if (marker_read(s, ret, &why) == 0) {
        if (known_id != NULL && strcmp(ret->id, known_id) != 0)
            return err_set(e, ERR_NOT_MOUNTED,
                           "%s holds another destination than before (%.8s… instead of %.8s…): "
                           "%s; if the change is meant: synbakctl adopt DESTINATION",
                           store_place(s), ret->id, known_id,
                           is_mounted_here(s) ? "mount the right one" : "name the right one");
        return check_owner(s, ret, owner, e);
    }
    if (why.code == ERR_NOT_FOUND && known_id != NULL)
        return err_set(e, ERR_NOT_MOUNTED,
                       "%s has lost its %s: it is probably %s; if its content is gone for good: "
                       "synbakctl adopt "
                       "DESTINATION)",
                       store_place(s), MARKER_NAME,
                       is_mounted_here(s) ? "not mounted (mount it"
                                          : "another place than before (correct the destination");
    if (why.code == ERR_NOT_FOUND)
        return claim_unmarked(s, owner, ret, e);
    if (e != NULL)
        *e = why;
    return -1;
}

int marker_adopt(struct store *s, const char *owner, const struct marker *lost, struct marker *ret,
                 struct err *e)
{
    struct err why = {0};

    if (marker_read(s, ret, &why) == 0) {
        /* id and salt stay: the sets that lie there name them */
        struct marker fresh;
        if (make_new(owner, &fresh, e) < 0)
            return -1;
        memcpy(ret->owner, fresh.owner, sizeof(ret->owner));
    } else if (why.code == ERR_NOT_FOUND) {
        if (make_new(owner, ret, e) < 0)
            return -1;
        if (lost != NULL) {
            memcpy(ret->id, lost->id, sizeof(ret->id));
            memcpy(ret->salt, lost->salt, sizeof(ret->salt));
        }
    } else {
        if (e != NULL)
            *e = why;
        return -1;
    }
    return marker_write(s, ret, STORE_REPLACE, e);
}
