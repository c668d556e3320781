/* fetch_help.h — what the tests of fetching trees share: a tree of all kinds, its tar stream, and the tree in a
 * repository. */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/repository/fetch.h"
#include "lib/tree/tree_untar.h"
#include "tests/unit/repository/add_fixture.h"
#include "tests/unit/tree/tree_archive.h"

static inline void make_file(const char *root, const char *name, size_t len, char kind,
                             uint64_t seed)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", root, name);
    uint8_t *data = make_bytes(len, kind, seed);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0640);

    ASSERT(fd >= 0);
    ASSERT_EQ(write(fd, data, len), (ssize_t)len);
    (void)close(fd);
    free(data);
}

static inline void make_folder(const char *root, const char *name)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", root, name);

    ASSERT_EQ(mkdir(path, 0750), 0);
}

static inline void make_tree(const char *root, uint64_t seed)
{
    uint64_t random = seed;

    ASSERT_EQ(mkdir(root, 0755), 0);
    make_folder(root, "a");
    make_folder(root, "a/b");
    make_folder(root, "a-");
    make_folder(root, "empty");
    make_file(root, "a/none", 0, 'c', 1);
    make_file(root, "a/large", (size_t)9 << 20, 'c', seed);
    for (int i = 0; i < 60; i++) {
        _cleanup_free_ char *name = mem_printf("a/b/file%d", i);
        make_file(root, name, next_chance(&random) % (i % 10 == 0 ? 900000 : 9000), "ct"[i % 2],
                  seed + (uint64_t)(i / 2));
    }
    make_file(root, "a-/\xff\xfe", 10, 'c', 1);
    _cleanup_free_ char *first = mem_printf("%s/a/b/file10", root);
    _cleanup_free_ char *second = mem_printf("%s/c-link", root);
    _cleanup_free_ char *third = mem_printf("%s/d-link", root);
    _cleanup_free_ char *sym = mem_printf("%s/sym", root);
    _cleanup_free_ char *fifo = mem_printf("%s/fifo", root);
    _cleanup_free_ char *hole = mem_printf("%s/hole", root);
    ASSERT_EQ(link(first, second), 0);
    ASSERT_EQ(link(first, third), 0);
    ASSERT_EQ(symlink("../somewhere", sym), 0);
    ASSERT_EQ(mkfifo(fifo, 0600), 0);
    int fd = open(hole, O_RDWR | O_CREAT, 0600);
    ASSERT(fd >= 0 && ftruncate(fd, 30 << 20) == 0 && pwrite(fd, "here", 4, 20 << 20) == 4);
    (void)close(fd);
    (void)setxattr(first, "user.kind", "blue", 4, 0);
}

static inline int to_buf(void *arg, const void *data, size_t len, struct err *e)
{
    return buf_append(arg, data, len, e);
}

static inline int no_progress(void *arg, const char *path, uint64_t bytes, struct err *e)
{
    (void)arg;
    (void)path;
    (void)bytes;
    (void)e;
    return 0;
}

static inline void fail_text(void *arg, const char *text)
{
    (void)arg;
    test_fail(__FILE__, __LINE__, "%s", text);
}

static inline struct tree_rules *all_rules(void)
{
    struct tree_rules *rules;
    struct err e;

    ASSERT_OK(tree_rules_create(NULL, NULL, &rules, &e), e);
    return rules;
}

static inline struct buf tar_of(const char *root)
{
    struct buf out = BUF_INIT(256 << 20);
    struct tree_rules *rules = all_rules();
    struct tree_read_spec spec = {.path = root, .rules = rules, .attributes = true};
    struct tree_events events = {.arg = &out,
                                 .data = to_buf,
                                 .progress = no_progress,
                                 .problem = fail_text,
                                 .note = fail_text};
    struct tree_read_result result;
    struct err e;

    ASSERT_OK(tree_archive(&spec, &events, &result, &e), e);
    tree_rules_free(rules);
    return out;
}

static inline void add_tree(struct add_world *w, const char *root, struct added *ret)
{
    struct tree_rules *rules = all_rules();
    struct tree_read_spec spec = {.path = root, .rules = rules, .attributes = true};
    struct adder_tree t = {.progress = no_progress, .problem = fail_text, .note = fail_text};
    struct tree_read_result result;
    struct tree_visitor visitor;
    uint64_t put;

    ASSERT_OK(world_begin(w), w->e);
    ASSERT_OK(adder_tree_begin(w->adder, &t, -1, -1, &visitor, &w->e), w->e);
    ASSERT_OK(tree_read(&spec, &visitor, &result, &w->e), w->e);
    tree_rules_free(rules);
    ASSERT_OK(adder_end(w->adder, ret, &w->e), w->e);
    ASSERT_OK(adder_finish(w->adder, &put, &w->e), w->e);
    world_open_index(w);
}

struct feed {
    const struct buf *from;
    size_t at;
};

static inline int feed_tar(void *arg, void *data, size_t len, size_t *ret_len, struct err *e)
{
    struct feed *f = arg;

    (void)e;
    *ret_len = f->from->len - f->at < len ? f->from->len - f->at : len;
    memcpy(data, f->from->data + f->at, *ret_len);
    f->at += *ret_len;
    return 0;
}

/* Paths of the members of a tar stream, by the reader that restores. */
static inline void names_of(struct buf *tar, struct strlist *ret)
{
    struct feed f = {tar, 0};
    struct tree_untar_member m;
    struct tree_untar *u;
    struct err e;
    int rc;

    ASSERT_OK(tree_untar_open(&u, feed_tar, &f, &e), e);
    while ((rc = tree_untar_next(u, &m, &e)) == 0)
        strlist_addf(ret, "%s%s%s:%lld", m.path, m.hardlink != NULL ? "=" : "",
                     m.hardlink != NULL ? m.hardlink : "", (long long)m.size);
    ASSERT_EQ(rc, 1);
    tree_untar_free(u);
}
