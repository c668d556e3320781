/* What is encrypted and digested in one pass is what OpenSSL makes of it step by step, however the
 * bytes come in pieces and the pieces come out. */
#include <openssl/evp.h>

#include "lib/plain/encrypt.h"
#include "tests/unit/plain/fixture.h"

enum { LEN = 3000, SEGMENT = 1024 };

/* OpenSSL's, from the salt in the header on. */
static size_t expected(const uint8_t *header, const uint8_t *data, size_t len, uint8_t *out)
{
    uint8_t material[CIPHER_KEY + CIPHER_BLOCK];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    struct err e = {0};
    int n = 0, last = 0;

    ASSERT_OK(cipher_stretch_header(&test_key, header, material, &e), e);
    memcpy(out, header, CIPHER_HEADER);
    ASSERT_EQ(EVP_EncryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, material, material + CIPHER_KEY), 1);
    ASSERT_EQ(EVP_EncryptUpdate(ctx, out + CIPHER_HEADER, &n, data, (int)len), 1);
    ASSERT_EQ(EVP_EncryptFinal_ex(ctx, out + CIPHER_HEADER + n, &last), 1);
    EVP_CIPHER_CTX_free(ctx);
    return CIPHER_HEADER + (size_t)(n + last);
}

struct run {
    struct digest_pair *digests;
    uint8_t out[LEN + 2 * CIPHER_BLOCK];
    size_t len, segment_begin;
};

static void end_segment(struct run *r)
{
    uint8_t found[STORE_DIGEST_LEN], wanted[STORE_DIGEST_LEN];

    digest_pair_take_segment(r->digests, found);
    digest_bytes(r->out + r->segment_begin, r->len - r->segment_begin, wanted);
    ASSERT(memcmp(found, wanted, sizeof(wanted)) == 0);
    r->segment_begin = r->len;
}

/* In pieces of `piece` bytes, cut where a segment is full as feed.c cuts them. */
static void encrypt_in_pieces(struct run *r, const uint8_t *data, size_t len, size_t piece)
{
    uint8_t header[CIPHER_HEADER], volume[STORE_DIGEST_LEN], wanted[STORE_DIGEST_LEN];
    uint8_t theirs[sizeof(r->out)];
    struct encrypt *x = NULL;
    struct err e = {0};
    size_t made;

    ASSERT_OK(encrypt_new(&test_key, r->digests, header, &x, &e), e);
    memcpy(r->out, header, sizeof(header));
    r->len = sizeof(header);
    for (size_t at = 0, n; at < len; at += n) {
        size_t room = SEGMENT - (r->len - r->segment_begin) - encrypt_carried(x);
        n = len - at < piece ? len - at : piece;
        n = n < room ? n : room;
        ASSERT_OK(encrypt_update(x, data + at, n, r->out + r->len, &made, &e), e);
        r->len += made;
        if (r->len - r->segment_begin == SEGMENT)
            end_segment(r);
    }
    ASSERT_OK(encrypt_final(x, r->out + r->len, &e), e);
    r->len += CIPHER_BLOCK;
    end_segment(r);
    digest_pair_take_volume(r->digests, volume);
    digest_bytes(r->out, r->len, wanted);
    ASSERT(memcmp(volume, wanted, sizeof(wanted)) == 0);
    ASSERT_EQ(expected(header, data, len, theirs), r->len);
    ASSERT(memcmp(r->out, theirs, r->len) == 0);
    encrypt_free(x);
}

TEST(all_is_openssl_s)
{
    /* few, because each stretches the key twice */
    static const struct {
        size_t len, piece, offset;
    } cases[] = {
        {LEN, LEN, 0}, {LEN, 17, 1}, {SEGMENT - CIPHER_HEADER, 1, 0}, {112, 64, 1}, {0, 1, 0}};
    uint8_t *data = mem_alloc(LEN + 1);

    fill_bytes(data, LEN + 1, 'r', 7);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run r = {.digests = digest_pair_new()};
        encrypt_in_pieces(&r, data + cases[i].offset, cases[i].len, cases[i].piece);
        digest_pair_free(r.digests);
    }
    free(data);
}
