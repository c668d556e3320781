/* What tree_read tells a visitor, and what it leaves alone when the visitor knows. */
#include "tests/lib/seam.h"
#include "tests/unit/tree/visit_help.h"

enum { LARGE = 20 << 20 };

static void make(const char *dir)
{
    ASSERT(mkdir(dir, 0755) == 0 && chdir(dir) == 0);
}

static void large(const char *name, int64_t size)
{
    help_text(".", name, "x");
    ASSERT(truncate(name, size) == 0);
}

static void expect(struct visit *v, const char *dir, const char *expected)
{
    struct err e = {0};

    ASSERT_OK(visit_tree(v, dir, NULL, NULL, &e), e);
    ASSERT_STR(visit_said(v), expected);
    buf_deinit(&v->said);
}

/* The files are closed to the reader, so that opening one would be told as a problem. */
TEST(a_known_file_is_never_opened)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct strlist knows = {0};
    struct visit v = {.knows = &knows};

    make(dir);
    ASSERT(mkdir("a", 0755) == 0);
    help_text("a", "shut", "12345");
    help_text("a", "open", "123");
    large("large", LARGE);
    ASSERT(chmod("a/shut", 0) == 0 && chmod("large", 0) == 0 && chmod(test_dir(), 0755) == 0);
    if (geteuid() == 0)
        ASSERT(setgid(65534) == 0 && setuid(65534) == 0);
    strlist_add(&knows, "a/shut");
    strlist_add(&knows, "large");
    expect(&v, dir,
           "known? ./\n./ 40755 \nknown? a/\na/ 40755 \nknown? a/open\na/open 100644 \n"
           "known? a/shut\na/shut 100000 known \nknown? large\nlarge 100000 known \n");
    ASSERT_EQ(v.result.files, 3);
    ASSERT_EQ(v.result.bytes, 3);
    ASSERT_EQ(v.result.known, 2);
    ASSERT_EQ(v.result.known_bytes, LARGE + 5);
    strlist_deinit(&knows);
}

/* No call but those of the folders: a file that is known costs its stat. */
TEST(nothing_is_read_of_a_known_tree)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct strlist knows = {0};
    struct visit v = {.knows = &knows};

    make(dir);
    help_text(".", "file", "12345");
    strlist_add(&knows, "*");
    seam_deny("pread", EIO);
    seam_deny("listxattr", EIO);
    expect(&v, dir, "known? ./\n./ 40755 known \nknown? file\nfile 100644 known \n");
    strlist_deinit(&knows);
}

TEST(later_names_of_a_known_file_are_links_to_it)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct strlist knows = {0};
    struct visit v = {.knows = &knows};

    make(dir);
    help_text(".", "b", "12345");
    ASSERT(link("b", "c") == 0 && link("b", "a") == 0);
    strlist_add(&knows, "a");
    strlist_add(&knows, "c");
    expect(&v, dir,
           "known? ./\n./ 40755 \nknown? a\na 100644 known \nb 100644 hard a\nc 100644 hard a\n");
    strlist_deinit(&knows);
}

static int shrink(struct visit *v, const char *path)
{
    if (strcmp(path, "large") == 0 && v->count++ == 0)
        ASSERT(truncate("large", 1000) == 0);
    return 0;
}

/* visit_data checks that what fits comes in one call, this second state too. */
TEST(a_large_file_that_became_small_comes_again_in_one_call)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct visit v = {.meddle = shrink};

    make(dir);
    large("large", LARGE);
    expect(&v, dir, "known? ./\n./ 40755 \nknown? large\nlarge 100644 \nlarge 100644 again \n");
    ASSERT_EQ(v.result.files, 1);
}

TEST(a_sparse_file_that_fits_comes_in_one_call)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct visit v = {0};

    make(dir);
    large("sparse", TREE_WHOLE_MAX);
    help_text(".", "empty", "");
    expect(&v, dir,
           "known? ./\n./ 40755 \nknown? empty\nempty 100644 \nknown? sparse\nsparse 100644 \n");
}

TEST(a_single_file_may_be_known)
{
    _cleanup_free_ char *dir = help_path("tree"), *file = help_path("tree/file");
    struct strlist knows = {0};
    struct visit v = {.knows = &knows};

    make(dir);
    help_text(".", "file", "12345");
    expect(&v, file, "known? file\nfile 100644 \n");
    strlist_add(&knows, "file");
    expect(&v, file, "known? file\nfile 100644 known \n");
    ASSERT(v.result.single);
    strlist_deinit(&knows);
}

static bool has_attributes(void)
{
    help_text(".", "probe", "");
    bool has = setxattr("probe", "user.x", "", 0, 0) == 0;
    ASSERT(unlink("probe") == 0);
    if (!has)
        test_note("this file system has no attributes: not tested");
    return has;
}

TEST(attributes_come_as_names_and_bytes)
{
    _cleanup_free_ char *dir = help_path("tree"), *file = help_path("tree/file");
    struct tree_attrs a = {0};
    struct err e = {0};
    char value[1000];

    make(dir);
    if (!has_attributes())
        return;
    help_text(".", "file", "x");
    help_text(".", "none", "x");
    memset(value, 'v', sizeof(value));
    ASSERT(setxattr("file", "user.b", "1\0002", 3, 0) == 0 &&
           setxattr("file", "user.a", value, sizeof(value), 0) == 0 &&
           setxattr("file", "user.empty", "", 0, 0) == 0);
    int fd = open("file", O_RDONLY), none = open("none", O_RDONLY);
    for (int i = 0; i < 2; i++) { /* the same memory again */
        ASSERT_OK(tree_attrs_read(fd, &a, &e), e);
        ASSERT_EQ(a.count, 3);
        ASSERT_STR(a.items[0].name, "user.a");
        ASSERT_EQ(a.items[0].len, sizeof(value));
        ASSERT(memcmp(a.items[0].value, value, sizeof(value)) == 0);
        ASSERT_STR(a.items[1].name, "user.b");
        ASSERT_EQ(a.items[1].len, 3);
        ASSERT(memcmp(a.items[1].value, "1\0002", 3) == 0);
        ASSERT_STR(a.items[2].name, "user.empty");
        ASSERT_EQ(a.items[2].len, 0);
        ASSERT_OK(tree_attrs_read(none, &a, &e), e);
        ASSERT_EQ(a.count, 0);
    }
    seam_deny("getxattr", EIO);
    ASSERT_ERR(tree_attrs_read(fd, &a, &e), e, ERR_IO);
    ASSERT_EQ(a.count, 0);
    seam_deny(NULL, 0);
    seam_deny("getxattr", ENODATA); /* gone between the list and the reading */
    ASSERT_OK(tree_attrs_read(fd, &a, &e), e);
    ASSERT_EQ(a.count, 0);
    close(fd);
    close(none);
    tree_attrs_deinit(&a);
}

TEST(attributes_that_cannot_be_read_are_told_and_the_file_comes)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct visit v = {0};

    make(dir);
    if (!has_attributes())
        return;
    help_text(".", "file", "x");
    ASSERT(setxattr("file", "user.a", "1", 1, 0) == 0);
    expect(&v, dir, "known? ./\n./ 40755 \nknown? file\nfile 100644  user.a=1\n");
    seam_deny("getxattr", EIO);
    struct err e = {0};
    ASSERT_OK(visit_tree(&v, dir, NULL, NULL, &e), e);
    ASSERT_CONTAINS(visit_said(&v), "problem: file: read attribute user.a: Input/output error\n"
                                    "spoiled: file\n");
    ASSERT_CONTAINS(visit_said(&v), "\nfile 100644 \n");
    buf_deinit(&v.said);
}

TEST(attributes_of_a_folder_that_is_passed_through)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct visit v = {0};
    struct err e = {0};

    make(dir);
    if (!has_attributes())
        return;
    ASSERT(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0);
    help_text("a/b", "file", "x");
    ASSERT(setxattr("a", "user.a", "1", 1, 0) == 0);
    seam_deny("getxattr", EIO);
    ASSERT_OK(visit_tree(&v, dir, "file", NULL, &e), e);
    ASSERT_CONTAINS(visit_said(&v), "problem: a: read attribute user.a: Input/output error\n"
                                    "spoiled: a\na/ 40755 \n");
    buf_deinit(&v.said);
}

/* Its times may never change again, but what was read of it is not what it holds. */
TEST(a_large_file_that_fails_in_the_middle_is_spoiled)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct visit v = {0};

    make(dir);
    uint8_t *data = mem_alloc(LARGE);
    memset(data, 'x', LARGE);
    help_write("large", data, LARGE);
    free(data);
    seam_deny("pread", EIO);
    struct err e = {0};
    ASSERT_OK(visit_tree(&v, dir, NULL, NULL, &e), e);
    ASSERT_CONTAINS(visit_said(&v), "Input/output error\nspoiled: large\n");
    buf_deinit(&v.said);
}

static int keep_changing(struct visit *v, const char *path)
{
    if (strcmp(path, "file") == 0) {
        _cleanup_free_ char *text = mem_printf("state %07d", ++v->count);
        help_text(".", "file", text);
    }
    return 0;
}

TEST(a_file_that_keeps_changing_is_spoiled)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct visit v = {.meddle = keep_changing};
    struct err e = {0};

    make(dir);
    help_text(".", "file", "x");
    ASSERT_OK(visit_tree(&v, dir, NULL, NULL, &e), e);
    ASSERT_CONTAINS(visit_said(&v), "it kept changing while it was read\nspoiled: file\n");
    buf_deinit(&v.said);
}

TEST(whatever_the_visitor_refuses_ends_the_walk)
{
    static const char *const calls[] = {"known", "data", "progress"};
    _cleanup_free_ char *dir = help_path("tree");
    struct err e = {0};

    make(dir);
    ASSERT(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0 && mkdir("b/c", 0755) == 0);
    help_text("a", "file", "x");
    help_text("b/c", "file", "x");
    for (unsigned helpers = 0; helpers < 3; helpers++) {
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
            struct visit v = {.fail_call = calls[i], .helpers = helpers};
            ASSERT_ERR(visit_tree(&v, dir, NULL, NULL, &e), e, ERR_CANCELLED);
            buf_deinit(&v.said);
        }
        for (uint64_t i = 1; i <= 6; i++) {
            struct visit v = {.fail_at = i, .helpers = helpers};
            ASSERT_ERR(visit_tree(&v, dir, NULL, NULL, &e), e, ERR_CANCELLED);
            ASSERT_EQ(v.members, i);
            buf_deinit(&v.said);
        }
    }
}
