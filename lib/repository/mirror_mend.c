#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/log_parts.h"
#include "lib/repository/mirror.h"
#include "lib/repository/object.h"

enum { OBJECT_MAX = 4 << 20, NAMES_MAX = 4096 };

/* The same bytes as at `from`. */
static int mend(const struct repository *from, struct store *to, const char *name,
                struct strlist *ret_mended, struct err *e)
{
    _cleanup_(buf_deinit) struct buf here = BUF_INIT(OBJECT_MAX), there = BUF_INIT(OBJECT_MAX);
    struct err why;
    uint64_t bytes;

    if (store_get_bytes(from->store, name, &here, e) < 0)
        return -1;
    if (store_get_bytes(to, name, &there, &why) == 0 && here.len == there.len &&
        memcmp(here.data, there.data, here.len) == 0)
        return 0;
    if (mirror_object(from->store, to, name, MIRROR_REPLACE, &bytes, e) < 0)
        return -1;
    strlist_add(ret_mended, name);
    return 0;
}

static int mend_folder(const struct repository *from, struct store *to, const char *prefix,
                       struct strlist *ret_mended, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist names = {0};

    if (object_names(from->store, prefix, NAMES_MAX, &names, e) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *name = mem_printf("%s%s", prefix, names.items[i]);
        if (mend(from, to, name, ret_mended, e) < 0)
            return -1;
    }
    return 0;
}

/* The objects that a reader needs: the last of each group, and the newest. */
static int mend_log(const struct repository *from, struct store *to, enum log_role role,
                    const struct log *l, struct strlist *ret_mended, struct err *e)
{
    uint64_t newest = log_head(l).number;
    char name[LOG_NAME_SIZE];

    for (uint64_t n = LOG_GROUP; n < newest; n += LOG_GROUP) {
        log_object_name(role, n, name);
        if (mend(from, to, name, ret_mended, e) < 0)
            return -1;
    }
    log_object_name(role, newest, name);
    return newest == 0 ? 0 : mend(from, to, name, ret_mended, e);
}

int mirror_mend(const struct repository *from, struct store *to, struct strlist *ret_mended,
                struct err *e)
{
    char id[33];
    struct err why;

    if (repository_probe(to, id, &why) == 0 && strcmp(id, from->id) != 0)
        return err_set(e, ERR_FOREIGN, "%s holds another repository", store_place(to));
    if (mend_folder(from, to, "keys/", ret_mended, e) < 0 ||
        mend_folder(from, to, "generations/", ret_mended, e) < 0 ||
        mend_log(from, to, LOG_WRITER, from->writer, ret_mended, e) < 0 ||
        mend_log(from, to, LOG_PRUNER, from->pruner, ret_mended, e) < 0)
        return -1;
    return mend(from, to, "repository.json", ret_mended, e);
}
