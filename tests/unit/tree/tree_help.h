/* tree_help.h — what the tests of file trees share: a tree into memory, memory into a tree, and a
 * comparison that knows nothing of tar. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "tests/unit/tree/tree_archive.h"
#include "lib/tree/tree_extract.h"
#include "tests/lib/test.h"

struct help { /* one reading: the stream, and what was said */
    struct buf tar;
    size_t at; /* while it is read back */
    struct strlist problems, notes;
    int (*meddle)(struct help *h, const char *path, uint64_t bytes); /* or NULL */
    int count;
    struct tree_read_result result;
};

static inline int help_data(void *arg, const void *data, size_t len, struct err *e)
{
    return buf_append(&((struct help *)arg)->tar, data, len, e);
}

static inline int help_progress(void *arg, const char *path, uint64_t bytes, struct err *e)
{
    struct help *h = arg;

    if (h->meddle != NULL && h->meddle(h, path, bytes) < 0)
        return err_set(e, ERR_CANCELLED, "cancelled");
    return 0;
}

static inline void help_problem(void *arg, const char *text)
{
    strlist_add(&((struct help *)arg)->problems, text);
}

static inline void help_note(void *arg, const char *text)
{
    strlist_add(&((struct help *)arg)->notes, text);
}

static inline int help_source(void *arg, void *data, size_t len, size_t *ret_len, struct err *e)
{
    struct help *h = arg;
    size_t left = h->tar.len - h->at;

    (void)e;
    *ret_len = left < len ? left : len;
    if (*ret_len > 0)
        memcpy(data, h->tar.data + h->at, *ret_len);
    h->at += *ret_len;
    return 0;
}

/* "a\nb" as two patterns; NULL: none. */
static inline void help_list(struct strlist *list, const char *lines)
{
    for (const char *p = lines; p != NULL && *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n')
        strlist_take(list, mem_strndup(p, strcspn(p, "\n")));
}

static inline int help_read(struct help *h, const char *path, const char *include,
                            const char *exclude, struct err *e)
{
    struct strlist in = {0}, out = {0};
    struct tree_rules *rules = NULL;
    const struct tree_events events = {.arg = h,
                                       .data = help_data,
                                       .progress = help_progress,
                                       .problem = help_problem,
                                       .note = help_note};

    help_list(&in, include);
    help_list(&out, exclude);
    ASSERT_OK(tree_rules_create(&in, &out, &rules, e), *e);
    struct tree_read_spec spec = {
        .path = path, .rules = rules, .one_file_system = true, .attributes = true};
    h->tar = BUF_INIT(1u << 30);
    int rc = tree_archive(&spec, &events, &h->result, e);
    tree_rules_free(rules);
    strlist_deinit(&in);
    strlist_deinit(&out);
    return rc;
}

static inline int help_extract_fd(struct help *h, int root, struct err *e)
{
    struct tree_extract_result result;
    struct tree_extract_spec spec = {.root = root,
                                     .privileged = geteuid() == 0,
                                     .source = help_source,
                                     .source_arg = h,
                                     .note = help_note,
                                     .arg = h};

    h->at = 0;
    return tree_extract(&spec, &result, e);
}

static inline int help_extract(struct help *h, const char *path, struct err *e)
{
    ASSERT(mkdir(path, 0700) == 0 || errno == EEXIST);
    int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT(root >= 0);
    int rc = help_extract_fd(h, root, e);
    close(root);
    return rc;
}

static inline void help_deinit(struct help *h)
{
    buf_deinit(&h->tar);
    strlist_deinit(&h->problems);
    strlist_deinit(&h->notes);
}

static inline char *help_path(const char *name)
{
    return mem_printf("%s/%s", test_dir(), name);
}

static inline void help_write(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    ASSERT(fd >= 0);
    ASSERT(write(fd, data, len) == (ssize_t)len);
    close(fd);
}

static inline void help_text(const char *dir, const char *name, const char *text)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", dir, name);

    help_write(path, text, strlen(text));
}

static inline void *help_slurp(const char *path, size_t *ret_len)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    ASSERT(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *data = mem_alloc((size_t)st.st_size + 1);
    ASSERT(read(fd, data, (size_t)st.st_size) == (ssize_t)st.st_size);
    close(fd);
    *ret_len = (size_t)st.st_size;
    return data;
}

static inline void help_same_content(const char *a, const char *b)
{
    size_t la, lb;
    _cleanup_free_ uint8_t *x = help_slurp(a, &la), *y = help_slurp(b, &lb);

    ASSERT_EQ(la, lb);
    ASSERT(memcmp(x, y, la) == 0);
}

static inline void help_same_attributes(const char *a, const char *b)
{
    char names[4096], other[4096], value[4096], twin[4096];
    ssize_t len = llistxattr(a, names, sizeof(names)), len2 = llistxattr(b, other, sizeof(other));

    if (len != len2)
        test_fail(__FILE__, __LINE__, "%s: attributes differ", a);
    for (char *n = names; n < names + len; n += strlen(n) + 1) {
        ssize_t x = lgetxattr(a, n, value, sizeof(value)), y = lgetxattr(b, n, twin, sizeof(twin));
        if (x != y || memcmp(value, twin, (size_t)x) != 0)
            test_fail(__FILE__, __LINE__, "%s: attribute %s differs", a, n);
    }
}

static inline void help_same_folder(const char *a, const char *b);

static inline void help_same(const char *a, const char *b)
{
    struct stat x, y;

    if (lstat(a, &x) != 0 || lstat(b, &y) != 0)
        test_fail(__FILE__, __LINE__, "%s or %s is missing", a, b);
    if (x.st_mode != y.st_mode || x.st_uid != y.st_uid || x.st_gid != y.st_gid)
        test_fail(__FILE__, __LINE__, "%s: mode %o uid %u, not %o %u", b, y.st_mode, y.st_uid,
                  x.st_mode, x.st_uid);
    if (x.st_mtim.tv_sec != y.st_mtim.tv_sec || x.st_mtim.tv_nsec != y.st_mtim.tv_nsec)
        test_fail(__FILE__, __LINE__, "%s: time differs", b);
    if (x.st_rdev != y.st_rdev || (!S_ISDIR(x.st_mode) && x.st_nlink != y.st_nlink))
        test_fail(__FILE__, __LINE__, "%s: device or link count differs", b);
    help_same_attributes(a, b);
    if (S_ISREG(x.st_mode))
        help_same_content(a, b);
    if (S_ISLNK(x.st_mode)) {
        char t[4097] = {0}, u[4097] = {0};
        ASSERT(readlink(a, t, 4096) > 0 && readlink(b, u, 4096) > 0);
        ASSERT_STR(t, u);
    }
    if (S_ISDIR(x.st_mode))
        help_same_folder(a, b);
}

static inline int help_count(const char *path)
{
    DIR *dir = opendir(path);
    int count = -2; /* "." and ".." */

    ASSERT(dir != NULL);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static inline void help_same_folder(const char *a, const char *b)
{
    DIR *dir = opendir(a);
    struct dirent *entry;

    ASSERT(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        _cleanup_free_ char *x = mem_printf("%s/%s", a, entry->d_name);
        _cleanup_free_ char *y = mem_printf("%s/%s", b, entry->d_name);
        help_same(x, y);
    }
    closedir(dir);
    ASSERT_EQ(help_count(b), help_count(a));
}
