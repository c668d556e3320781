#include "lib/base/mem.h"
#include "lib/store/sftp_packet.h"
#include "tests/lib/test.h"

TEST(frames_are_as_the_draft_says)
{
    _cleanup_free_ struct sftp_frame *f = sftp_frame_new(
        FXP_WRITE, "bUb", "hh", (size_t)2, (uint64_t)0x0102030405060708, "xyz", (size_t)3);
    static const uint8_t want[] = {0, 0, 0, 26, 6, 9, 9, 9, 9, 0, 0, 0, 2,   'h', 'h',
                                   1, 2, 3, 4,  5, 6, 7, 8, 0, 0, 0, 3, 'x', 'y', 'z'};

    sftp_frame_number(f, 0x09090909);
    ASSERT_EQ(f->len, sizeof(want));
    ASSERT(memcmp(f->data, want, sizeof(want)) == 0);
}

TEST(strings_and_numbers_are_encoded)
{
    _cleanup_free_ struct sftp_frame *f = sftp_frame_new(FXP_MKDIR, "suu", "ab", 4u, 0700u);
    struct sftp_reader r = {.at = f->data + 9, .left = f->len - 9};
    size_t len;

    const uint8_t *bytes = sftp_read_bytes(&r, &len);
    ASSERT_EQ(len, 2);
    ASSERT(memcmp(bytes, "ab", 2) == 0);
    ASSERT_EQ(sftp_read_u32(&r), 4);
    ASSERT_EQ(sftp_read_u32(&r), 0700);
    ASSERT(!r.bad);
    ASSERT_EQ(r.left, 0);
}

/* Every prefix of an entry: refused, never read past. */
TEST(what_is_cut_short_is_refused)
{
    static const uint8_t entry[] = {0, 0, 0, 1, 'n',  0,    0, 0, 1,   'l', 0x80, 0, 0, 0x0f,
                                    0, 0, 0, 0, 0,    0,    0, 5, 0,   0,   0,    0, 0, 0,
                                    0, 0, 0, 0, 0x81, 0x80, 0, 0, 0,   1,   0,    0, 0, 2,
                                    0, 0, 0, 1, 0,    0,    0, 1, 'k', 0,   0,    0, 1, 'v'};
    struct sftp_attrs a;

    for (size_t len = 0; len < sizeof(entry); len++) {
        _cleanup_free_ uint8_t *copy = mem_copy(entry, len);
        struct sftp_reader r = {.at = copy, .left = len};
        ASSERT(sftp_read_name(&r, &a) == NULL);
        ASSERT(r.bad);
    }
    struct sftp_reader r = {.at = entry, .left = sizeof(entry)};
    _cleanup_free_ char *name = sftp_read_name(&r, &a);
    ASSERT_STR(name, "n");
    ASSERT_EQ(a.size, 5);
    ASSERT_EQ(a.mode, 0100600);
    ASSERT_EQ(a.modified, 2);
    ASSERT_EQ(r.left, 0);
}

TEST(names_with_a_nul_are_refused)
{
    static const uint8_t entry[] = {0, 0, 0, 3, 'a', 0, 'b', 0, 0, 0, 0, 0, 0, 0, 0};
    struct sftp_reader r = {.at = entry, .left = sizeof(entry)};
    struct sftp_attrs a;

    ASSERT(sftp_read_name(&r, &a) == NULL);
}
