/* Names to ids, apart from role.c because name services may read files and networks. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "lib/base/mem.h"
#include "lib/protocol/role.h"

enum { RECORD_MAX = 1 << 20 }; /* a group of very many members */

/* 0: *ret is the id. 1: there is none of that name. The errno values that stand for "none" are
 * those that getpwnam(3) lists. */
static int judge_result(int error, bool found, const char *name, struct err *e)
{
    if (found)
        return 0;
    if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM)
        return 1;
    return err_sys(e, ERR_CONFIG, error, "look up \"%s\"", name);
}

static int find_user(const char *name, unsigned *ret, struct err *e)
{
    _cleanup_free_ char *space = mem_alloc(RECORD_MAX);
    struct passwd record, *found = NULL;
    int error = getpwnam_r(name, &record, space, RECORD_MAX, &found);

    if (found != NULL)
        *ret = record.pw_uid;
    return judge_result(error, found != NULL, name, e);
}

static int find_group(const char *name, unsigned *ret, struct err *e)
{
    _cleanup_free_ char *space = mem_alloc(RECORD_MAX);
    struct group record, *found = NULL;
    int error = getgrnam_r(name, &record, space, RECORD_MAX, &found);

    if (found != NULL)
        *ret = record.gr_gid;
    return judge_result(error, found != NULL, name, e);
}

/* 0, 1 or -1 as judge_result. A number is an id as it stands: containers have ids without names. */
static int find_id(const char *name, bool is_group, unsigned *ret, struct err *e)
{
    int64_t number;

    if (str_to_i64(name, 0, UINT32_MAX - 1, &number, NULL) == 0) {
        *ret = (unsigned)number;
        return 0;
    }
    return is_group ? find_group(name, ret, e) : find_user(name, ret, e);
}

static int add_list(const struct strlist *names, enum role role, struct role_table *t,
                    struct strlist *unknown, struct err *e)
{
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i];
        struct role_entry entry = {.role = role, .is_group = name[0] == '@'};
        int r;

        name += entry.is_group;
        r = find_id(name, entry.is_group, &entry.id, e);
        if (r < 0)
            return err_wrap(e, "[access] %s", role_word(role));
        if (r > 0 && unknown != NULL)
            strlist_addf(unknown, "[access] %s: no %s \"%s\"", role_word(role),
                         entry.is_group ? "group" : "user", name);
        if (r > 0)
            continue;
        t->entries = mem_resize_array(t->entries, t->count + 1, sizeof(*t->entries));
        t->entries[t->count++] = entry;
    }
    return 0;
}

int role_table_create(const struct access *access, struct role_table *ret, struct strlist *unknown,
                      struct err *e)
{
    *ret = (struct role_table){0};
    if (add_list(&access->view, ROLE_VIEW, ret, unknown, e) < 0 ||
        add_list(&access->operate, ROLE_OPERATE, ret, unknown, e) < 0 ||
        add_list(&access->restore, ROLE_RESTORE, ret, unknown, e) < 0 ||
        add_list(&access->admin, ROLE_ADMIN, ret, unknown, e) < 0) {
        role_table_deinit(ret);
        return -1;
    }
    return 0;
}

void role_table_deinit(struct role_table *t)
{
    free(t->entries);
    *t = (struct role_table){0};
}
