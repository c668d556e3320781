/* stretch.c — PBKDF2-HMAC-SHA-256 (RFC 8018, 5.2).
 *
 * OpenSSL 3's own copies and frees a context in each of the 600,000 rounds and takes 0.35 s where
 * the hashing itself takes 0.1 s. Each artifact and each MAC key costs one stretching, on cores
 * that pg_dump and its server keep busy, so the rounds are made here over OpenSSL's compression
 * function; a test compares with OpenSSL's result. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Transform has no successor */

#include <openssl/sha.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/plain/cipher.h"

enum { BLOCK = 64, DIGEST = 32, SALT_MAX = 16 };

static void put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* HMAC's two keyed states: the key is shorter than a block, or hashed first. */
struct keyed {
    SHA256_CTX inner, outer;
};

static void keyed_init(struct keyed *k, const struct secret *key)
{
    uint8_t pad[BLOCK] = {0};

    if (key->len > BLOCK)
        (void)SHA256((const uint8_t *)key->text, key->len, pad);
    else
        memcpy(pad, key->text, key->len);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36;
    (void)SHA256_Init(&k->inner);
    SHA256_Transform(&k->inner, pad);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    (void)SHA256_Init(&k->outer);
    SHA256_Transform(&k->outer, pad);
    mem_wipe(pad, sizeof(pad));
}

/* One block that ends a message of BLOCK + len bytes, the first BLOCK of which are in the state. */
static void close_block(uint8_t block[BLOCK], size_t len)
{
    memset(block + len, 0, BLOCK - len);
    block[len] = 0x80;
    put_be32(block + BLOCK - 4, (uint32_t)(BLOCK + len) * 8);
}

static void finish(SHA256_CTX *state, const SHA256_CTX *start, const uint8_t block[BLOCK],
                   uint8_t out[DIGEST])
{
    memcpy(state->h, start->h, sizeof(state->h));
    SHA256_Transform(state, block);
    for (size_t i = 0; i < 8; i++)
        put_be32(out + 4 * i, state->h[i]);
}

/* The n-th DIGEST bytes, n from 1: U1 xor U2 xor ... of the rounds. */
static void derive_part(const struct keyed *k, const uint8_t *salt, size_t salt_len, uint32_t n,
                        uint8_t out[DIGEST])
{
    uint8_t inner[BLOCK], outer[BLOCK];
    SHA256_CTX state = k->inner;

    memcpy(inner, salt, salt_len);
    put_be32(inner + salt_len, n);
    close_block(inner, salt_len + 4);
    close_block(outer, DIGEST);
    memset(out, 0, DIGEST);
    for (int round = 0; round < CIPHER_ITERATIONS; round++) {
        finish(&state, &k->inner, inner, outer);
        if (round == 0)
            close_block(inner, DIGEST);
        finish(&state, &k->outer, outer, inner);
        for (size_t i = 0; i < DIGEST; i++)
            out[i] ^= inner[i];
    }
    mem_wipe(inner, sizeof(inner));
    mem_wipe(outer, sizeof(outer));
    mem_wipe(&state, sizeof(state));
}

int cipher_stretch(const struct secret *key, const uint8_t *salt, size_t salt_len, uint8_t *out,
                   size_t out_len, struct err *e)
{
    struct keyed k;
    uint8_t part[DIGEST];

    if (salt_len > SALT_MAX)
        return err_set(e, ERR_INTERNAL, "a salt of %zu bytes", salt_len);
    keyed_init(&k, key);
    for (uint32_t n = 1; out_len > 0; n++) {
        size_t take = out_len < DIGEST ? out_len : DIGEST;
        derive_part(&k, salt, salt_len, n, part);
        memcpy(out, part, take);
        out += take;
        out_len -= take;
    }
    mem_wipe(part, sizeof(part));
    mem_wipe(&k, sizeof(k));
    return 0;
}
