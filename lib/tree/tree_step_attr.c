/* tree_step_attr.c — attributes of a folder that is entered, not exchanged: the restored folder
 * itself above all. Others come along with the exchange. */
#include <errno.h>
#include <string.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/tree/tree_steps.h"

enum { NAMES_MAX = 65536, VALUE_MAX = 65536, NAME_LEN_MAX = 255 };

/* security.* and trusted.* are the system's (labels, overlays): they stay with the folder. */
static bool is_ours(const char *name)
{
    return str_starts(name, "user.") || str_starts(name, "system.posix_acl_");
}

static char *to_hex(const void *data, size_t len)
{
    char *hex = mem_alloc(2 * len + 1);

    hex_encode(data, len, hex);
    return hex;
}

static int list_names(int fd, char *names, size_t *ret, struct err *e)
{
    ssize_t len = io_listxattr(fd, names, NAMES_MAX);

    *ret = len > 0 ? (size_t)len : 0;
    if (len >= 0 || errno == ENOTSUP || errno == EPERM)
        return 0;
    return err_sys(e, ERR_IO, errno, "list attributes");
}

int tree_step_attr_read(int fd, json_t **ret, struct err *e)
{
    _cleanup_free_ char *names = mem_alloc(NAMES_MAX);
    _cleanup_free_ uint8_t *value = mem_alloc(VALUE_MAX);
    _cleanup_json_ json_t *o = json_object();
    size_t len;

    if (list_names(fd, names, &len, e) < 0)
        return -1;
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        if (!is_ours(name))
            continue;
        ssize_t n = io_getxattr(fd, name, value, VALUE_MAX);
        if (n < 0 && errno == ENODATA)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "read attribute %s", name);
        _cleanup_free_ char *key = to_hex(name, strlen(name)), *hex = to_hex(value, (size_t)n);
        (void)json_object_set_new(o, key, json_string(hex));
    }
    *ret = TAKE(o);
    return 0;
}

static int set_one(int fd, const char *key, const char *hex, struct err *e)
{
    char name[NAME_LEN_MAX + 1] = "";
    size_t len = strlen(hex) / 2;
    _cleanup_free_ uint8_t *value = mem_alloc(len + 1);

    if (strlen(key) / 2 > NAME_LEN_MAX || hex_decode(key, (uint8_t *)name, strlen(key) / 2) < 0 ||
        hex_decode(hex, value, len) < 0 || !is_ours(name))
        return err_set(e, ERR_FORMAT, "an attribute that cannot be");
    if (io_setxattr(fd, name, value, len) != 0)
        return err_sys(e, ERR_IO, errno, "attribute %s", name);
    return 0;
}

int tree_step_attr_apply(int fd, const json_t *attributes, struct err *e)
{
    _cleanup_free_ char *names = mem_alloc(NAMES_MAX);
    const char *key;
    json_t *value;
    size_t len;

    if (!json_is_object(attributes))
        return 0;
    if (list_names(fd, names, &len, e) < 0)
        return -1;
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        _cleanup_free_ char *hex = to_hex(name, strlen(name));
        if (is_ours(name) && json_object_get(attributes, hex) == NULL &&
            io_removexattr(fd, name) != 0 && errno != ENODATA)
            return err_sys(e, ERR_IO, errno, "remove attribute %s", name);
    }
    json_object_foreach((json_t *)(uintptr_t)attributes, key,
                        value) if (!json_is_string(value) ||
                                   set_one(fd, key, json_string_value(value), e) < 0) return -1;
    return 0;
}
