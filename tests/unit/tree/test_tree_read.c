/* Reading a tree that others work in: files that change, vanish, cannot be read; what belongs to
 * the source and what does not. The meddling happens in the reader's own progress call, so every
 * case is the same every time. */
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/tree/tree_untar.h"
#include "tests/lib/seam.h"
#include "tests/unit/tree/tree_help.h"

enum { LARGE = 20 << 20 };

static void make(const char *dir)
{
    ASSERT(mkdir(dir, 0755) == 0 && chdir(dir) == 0);
}

static void large(const char *name, char fill)
{
    uint8_t *data = mem_alloc(LARGE);

    memset(data, fill, LARGE);
    help_write(name, data, LARGE);
    free(data);
}

/* The paths in the stream, one a line, in order. */
static char *members(struct help *h)
{
    struct buf out = BUF_INIT(1 << 20);
    struct tree_untar *tar;
    struct tree_untar_member m;
    struct err e = {0};
    int rc;

    h->at = 0;
    ASSERT_OK(tree_untar_open(&tar, help_source, h, &e), e);
    while ((rc = tree_untar_next(tar, &m, &e)) == 0)
        ASSERT_OK(
            buf_printf(&out, &e, "%s%s", out.len > 0 ? " " : "", m.path[0] == '\0' ? "." : m.path),
            e);
    ASSERT_EQ(rc, 1);
    tree_untar_free(tar);
    return out.len == 0 ? mem_strdup("") : buf_take_string(&out);
}

static void expect_members(const char *dir, const char *include, const char *exclude,
                           const char *expected)
{
    struct help h = {0};
    struct err e = {0};

    ASSERT_OK(help_read(&h, dir, include, exclude, &e), e);
    _cleanup_free_ char *got = members(&h);
    ASSERT_STR(got, expected);
    help_deinit(&h);
}

TEST(what_belongs_to_a_source)
{
    _cleanup_free_ char *dir = help_path("tree");

    make(dir);
    ASSERT(mkdir("a", 0755) == 0 && mkdir("a/cache", 0755) == 0 && mkdir("b", 0755) == 0);
    ASSERT(mkdir(".synbak-restore-x", 0755) == 0);
    help_text("a/cache", "one.tmp", "x");
    help_text("a", "two.conf", "x");
    help_text("a", "cache.txt", "x");
    help_text("b", "cache", "a file of that name");
    help_text("b", "three.conf", "x");
    help_text(".synbak-restore-x", "staged", "x");
    expect_members(dir, NULL, NULL,
                   ". a a/cache a/cache/one.tmp a/cache.txt a/two.conf b b/cache "
                   "b/three.conf");
    expect_members(dir, NULL, "cache", ". a a/cache.txt a/two.conf b b/three.conf");
    expect_members(dir, NULL, "cache/", ". a a/cache.txt a/two.conf b b/cache b/three.conf");
    expect_members(dir, NULL, "/a/cache", ". a a/cache.txt a/two.conf b b/cache b/three.conf");
    expect_members(dir, NULL, "a/*.conf\nb", ". a a/cache a/cache/one.tmp a/cache.txt");
    expect_members(dir, NULL, "*.conf", ". a a/cache a/cache/one.tmp a/cache.txt b b/cache");
    expect_members(dir, NULL, "**/*.tmp",
                   ". a a/cache a/cache.txt a/two.conf b b/cache "
                   "b/three.conf");
    expect_members(dir, "*.conf", NULL, ". a a/two.conf b b/three.conf");
    expect_members(dir, "cache/", NULL, ". a a/cache a/cache/one.tmp");
    expect_members(dir, "/b", "cache", ". b b/three.conf");
    expect_members(dir, "nothing", NULL, "");
}

TEST(patterns_that_mean_nothing)
{
    static const char *const bad[] = {"/", "//", "../x", "a/../b", "./a", "."};
    struct tree_rules *rules;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct strlist list = {0};
        strlist_add(&list, bad[i]);
        ASSERT_ERR(tree_rules_create(&list, NULL, &rules, &e), e, ERR_CONFIG);
        ASSERT_ERR(tree_rules_create(NULL, &list, &rules, &e), e, ERR_CONFIG);
        strlist_deinit(&list);
    }
}

/* --- files that change --- */

static int change_once(struct help *h, const char *path, uint64_t bytes)
{
    (void)bytes;
    if (strcmp(path, "file") == 0 && h->count++ == 0)
        help_text(".", "file", "second state");
    return 0;
}

TEST(a_small_file_that_changes_is_read_again)
{
    _cleanup_free_ char *dir = help_path("tree"), *to = help_path("to");
    struct help h = {.meddle = change_once};
    struct err e = {0};

    make(dir);
    help_text(".", "file", "first");
    ASSERT_OK(help_read(&h, dir, NULL, NULL, &e), e);
    ASSERT_EQ(h.problems.count, 0);
    ASSERT_OK(help_extract(&h, to, &e), e);
    help_same(dir, to);
    help_deinit(&h);
}

static int change_always(struct help *h, const char *path, uint64_t bytes)
{
    (void)bytes;
    if (strcmp(path, "file") == 0) {
        _cleanup_free_ char *text = mem_printf("state %0*d", ++h->count, 7);
        help_text(".", "file", text);
    }
    return 0;
}

TEST(a_small_file_that_keeps_changing_is_told)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct help h = {.meddle = change_always};
    struct err e = {0};

    make(dir);
    help_text(".", "file", "first");
    ASSERT_OK(help_read(&h, dir, NULL, NULL, &e), e);
    ASSERT_EQ(h.problems.count, 1);
    ASSERT_CONTAINS(h.problems.items[0], "file: it kept changing");
    _cleanup_free_ char *list = members(&h);
    ASSERT_STR(list, ". file");
    help_deinit(&h);
}

static int shrink_once(struct help *h, const char *path, uint64_t bytes)
{
    (void)bytes;
    if (strcmp(path, "large") == 0 && h->count++ == 0)
        ASSERT(truncate("large", LARGE / 2) == 0);
    return 0;
}

TEST(a_large_file_that_shrinks_comes_once_more)
{
    _cleanup_free_ char *dir = help_path("tree"), *to = help_path("to");
    struct help h = {.meddle = shrink_once};
    struct err e = {0};

    make(dir);
    large("large", 'x');
    help_text(".", "next", "n");
    ASSERT_OK(help_read(&h, dir, NULL, NULL, &e), e);
    ASSERT_EQ(h.problems.count, 0);
    ASSERT_EQ(h.result.files, 2);
    _cleanup_free_ char *list = members(&h);
    ASSERT_STR(list, ". large large next");
    ASSERT_OK(help_extract(&h, to, &e), e);
    help_same(dir, to);
    help_deinit(&h);
}

static int grow_always(struct help *h, const char *path, uint64_t bytes)
{
    (void)h;
    (void)bytes;
    if (strcmp(path, "large") == 0) {
        int fd = open("large", O_WRONLY | O_APPEND | O_CLOEXEC);
        ASSERT(fd >= 0 && write(fd, "more", 4) == 4);
        close(fd);
    }
    return 0;
}

TEST(a_large_file_that_keeps_growing_is_told)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct help h = {.meddle = grow_always};
    struct err e = {0};

    make(dir);
    large("large", 'x');
    ASSERT_OK(help_read(&h, dir, NULL, NULL, &e), e);
    ASSERT_EQ(h.problems.count, 1);
    ASSERT_CONTAINS(h.problems.items[0], "large: it kept changing");
    _cleanup_free_ char *list = members(&h);
    ASSERT_STR(list, ". large large large");
    help_deinit(&h);
}

static int grow_large(struct help *h, const char *path, uint64_t bytes)
{
    (void)bytes;
    if (strcmp(path, "file") == 0 && h->count++ == 0)
        large("file", 'y');
    return 0;
}

TEST(a_small_file_becomes_large)
{
    _cleanup_free_ char *dir = help_path("tree"), *to = help_path("to");
    struct help h = {.meddle = grow_large};
    struct err e = {0};

    make(dir);
    help_text(".", "file", "small");
    ASSERT_OK(help_read(&h, dir, NULL, NULL, &e), e);
    ASSERT_EQ(h.problems.count, 0);
    ASSERT_OK(help_extract(&h, to, &e), e);
    help_same(dir, to);
    help_deinit(&h);
}

static int meddle_with_names(struct help *h, const char *path, uint64_t bytes)
{
    (void)bytes;
    if (strcmp(path, "a") == 0 && h->count++ == 0)
        ASSERT(unlink("b") == 0 && rename("c", "c2") == 0 && symlink("/etc", "c") == 0 &&
               unlink("d") == 0 && mkfifo("d", 0600) == 0);
    return 0;
}

/* A name that was seen as one thing and is another when it is opened: nothing is followed, nothing
 * hangs. */
TEST(names_that_vanish_or_become_something_else)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct help h = {.meddle = meddle_with_names};
    struct err e = {0};

    make(dir);
    help_text(".", "a", "x");
    help_text(".", "b", "x");
    ASSERT(mkdir("c", 0755) == 0);
    help_text("c", "in", "x");
    help_text(".", "d", "x");
    ASSERT_OK(help_read(&h, dir, NULL, NULL, &e), e);
    ASSERT_EQ(h.notes.count, 1);
    ASSERT_CONTAINS(h.notes.items[0], "b: vanished");
    ASSERT_EQ(h.problems.count, 2);
    ASSERT_CONTAINS(h.problems.items[0], "c: became something else");
    ASSERT_CONTAINS(h.problems.items[1], "d: became something else");
    _cleanup_free_ char *list = members(&h);
    ASSERT_STR(list, ". a");
    help_deinit(&h);
}

TEST(what_cannot_be_read_is_told_and_the_rest_goes_on)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct help h = {0};
    struct err e = {0};

    make(dir);
    help_text(".", "closed", "x");
    help_text(".", "open", "x");
    ASSERT(mkdir("shut", 0) == 0);
    ASSERT(link("closed", "second") == 0); /* must not become a link to what is not there */
    ASSERT(chmod("closed", 0) == 0);
    ASSERT(chmod(test_dir(), 0755) == 0);
    if (geteuid() == 0)
        ASSERT(setgid(65534) == 0 && setuid(65534) == 0);
    ASSERT_OK(help_read(&h, dir, NULL, NULL, &e), e);
    ASSERT_EQ(h.problems.count, 3);
    ASSERT_CONTAINS(h.problems.items[0], "closed: cannot read: Permission denied");
    _cleanup_free_ char *list = members(&h);
    ASSERT_STR(list, ". open");
    help_deinit(&h);
}

TEST(a_read_that_fails_in_the_middle)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct help h = {0};
    struct err e = {0};

    make(dir);
    help_text(".", "small", "x");
    large("large", 'x');
    seam_deny("pread", EIO);
    ASSERT_OK(help_read(&h, dir, NULL, NULL, &e), e);
    seam_deny(NULL, 0);
    ASSERT_EQ(h.problems.count, 2);
    ASSERT_CONTAINS(h.problems.items[0], "large: part of it is zeros");
    ASSERT_CONTAINS(h.problems.items[1], "small: cannot read: Input/output error");
    help_deinit(&h);
}

TEST(a_missing_tree_and_a_tree_that_is_empty)
{
    _cleanup_free_ char *dir = help_path("tree"), *missing = help_path("missing");
    struct tree_rules *rules;
    struct help h = {0};
    struct err e = {0};
    const struct tree_events events = {.arg = &h,
                                       .data = help_data,
                                       .progress = help_progress,
                                       .problem = help_problem,
                                       .note = help_note};
    struct tree_read_result result;

    ASSERT_ERR(help_read(&h, missing, NULL, NULL, &e), e, ERR_SOURCE);
    ASSERT_CONTAINS(e.text, missing);
    make(dir);
    ASSERT_OK(tree_rules_create(NULL, NULL, &rules, &e), e);
    struct tree_read_spec spec = {.path = dir, .rules = rules, .must_hold_files = true};
    h.tar = BUF_INIT(1 << 20);
    ASSERT_ERR(tree_archive(&spec, &events, &result, &e), e, ERR_SOURCE);
    ASSERT_CONTAINS(e.text, "is it mounted?");
    spec.must_hold_files = false;
    ASSERT_OK(tree_archive(&spec, &events, &result, &e), e);
    tree_rules_free(rules);
    help_deinit(&h);
}

TEST(sockets_are_noted)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "socket"};
    struct help h = {0};
    struct err e = {0};

    make(dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
    ASSERT_OK(help_read(&h, dir, NULL, NULL, &e), e);
    close(fd);
    ASSERT_EQ(h.problems.count, 0);
    ASSERT_EQ(h.notes.count, 1);
    ASSERT_CONTAINS(h.notes.items[0], "socket: a socket");
    help_deinit(&h);
}

static int cancel(struct help *h, const char *path, uint64_t bytes)
{
    (void)path;
    return bytes > (10 << 20) ? ++h->count * -1 : 0;
}

TEST(cancelled_in_the_middle)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct help h = {.meddle = cancel};
    struct err e = {0};

    make(dir);
    large("large", 'x');
    ASSERT_ERR(help_read(&h, dir, NULL, NULL, &e), e, ERR_CANCELLED);
    ASSERT_EQ(h.count, 1);
    help_deinit(&h);
}
