/* Two digests in one pass are what OpenSSL says of the bytes, however they come in pieces. */
#include "lib/plain/digest_pair.h"
#include "tests/unit/plain/fixture.h"

enum { SEGMENT = 4096, LEN = 3 * SEGMENT + 777 };

static void check_pieces(const uint8_t *data, size_t len, size_t piece)
{
    struct digest_pair *p = digest_pair_new();
    uint8_t found[STORE_DIGEST_LEN], wanted[STORE_DIGEST_LEN];

    for (int again = 0; again < 2; again++) { /* the second volume begins as the first did */
        size_t begin = 0;
        for (size_t at = 0, n; at < len; at += n) {
            n = len - at < piece ? len - at : piece;
            if (n > begin + SEGMENT - at)
                n = begin + SEGMENT - at;
            digest_pair_update(p, data + at, n);
            if (at + n != begin + SEGMENT && at + n != len)
                continue;
            digest_pair_take_segment(p, found);
            digest_bytes(data + begin, at + n - begin, wanted);
            ASSERT(memcmp(found, wanted, sizeof(wanted)) == 0);
            begin = at + n;
        }
        digest_pair_take_volume(p, found);
        digest_bytes(data, len, wanted);
        ASSERT(memcmp(found, wanted, sizeof(wanted)) == 0);
    }
    digest_pair_free(p);
}

TEST(both_are_openssl_s)
{
    static const size_t pieces[] = {1, 7, 63, 64, 65, 128, 1000, SEGMENT, LEN};
    static const size_t lengths[] = {0, 1, 63, 64, 65, SEGMENT - 1, SEGMENT, SEGMENT + 1, LEN};
    uint8_t *data = mem_alloc(LEN + 1);

    fill_bytes(data, LEN + 1, 'r', 5);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        for (size_t k = 0; k < ARRAY_LEN(lengths); k++) /* not aligned, too */
            check_pieces(data + k % 2, lengths[k], pieces[i]);
    free(data);
}

TEST(lengths_beyond_32_bits)
{
    enum { PIECE = 1 << 20, PIECES = 513 }; /* more than 2^32 bits */
    uint8_t *data = mem_alloc(PIECE), found[STORE_DIGEST_LEN], wanted[STORE_DIGEST_LEN];
    struct digest_pair *p = digest_pair_new();
    struct digest *d = digest_new();

    fill_bytes(data, PIECE, 'r', 6);
    for (int i = 0; i < PIECES; i++) {
        digest_pair_update(p, data, PIECE);
        digest_update(d, data, PIECE);
    }
    digest_take(d, wanted);
    digest_pair_take_volume(p, found);
    ASSERT(memcmp(found, wanted, sizeof(wanted)) == 0);
    digest_free(d);
    digest_pair_free(p);
    free(data);
}
