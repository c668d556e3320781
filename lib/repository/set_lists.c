#include "lib/repository/set_lists.h"

#include <string.h>

void set_lists_deinit(struct set_lists *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->items[i].refs);
    free(l->items);
    json_decref(l->manifest);
    *l = (struct set_lists){0};
}

static int read_list(const json_t *artifact, struct set_list *ret, struct err *e)
{
    json_t *texts;

    if (json_get_array(artifact, "list", &texts, e) < 0 ||
        json_get_string(artifact, "source", &ret->source, e) < 0 ||
        json_get_string(artifact, "kind", &ret->kind, e) < 0)
        return -1;
    ret->database = json_opt_string(artifact, "database", NULL);
    ret->tree = strcmp(ret->kind, "tree") == 0;
    ret->count = json_array_size(texts);
    ret->refs = mem_alloc(ret->count * sizeof(*ret->refs));
    for (size_t i = 0; i < ret->count; i++) {
        const char *text = json_string_value(json_array_get(texts, i));
        if (text == NULL)
            return err_set(e, ERR_FORMAT, "\"list\" is not one of chunks");
        if (chunk_ref_parse(text, &ret->refs[i], e) < 0)
            return -1;
    }
    return 0;
}

static int read_all(const char *text, size_t len, struct set_lists *ret, struct err *e)
{
    json_t *artifacts;

    if (json_read(text, len, &ret->manifest, e) < 0 ||
        json_get_array(ret->manifest, "artifacts", &artifacts, e) < 0)
        return -1;
    ret->items = mem_alloc(json_array_size(artifacts) * sizeof(*ret->items));
    for (; ret->count < json_array_size(artifacts); ret->count++)
        if (read_list(json_array_get(artifacts, ret->count), &ret->items[ret->count], e) < 0) {
            ret->count++; /* what it has got is freed */
            return err_wrap(e, "artifact %zu", ret->count);
        }
    return 0;
}

int set_lists_parse(const char *text, size_t len, struct set_lists *ret, struct err *e)
{
    *ret = (struct set_lists){0};
    if (read_all(text, len, ret, e) == 0)
        return 0;
    set_lists_deinit(ret);
    return -1;
}

int set_lists_read(struct fetcher *f, const struct chunk_ref *manifest, struct set_lists *ret,
                   struct err *e)
{
    *ret = (struct set_lists){0};
    if (manifest->length > SET_MANIFEST_MAX)
        return err_set(e, ERR_DAMAGED, "a manifest of %u bytes", manifest->length);
    _cleanup_free_ char *text = mem_alloc(manifest->length);
    int rc = fetcher_chunk(f, manifest, CHUNK_SET, text, e);
    return rc == 0 ? set_lists_parse(text, manifest->length, ret, e) : rc;
}
