/* index_local_write.c — pages are written as they fill; the head, which makes the file valid, last. No
 * fsync: what a power loss makes of it shows by its checksums. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/repository/index_local_parts.h"

struct index_local_writer {
    struct index_local file;
    struct index_filter filter;
    struct index_page page;
    uint8_t *first_ids, *marks; /* owned */
    size_t page_count, page_room;
};

static const char *const temporary[] = {"/var/tmp", "/tmp"};

/* A fresh file NAME.RANDOM in dir. */
static int make_file(const char *dir, const char *name, int *ret_fd, char **ret_name, struct err *e)
{
    uint8_t random[8];
    char tag[2 * sizeof(random) + 1];

    if (io_random(random, sizeof(random)) != 0)
        return err_sys(e, ERR_IO, errno, "random bytes");
    hex_encode(random, sizeof(random), tag);
    *ret_name = mem_printf("%s.%s", name, tag);
    _cleanup_free_ char *path = mem_printf("%s/%s", dir, *ret_name);
    *ret_fd = io_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*ret_fd >= 0)
        return 0;
    free(TAKE(*ret_name));
    return err_sys(e, ERR_IO, errno, "make %s", path);
}

static int make_named(struct index_local *l, const char *dir, struct err *e)
{
    if (fs_make_dirs(AT_FDCWD, dir, 0700, e) < 0)
        return -1;
    l->dir = mem_strdup(dir);
    return make_file(dir, "new", &l->fd, &l->named, e);
}

static int make_nameless(struct index_local *l, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(temporary); i++) {
        _cleanup_free_ char *name = NULL;
        if (make_file(temporary[i], "synbak-index", &l->fd, &name, e) < 0)
            continue;
        _cleanup_free_ char *path = mem_printf("%s/%s", temporary[i], name);
        (void)io_unlink(AT_FDCWD, path, 0);
        return 0;
    }
    return -1;
}

int index_local_begin(const char *dir, uint64_t max_entries, struct index_local_writer **ret,
                      struct err *e)
{
    struct index_local_writer *w = mem_alloc(sizeof(*w));

    w->file.fd = -1;
    if ((dir != NULL ? make_named(&w->file, dir, e) : make_nameless(&w->file, e)) < 0) {
        index_local_abort(w);
        return -1;
    }
    index_filter_init(&w->filter, max_entries);
    index_page_clear(&w->page);
    *ret = w;
    return 0;
}

static int write_at(struct index_local_writer *w, const void *data, size_t len, int64_t at,
                    struct err *e)
{
    const uint8_t *p = data;

    while (len > 0) {
        ssize_t n = io_pwrite(w->file.fd, p, len, at);
        if (n < 0 && errno != EINTR)
            return err_sys(e, ERR_IO, errno, "write %s/%s",
                           w->file.dir != NULL ? w->file.dir : "a temporary file",
                           w->file.named != NULL ? w->file.named : "");
        if (n > 0) {
            p += n;
            len -= (size_t)n;
            at += n;
        }
    }
    return 0;
}

int index_local_add_page(struct index_local_writer *w, const uint8_t page[INDEX_PAGE],
                         struct err *e)
{
    struct index_page_at at = index_page_begin(page);
    struct index_item x;

    if (w->page_count == w->page_room) {
        w->page_room = w->page_room == 0 ? 64 : 2 * w->page_room;
        w->first_ids = mem_resize_array(w->first_ids, w->page_room, CHUNK_ID_LEN);
        w->marks = mem_resize_array(w->marks, w->page_room, LOCAL_MARK);
    }
    memcpy(w->first_ids + w->page_count * CHUNK_ID_LEN, page + 2, CHUNK_ID_LEN);
    bytes_put_u64(w->marks + w->page_count * LOCAL_MARK, index_local_sum(page));
    bytes_put_u32(w->marks + w->page_count * LOCAL_MARK + 8, (uint32_t)at.left);
    while (index_page_next(&at, &x))
        index_filter_add(&w->filter, &x.chunk.id);
    if (write_at(w, page, INDEX_PAGE, index_local_page_at(w->page_count), e) < 0)
        return -1;
    w->page_count++;
    return 0;
}

int index_local_add(struct index_local_writer *w, const struct index_item *x, struct err *e)
{
    if (index_page_add(&w->page, x))
        return 0;
    if (index_local_add_page(w, w->page.bytes, e) < 0)
        return -1;
    index_page_clear(&w->page);
    (void)index_page_add(&w->page, x);
    return 0;
}

static int write_rest(struct index_local_writer *w, struct index_table *table, struct err *e)
{
    int64_t at = index_local_page_at(w->page_count);
    _cleanup_free_ uint8_t *plain = NULL;
    uint8_t head[LOCAL_HEAD] = {0};
    size_t table_len;

    table->page_count = w->page_count;
    plain = index_table_encode(table, w->first_ids, &table_len);
    const struct {
        const void *data;
        size_t len;
    } parts[LOCAL_PARTS] = {
        [LOCAL_MARKS] = {w->marks, w->page_count * LOCAL_MARK},
        [LOCAL_TABLE] = {plain, table_len},
        [LOCAL_FILTER] = {w->filter.bytes, (size_t)w->filter.block_count * INDEX_FILTER_BLOCK}};
    for (size_t i = 0; i < LOCAL_PARTS; i++) {
        if (write_at(w, parts[i].data, parts[i].len, at, e) < 0)
            return -1;
        seal_sha256(parts[i].data, parts[i].len, head + LOCAL_AT_HASHES + i * SEAL_HASH_LEN);
        at += (int64_t)parts[i].len;
    }
    memcpy(head, INDEX_LOCAL_MAGIC, 8);
    bytes_put_u32(head + LOCAL_AT_PAGES, (uint32_t)w->page_count);
    bytes_put_u32(head + LOCAL_AT_BLOCKS, w->filter.block_count);
    bytes_put_u64(head + LOCAL_AT_TABLE, table_len);
    seal_sha256(head, LOCAL_AT_HEAD_HASH, head + LOCAL_AT_HEAD_HASH);
    return write_at(w, head, LOCAL_HEAD, 0, e);
}

static void take_pages(struct index_local_writer *w, struct index_table *table)
{
    struct index_local *l = &w->file;
    uint32_t before = 0;

    free(table->firsts);
    table->firsts = mem_alloc(w->page_count * sizeof(*table->firsts));
    l->ordinals = mem_alloc((w->page_count + 1) * sizeof(*l->ordinals));
    l->sums = mem_alloc(w->page_count * sizeof(*l->sums));
    l->seen = mem_alloc(w->page_count / 8 + 1);
    for (size_t i = 0; i < w->page_count; i++) {
        struct chunk_id id;
        memcpy(id.bytes, w->first_ids + i * CHUNK_ID_LEN, CHUNK_ID_LEN);
        table->firsts[i] = index_prefix(&id);
        l->sums[i] = bytes_get_u64(w->marks + i * LOCAL_MARK);
        l->ordinals[i] = before;
        before += bytes_get_u32(w->marks + i * LOCAL_MARK + 8);
    }
    l->ordinals[w->page_count] = before;
}

int index_local_end(struct index_local_writer *w, struct index_table *table,
                    struct index_local *ret, struct index_filter *ret_filter, struct err *e)
{
    int rc = w->page.count > 0 ? index_local_add_page(w, w->page.bytes, e) : 0;

    if (rc == 0)
        rc = write_rest(w, table, e);
    if (rc == 0) {
        take_pages(w, table);
        *ret = w->file;
        *ret_filter = w->filter;
        w->file = (struct index_local){.fd = -1};
        w->filter = (struct index_filter){0};
    }
    index_local_abort(w);
    return rc;
}

void index_local_abort(struct index_local_writer *w)
{
    if (w == NULL)
        return;
    index_local_forget(&w->file);
    index_local_deinit(&w->file);
    index_filter_deinit(&w->filter);
    free(w->first_ids);
    free(w->marks);
    free(w);
}

int index_local_name(struct index_local *l, const struct pack_name *name, struct err *e)
{
    char hex[65];

    if (l->dir == NULL)
        return 0;
    hex_encode(name->bytes, sizeof(name->bytes), hex);
    _cleanup_free_ char *from = mem_printf("%s/%s", l->dir, l->named);
    _cleanup_free_ char *to = mem_printf("%s/%s", l->dir, hex);
    if (io_rename(AT_FDCWD, from, AT_FDCWD, to, 0) != 0)
        return err_sys(e, ERR_IO, errno, "rename %s to %s", from, to);
    free(l->named);
    l->named = mem_strdup(hex);
    return 0;
}
