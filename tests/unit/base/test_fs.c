#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "tests/lib/campaign.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

static struct err e;

static int open_dir(const char *path)
{
    int fd = -1;

    ASSERT_OK(fs_open_dir(path, &fd, &e), e);
    return fd;
}

static void check_file(int dir, const char *name, const char *text)
{
    struct buf out = BUF_INIT(1000);

    ASSERT_OK(fs_read_file(dir, name, &out, &e), e);
    ASSERT_EQ(out.len, strlen(text));
    ASSERT_STR(out.len > 0 ? (char *)out.data : "", text);
    buf_deinit(&out);
}

TEST(a_file_is_replaced_whole)
{
    int dir = open_dir(test_dir());
    struct stat st;

    ASSERT_OK(fs_replace_file(dir, "f", "one", 3, 0600, &e), e);
    ASSERT_OK(fs_replace_file(dir, "f", "twenty", 6, 0640, &e), e);
    check_file(dir, "f", "twenty");
    ASSERT_EQ(fstatat(dir, "f", &st, 0), 0);
    ASSERT_EQ(st.st_mode & 0777, 0640);
    ASSERT_OK(fs_replace_file(dir, "f", "", 0, 0600, &e), e);
    check_file(dir, "f", "");
    (void)close(dir);
}

TEST(whole_files_are_bounded)
{
    int dir = open_dir(test_dir());
    struct buf small = BUF_INIT(5);

    ASSERT_OK(fs_replace_file(dir, "f", "123456", 6, 0600, &e), e);
    ASSERT_ERR(fs_read_file(dir, "f", &small, &e), e, ERR_LIMIT);
    buf_clear(&small);
    ASSERT_OK(fs_replace_file(dir, "f", "12345", 5, 0600, &e), e);
    ASSERT_OK(fs_read_file(dir, "f", &small, &e), e);
    ASSERT_EQ(small.len, 5);
    ASSERT_ERR(fs_read_file(dir, "missing", &small, &e), e, ERR_NOT_FOUND);
    ASSERT_CONTAINS(e.text, "missing");
    buf_deinit(&small);
    (void)close(dir);
}

TEST(folders_are_made_and_trees_removed)
{
    int dir = open_dir(test_dir());
    struct stat st;

    ASSERT_OK(fs_make_dirs(dir, "a/b/c", 0700, &e), e);
    ASSERT_OK(fs_make_dirs(dir, "a/b/c/", 0700, &e), e);
    ASSERT_EQ(fstatat(dir, "a/b/c", &st, 0), 0);
    ASSERT_OK(fs_replace_file(dir, "keep", "x", 1, 0600, &e), e);
    ASSERT_EQ(symlinkat("../keep", dir, "a/link"), 0);
    ASSERT_EQ(symlinkat("..", dir, "a/b/up"), 0);
    ASSERT_OK(fs_remove_tree(dir, "a", &e), e);
    ASSERT(fstatat(dir, "a", &st, 0) != 0);
    check_file(dir, "keep", "x"); /* links were removed, not followed */
    ASSERT_OK(fs_remove_tree(dir, "a", &e), e);
    ASSERT_ERR(fs_make_dirs(dir, "keep/below", 0700, &e), e, ERR_IO);
    (void)close(dir);
}

TEST(short_counts_and_signals_are_hidden)
{
    int dir = open_dir(test_dir()), fd;
    char out[16] = "";
    size_t got;

    seam_short_counts(true);
    seam_interrupt(true);
    ASSERT_OK(fs_replace_file(dir, "f", "0123456789", 10, 0600, &e), e);
    fd = io_open(dir, "f", O_RDONLY, 0);
    ASSERT_OK(fs_read_full(fd, out, sizeof(out), &got, &e), e);
    ASSERT_EQ(got, 10);
    ASSERT_OK(fs_pread_full(fd, out, 4, 3, &got, &e), e);
    ASSERT_EQ(got, 4);
    ASSERT(memcmp(out, "3456", 4) == 0);
    (void)close(fd);
    (void)close(dir);
}

TEST(a_full_disk_is_told_from_other_failures)
{
    int dir = open_dir(test_dir());

    seam_deny("write", ENOSPC);
    ASSERT_ERR(fs_replace_file(dir, "f", "x", 1, 0600, &e), e, ERR_NO_SPACE);
    seam_deny(NULL, 0);
    seam_deny("fsync", EIO);
    ASSERT_ERR(fs_replace_file(dir, "f", "x", 1, 0600, &e), e, ERR_IO);
    ASSERT_EQ(e.errnum, EIO);
    seam_deny(NULL, 0);
    ASSERT(faccessat(dir, "f", F_OK, 0) != 0);
    (void)close(dir);
}

/* fs_replace_file, broken off at every point: the old or the new bytes, nothing else. */
static void prepare(const char *path)
{
    int dir = open_dir(path);

    ASSERT_OK(fs_replace_file(dir, "f", "old", 3, 0600, &e), e);
    (void)close(dir);
}

static void work(const char *path)
{
    int dir;

    if (fs_open_dir(path, &dir, &e) == 0 &&
        fs_replace_file(dir, "f", "the new bytes", 13, 0600, &e) == 0)
        campaign_done(1);
}

static void check(const char *path, unsigned done)
{
    int dir = open_dir(path);
    struct buf out = BUF_INIT(1000);

    ASSERT_OK(fs_read_file(dir, "f", &out, &e), e);
    if (done == 1 || out.len != 3)
        ASSERT_STR((char *)out.data, "the new bytes");
    else
        ASSERT_STR((char *)out.data, "old");
    buf_deinit(&out);
    (void)close(dir);
}

TEST(a_replacement_broken_off_anywhere)
{
    const struct campaign c = {prepare, work, check};

    campaign_kill(&c);
    campaign_fail(&c, EIO);
    campaign_fail(&c, ENOSPC);
    campaign_cut_power(&c, 20);
}
