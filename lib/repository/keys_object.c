#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/keys.h"

/* The header of packs and segments (docs/repository-format.md, "Sealing"). */
enum {
    MAGIC_LEN = 8,
    AT_WRAP = 8,
    AT_CLASS = 9,
    AT_GENERATION = 10,
    AT_ZERO = 12,
    AT_SALT = 16,
    SALT_LEN = 32,
    AT_SEALED = 48,
    AAD_LEN = REPOSITORY_ID_LEN + AT_SEALED
};
enum wrap { WRAP_SECRET = 1, WRAP_PUBLIC = 2 };

static const uint8_t zero_nonce[SEAL_NONCE_LEN];

/* What seals an object's key, and what of its header that is tied to. */
static int open_wrapping(const struct keys *k, const uint8_t wrapping[32],
                         const uint8_t header[OBJECT_HEADER_LEN], uint8_t ret_aad[AAD_LEN],
                         struct seal_box **ret, struct err *e)
{
    memcpy(ret_aad, k->repository, REPOSITORY_ID_LEN);
    memcpy(ret_aad + REPOSITORY_ID_LEN, header, AT_SEALED);
    return seal_box_open(wrapping, ret, e);
}

static int seal_key(const struct keys *k, const uint8_t wrapping[32],
                    uint8_t header[OBJECT_HEADER_LEN], const uint8_t key[SEAL_KEY_LEN],
                    struct err *e)
{
    uint8_t aad[AAD_LEN];
    struct seal_box *b;

    if (open_wrapping(k, wrapping, header, aad, &b, e) < 0)
        return -1;
    int rc =
        seal_box_seal(b, zero_nonce, aad, sizeof(aad), key, SEAL_KEY_LEN, header + AT_SEALED, e);
    seal_box_free(b);
    return rc;
}

static int unseal_key(const struct keys *k, const uint8_t wrapping[32],
                      const uint8_t header[OBJECT_HEADER_LEN], uint8_t ret_key[SEAL_KEY_LEN],
                      struct err *e)
{
    uint8_t aad[AAD_LEN];
    struct seal_box *b;

    if (open_wrapping(k, wrapping, header, aad, &b, e) < 0)
        return -1;
    int rc = seal_box_unseal(b, zero_nonce, aad, sizeof(aad), header + AT_SEALED,
                             OBJECT_HEADER_LEN - AT_SEALED, ret_key, e);
    seal_box_free(b);
    return rc;
}

/* The key that an object's key is sealed with, agreed on with the generation's key pair. */
static int agree(const uint8_t shared[32], const uint8_t header[OBJECT_HEADER_LEN],
                 const struct keys_generation *g, uint8_t ret[32], struct err *e)
{
    uint8_t salt[SALT_LEN + 32];

    memcpy(salt, header + AT_SALT, SALT_LEN);
    memcpy(salt + SALT_LEN, g->public_key, 32);
    return seal_hkdf(shared, 32, salt, sizeof(salt), "synbak object", ret, 32, e);
}

static int wrap_new(const struct keys_generation *g, uint8_t header[OBJECT_HEADER_LEN],
                    uint8_t ret[32], struct err *e)
{
    uint8_t secret[32], shared[32];

    if (g->may_read) {
        header[AT_WRAP] = WRAP_SECRET;
        if (seal_random(header + AT_SALT, SALT_LEN, e) < 0)
            return -1;
        return seal_hkdf(g->wrapping, 32, header + AT_SALT, SALT_LEN, "synbak object", ret, 32, e);
    }
    header[AT_WRAP] = WRAP_PUBLIC;
    int rc = seal_random(secret, sizeof(secret), e);
    if (rc == 0)
        rc = seal_x25519_public(secret, header + AT_SALT, e);
    if (rc == 0)
        rc = seal_x25519_shared(secret, g->public_key, shared, e);
    if (rc == 0)
        rc = agree(shared, header, g, ret, e);
    seal_wipe(secret, sizeof(secret));
    seal_wipe(shared, sizeof(shared));
    return rc;
}

int keys_object_new(const struct keys *k, const char magic[9], enum object_class class,
                    uint8_t header[OBJECT_HEADER_LEN], uint8_t ret_key[SEAL_KEY_LEN], struct err *e)
{
    const struct keys_generation *g = keys_current(k);
    uint8_t wrapping[32];

    memset(header, 0, OBJECT_HEADER_LEN);
    memcpy(header, magic, MAGIC_LEN);
    header[AT_CLASS] = (uint8_t) class;
    header[AT_GENERATION] = (uint8_t)g->number;
    header[AT_GENERATION + 1] = (uint8_t)(g->number >> 8);
    int rc = seal_random(ret_key, SEAL_KEY_LEN, e);
    if (rc == 0)
        rc = wrap_new(g, header, wrapping, e);
    if (rc == 0)
        rc = seal_key(k, wrapping, header, ret_key, e);
    seal_wipe(wrapping, sizeof(wrapping));
    return rc;
}

static int wrap_of(const struct keys_generation *g, const uint8_t header[OBJECT_HEADER_LEN],
                   uint8_t ret[32], struct err *e)
{
    uint8_t shared[32];

    if (header[AT_WRAP] == WRAP_SECRET)
        return seal_hkdf(g->wrapping, 32, header + AT_SALT, SALT_LEN, "synbak object", ret, 32, e);
    int rc = seal_x25519_shared(g->x25519, header + AT_SALT, shared, e);
    if (rc == 0)
        rc = agree(shared, header, g, ret, e);
    seal_wipe(shared, sizeof(shared));
    return rc;
}

static int check_header(const char magic[9], const uint8_t header[OBJECT_HEADER_LEN], struct err *e)
{
    static const uint8_t zero[AT_SALT - AT_ZERO];

    if (memcmp(header, magic, MAGIC_LEN) != 0)
        return err_set(e, ERR_FORMAT, "it does not begin with %s", magic);
    if ((header[AT_WRAP] != WRAP_SECRET && header[AT_WRAP] != WRAP_PUBLIC) ||
        header[AT_CLASS] > OBJECT_LISTS || memcmp(header + AT_ZERO, zero, sizeof(zero)) != 0)
        return err_set(e, ERR_FORMAT,
                       "its header is damaged, or was written by a newer version of synbak");
    return 0;
}

int keys_object_open(const struct keys *k, const char magic[9],
                     const uint8_t header[OBJECT_HEADER_LEN], enum object_class *ret_class,
                     uint8_t ret_key[SEAL_KEY_LEN], struct err *e)
{
    uint8_t wrapping[32];

    if (check_header(magic, header, e) < 0)
        return -1;
    unsigned number = header[AT_GENERATION] | (unsigned)header[AT_GENERATION + 1] << 8;
    const struct keys_generation *g = keys_find_generation(k, number);
    if (k->write_only)
        return err_set(e, ERR_KEY, "a write-only key cannot read what is stored");
    if (g == NULL)
        return err_set(e, ERR_DAMAGED,
                       "its header is damaged: there is no generation %u of the reading key",
                       number);
    if (!g->may_read)
        return err_set(e, ERR_KEY, "generation %u of the reading key is not at hand", number);
    int rc = wrap_of(g, header, wrapping, e);
    if (rc == 0 && unseal_key(k, wrapping, header, ret_key, e) < 0)
        rc = err_wrap(e, "its header is damaged");
    seal_wipe(wrapping, sizeof(wrapping));
    if (rc == 0)
        *ret_class = (enum object_class)header[AT_CLASS];
    return rc;
}
