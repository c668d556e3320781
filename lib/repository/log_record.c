#include <string.h>

#include "lib/repository/log_parts.h"
#include "lib/repository/object.h"

static const uint8_t zero_nonce[SEAL_NONCE_LEN];
static const char purpose[] = "synbak log";

enum { SIGNED_HEAD = sizeof(purpose) - 1 + REPOSITORY_ID_LEN + 1 + 8 };

/* What a signature covers before salt and box. */
static void signed_head(const struct keys *k, enum log_role role, uint64_t number,
                        uint8_t ret[SIGNED_HEAD])
{
    uint8_t *at = ret;

    memcpy(at, purpose, sizeof(purpose) - 1);
    at += sizeof(purpose) - 1;
    memcpy(at, k->repository, REPOSITORY_ID_LEN);
    at += REPOSITORY_ID_LEN;
    *at++ = (uint8_t)role;
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

int log_box_open(const struct keys *k, const uint8_t salt[LOG_SALT_LEN], struct seal_box **ret,
                 struct err *e)
{
    uint8_t key[SEAL_KEY_LEN];
    int rc = seal_hkdf(k->log, 32, salt, LOG_SALT_LEN, "synbak log record", key, sizeof(key), e);

    if (rc == 0)
        rc = seal_box_open(key, ret, e);
    seal_wipe(key, sizeof(key));
    return rc;
}

int log_box_seal(struct seal_box *b, const void *data, size_t len, uint8_t *out, struct err *e)
{
    return seal_box_seal(b, zero_nonce, NULL, 0, data, len, out, e);
}

int log_box_unseal(struct seal_box *b, const void *box, size_t len, uint8_t *out, struct err *e)
{
    return seal_box_unseal(b, zero_nonce, NULL, 0, box, len, out, e);
}

static int check_kind(enum log_role role, const char *kind, struct err *e)
{
    static const char *const known[][6] = {
        [LOG_WRITER] = {"epoch", "set", "pin", "unpin", "accept", NULL},
        [LOG_PRUNER] = {"epoch", "removed", "trash", "keys", NULL}};

    for (size_t i = 0; known[role][i] != NULL; i++)
        if (strcmp(known[role][i], kind) == 0)
            return 0;
    return err_set(e, ERR_FORMAT,
                   "a record of a kind that is not known here: it was written by a newer version "
                   "of synbak (update synbak here)");
}

static int sign(const struct keys *k, enum log_role role, uint64_t number, uint8_t *record,
                size_t signed_len, struct err *e)
{
    _cleanup_free_ uint8_t *text = mem_alloc(SIGNED_HEAD + signed_len);

    signed_head(k, role, number, text);
    memcpy(text + SIGNED_HEAD, record, signed_len);
    return seal_sign(role == LOG_WRITER ? k->writer : k->pruner, text, SIGNED_HEAD + signed_len,
                     record + signed_len, e);
}

int log_record_make(const struct keys *k, enum log_role role, uint64_t number, const json_t *body,
                    uint8_t **ret, size_t *ret_len, struct err *e)
{
    _cleanup_(buf_deinit) struct buf text =
        BUF_INIT(LOG_RECORD_MAX - LOG_SALT_LEN - SEAL_TAG_LEN - SEAL_SIGNATURE_LEN);
    struct seal_box *b;

    if (role == LOG_PRUNER && k->write_only)
        return err_set(e, ERR_KEY, "a write-only key removes nothing");
    if (check_kind(role, json_opt_string(body, "kind", ""), e) < 0 ||
        json_write(body, &text, e) < 0)
        return err_wrap(e, "record of the %s's log", log_role_word(role));
    size_t signed_len = LOG_SALT_LEN + text.len + SEAL_TAG_LEN;
    _cleanup_free_ uint8_t *record = mem_alloc(signed_len + SEAL_SIGNATURE_LEN);
    if (seal_random(record, LOG_SALT_LEN, e) < 0 || log_box_open(k, record, &b, e) < 0)
        return -1;
    int rc = log_box_seal(b, text.data, text.len, record + LOG_SALT_LEN, e);
    seal_box_free(b);
    if (rc < 0 || sign(k, role, number, record, signed_len, e) < 0)
        return -1;
    *ret = TAKE(record);
    *ret_len = signed_len + SEAL_SIGNATURE_LEN;
    return 0;
}

static int unseal(const struct keys *k, const uint8_t *raw, size_t signed_len, json_t **ret,
                  struct err *e)
{
    size_t len = signed_len - LOG_SALT_LEN;
    _cleanup_free_ uint8_t *text = mem_alloc(len);
    struct seal_box *b;

    if (log_box_open(k, raw, &b, e) < 0)
        return -1;
    int rc = log_box_unseal(b, raw + LOG_SALT_LEN, len, text, e);
    seal_box_free(b);
    return rc < 0 ? -1 : json_read(text, len - SEAL_TAG_LEN, ret, e);
}

static int read_common(json_t *body, const struct log_head *previous, enum log_role role,
                       struct log_record *ret, struct err *e)
{
    uint8_t hash[SEAL_HASH_LEN], installation[16];
    int64_t number;

    if (json_get_i64(body, "number", 1, INT64_MAX, &number, e) < 0 ||
        object_hex(body, "previous", hash, sizeof(hash), e) < 0 ||
        object_time(body, "time", &ret->time, e) < 0 ||
        object_hex(body, "installation", installation, sizeof(installation), e) < 0 ||
        json_get_string(body, "installation", &ret->installation, e) < 0 ||
        json_get_string(body, "host", &ret->host, e) < 0 ||
        json_get_string(body, "kind", &ret->kind, e) < 0)
        return -1;
    if ((uint64_t)number != previous->number + 1)
        return err_set(e, ERR_FORMAT, "it says that it is number %lld", (long long)number);
    if (memcmp(hash, previous->hash, sizeof(hash)) != 0)
        return err_set(e, ERR_TAMPERED,
                       "it does not follow the record before it: that one was replaced");
    return check_kind(role, ret->kind, e);
}

int log_record_read(const struct keys *k, enum log_role role, const struct log_head *previous,
                    const uint8_t *raw, size_t len, struct log_record *ret, struct err *e)
{
    _cleanup_json_ json_t *body = NULL;

    if (len < LOG_RECORD_MIN || len > LOG_RECORD_MAX)
        return err_set(e, ERR_DAMAGED, "a record of %zu bytes", len);
    size_t signed_len = len - SEAL_SIGNATURE_LEN;
    _cleanup_free_ uint8_t *text = mem_alloc(SIGNED_HEAD + signed_len);
    signed_head(k, role, previous->number + 1, text);
    memcpy(text + SIGNED_HEAD, raw, signed_len);
    if (seal_verify(role == LOG_WRITER ? k->writer_public : k->pruner_public, text,
                    SIGNED_HEAD + signed_len, raw + signed_len, e) < 0 ||
        unseal(k, raw, signed_len, &body, e) < 0 || read_common(body, previous, role, ret, e) < 0)
        return -1;
    ret->head.number = previous->number + 1;
    seal_sha256(raw, len, ret->head.hash);
    ret->body = TAKE(body);
    return 0;
}
