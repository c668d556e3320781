#include <string.h>

#include "lib/repository/keys_parts.h"
#include "lib/repository/object.h"

static int read_generation(struct keys *k, const json_t *o, struct err *e)
{
    static const char *const full[] = {"number", "reading", NULL};
    static const char *const small[] = {"number", "public", NULL};
    struct keys_generation g = {0};
    int64_t number;
    int rc = object_members(o, k->write_only ? small : full, e);

    if (rc == 0)
        rc = json_get_i64(o, "number", 1, KEYS_GENERATIONS_MAX, &number, e);
    if (rc == 0) {
        g.number = (uint16_t)number;
        rc = k->write_only ? object_hex(o, "public", g.public_key, 32, e)
                           : object_hex(o, "reading", g.reading, 32, e);
    }
    if (rc == 0 && !k->write_only)
        rc = keys_derive_generation(k, &g, e);
    if (rc == 0)
        rc = keys_add_generation(k, &g, e);
    seal_wipe(&g, sizeof(g));
    return rc;
}

static int read_bundle(struct keys *k, const json_t *o, struct err *e)
{
    static const char *const full[] = {"repository", "adding",      "writer",
                                       "pruner",     "generations", NULL};
    static const char *const small[] = {"repository",    "adding",      "writer",
                                        "pruner_public", "generations", NULL};
    json_t *generations;

    k->write_only = json_object_get(o, "pruner") == NULL;
    if (object_members(o, k->write_only ? small : full, e) < 0 ||
        object_hex(o, "repository", k->repository, sizeof(k->repository), e) < 0 ||
        object_hex(o, "adding", k->adding, 32, e) < 0 ||
        object_hex(o, "writer", k->writer, 32, e) < 0 ||
        (k->write_only ? object_hex(o, "pruner_public", k->pruner_public, 32, e)
                       : object_hex(o, "pruner", k->pruner, 32, e)) < 0 ||
        json_get_array(o, "generations", &generations, e) < 0 || keys_derive(k, e) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(generations); i++)
        if (read_generation(k, json_array_get(generations, i), e) < 0)
            return -1;
    if (k->generation_count == 0)
        return err_set(e, ERR_FORMAT, "no generation of the reading key");
    return 0;
}

int keys_from_bundle(const void *json, size_t len, struct keys **ret, struct err *e)
{
    _cleanup_json_ json_t *o = NULL;

    if (json_read(json, len, &o, e) < 0)
        return err_wrap(e, "bundle of keys");
    struct keys *k = keys_new();
    if (read_bundle(k, o, e) < 0) {
        keys_free(k);
        return err_wrap(e, "bundle of keys");
    }
    *ret = k;
    return 0;
}

static json_t *generations_json(const struct keys *k, bool write_only)
{
    json_t *list = json_array();

    for (size_t i = 0; i < k->generation_count; i++) {
        const struct keys_generation *g = &k->generations[i];
        if (!write_only && !g->may_read)
            continue; /* known by its public key alone: generations/N.json has it */
        (void)json_array_append_new(
            list,
            json_pack("{s:i s:o}", "number", (int)g->number, write_only ? "public" : "reading",
                      object_hex_json(write_only ? g->public_key : g->reading, 32)));
    }
    return list;
}

int keys_to_bundle(const struct keys *k, bool write_only, struct buf *ret, struct err *e)
{
    if (k->write_only && !write_only)
        return err_set(e, ERR_KEY, "a write-only key cannot make one that may read");
    _cleanup_json_ json_t *o = json_pack(
        "{s:o s:o s:o s:o s:o}", "repository", object_hex_json(k->repository, REPOSITORY_ID_LEN),
        "adding", object_hex_json(k->adding, 32), "writer", object_hex_json(k->writer, 32),
        write_only ? "pruner_public" : "pruner",
        object_hex_json(write_only ? k->pruner_public : k->pruner, 32), "generations",
        generations_json(k, write_only));

    if (o == NULL)
        return err_set(e, ERR_INTERNAL, "the keys cannot be written down");
    return json_write(o, ret, e);
}
