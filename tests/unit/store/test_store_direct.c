/* Whole pages on their way past the page cache: the bytes are the same whatever the file system
 * grants, and what goes wrong is told or made good. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

#include "lib/store/store.h"

enum { PIECE = 1 << 20, PIECES = 3, TAIL = 777, WHOLE = PIECES * PIECE, ALL = WHOLE + TAIL };

static struct err e;

static struct store *make(uint8_t **data)
{
    struct store *s;

    *data = mem_alloc_pages(ALL);
    for (size_t i = 0; i < ALL; i++)
        (*data)[i] = (uint8_t)(i * 7 + i / 251);
    ASSERT_OK(store_open_directory(test_dir(), false, &s, &e), e);
    return s;
}

/* Written piece by piece, sealed twice: two ranges are compared side by side. */
static int put(struct store *s, const uint8_t *data, size_t len)
{
    struct store_put *p;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    size_t sealed = 0;

    if (store_put_begin(s, "a/b", STORE_AFRESH, &p, &e) < 0)
        return -1;
    for (size_t at = 0; at < len; at += PIECE) {
        size_t n = len - at < PIECE ? len - at : PIECE;
        if (store_put_write(p, data + at, n, &e) < 0)
            goto fail;
        if (at + n != 2 * PIECE && at + n != len)
            continue;
        (void)SHA256(data + sealed, at + n - sealed, digest);
        if (store_put_seal(p, digest, &e) < 0)
            goto fail;
        sealed = at + n;
    }
    return store_put_commit(p, "a/b", STORE_REPLACE, &e);
fail:
    store_put_abort(p);
    return -1;
}

static void check_content(struct store *s, const uint8_t *data, size_t len)
{
    struct buf out = BUF_INIT(ALL);

    ASSERT_OK(store_get_bytes(s, "a/b", &out, &e), e);
    ASSERT_EQ(out.len, len);
    ASSERT(memcmp(out.data, data, len) == 0);
    buf_deinit(&out);
}

TEST(pages_go_past_the_cache_where_that_is_possible)
{
    uint8_t *data;
    struct store *s = make(&data);
    int fd = open(test_dir(), O_TMPFILE | O_RDWR | O_DIRECT, 0600);

    if (fd >= 0) { /* else a file system without O_DIRECT */
        (void)close(fd);
        seam_deny("write", EIO); /* the call of the other way */
    }
    ASSERT_OK(put(s, data, WHOLE), e);
    seam_deny(NULL, 0);
    check_content(s, data, WHOLE);
    ASSERT_OK(put(s, data, ALL), e); /* the tail fills no page */
    check_content(s, data, ALL);
    store_close(s);
    free(data);
}

TEST(refused_cut_short_or_interrupted)
{
    uint8_t *data;
    struct store *s = make(&data);

    seam_deny("pwrite", EINVAL);
    ASSERT_OK(put(s, data, ALL), e);
    check_content(s, data, ALL);
    seam_deny(NULL, 0);
    seam_interrupt(true);
    ASSERT_OK(put(s, data, ALL), e);
    check_content(s, data, ALL);
    seam_short_counts(true); /* what is left then fills no page */
    ASSERT_OK(put(s, data, ALL), e);
    seam_reset();
    check_content(s, data, ALL);
    ASSERT_OK(put(s, data + 1, WHOLE), e); /* not on a page */
    check_content(s, data + 1, WHOLE);
    store_close(s);
    free(data);
}

TEST(what_fails_is_told_or_made_good)
{
    uint8_t *data;
    struct store *s = make(&data);
    unsigned told = 0, good = 0, found = 0;

    for (uint64_t n = 1;; n++) {
        seam_reset();
        seam_fail_once(n, EIO);
        int rc = put(s, data, ALL);
        bool over = seam_count() < n;
        seam_reset();
        if (rc == 0)
            check_content(s, data, ALL);
        if (over)
            break;
        rc == 0 ? good++ : told++;
    }
    for (uint64_t n = 1;; n++) {
        seam_reset();
        seam_flip_at(n);
        int rc = put(s, data, ALL);
        bool over = seam_count() < n;
        seam_reset();
        if (rc == 0)
            check_content(s, data, ALL);
        else
            ASSERT_EQ(e.code, ERR_DAMAGED);
        if (over)
            break;
        found += rc < 0;
    }
    ASSERT(told > 0 && good > 0);
    ASSERT(found > PIECES); /* the tail's write, too */
    printf("# %u failures told, %u made good, %u flipped bits found\n", told, good, found);
    store_close(s);
    free(data);
}
