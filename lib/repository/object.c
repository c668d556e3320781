#include "lib/repository/object.h"

#include <string.h>

#include "lib/store/listing.h"

int object_put(struct store *s, const char *name, const void *data, size_t len, struct err *e)
{
    _cleanup_(buf_deinit) struct buf there = BUF_INIT(len);
    struct err ignored;

    if (store_put_bytes(s, name, data, len, STORE_FAIL_IF_EXISTS, e) == 0)
        return 0;
    if (store_get_bytes(s, name, &there, &ignored) == 0 && there.len == len &&
        memcmp(there.data, data, len) == 0)
        return 0;
    return -1;
}

int object_names(struct store *s, const char *prefix, size_t max, struct strlist *ret,
                 struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing list = {
        .store = s, .prefix = prefix, .fold = true};
    struct store_object *x;
    int rc;

    while ((rc = store_listing_next(&list, &x, e)) == 0) {
        if (str_ends(x->name, "/"))
            continue;
        if (ret->count >= max)
            return err_set(e, ERR_LIMIT, "%s: more than %zu objects below %s", store_place(s), max,
                           prefix);
        strlist_add(ret, x->name + strlen(prefix));
    }
    return rc < 0 ? -1 : 0;
}

int object_members(const json_t *o, const char *const *names, struct err *e)
{
    const char *key;
    json_t *value;

    if (!json_is_object(o))
        return err_set(e, ERR_FORMAT, "not a JSON object");
    json_object_foreach((json_t *)(uintptr_t)o, key, value)
    {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], key) != 0)
            i++;
        if (names[i] == NULL) {
            _cleanup_free_ char *shown = str_printable(key, strlen(key));
            return err_set(e, ERR_FORMAT,
                           "\"%s\" is not known here (written by a newer version of synbak?)",
                           shown);
        }
    }
    return 0;
}

int object_hex_text(const char *text, uint8_t *ret, size_t len, struct err *e)
{
    if (strlen(text) != 2 * len || strspn(text, "0123456789abcdef") != 2 * len ||
        hex_decode(text, ret, len) < 0)
        return err_set(e, ERR_FORMAT, "not %zu hexadecimal digits", 2 * len);
    return 0;
}

int object_hex(const json_t *o, const char *key, uint8_t *ret, size_t len, struct err *e)
{
    const char *text;

    if (json_get_string(o, key, &text, e) < 0)
        return -1;
    if (object_hex_text(text, ret, len, e) < 0)
        return err_wrap(e, "\"%s\"", key);
    return 0;
}

int object_time(const json_t *o, const char *key, struct wall *ret, struct err *e)
{
    const char *text;

    if (json_get_string(o, key, &text, e) < 0)
        return -1;
    if (clock_parse_iso8601(text, ret) < 0)
        return err_set(e, ERR_FORMAT, "\"%s\" is not a time", key);
    return 0;
}

json_t *object_hex_json(const uint8_t *data, size_t len)
{
    _cleanup_free_ char *hex = mem_alloc(2 * len + 1);

    hex_encode(data, len, hex);
    json_t *value = json_string(hex);
    mem_wipe(hex, 2 * len); /* keys come by here */
    return value;
}

int64_t object_number(const char *text, size_t digits)
{
    int64_t n;
    size_t len = strlen(text);

    if (len == 0 || strspn(text, "0123456789") != len || len > 18)
        return -1;
    if (digits == 0 ? text[0] == '0' : len != digits)
        return -1;
    return str_to_i64(text, 1, INT64_MAX, &n, NULL) == 0 ? n : -1;
}
