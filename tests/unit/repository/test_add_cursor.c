/* The cursor over the chunks of last time: where it stands after what was known, new, inserted and
 * removed; and the set of ids beside it. */
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/repository/add_cursor.h"
#include "lib/repository/add_ids.h"
#include "lib/repository/list.h"
#include "tests/unit/repository/keys_fixture.h"

enum { COUNT = 20000 };

static struct chunk_id id_of(uint64_t i)
{
    struct chunk_id id = {{0}};

    bytes_put_u64(id.bytes, i * 0x9e3779b97f4a7c15ULL + 1);
    return id;
}

/* A list stream of chunks 0 to COUNT - 1. */
static struct add_cursor *open_cursor(int *ret_fd)
{
    _cleanup_free_ char *path = mem_printf("%s/list-XXXXXX", test_dir());
    struct buf out = BUF_INIT(4 << 20);
    struct err e = {0};

    for (uint64_t i = 0; i < COUNT; i += 200) {
        struct chunk_ref refs[200];
        for (uint64_t k = 0; k < 200; k++)
            refs[k] = (struct chunk_ref){.id = id_of(i + k), .length = 1};
        ASSERT_OK(list_put_content(&out, refs, 200, &e), e);
    }
    ASSERT_OK(list_put_end(&out, 0, COUNT, &e), e);
    *ret_fd = mkstemp(path);
    ASSERT(*ret_fd >= 0);
    ASSERT_EQ(write(*ret_fd, out.data, out.len), out.len);
    buf_deinit(&out);
    return add_cursor_of_content(*ret_fd);
}

static void known(struct add_cursor *c, uint64_t i)
{
    const struct chunk_id id = id_of(i);

    add_cursor_known(c, &id);
}

static void check_next(struct add_cursor *c, uint64_t wanted)
{
    const struct chunk_id id = id_of(wanted);
    struct chunk_id found;

    ASSERT(add_cursor_next(c, &found));
    ASSERT(chunk_id_equal(&found, &id));
}

TEST(what_is_new_takes_what_stood_there)
{
    struct chunk_id id;
    int fd;
    struct add_cursor *c = open_cursor(&fd);

    for (uint64_t i = 0; i < COUNT; i++)
        if (i % 3 == 0)
            check_next(c, i);
        else
            known(c, i);
    ASSERT(!add_cursor_next(c, &id));
    known(c, COUNT - 5); /* back again */
    check_next(c, COUNT - 4);
    add_cursor_free(c);
    (void)close(fd);
}

TEST(what_was_removed_is_skipped)
{
    int fd;
    struct add_cursor *c = open_cursor(&fd);

    known(c, 4095); /* as far off as is looked */
    check_next(c, 4096);
    known(c, 4097 + 4096); /* too far */
    check_next(c, 4097);
    known(c, 4000000); /* nowhere */
    check_next(c, 4098);
    add_cursor_free(c);
    (void)close(fd);
}

/* A run of new chunks moves the cursor too far: the next known one sets it right. */
TEST(what_was_inserted_does_no_harm_behind_itself)
{
    struct chunk_id id;
    int fd;
    struct add_cursor *c = open_cursor(&fd);

    known(c, 0);
    for (int i = 0; i < 1000; i++)
        ASSERT(add_cursor_next(c, &id));
    known(c, 1);
    check_next(c, 2);
    for (int i = 0; i < 6000; i++)
        ASSERT(add_cursor_next(c, &id));
    known(c, 3); /* too far behind, and overwritten since */
    check_next(c, 6003);
    known(c, 2500); /* not too far: nothing is loaded that was overwritten */
    check_next(c, 2501);
    add_cursor_free(c);
    (void)close(fd);
}

TEST(a_set_of_ids)
{
    enum { IDS = 3000 };
    struct add_ids s = {0};
    size_t removed = 0;

    for (uint64_t i = 0; i < IDS; i++) {
        struct chunk_id id = id_of(i % 2 == 0 ? i : i * 4096); /* many have the same home */
        if (i % 2 != 0)
            bytes_put_u64(id.bytes, i % 16);
        bytes_put_u64(id.bytes + 8, i);
        ASSERT(!add_ids_has(&s, &id));
        add_ids_put(&s, &id);
        ASSERT(add_ids_has(&s, &id));
        if (i % 3 == 0) {
            add_ids_remove(&s, &id);
            add_ids_remove(&s, &id); /* what is not there */
            removed++;
        }
    }
    ASSERT_EQ(s.count, IDS - removed);
    for (uint64_t i = 0; i < IDS; i++) {
        struct chunk_id id = id_of(i);
        if (i % 2 != 0)
            bytes_put_u64(id.bytes, i % 16);
        bytes_put_u64(id.bytes + 8, i);
        if (i % 2 != 0)
            memset(id.bytes + 16, 0, 16);
        ASSERT_EQ(add_ids_has(&s, &id), i % 3 != 0);
    }
    add_ids_deinit(&s);
}
