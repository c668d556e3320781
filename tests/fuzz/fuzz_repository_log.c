/* Any texts as records of both logs and as a trash list, sealed and signed as they have to be: refused, or sets that are
 * what headers promise. And any bytes as a log's object.
 *
 * Input: lines. One that begins with 'W' or 'P' is the body of the next record of the writer's or pruner's log,
 * with 'T' the trash list that the pruner's next record names. 64 'p' in a row stand for the hash of the record before,
 * 64 't' for the digest of the list. Input that begins with 'B' is the object of a log. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/repository/log_parts.h"
#include "lib/repository/repository.h"
#include "tests/lib/memory_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OBJECT_SIZE = 2 << 20, HEX = 2 * SEAL_HASH_LEN };

struct role {
    enum log_role role;
    struct buf object;
    uint8_t last[SEAL_HASH_LEN]; /* of the record before */
    uint64_t count;
};

struct world {
    struct keys *k;
    struct store *s;
    struct role writer, pruner;
    uint8_t list[SEAL_HASH_LEN];
};

static void insist(bool holds)
{
    if (!holds)
        abort();
}

static struct keys *keys_of_a_kind(void)
{
    static const uint8_t id[REPOSITORY_ID_LEN] = {7};
    static struct keys *k; /* made once: curves take long */

    if (k == NULL)
        insist(keys_create_for(id, &k, NULL) == 0);
    return k;
}

static void fill_in(uint8_t *text, size_t len, char mark, const uint8_t hash[SEAL_HASH_LEN])
{
    char hex[HEX + 1], marks[HEX];

    hex_encode(hash, SEAL_HASH_LEN, hex);
    memset(marks, mark, sizeof(marks));
    for (uint8_t *at = text; (at = memmem(at, len - (size_t)(at - text), marks, HEX)) != NULL;)
        memcpy(at, hex, HEX);
}

static void seal_text(const struct keys *k, const uint8_t *text, size_t len, uint8_t *out)
{
    struct seal_box *b = NULL;

    memset(out, 0, LOG_SALT_LEN);
    insist(log_box_open(k, out, &b, NULL) == 0 &&
           log_box_seal(b, text, len, out + LOG_SALT_LEN, NULL) == 0);
    seal_box_free(b);
}

static void add_record(struct world *w, struct role *r, uint8_t *text, size_t len)
{
    static const char purpose[] = "synbak log";
    const size_t head = sizeof(purpose) - 1 + REPOSITORY_ID_LEN + 1 + 8;
    const size_t box = LOG_SALT_LEN + len + SEAL_TAG_LEN, record = box + SEAL_SIGNATURE_LEN;
    _cleanup_free_ uint8_t *signing = mem_alloc(head + record);
    uint8_t length[4], *at = signing;

    fill_in(text, len, 'p', r->last);
    fill_in(text, len, 't', w->list);
    memcpy(at, purpose, sizeof(purpose) - 1);
    at += sizeof(purpose) - 1;
    memcpy(at, w->k->repository, REPOSITORY_ID_LEN);
    at += REPOSITORY_ID_LEN;
    *at++ = (uint8_t)r->role;
    bytes_put_u64(at, ++r->count);
    at += 8;
    seal_text(w->k, text, len, at);
    insist(seal_sign(r->role == LOG_WRITER ? w->k->writer : w->k->pruner, signing, head + box,
                     at + box, NULL) == 0);
    seal_sha256(at, record, r->last);
    bytes_put_u32(length, (uint32_t)record);
    insist(buf_append(&r->object, length, 4, NULL) == 0 &&
           buf_append(&r->object, at, record, NULL) == 0);
}

static void add_list(struct world *w, const uint8_t *text, size_t len)
{
    const size_t object = LOG_SALT_LEN + len + SEAL_TAG_LEN;
    _cleanup_free_ uint8_t *out = mem_alloc(object);
    char name[32];

    seal_text(w->k, text, len, out);
    seal_sha256(out, object, w->list);
    (void)snprintf(name, sizeof(name), "trash/%012llu", (unsigned long long)w->pruner.count + 1);
    insist(store_put_bytes(w->s, name, out, object, STORE_REPLACE, NULL) == 0);
}

static void put_log(struct world *w, const struct role *r)
{
    char name[LOG_NAME_SIZE];

    if (r->count == 0)
        return;
    log_object_name(r->role, r->count, name);
    insist(store_put_bytes(w->s, name, r->object.data, r->object.len, STORE_REPLACE, NULL) == 0);
}

static void check_sets(const struct repository *r)
{
    struct repository_trash *trash = NULL;
    struct repository_set *sets, found;
    size_t count;

    if (repository_sets(r, &sets, &count, NULL) == 0) {
        insist(count <= log_count(r->writer));
        for (size_t i = 0; i < count; i++) {
            insist(str_is_name(sets[i].job) && sets[i].number >= 1 &&
                   sets[i].number <= log_count(r->writer) && json_is_object(sets[i].describe));
            insist(sets[i].manifest.length >= 1 && sets[i].manifest.length <= CHUNK_MAX &&
                   sets[i].sequence >= 0 && sets[i].pinned == (sets[i].pin_reason != NULL));
            insist(repository_find_set(r, sets[i].job, sets[i].id, &found, NULL) == 0);
        }
        free(sets);
    }
    if (repository_trash(r, &trash, &count, NULL) == 0)
        free(trash);
}

static void read_back(struct world *w)
{
    struct repository r = {.store = w->s, .keys = w->k};

    put_log(w, &w->writer);
    put_log(w, &w->pruner);
    if (log_open(w->s, w->k, LOG_WRITER, NULL, NULL, &r.writer, NULL) == 0 &&
        log_open(w->s, w->k, LOG_PRUNER, NULL, NULL, &r.pruner, NULL) == 0) {
        const struct log_head head = log_head(r.pruner);
        insist(log_count(r.pruner) == w->pruner.count &&
               memcmp(head.hash, w->pruner.last, SEAL_HASH_LEN) == 0);
        check_sets(&r);
    }
    log_close(r.pruner);
    log_close(r.writer);
}

static void read_lines(const uint8_t *data, size_t size)
{
    struct world w = {.k = keys_of_a_kind(),
                      .s = memory_store_new(),
                      .writer = {.role = LOG_WRITER, .object = BUF_INIT(OBJECT_SIZE)},
                      .pruner = {.role = LOG_PRUNER, .object = BUF_INIT(OBJECT_SIZE)}};

    for (size_t at = 0, len; at < size; at += len + 1) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        len = end == NULL ? size - at : (size_t)(end - data) - at;
        if (len == 0)
            continue;
        _cleanup_free_ uint8_t *text = mem_copy(data + at, len);
        struct role *r = text[0] == 'W' ? &w.writer : &w.pruner;
        if (text[0] == 'T')
            add_list(&w, text + 1, len - 1);
        else if (text[0] == 'W' || text[0] == 'P')
            if (r->count < LOG_GROUP && len < OBJECT_SIZE / LOG_GROUP / 2)
                add_record(&w, r, text + 1, len - 1);
    }
    read_back(&w);
    buf_deinit(&w.writer.object);
    buf_deinit(&w.pruner.object);
    store_close(w.s);
}

/* Nobody signed it. */
static void read_object(const uint8_t *data, size_t size)
{
    struct log *l = NULL;
    struct store *s = memory_store_new();
    char name[LOG_NAME_SIZE];

    log_object_name(LOG_WRITER, 2, name);
    insist(store_put_bytes(s, name, data, size, STORE_REPLACE, NULL) == 0);
    insist(log_open(s, keys_of_a_kind(), LOG_WRITER, NULL, NULL, &l, NULL) < 0);
    store_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 'B')
        read_object(data + 1, size - 1);
    else if (size < OBJECT_SIZE / 2)
        read_lines(data, size);
    return 0;
}
