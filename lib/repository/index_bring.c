/* index_bring.c — a whole segment into a file of this machine.
 *
 * The happy path is: the object's bytes come in ranges, several under way where the store is far; boxes of
 * pages are opened as they fill, and the digest of it all is compared with the name. */
#include <openssl/evp.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/index_parts.h"
#include "lib/store/read_ahead.h"

enum { RANGE = 1 << 20 };

struct bring {
    struct index_segment *segment;
    uint64_t asked, at; /* bytes of the object */
    EVP_MD_CTX *digest; /* owned */
    struct index_local_writer *writer;
    uint8_t box[INDEX_PAGE_BOX];
    size_t box_len, page;
};

static int next_range(void *arg, struct store_range *ret)
{
    struct bring *b = arg;
    uint64_t left = b->segment->object_len - b->asked;
    char object[80];

    if (left == 0)
        return 1;
    index_segment_object(&b->segment->name, object);
    ret->name = mem_strdup(object);
    ret->offset = b->asked;
    ret->len = left < RANGE ? (size_t)left : RANGE;
    b->asked += ret->len;
    return 0;
}

static int take_box(struct bring *b, struct err *e)
{
    struct index_segment *g = b->segment;
    uint8_t nonce[SEAL_NONCE_LEN], page[INDEX_PAGE];

    seal_nonce(nonce, OBJECT_HEADER_LEN + (uint64_t)b->page * INDEX_PAGE_BOX, SEAL_ITEM);
    if (seal_box_unseal(g->box, nonce, NULL, 0, b->box, sizeof(b->box), page, e) < 0 ||
        index_page_check(page, &g->table, b->page, e) < 0 ||
        index_local_add_page(b->writer, page, e) < 0)
        return -1;
    b->page++;
    b->box_len = 0;
    return 0;
}

static int take(struct bring *b, const uint8_t *data, size_t len, struct err *e)
{
    if (EVP_DigestUpdate(b->digest, data, len) != 1)
        return err_set(e, ERR_INTERNAL, "SHA-256 failed");
    if (b->at < OBJECT_HEADER_LEN) {
        size_t skip = OBJECT_HEADER_LEN - (size_t)b->at;
        skip = skip < len ? skip : len;
        b->at += skip;
        data += skip;
        len -= skip;
    }
    b->at += len;
    while (len > 0 && b->page < b->segment->table.page_count) {
        size_t n = sizeof(b->box) - b->box_len;
        n = n < len ? n : len;
        memcpy(b->box + b->box_len, data, n);
        b->box_len += n;
        data += n;
        len -= n;
        if (b->box_len == sizeof(b->box) && take_box(b, e) < 0)
            return -1;
    }
    return 0;
}

static int take_all(struct bring *b, struct store *s, struct err *e)
{
    struct read_ahead *r = read_ahead_new(s, RANGE, next_range, b);
    uint8_t hash[SEAL_HASH_LEN];
    const uint8_t *data;
    size_t len;
    int rc;

    while ((rc = read_ahead_next(r, &data, &len, e)) == 0 && (rc = take(b, data, len, e)) == 0)
        ;
    read_ahead_free(r);
    if (rc < 0)
        return -1;
    if (EVP_DigestFinal_ex(b->digest, hash, NULL) != 1)
        return err_set(e, ERR_INTERNAL, "SHA-256 failed");
    if (b->page != b->segment->table.page_count ||
        memcmp(hash, b->segment->name.bytes, sizeof(hash)) != 0)
        return err_set(e, ERR_DAMAGED, "its digest is not its name");
    return 0;
}

static int bring(struct bring *b, struct store *s, const char *dir, struct err *e)
{
    struct index_segment *g = b->segment;
    struct index_local file = {.fd = -1};
    struct index_filter filter = {0};

    b->digest = EVP_MD_CTX_new();
    if (b->digest == NULL || EVP_DigestInit_ex(b->digest, EVP_sha256(), NULL) != 1)
        return err_set(e, ERR_INTERNAL, "SHA-256 cannot begin");
    if (index_local_begin(dir, (uint64_t)g->table.page_count * INDEX_PAGE_ENTRIES, &b->writer, e) <
        0)
        return -1;
    if (take_all(b, s, e) < 0)
        return -1;
    if (index_local_end(TAKE(b->writer), &g->table, &file, &filter, e) < 0)
        return -1;
    if (index_local_name(&file, &g->name, e) < 0) {
        index_local_forget(&file);
        index_local_deinit(&file);
        index_filter_deinit(&filter);
        return -1;
    }
    index_local_deinit(&g->local);
    index_filter_deinit(&g->filter);
    g->local = file;
    g->filter = filter;
    return 0;
}

int index_segment_bring(struct index_segment *g, struct store *s, const struct keys *k,
                        const char *dir, struct err *e)
{
    struct bring b = {.segment = g};

    if (g->box == NULL && index_segment_open(g, s, k, e) < 0)
        return index_segment_wrap(&g->name, s, e);
    int rc = bring(&b, s, dir, e);
    index_local_abort(b.writer);
    EVP_MD_CTX_free(b.digest);
    return rc < 0 ? index_segment_wrap(&g->name, s, e) : 0;
}
