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
#include "lib/base/sha_rounds.h"
#include "lib/plain/cipher.h"

enum { BLOCK = 64, DIGEST = 32, SALT_MAX = 16, LANES = 2, INNER = 0, OUTER = 1 };

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

/* One run of rounds: one part of what comes out. */
struct lane {
    uint8_t blocks[2][BLOCK]; /* what the inner hash is over, and the outer one */
    SHA256_CTX state;
    uint8_t sum[DIGEST];
};

/* The two of a key and its initial vector go side by side, hardly dearer than one. */
static void compress(struct lane *l, size_t count, bool woven, int which)
{
#ifdef __x86_64__
    if (woven) {
        sha_two(l[0].state.h, l[0].blocks[which], l[1].state.h, l[1].blocks[which], 1);
        return;
    }
#endif
    (void)woven;
    for (size_t i = 0; i < count; i++)
        SHA256_Transform(&l[i].state, l[i].blocks[which]);
}

/* The hash of a block `which`, begun as in `start`, into the other block. */
static void hash(struct lane *l, size_t count, bool woven, int which, const SHA256_CTX *start)
{
    for (size_t i = 0; i < count; i++)
        memcpy(l[i].state.h, start->h, sizeof(start->h));
    compress(l, count, woven, which);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < 8; k++)
            put_be32(l[i].blocks[!which] + 4 * k, l[i].state.h[k]);
}

/* U1 xor U2 xor ... of the rounds, in each lane. */
static void run_rounds(const struct keyed *k, struct lane *l, size_t count)
{
    bool woven = count == 2 && sha_rounds_have();

    for (int round = 0; round < CIPHER_ITERATIONS; round++) {
        hash(l, count, woven, INNER, &k->inner);
        for (size_t i = 0; i < count && round == 0; i++)
            close_block(l[i].blocks[INNER], DIGEST);
        hash(l, count, woven, OUTER, &k->outer);
        for (size_t i = 0; i < count; i++)
            for (size_t n = 0; n < DIGEST; n++)
                l[i].sum[n] ^= l[i].blocks[INNER][n];
    }
}

int cipher_stretch(const struct secret *key, const uint8_t *salt, size_t salt_len, uint8_t *out,
                   size_t out_len, struct err *e)
{
    size_t count = (out_len + DIGEST - 1) / DIGEST;
    struct lane lanes[LANES] = {0};
    struct keyed k;

    if (salt_len > SALT_MAX || count > LANES)
        return err_set(e, ERR_INTERNAL, "a salt of %zu bytes for %zu bytes of key", salt_len,
                       out_len);
    keyed_init(&k, key);
    for (size_t i = 0; i < count; i++) {
        memcpy(lanes[i].blocks[INNER], salt, salt_len);
        put_be32(lanes[i].blocks[INNER] + salt_len, (uint32_t)i + 1);
        close_block(lanes[i].blocks[INNER], salt_len + 4);
        close_block(lanes[i].blocks[OUTER], DIGEST);
        lanes[i].state = k.inner;
    }
    run_rounds(&k, lanes, count);
    for (size_t i = 0; i < count; i++) {
        size_t left = out_len - i * DIGEST;
        memcpy(out + i * DIGEST, lanes[i].sum, left < DIGEST ? left : DIGEST);
    }
    mem_wipe(lanes, sizeof(lanes));
    mem_wipe(&k, sizeof(k));
    return 0;
}
