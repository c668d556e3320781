#include <fcntl.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/repository/log_parts.h"
#include "lib/repository/object.h"

enum { NUMBER_DIGITS = 12, OBJECTS_MAX = 1 << 24 };

static char *cached_name(const struct log *l, uint64_t number)
{
    return mem_printf("log-%s-%012llu", log_role_word(l->role), (unsigned long long)number);
}

/* A group that is complete never changes, and is checked like any other when it is read back. */
static bool from_cache(struct log *l, uint64_t number)
{
    _cleanup_(buf_deinit) struct buf object = BUF_INIT(LOG_OBJECT_MAX);

    if (l->cache_dir == NULL || number % LOG_GROUP != 0)
        return false;
    _cleanup_free_ char *name = cached_name(l, number);
    _cleanup_free_ char *path = mem_printf("%s/%s", l->cache_dir, name);
    return fs_read_file(AT_FDCWD, path, &object, NULL) == 0 &&
           log_absorb(l, number, &object, NULL) == 0;
}

/* What cannot be cached is read again next time. */
static void to_cache(const struct log *l, uint64_t number, const struct buf *object)
{
    _cleanup_(fs_closep) int dir = -1;

    if (l->cache_dir == NULL || number % LOG_GROUP != 0)
        return;
    _cleanup_free_ char *name = cached_name(l, number);
    if (fs_make_dirs(AT_FDCWD, l->cache_dir, 0700, NULL) == 0 &&
        fs_open_dir(l->cache_dir, &dir, NULL) == 0)
        (void)(fs_replace_file(dir, name, object->data, object->len, 0600, NULL) == 0);
}

static int read_object(struct log *l, uint64_t number, struct err *e)
{
    _cleanup_(buf_deinit) struct buf object = BUF_INIT(LOG_OBJECT_MAX);
    char name[LOG_NAME_SIZE];

    log_object_name(l->role, number, name);
    if (store_get_bytes(l->store, name, &object, e) < 0) {
        if (e != NULL && e->code == ERR_LIMIT) /* nobody writes such */
            e->code = ERR_DAMAGED;
        return -1;
    }
    if (log_absorb(l, number, &object, e) < 0)
        return -1;
    to_cache(l, number, &object);
    return 0;
}

/* Never from the cache: it must not hide that something was removed. */
int log_refresh(struct log *l, struct err *e)
{
    struct err why = {0};

    while (read_object(l, l->count + 1, &why) == 0)
        ;
    if (why.code == ERR_NOT_FOUND)
        return 0;
    if (e != NULL)
        *e = why;
    return -1;
}

static int missing(const struct log *l, uint64_t number, uint64_t newest, struct err *e)
{
    char name[LOG_NAME_SIZE];

    log_object_name(l->role, number, name);
    return err_set(e, ERR_TAMPERED, "%s: %s is missing, though the log goes on to %llu",
                   store_place(l->store), name, (unsigned long long)newest);
}

int log_numbers(struct store *s, enum log_role role, uint64_t **ret, size_t *ret_count,
                struct err *e)
{
    struct strlist names = {0};
    _cleanup_free_ char *prefix = mem_printf("log/%s/", log_role_word(role));
    size_t count = 0;

    if (object_names(s, prefix, OBJECTS_MAX, &names, e) < 0) {
        strlist_deinit(&names);
        return -1;
    }
    uint64_t *numbers = mem_alloc((names.count + 1) * sizeof(*numbers));
    for (size_t i = 0; i < names.count; i++) {
        int64_t n = object_number(names.items[i], NUMBER_DIGITS);
        if (n > 0)
            numbers[count++] = (uint64_t)n;
    }
    strlist_deinit(&names);
    *ret = numbers;
    *ret_count = count;
    return 0;
}

int log_newest(struct store *s, enum log_role role, uint64_t *ret, struct err *e)
{
    _cleanup_free_ uint64_t *numbers = NULL;
    size_t count;

    if (log_numbers(s, role, &numbers, &count, e) < 0)
        return -1;
    *ret = count > 0 ? numbers[count - 1] : 0;
    return 0;
}

/* The last object of each group, and the newest of all. */
static int read_groups(struct log *l, struct err *e)
{
    _cleanup_free_ uint64_t *numbers = NULL;
    size_t count, at = 0;

    if (log_numbers(l->store, l->role, &numbers, &count, e) < 0)
        return -1;
    if (count == 0)
        return 0;
    uint64_t newest = numbers[count - 1];
    for (uint64_t n = LOG_GROUP; n < newest; n += LOG_GROUP) {
        while (at < count && numbers[at] < n)
            at++;
        if (numbers[at] != n)
            return missing(l, n, newest, e);
        if (!from_cache(l, n) && read_object(l, n, e) < 0)
            return -1;
    }
    return read_object(l, newest, e);
}

static int check_known(const struct log *l, const struct log_head *known, struct err *e)
{
    if (known == NULL || known->number == 0)
        return 0;
    if (known->number > l->count)
        return err_set(e, ERR_TAMPERED,
                       "%s: the %s's log ends at record %llu, and record %llu was seen there: "
                       "something was removed or rolled back",
                       store_place(l->store), log_role_word(l->role), (unsigned long long)l->count,
                       (unsigned long long)known->number);
    if (memcmp(known->hash, l->entries[known->number - 1].says.head.hash, SEAL_HASH_LEN) == 0)
        return 0;
    return err_set(
        e, ERR_TAMPERED,
        "%s: record %llu of the %s's log is another one than was seen there: the log was "
        "replaced",
        store_place(l->store), (unsigned long long)known->number, log_role_word(l->role));
}

int log_open(struct store *s, const struct keys *k, enum log_role role, const char *cache_dir,
             const struct log_head *known, struct log **ret, struct err *e)
{
    struct log *l = mem_alloc(sizeof(*l));

    l->store = s;
    l->keys = k;
    l->role = role;
    l->cache_dir = mem_strdup(cache_dir);
    /* a list may be old: what came since is asked for by name */
    if (read_groups(l, e) < 0 || log_refresh(l, e) < 0 || check_known(l, known, e) < 0) {
        log_close(l);
        return -1;
    }
    *ret = l;
    return 0;
}
