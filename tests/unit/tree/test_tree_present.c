/* A file of a present tree, which may be anything but what it looks like; and the memory of those that stay. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/tree/tree_kept.h"
#include "lib/tree/tree_present.h"
#include "tests/unit/tree/tree_help.h"

static int open_root(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    ASSERT(fd >= 0);
    return fd;
}

static bool opens(int root, const char *path)
{
    struct stat st;
    int fd = tree_present_open(root, path, &st);

    ASSERT_EQ(tree_present_stat(root, path, &st), fd >= 0);
    if (fd >= 0)
        ASSERT(S_ISREG(st.st_mode) && close(fd) == 0);
    return fd >= 0;
}

static void make_socket(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ASSERT(fd >= 0 && strlen(path) < sizeof(at.sun_path));
    strcpy(at.sun_path, path);
    ASSERT(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && close(fd) == 0);
}

TEST(only_regular_files_below_are_opened)
{
    _cleanup_free_ char *dir = help_path("tree"), *outside = help_path("outside");

    ASSERT(mkdir(dir, 0755) == 0 && mkdir(outside, 0755) == 0);
    help_text(outside, "secret", "not ours");
    int root = open_root(dir);
    ASSERT(fchdir(root) == 0 && mkdir("folder", 0755) == 0);
    help_text("folder", "file", "content");
    ASSERT(symlink("folder", "to-folder") == 0 && symlink("folder/file", "to-file") == 0 &&
           symlink(outside, "out") == 0 && symlink("/proc/self/fd/0", "magic") == 0 &&
           mkfifo("fifo", 0666) == 0);
    make_socket("socket");
    if (geteuid() == 0) {
        ASSERT(mknod("null", S_IFCHR | 0666, makedev(1, 3)) == 0);
        ASSERT(!opens(root, "null"));
    }
    ASSERT(opens(root, "folder/file"));
    static const char *const bad[] = {"folder",
                                      "fifo",
                                      "socket",
                                      "to-file",
                                      "to-folder/file",
                                      "out/secret",
                                      "magic",
                                      "../outside/secret",
                                      "nobody",
                                      "folder/nobody",
                                      "folder/file/below"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ASSERT(!opens(root, bad[i]));
    if (geteuid() == 0 && mount(outside, "folder", NULL, MS_BIND, NULL) == 0) {
        ASSERT(!opens(root, "folder/secret")); /* what is mounted there is not the tree's */
        ASSERT(umount("folder") == 0);
    }
    ASSERT(chdir("/") == 0 && close(root) == 0);
}

struct swapper {
    int root;
    _Atomic bool stop;
};

/* The same name is now a file, now something that must not be opened. */
static void *swap_about(void *arg)
{
    struct swapper *s = arg;

    while (!s->stop)
        for (const char *const *other = (const char *const[]){"link", "fifo", NULL}; *other != NULL;
             other++) {
            ASSERT(renameat2(s->root, "name", s->root, *other, RENAME_EXCHANGE) == 0);
            ASSERT(renameat2(s->root, "name", s->root, *other, RENAME_EXCHANGE) == 0);
        }
    return NULL;
}

TEST(swapped_while_it_is_looked_at)
{
    _cleanup_free_ char *dir = help_path("tree"), *secret = help_path("secret");
    struct swapper s = {0};
    pthread_t thread;
    size_t found = 0;

    ASSERT(mkdir(dir, 0755) == 0);
    help_write(secret, "not ours", 8);
    s.root = open_root(dir);
    help_text(dir, "name", "content");
    ASSERT(symlinkat(secret, s.root, "link") == 0 && mkfifoat(s.root, "fifo", 0666) == 0);
    ASSERT(pthread_create(&thread, NULL, swap_about, &s) == 0);
    for (int i = 0; i < (test_long() ? 200000 : 5000); i++) {
        struct stat st;
        char text[8] = "";
        int fd = tree_present_open(s.root, "name", &st);
        if (fd < 0)
            continue;
        found++;
        ASSERT(S_ISREG(st.st_mode) && tree_present_read(fd, 0, text, 7));
        ASSERT_STR(text, "content");
        (void)close(fd);
    }
    s.stop = true;
    ASSERT(pthread_join(thread, NULL) == 0 && close(s.root) == 0);
    test_note("opened: %zu", found);
    ASSERT(found > 0);
}

static bool same(const char *path, struct tree_member *want, size_t names)
{
    struct tree_ids ids = {0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    ASSERT(fd >= 0 && fstat(fd, &st) == 0);
    bool is = tree_present_same(fd, &st, want, names, geteuid() == 0, &ids);
    (void)close(fd);
    return is;
}

TEST(every_difference_counts)
{
    _cleanup_free_ char *path = help_path("file"), *second = help_path("second");
    struct tree_attrs attrs = {0};
    struct tree_member want = {.attrs = &attrs, .user = "", .group = ""}, wrong;
    struct err e;

    help_write(path, "content", 7);
    ASSERT(stat(path, &want.st) == 0);
    ASSERT(same(path, &want, 1));
    wrong = want;
    wrong.st.st_size++;
    ASSERT(!same(path, &wrong, 1));
    wrong = want;
    wrong.st.st_mode ^= 0100;
    ASSERT(!same(path, &wrong, 1));
    wrong = want;
    wrong.st.st_mtim.tv_nsec ^= 1;
    ASSERT(!same(path, &wrong, 1));
    wrong = want;
    wrong.st.st_uid += 1;
    ASSERT_EQ(same(path, &wrong, 1), geteuid() != 0); /* who cannot give files away keeps them */
    ASSERT(!same(path, &want, 2));
    ASSERT(link(path, second) == 0);
    ASSERT(!same(path, &want, 1));
    ASSERT(same(path, &want, 2));
    tree_attrs_clear(&attrs);
    ASSERT_OK(tree_attrs_add(&attrs, "user.kind", "blue", 4, &e), e);
    tree_attrs_finish(&attrs);
    ASSERT(!same(path, &want, 2));
    if (setxattr(path, "user.kind", "blue", 4, 0) == 0) {
        ASSERT(same(path, &want, 2));
        ASSERT(setxattr(path, "user.kind", "grey", 4, 0) == 0);
        ASSERT(!same(path, &want, 2));
    }
    tree_attrs_deinit(&attrs);
}

TEST(a_change_after_the_look_is_seen)
{
    _cleanup_free_ char *path = help_path("file");
    struct stat st;
    char text[8];

    help_write(path, "content", 7);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ASSERT(fd >= 0 && fstat(fd, &st) == 0);
    ASSERT(tree_present_unchanged(fd, &st));
    ASSERT(tree_present_read(fd, 3, text, 4) && !tree_present_read(fd, 3, text, 5));
    do { /* the clock of the file system may stand still for a tick */
        ASSERT(pwrite(fd, "C", 1, 0) == 1);
    } while (tree_present_unchanged(fd, &st));
    (void)close(fd);
}

TEST(what_stays_is_asked_for_in_the_order_of_a_walk)
{
    enum { COUNT = 3000 };
    struct tree_kept *k = tree_kept_new();
    struct stat st = {.st_mode = S_IFREG | 0644, .st_size = 5}, now;

    for (int i = 0; i < COUNT; i++) {
        _cleanup_free_ char *path = mem_printf("a/%04d/%s", i / 10, i % 10 < 5 ? "x" : "xyz");
        st.st_ino = (ino_t)i;
        st.st_ctim.tv_sec = i - 7;
        tree_kept_add(k, path, &st);
    }
    for (int round = 0; round < 2; round++) {
        tree_kept_rewind(k);
        for (int i = 0; i < COUNT; i++) {
            _cleanup_free_ char *path = mem_printf("a/%04d/%s", i / 10, i % 10 < 5 ? "x" : "xyz");
            now = st;
            now.st_ino = (ino_t)i;
            now.st_ctim.tv_sec = i - 7;
            ASSERT_EQ(tree_kept_ask(k, "a/between", &now), TREE_KEPT_NO);
            ASSERT_STR(tree_kept_missing(k), path);
            now.st_ctim.tv_nsec = i % 3;
            ASSERT_EQ(tree_kept_ask(k, path, &now),
                      i % 3 == 0 ? TREE_KEPT_SAME : TREE_KEPT_CHANGED);
        }
        ASSERT(tree_kept_missing(k) == NULL);
    }
    tree_kept_clear(k);
    ASSERT(tree_kept_missing(k) == NULL);
    tree_kept_free(k);
}
