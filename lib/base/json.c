#include "lib/base/json.h"

#include <malloc.h>
#include <string.h>

static void wipe_and_free(void *p)
{
    if (p != NULL)
        mem_wipe(p, malloc_usable_size(p));
    free(p);
}

static void *plain_malloc(size_t size)
{
    return malloc(size);
}

void json_secure_memory(void)
{
    json_set_alloc_funcs(plain_malloc, wipe_and_free);
}

int json_read(const void *data, size_t len, json_t **ret, struct err *e)
{
    json_error_t why;
    json_t *value = json_loadb(data, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);

    if (value == NULL)
        return err_set(e, ERR_FORMAT, "not JSON at line %d: %s", why.line, why.text);
    *ret = value;
    return 0;
}

static int append(const char *data, size_t len, void *arg)
{
    return buf_append(arg, data, len, NULL);
}

int json_write(const json_t *value, struct buf *out, struct err *e)
{
    if (json_dump_callback(value, append, out, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) !=
        0)
        return err_set(e, ERR_LIMIT, "JSON of more than %zu bytes, or not UTF-8", out->max);
    return 0;
}

static int wrong(struct err *e, const char *key, const json_t *value, const char *wanted)
{
    return err_set(e, ERR_FORMAT, "\"%s\" %s, a %s is needed", key,
                   value == NULL ? "is missing" : "has the wrong type", wanted);
}

int json_get_string(const json_t *o, const char *key, const char **ret, struct err *e)
{
    const json_t *value = json_object_get(o, key);

    if (!json_is_string(value))
        return wrong(e, key, value, "string");
    *ret = json_string_value(value);
    return 0;
}

int json_get_i64(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *ret,
                 struct err *e)
{
    const json_t *value = json_object_get(o, key);

    if (!json_is_integer(value))
        return wrong(e, key, value, "whole number");
    int64_t n = json_integer_value(value);
    if (n < min || n > max)
        return err_set(e, ERR_FORMAT, "\"%s\" is not between %lld and %lld", key, (long long)min,
                       (long long)max);
    *ret = n;
    return 0;
}

int json_get_bool(const json_t *o, const char *key, bool *ret, struct err *e)
{
    const json_t *value = json_object_get(o, key);

    if (!json_is_boolean(value))
        return wrong(e, key, value, "true or false");
    *ret = json_is_true(value);
    return 0;
}

int json_get_array(const json_t *o, const char *key, json_t **ret, struct err *e)
{
    json_t *value = json_object_get(o, key);

    if (!json_is_array(value))
        return wrong(e, key, value, "list");
    *ret = value;
    return 0;
}

int json_get_object(const json_t *o, const char *key, json_t **ret, struct err *e)
{
    json_t *value = json_object_get(o, key);

    if (!json_is_object(value))
        return wrong(e, key, value, "object");
    *ret = value;
    return 0;
}

int json_get_strings(const json_t *o, const char *key, struct strlist *ret, struct err *e)
{
    json_t *array, *item;
    size_t i;

    if (json_get_array(o, key, &array, e) < 0)
        return -1;
    json_array_foreach(array, i, item)
    {
        if (!json_is_string(item))
            return wrong(e, key, item, "list of strings");
        strlist_add(ret, json_string_value(item));
    }
    return 0;
}

const char *json_opt_string(const json_t *o, const char *key, const char *fallback)
{
    const json_t *value = json_object_get(o, key);

    return json_is_string(value) ? json_string_value(value) : fallback;
}

int64_t json_opt_i64(const json_t *o, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(o, key);

    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool json_opt_bool(const json_t *o, const char *key, bool fallback)
{
    const json_t *value = json_object_get(o, key);

    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

json_t *json_from_strings(const struct strlist *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        if (json_array_append_new(array, json_printable(list->items[i])) != 0)
            abort();
    return array;
}

json_t *json_printable(const char *s)
{
    _cleanup_free_ char *text =
        str_is_utf8(s, strlen(s)) ? mem_strdup(s) : str_printable(s, strlen(s));

    return json_string(text);
}
