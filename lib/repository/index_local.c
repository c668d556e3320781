/* index_local.c — the happy path is: the head and what lies behind the pages are read and compared
 * at once, pages when they are wanted, their checksums compared the first time.
 *
 * Failure modes: anything wrong makes the file as good as none. */
#include "lib/repository/index_local.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/repository/index_local_parts.h"

enum { SWEEP_AGE_S = 24 * 3600, NAME_DIGITS = 64 };

void index_local_deinit(struct index_local *l)
{
    if (l->fd > 0)
        (void)io_close(l->fd);
    free(l->dir);
    free(l->named);
    free(l->ordinals);
    free(l->sums);
    free(l->seen);
    *l = (struct index_local){.fd = -1};
}

uint64_t index_local_sum(const uint8_t page[INDEX_PAGE])
{
    uint8_t hash[SEAL_HASH_LEN];

    seal_sha256(page, INDEX_PAGE, hash);
    return bytes_get_u64(hash);
}

static int read_exactly(int fd, void *data, size_t len, int64_t at, struct err *e)
{
    size_t got;

    if (fs_pread_full(fd, data, len, at, &got, e) < 0)
        return -1;
    return got == len ? 0 : err_set(e, ERR_DAMAGED, "it ends early");
}

static void take_marks(struct index_local *l, const uint8_t *marks, size_t pages)
{
    uint32_t before = 0;

    l->ordinals = mem_alloc((pages + 1) * sizeof(*l->ordinals));
    l->sums = mem_alloc(pages * sizeof(*l->sums));
    l->seen = mem_alloc(pages / 8 + 1);
    for (size_t i = 0; i < pages; i++, marks += LOCAL_MARK) {
        l->sums[i] = bytes_get_u64(marks);
        l->ordinals[i] = before;
        before += bytes_get_u32(marks + 8);
    }
    l->ordinals[pages] = before;
}

static int read_head(int fd, uint8_t head[LOCAL_HEAD], struct err *e)
{
    uint8_t hash[SEAL_HASH_LEN];

    if (read_exactly(fd, head, LOCAL_HEAD, 0, e) < 0)
        return -1;
    seal_sha256(head, LOCAL_AT_HEAD_HASH, hash);
    if (memcmp(head, INDEX_LOCAL_MAGIC, 8) != 0 ||
        memcmp(hash, head + LOCAL_AT_HEAD_HASH, sizeof(hash)) != 0)
        return err_set(e, ERR_DAMAGED, "its head is wrong");
    return 0;
}

static size_t part_len(const uint8_t *head, enum local_part part)
{
    if (part == LOCAL_MARKS)
        return (size_t)bytes_get_u32(head + LOCAL_AT_PAGES) * LOCAL_MARK;
    if (part == LOCAL_TABLE)
        return (size_t)bytes_get_u64(head + LOCAL_AT_TABLE);
    return (size_t)bytes_get_u32(head + LOCAL_AT_BLOCKS) * INDEX_FILTER_BLOCK;
}

/* One of the parts behind the pages, compared. Its length is the head's, which was. Owned. */
static int read_part(int fd, const uint8_t *head, enum local_part part, uint8_t **ret,
                     struct err *e)
{
    int64_t at = index_local_page_at(bytes_get_u32(head + LOCAL_AT_PAGES));
    size_t len = part_len(head, part);
    uint8_t hash[SEAL_HASH_LEN];

    for (enum local_part before = 0; before < part; before++)
        at += (int64_t)part_len(head, before);
    uint8_t *data = mem_alloc(len);
    int rc = read_exactly(fd, data, len, at, e);
    if (rc == 0) {
        seal_sha256(data, len, hash);
        if (memcmp(hash, head + LOCAL_AT_HASHES + part * SEAL_HASH_LEN, sizeof(hash)) != 0)
            rc = err_set(e, ERR_DAMAGED, "its checksum is wrong");
    }
    if (rc < 0)
        free(data);
    else
        *ret = data;
    return rc;
}

static int load(struct index_local *l, struct index_table *table, struct err *e)
{
    _cleanup_free_ uint8_t *marks = NULL, *plain = NULL;
    uint8_t head[LOCAL_HEAD];

    if (read_head(l->fd, head, e) < 0 || read_part(l->fd, head, LOCAL_MARKS, &marks, e) < 0 ||
        read_part(l->fd, head, LOCAL_TABLE, &plain, e) < 0 ||
        index_table_parse(plain, part_len(head, LOCAL_TABLE), table, e) < 0)
        return -1;
    if (table->page_count != bytes_get_u32(head + LOCAL_AT_PAGES) ||
        part_len(head, LOCAL_FILTER) == 0) {
        index_table_deinit(table);
        return err_set(e, ERR_DAMAGED, "its parts do not fit");
    }
    take_marks(l, marks, table->page_count);
    return 0;
}

int index_local_filter(struct index_local *l, struct index_filter *ret, struct err *e)
{
    uint8_t head[LOCAL_HEAD];

    if (read_head(l->fd, head, e) < 0 || read_part(l->fd, head, LOCAL_FILTER, &ret->bytes, e) < 0)
        return -1;
    ret->block_count = bytes_get_u32(head + LOCAL_AT_BLOCKS);
    return 0;
}

static char *path_of(const char *dir, const char *name)
{
    return mem_printf("%s/%s", dir, name);
}

int index_local_open(const char *dir, const struct pack_name *name, struct index_local *ret,
                     struct index_table *ret_table, struct err *e)
{
    char hex[NAME_DIGITS + 1];

    *ret = (struct index_local){.fd = -1};
    if (dir == NULL)
        return 1;
    hex_encode(name->bytes, sizeof(name->bytes), hex);
    _cleanup_free_ char *path = path_of(dir, hex);
    struct index_local l = {.fd = io_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0)};
    if (l.fd < 0)
        return 1;
    l.dir = mem_strdup(dir);
    l.named = mem_strdup(hex);
    if (load(&l, ret_table, e) < 0) {
        index_local_forget(&l);
        index_local_deinit(&l);
        return 1;
    }
    *ret = l;
    return 0;
}

int index_local_read(struct index_local *l, size_t number, uint8_t page[INDEX_PAGE], struct err *e)
{
    uint8_t bit = (uint8_t)(1U << (number % 8)), *seen = &l->seen[number / 8];

    if (__atomic_load_n(&l->bad, __ATOMIC_RELAXED))
        return err_set(e, ERR_DAMAGED, "its file on this machine is wrong");
    if (read_exactly(l->fd, page, INDEX_PAGE, index_local_page_at(number), e) < 0)
        return -1;
    if ((__atomic_load_n(seen, __ATOMIC_RELAXED) & bit) != 0)
        return 0;
    if (index_local_sum(page) != l->sums[number])
        return err_set(e, ERR_DAMAGED, "page %zu of its file on this machine is wrong", number);
    (void)__atomic_fetch_or(seen, bit, __ATOMIC_RELAXED);
    return 0;
}

int index_local_table(struct index_local *l, uint8_t **ret, size_t *ret_len, struct err *e)
{
    uint8_t head[LOCAL_HEAD];

    if (read_head(l->fd, head, e) < 0 || read_part(l->fd, head, LOCAL_TABLE, ret, e) < 0)
        return -1;
    *ret_len = part_len(head, LOCAL_TABLE);
    return 0;
}

void index_local_forget(struct index_local *l)
{
    __atomic_store_n(&l->bad, true, __ATOMIC_RELAXED);
    if (l->dir == NULL || l->named == NULL)
        return;
    _cleanup_free_ char *path = path_of(l->dir, l->named);
    (void)io_unlink(AT_FDCWD, path, 0);
}

static bool is_among(const char *hex, const struct pack_name *names, size_t count)
{
    struct pack_name name;

    if (strlen(hex) != NAME_DIGITS || hex_decode(hex, name.bytes, sizeof(name.bytes)) < 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (memcmp(&names[i], &name, sizeof(name)) == 0)
            return true;
    return false;
}

/* A day, because what another process is about to put has its file already. */
void index_local_sweep(const char *dir, const struct pack_name *names, size_t count)
{
    DIR *d = io_opendir(AT_FDCWD, dir);
    int64_t now = clock_wall().us / 1000000;
    struct dirent *entry;
    struct stat st;

    while (d != NULL && (entry = io_readdir(d)) != NULL)
        if (entry->d_name[0] != '.' && !is_among(entry->d_name, names, count) &&
            io_stat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && now - st.st_mtim.tv_sec > SWEEP_AGE_S)
            (void)io_unlink(dirfd(d), entry->d_name, 0);
    if (d != NULL)
        (void)io_closedir(d);
}
