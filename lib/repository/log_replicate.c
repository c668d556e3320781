#include <string.h>

#include "lib/repository/log_parts.h"
#include "lib/repository/object.h"

/* 0: the same bytes lie there; 1: other ones; 2: none. */
static int compare(struct store *s, const char *name, const struct buf *want, struct err *e)
{
    _cleanup_(buf_deinit) struct buf there = BUF_INIT(LOG_OBJECT_MAX);
    struct err why;

    if (store_get_bytes(s, name, &there, &why) < 0) {
        if (why.code == ERR_NOT_FOUND)
            return 2;
        if (why.code == ERR_LIMIT)
            return 1;
        if (e != NULL)
            *e = why;
        return -1;
    }
    return there.len == want->len && memcmp(there.data, want->data, want->len) == 0 ? 0 : 1;
}

/* Does the replica's log end with the record before the newest? */
static int has_previous(const struct log *l, struct store *replica, struct err *e)
{
    _cleanup_(buf_deinit) struct buf there = BUF_INIT(LOG_OBJECT_MAX);
    char name[LOG_NAME_SIZE];
    struct err why;
    uint64_t number = l->count - 1;

    if (number == 0)
        return 0;
    log_object_name(l->role, number, name);
    if (store_get_bytes(replica, name, &there, &why) == 0)
        return log_holds(l, number, &there) ? 0 : 1;
    if (why.code == ERR_NOT_FOUND || why.code == ERR_LIMIT)
        return 1;
    if (e != NULL)
        *e = why;
    return -1;
}

/* The newest object and its name, and how it compares with what lies there under it. */
static int compare_newest(const struct log *l, struct store *replica, char name[LOG_NAME_SIZE],
                          struct buf *object, struct err *e)
{
    log_object_name(l->role, l->count, name);
    return log_newest_object(l, object, e) < 0 ? -1 : compare(replica, name, object, e);
}

int log_compare(const struct log *l, struct store *replica, struct err *e)
{
    _cleanup_(buf_deinit) struct buf object = BUF_INIT(LOG_OBJECT_MAX);
    char name[LOG_NAME_SIZE];

    int rc = l->count == 0 ? 0 : compare_newest(l, replica, name, &object, e);
    return rc > 0 ? 1 : rc;
}

int log_replicate(const struct log *l, struct store *replica, struct err *e)
{
    _cleanup_(buf_deinit) struct buf object = BUF_INIT(LOG_OBJECT_MAX);
    char name[LOG_NAME_SIZE];

    int rc = l->count == 0 ? 0 : compare_newest(l, replica, name, &object, e);
    if (rc < 2)
        return rc;
    rc = has_previous(l, replica, e);
    if (rc != 0)
        return rc;
    struct err why;
    if (object_put(replica, name, object.data, object.len, &why) == 0)
        return 0;
    if (why.code == ERR_EXISTS) /* something else came meanwhile */
        return 1;
    if (e != NULL)
        *e = why;
    return -1;
}
