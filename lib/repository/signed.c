#include "lib/repository/signed.h"

#include <string.h>

#include "lib/repository/object.h"

enum { SIGNED_MAX = 1 << 20 };

static int append(const char *data, size_t len, void *arg)
{
    return buf_append(arg, data, len, NULL);
}

/* Unlike json_write, in the order in which the members lie there. */
static int dump(const json_t *o, struct buf *out, struct err *e)
{
    if (json_dump_callback(o, append, out, JSON_COMPACT) != 0)
        return err_set(e, ERR_LIMIT, "JSON of more than %zu bytes, or not UTF-8", out->max);
    return 0;
}

static int text_of(const struct keys *k, const char *purpose, const json_t *o, struct buf *out,
                   struct err *e)
{
    if (buf_append(out, purpose, strlen(purpose), e) < 0 ||
        buf_append(out, k->repository, REPOSITORY_ID_LEN, e) < 0)
        return -1;
    return dump(o, out, e);
}

int signed_make(const struct keys *k, const char *purpose, json_t *o, struct buf *ret,
                struct err *e)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(SIGNED_MAX);
    uint8_t signature[SEAL_SIGNATURE_LEN];

    if (k->write_only)
        return err_set(e, ERR_KEY, "a write-only key cannot give access to others");
    if (text_of(k, purpose, o, &text, e) < 0 ||
        seal_sign(k->pruner, text.data, text.len, signature, e) < 0)
        return -1;
    if (json_object_set_new(o, "signature", object_hex_json(signature, sizeof(signature))) != 0)
        return err_set(e, ERR_INTERNAL, "a signature that cannot be written down");
    return dump(o, ret, e);
}

int signed_check(const struct keys *k, const char *purpose, const json_t *o, struct err *e)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(SIGNED_MAX);
    _cleanup_json_ json_t *bare = json_copy((json_t *)(uintptr_t)o);
    uint8_t signature[SEAL_SIGNATURE_LEN];

    if (object_hex(o, "signature", signature, sizeof(signature), e) < 0)
        return -1;
    (void)json_object_del(bare, "signature");
    if (text_of(k, purpose, bare, &text, e) < 0)
        return -1;
    return seal_verify(k->pruner_public, text.data, text.len, signature, e);
}
