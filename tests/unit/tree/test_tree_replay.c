/* A tar told to a visitor says of a tree what tree_read says of it. */
#include <sys/xattr.h>

#include "lib/tree/tree_replay.h"
#include "tests/unit/tree/visit_help.h"

static void forget_questions(struct visit *v)
{
    char *to = (char *)v->said.data;

    for (char *line = to, *end; line != NULL && *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        if (strncmp(line, "known? ", 7) != 0) {
            memmove(to, line, (size_t)(end + 1 - line));
            to += end + 1 - line;
        }
    }
    if (to != NULL)
        *to = '\0';
}

static int replay(struct visit *v, struct help *h, struct err *e)
{
    const struct tree_visitor visitor = {
        .arg = v, .member = visit_member, .data = visit_data, .progress = visit_progress};

    v->said = BUF_INIT(1u << 30);
    h->at = 0;
    return tree_replay(help_source, h, &visitor, e);
}

static void same(const char *dir)
{
    struct visit read = {0}, told = {0};
    struct help h = {0};
    struct err e = {0};

    ASSERT_OK(visit_tree(&read, dir, NULL, NULL, &e), e);
    ASSERT_OK(help_read(&h, dir, NULL, NULL, &e), e);
    ASSERT_OK(replay(&told, &h, &e), e);
    forget_questions(&read);
    ASSERT_STR(visit_said(&told), visit_said(&read));
    ASSERT(told.sum == read.sum);
    ASSERT_EQ(told.left, 0);
    buf_deinit(&read.said);
    buf_deinit(&told.said);
    help_deinit(&h);
}

/* A file of that size with a run of text at its end, and at `at`. */
static void holes(const char *name, off_t size, off_t at)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    ASSERT(fd >= 0 && pwrite(fd, "begin", 5, at) == 5 && pwrite(fd, "end", 3, size - 3) == 3);
    close(fd);
}

TEST(every_kind_of_member)
{
    _cleanup_free_ char *dir = help_path("tree");
    static const struct {
        uint32_t version;
        struct {
            uint16_t tag, perm;
            uint32_t id;
        } entries[4];
    } acl = {2, {{1, 6, ~0u}, {4, 4, ~0u}, {16, 4, ~0u}, {32, 0, ~0u}}};

    ASSERT(mkdir(dir, 0755) == 0 && chdir(dir) == 0 && mkdir("folder", 0710) == 0);
    help_text("folder", "a", "twice");
    help_text(".", "empty", "");
    ASSERT(link("folder/a", "folder/b") == 0 && symlink("a", "folder/link") == 0);
    ASSERT(mkfifo("fifo", 0600) == 0);
    holes("small", 1 << 20, 300000);
    holes("large", 30 << 20, 9 << 20);
    if (setxattr("folder/a", "user.odd % name", "value", 5, 0) == 0) /* else none are kept here */
        ASSERT(setxattr("folder/a", "user.empty", "", 0, 0) == 0);
    if (setxattr("folder", "system.posix_acl_access", &acl, sizeof(acl), 0) == 0)
        ASSERT(setxattr("folder", "system.posix_acl_default", &acl, sizeof(acl), 0) == 0);
    same(dir);
}

TEST(a_single_file)
{
    _cleanup_free_ char *file = help_path("one");

    help_text(test_dir(), "one", "its content");
    same(file);
}

TEST(what_a_visitor_refuses_ends_it)
{
    _cleanup_free_ char *dir = help_path("tree");
    static const char *const calls[] = {"data", "progress"};
    struct help h = {0};
    struct err e = {0};

    ASSERT(mkdir(dir, 0755) == 0);
    help_text(dir, "a", "x");
    ASSERT_OK(help_read(&h, dir, NULL, NULL, &e), e);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        struct visit v = {.fail_call = calls[i]};
        ASSERT_ERR(replay(&v, &h, &e), e, ERR_CANCELLED);
        buf_deinit(&v.said);
    }
    h.tar.len /= 2; /* cut short */
    struct visit v = {0};
    ASSERT(replay(&v, &h, &e) < 0);
    buf_deinit(&v.said);
    help_deinit(&h);
}
