/* A tree of every kind comes back as it was: content, modes, owners, times, attributes, ACLs,
 * holes, links, names. The comparison is made by system calls alone. */
#include <endian.h>

#include "tests/unit/tree/tree_help.h"

static bool is_root(void)
{
    return geteuid() == 0;
}

static void round_trip(const char *from, const char *to, struct help *h)
{
    struct err e = {0};

    ASSERT_OK(help_read(h, from, NULL, NULL, &e), e);
    ASSERT_EQ(h->problems.count, 0);
    ASSERT_OK(help_extract(h, to, &e), e);
    help_same(from, to);
}

/* The tree that the tests use, in `dir`. */
static void make_tree(const char *dir)
{
    ASSERT(mkdir(dir, 0755) == 0);
    ASSERT(chdir(dir) == 0);
    help_text(".", "plain", "hello\n");
    help_text(".", "empty", "");
    ASSERT(mkdir("folder", 0700) == 0 && mkdir("folder/inner", 0555 | 0200) == 0);
    ASSERT(mkdir("void", 0751) == 0);
    help_text("folder/inner", "a", "a");
    help_text("folder", "script", "#!/bin/sh\n");
    ASSERT(chmod("folder/script", 0755) == 0);
    ASSERT(link("plain", "second name") == 0 && link("plain", "folder/third") == 0);
    ASSERT(symlink("plain", "link") == 0 && symlink("/nowhere/at/all", "dangling") == 0);
    ASSERT(symlink("..", "folder/up") == 0);
    ASSERT(mkfifo("pipe", 0640) == 0);
    struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 86400, .tv_nsec = 123456789}};
    ASSERT(utimensat(AT_FDCWD, "plain", old, 0) == 0);
    ASSERT(utimensat(AT_FDCWD, "link", old, AT_SYMLINK_NOFOLLOW) == 0);
    old[1].tv_sec = -5; /* before 1970 */
    ASSERT(utimensat(AT_FDCWD, "void", old, 0) == 0);
}

TEST(every_kind_comes_back)
{
    _cleanup_free_ char *from = help_path("from"), *to = help_path("to");
    struct help h = {0};

    make_tree(from);
    if (is_root()) {
        ASSERT(mknod("null", S_IFCHR | 0666, makedev(1, 3)) == 0);
        ASSERT(lchown("folder", 4711, 4712) == 0 && lchown("link", 12, 13) == 0);
        help_text(".", "setuid", "x");
        ASSERT(chown("setuid", 99, 99) == 0 && chmod("setuid", 06755) == 0);
        ASSERT(chmod("folder", 03770) == 0);
    }
    round_trip(from, to, &h);
    ASSERT_EQ(h.result.files, is_root() ? 12 : 10);
    help_deinit(&h);
}

TEST(names_of_any_bytes)
{
    static const char *const names[] = {
        "blank and\ttab",
        "new\nline",
        "\xc3\xa9 composed",
        "e\xcc\x81 decomposed",
        "\xff\xfe",
        "-rf",
        "ces\xed\xa0\xbd\xed\xb8\x80",
        "\xf0\x9f\x98\x80",
        "back\\slash",
        "*?[",
        ".hidden",
        "\x01\x7f",
    };
    _cleanup_free_ char *from = help_path("from"), *to = help_path("to");
    char long_name[256];
    struct help h = {0};

    ASSERT(mkdir(from, 0755) == 0 && chdir(from) == 0);
    memset(long_name, 'x', 255);
    long_name[255] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        help_text(".", names[i], names[i]);
        _cleanup_free_ char *folder = mem_printf("%s.d", names[i]);
        _cleanup_free_ char *symbolic = mem_printf("%s.l", names[i]);
        _cleanup_free_ char *hard = mem_printf("%s.h", names[i]);
        ASSERT(mkdir(folder, 0755) == 0 && symlink(names[i], symbolic) == 0);
        ASSERT(link(names[i], hard) == 0);
        help_text(folder, names[i], "deep");
    }
    help_text(".", long_name, "long");
    round_trip(from, to, &h);
    help_deinit(&h);
}

TEST(deeper_than_a_path_may_be_long)
{
    _cleanup_free_ char *from = help_path("from"), *to = help_path("to");
    struct help h = {0}, again = {0};
    struct err e = {0};
    char part[201];

    memset(part, 'd', 200);
    part[200] = '\0';
    ASSERT(mkdir(from, 0755) == 0 && chdir(from) == 0);
    for (int i = 0; i < 30; i++)
        ASSERT(mkdir(part, 0755) == 0 && chdir(part) == 0);
    help_text(".", "bottom", "here");
    ASSERT(chdir("/") == 0);
    ASSERT_OK(help_read(&h, from, NULL, NULL, &e), e);
    ASSERT_EQ(h.problems.count, 0);
    ASSERT_OK(help_extract(&h, to, &e), e);
    ASSERT_OK(help_read(&again, to, NULL, NULL, &e), e);
    ASSERT_EQ(again.tar.len, h.tar.len);
    ASSERT(memcmp(again.tar.data, h.tar.data, h.tar.len) == 0);
    help_deinit(&h);
    help_deinit(&again);
}

TEST(attributes_and_acls)
{
    static const struct {
        uint32_t version;
        struct {
            uint16_t tag, perm;
            uint32_t id;
        } entries[5];
    } acl = {2,
             {{0x01, 6, UINT32_MAX},
              {0x02, 5, 4711},
              {0x04, 4, UINT32_MAX},
              {0x10, 5, UINT32_MAX},
              {0x20, 0, UINT32_MAX}}};
    _cleanup_free_ char *from = help_path("from"), *to = help_path("to");
    struct help h = {0};

    ASSERT(mkdir(from, 0755) == 0 && chdir(from) == 0);
    help_text(".", "file", "x");
    ASSERT(mkdir("folder", 0755) == 0);
    if (setxattr("file", "user.odd \xff name", "a\0b", 3, 0) != 0 ||
        setxattr("file", "system.posix_acl_access", &acl, sizeof(acl), 0) != 0) {
        test_note("this file system has no attributes or no ACLs: not tested");
        return;
    }
    ASSERT(setxattr("file", "user.empty", "", 0, 0) == 0);
    ASSERT(setxattr("folder", "user.x", "y", 1, 0) == 0);
    ASSERT(setxattr("folder", "system.posix_acl_access", &acl, sizeof(acl), 0) == 0);
    ASSERT(setxattr("folder", "system.posix_acl_default", &acl, sizeof(acl), 0) == 0);
    if (is_root()) { /* cap_net_bind_service=ep */
        static const uint32_t caps[5] = {0x02000001, 1u << 10, 0, 0, 0};
        ASSERT(setxattr("file", "security.capability", caps, sizeof(caps), 0) == 0);
    }
    round_trip(from, to, &h);
    ASSERT_EQ(h.notes.count, 0);
    help_deinit(&h);
}

static void put(const char *path, off_t at, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    uint8_t *data = mem_alloc(len + 1);

    memset(data, 0xa5, len);
    ASSERT(fd >= 0 && pwrite(fd, data, len, at) == (ssize_t)len);
    close(fd);
    free(data);
}

TEST(holes_stay_holes)
{
    _cleanup_free_ char *from = help_path("from"), *to = help_path("to");
    struct help h = {0};
    struct stat st;

    ASSERT(mkdir(from, 0755) == 0 && chdir(from) == 0);
    put("middle", 1 << 20, 4096);
    put("large", 0, 4096);
    put("large", 10 << 20, 8192);
    ASSERT(truncate("large", 30 << 20) == 0);
    put("nothing", 0, 0);
    ASSERT(truncate("nothing", 5 << 20) == 0);
    put("large nothing", 0, 0);
    ASSERT(truncate("large nothing", 20 << 20) == 0);
    put("end", (1 << 20) - 1, 1);
    round_trip(from, to, &h);
    ASSERT(chdir(to) == 0);
    ASSERT(stat("large", &st) == 0);
    ASSERT(st.st_blocks < 200);
    ASSERT(stat("nothing", &st) == 0);
    ASSERT_EQ(st.st_blocks, 0);
    ASSERT(h.tar.len < 200000);
    help_deinit(&h);
}

TEST(a_single_file)
{
    _cleanup_free_ char *from = help_path("signing.key"), *to = help_path("to");
    _cleanup_free_ char *back = help_path("to/signing.key");
    struct help h = {0};
    struct err e = {0};

    help_write(from, "ed25519 a_key secret\n", 21);
    ASSERT_OK(help_read(&h, from, NULL, NULL, &e), e);
    ASSERT(h.result.single);
    ASSERT_EQ(h.result.files, 1);
    ASSERT_OK(help_extract(&h, to, &e), e);
    help_same(from, back);
    ASSERT_EQ(help_count(to), 1);
    help_deinit(&h);
}

/* Without root owners stay ours and rights that come from set-ID bits are not given. */
TEST(without_root)
{
    _cleanup_free_ char *from = help_path("from"), *to = help_path("to");
    _cleanup_free_ char *file = help_path("to/file"), *closed = help_path("to/closed/in");
    struct help h = {0};
    struct err e = {0};
    struct stat st;

    ASSERT(mkdir(from, 0755) == 0 && chdir(from) == 0);
    help_text(".", "file", "x");
    ASSERT(chmod("file", 04755) == 0);
    ASSERT(mkdir("closed", 0700) == 0);
    help_text("closed", "in", "y");
    ASSERT(chmod("closed", 0500) == 0);
    ASSERT_OK(help_read(&h, from, NULL, NULL, &e), e);
    if (is_root()) {
        ASSERT(chmod(test_dir(), 0777) == 0);
        ASSERT(setgid(65534) == 0 && setuid(65534) == 0);
    }
    ASSERT_OK(help_extract(&h, to, &e), e);
    ASSERT(stat(file, &st) == 0);
    ASSERT_EQ(st.st_mode & 07777, 0755);
    ASSERT_EQ(st.st_uid, geteuid());
    ASSERT(stat(closed, &st) == 0);
    ASSERT(h.notes.count >= 1);
    help_deinit(&h);
}
