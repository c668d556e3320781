#include <openssl/evp.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/repository/mirror.h"
#include "lib/repository/object.h"

enum { PIECE = 4 << 20 };

/* The digest that the name promises: "packs/ab/HEX64", "index/HEX64". */
static bool named_digest(const char *name, uint8_t ret[SEAL_HASH_LEN])
{
    struct pack_name pack;

    if (pack_name_parse(name, &pack, NULL) == 0) {
        memcpy(ret, pack.bytes, SEAL_HASH_LEN);
        return true;
    }
    return str_starts(name, "index/") &&
           object_hex_text(name + strlen("index/"), ret, SEAL_HASH_LEN, NULL) == 0;
}

/* Every byte of it to the put, which may be NULL. */
static int stream(struct store *from, const char *name, struct store_put *put, EVP_MD_CTX *digest,
                  uint64_t *ret_bytes, struct err *e)
{
    _cleanup_free_ uint8_t *piece = NULL;
    struct store_object o;
    uint8_t sum[SEAL_HASH_LEN];
    size_t len;

    *ret_bytes = 0;
    if (store_stat(from, name, &o, e) < 0)
        return -1;
    size_t room = o.size < PIECE ? (size_t)o.size + 1 : PIECE; /* + 1: one get sees the end */
    piece = mem_resize(NULL, room);
    do {
        if (store_get(from, name, *ret_bytes, piece, room, &len, e) < 0)
            return -1;
        if (len == 0)
            break;
        if (EVP_DigestUpdate(digest, piece, len) != 1)
            return err_set(e, ERR_INTERNAL, "SHA-256 failed");
        *ret_bytes += len;
        seal_sha256(piece, len, sum);
        if (put != NULL &&
            (store_put_write(put, piece, len, e) < 0 || store_put_seal(put, sum, e) < 0))
            return -1;
    } while (len == room);
    return 0;
}

/* stream, and the digest compared. */
static int stream_checked(struct store *from, const char *name, struct store_put *put,
                          uint64_t *ret_bytes, struct err *e)
{
    uint8_t promised[SEAL_HASH_LEN], got[SEAL_HASH_LEN];
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    int rc = 0;

    if (digest == NULL || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
        rc = err_set(e, ERR_INTERNAL, "SHA-256 cannot begin");
    if (rc == 0)
        rc = stream(from, name, put, digest, ret_bytes, e);
    if (rc == 0 && EVP_DigestFinal_ex(digest, got, NULL) != 1)
        rc = err_set(e, ERR_INTERNAL, "SHA-256 failed");
    EVP_MD_CTX_free(digest);
    if (rc == 0 && named_digest(name, promised) && memcmp(promised, got, sizeof(got)) != 0)
        rc = err_set(e, ERR_DAMAGED, "%s: %s is not what its name says", store_place(from), name);
    return rc;
}

int mirror_object(struct store *from, struct store *to, const char *name, enum mirror_how how,
                  uint64_t *ret_bytes, struct err *e)
{
    struct store_object there;
    struct store_put *put;
    struct err why;

    *ret_bytes = 0;
    if (how == MIRROR_IF_MISSING && store_stat(to, name, &there, &why) == 0)
        return 1;
    if (store_put_begin(to, name, STORE_AFRESH, &put, e) < 0)
        return -1;
    if (stream_checked(from, name, put, ret_bytes, e) < 0) {
        store_put_abort(put);
        return -1;
    }
    int rc = store_put_commit(put, name,
                              how == MIRROR_REPLACE ? STORE_REPLACE : STORE_FAIL_IF_EXISTS, &why);
    if (rc < 0 && why.code == ERR_EXISTS)
        return 1;
    if (rc < 0 && e != NULL)
        *e = why;
    return rc;
}

int mirror_repair(struct store *to, struct store *const *from, size_t from_count, const char *name,
                  struct err *e)
{
    _cleanup_(buf_deinit) struct buf reasons = BUF_INIT(ERR_TEXT_MAX);
    uint64_t bytes;
    struct err why;

    for (size_t i = 0; i < from_count; i++) {
        if (stream_checked(from[i], name, NULL, &bytes, &why) < 0) {
            (void)!buf_printf(&reasons, NULL, "%s%s", reasons.len > 0 ? "; " : "", why.text);
            continue;
        }
        /* it is whole there: whatever goes wrong now is told as such */
        return mirror_object(from[i], to, name, MIRROR_REPLACE, &bytes, e) < 0 ? -1 : 0;
    }
    return err_set(e, ERR_NOT_FOUND, "%s: no replica has %s whole%s%s", store_place(to), name,
                   reasons.len > 0 ? ": " : "", reasons.len > 0 ? (const char *)reasons.data : "");
}
