#include <stdio.h>
#include <string.h>

#include "lib/repository/object.h"
#include "lib/repository/repository_parts.h"

#define NEWER "written by a newer version of synbak"
#define DAMAGED                                                                                    \
    " (it is damaged: synbakctl repair brings it from a replica, or put it back from a copy)"

static int parse(const void *text, size_t len, char ret_id[33], struct err *e)
{
    static const char *const members[] = {"format", "version", "id", "created", NULL};
    _cleanup_json_ json_t *o = NULL;
    uint8_t id[REPOSITORY_ID_LEN];
    const char *format;
    int64_t version;
    struct wall created;

    if (json_read(text, len, &o, e) < 0 || json_get_string(o, "format", &format, e) < 0)
        return -1;
    if (strcmp(format, REPOSITORY_FORMAT) != 0)
        return err_set(e, ERR_FORMAT, "it is not that of a repository");
    if (json_get_i64(o, "version", 1, INT64_MAX, &version, e) < 0)
        return -1;
    if (version != REPOSITORY_VERSION)
        return err_set(e, ERR_FORMAT,
                       NEWER " (format %lld; this one knows %d): "
                             "update synbak here",
                       (long long)version, REPOSITORY_VERSION);
    if (object_members(o, members, e) < 0 || object_hex(o, "id", id, sizeof(id), e) < 0 ||
        object_time(o, "created", &created, e) < 0)
        return -1;
    hex_encode(id, sizeof(id), ret_id);
    return 0;
}

int repository_probe(struct store *s, char ret_id[33], struct err *e)
{
    enum { MOST = 4096 };
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(MOST);
    struct err why;

    if (store_get_bytes(s, REPOSITORY_NAME, &text, &why) == 0) {
        if (parse(text.data, text.len, ret_id, &why) == 0)
            return 0;
        return err_set(e, why.code, "%s: %s: %s%s", store_place(s), REPOSITORY_NAME, why.text,
                       str_starts(why.text, NEWER) ? "" : DAMAGED);
    }
    if (why.code == ERR_NOT_FOUND)
        return 1;
    if (why.code == ERR_LIMIT)
        why.code = ERR_FORMAT;
    if (e != NULL)
        *e = why;
    return -1;
}

int repository_check_remains(struct store *s, struct err *e)
{
    enum { FEW = 1 };
    _cleanup_(strlist_deinit) struct strlist names = {0};
    char id[REPOSITORY_ID_LEN * 2 + 1];
    struct err why = {0};

    if (object_names(s, "log/writer/", FEW, &names, &why) < 0 && why.code != ERR_LIMIT) {
        *e = why;
        return -1;
    }
    if (names.count == 0 && why.code != ERR_LIMIT)
        return 0;
    int rc = repository_probe(s, id, e);
    if (rc <= 0) /* somebody began one right now */
        return rc;
    return err_set(e, ERR_FORMAT,
                   "%s: %s is gone, but the logs of a repository are there: put it back from a "
                   "replica or a copy (synbakctl repair), or empty the place to begin anew",
                   store_place(s), REPOSITORY_NAME);
}

int repository_begin(struct store *s, char ret_id[33], struct err *e)
{
    uint8_t id[REPOSITORY_ID_LEN];
    char now[32], text[256];
    struct err why;
    int rc = repository_probe(s, ret_id, e);

    if (rc <= 0)
        return rc;
    if (repository_check_remains(s, e) < 0)
        return -1;
    if (seal_random(id, sizeof(id), e) < 0)
        return -1;
    hex_encode(id, sizeof(id), ret_id);
    int len = snprintf(
        text, sizeof(text), "{\"format\":\"%s\",\"version\":%d,\"id\":\"%s\",\"created\":\"%s\"}\n",
        REPOSITORY_FORMAT, REPOSITORY_VERSION, ret_id, clock_iso8601(clock_wall(), now));
    if (object_put(s, REPOSITORY_NAME, text, (size_t)len, &why) == 0)
        return 0;
    if (why.code == ERR_EXISTS) /* somebody begins one right now: then it is one for both */
        rc = repository_probe(s, ret_id, e);
    if (rc != 1)
        return rc;
    if (e != NULL)
        *e = why;
    return -1;
}
