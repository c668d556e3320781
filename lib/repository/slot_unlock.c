#include <string.h>

#include "lib/repository/object.h"
#include "lib/repository/signed.h"
#include "lib/repository/slot_parts.h"

static const uint8_t zero_nonce[SEAL_NONCE_LEN];

int slot_stretch(const struct secret *secret, uint32_t n, uint32_t p, const uint8_t salt[32],
                 uint8_t ret[SLOT_STRETCHED_LEN], struct err *e)
{
    return seal_scrypt(secret->text, secret->len, salt, 32, n, 8, p, ret, SLOT_STRETCHED_LEN, e);
}

struct slot_aad slot_aad(const struct slot_object *o, const uint8_t repository[REPOSITORY_ID_LEN])
{
    const char *kind = slot_kind_word(o->says.kind);
    struct slot_aad aad = {0};
    const struct {
        const void *data;
        size_t len;
    } parts[] = {{slot_purpose, strlen(slot_purpose)},
                 {repository, REPOSITORY_ID_LEN},
                 {o->id, sizeof(o->id)},
                 {kind, strlen(kind)},
                 {o->public_key, sizeof(o->public_key)}};

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        memcpy(aad.bytes + aad.len, parts[i].data, parts[i].len);
        aad.len += parts[i].len;
    }
    return aad;
}

static int unseal_bundle(const struct slot_object *o, const uint8_t repository[REPOSITORY_ID_LEN],
                         const uint8_t key[SEAL_KEY_LEN], struct keys **ret, struct err *e)
{
    const struct slot_aad aad = slot_aad(o, repository);
    struct seal_box *b;

    if (o->sealed_len < SEAL_TAG_LEN)
        return err_set(e, ERR_DAMAGED, "\"sealed\" is too short");
    if (seal_box_open(key, &b, e) < 0)
        return -1;
    size_t len = o->sealed_len - SEAL_TAG_LEN;
    uint8_t *bundle = secret_alloc(len);
    int rc =
        seal_box_unseal(b, zero_nonce, aad.bytes, aad.len, o->sealed, o->sealed_len, bundle, e);
    if (rc == 0)
        rc = keys_from_bundle(bundle, len, ret, e);
    secret_free(bundle, len);
    seal_box_free(b);
    return rc;
}

static int check_keys(const struct slot_object *o, const uint8_t repository[REPOSITORY_ID_LEN],
                      const uint8_t secret[32], const struct keys *k, struct err *e)
{
    uint8_t public_key[32];

    if (seal_x25519_public(secret, public_key, e) < 0 ||
        signed_check(k, slot_purpose, o->json, e) < 0)
        return -1;
    if (memcmp(k->repository, repository, REPOSITORY_ID_LEN) != 0)
        return err_set(e, ERR_DAMAGED, "its keys are those of another repository");
    if (memcmp(public_key, o->public_key, sizeof(public_key)) != 0 ||
        k->write_only != (o->says.kind == SLOT_WRITE_ONLY))
        return err_set(e, ERR_DAMAGED, "what it holds is not what it says");
    return 0;
}

int slot_unlock(const struct slot_object *o, const uint8_t repository[REPOSITORY_ID_LEN],
                const uint8_t stretched[SLOT_STRETCHED_LEN], struct keys **ret, struct err *e)
{
    struct keys *k = NULL;

    if (!seal_equal(stretched + 32, o->check, sizeof(o->check)))
        return 1;
    if (unseal_bundle(o, repository, stretched, &k, e) == 0 &&
        check_keys(o, repository, stretched + 64, k, e) == 0) {
        *ret = k;
        return 0;
    }
    keys_free(k);
    return err_wrap(e, "slot %s, or the id in repository.json, is damaged", o->says.id);
}
