/* Any bytes as a tar: extracted without root into a fresh folder beside a canary, and listed. What
 * is made never lies outside; nothing crashes, hangs or takes memory without bound. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/tree/tree_extract.h"

struct input {
    const uint8_t *data;
    size_t len, at;
};

static int feed(void *arg, void *data, size_t len, size_t *ret_len, struct err *e)
{
    struct input *in = arg;

    (void)e;
    *ret_len = in->len - in->at < len ? in->len - in->at : len;
    if (*ret_len > 0)
        memcpy(data, in->data + in->at, *ret_len);
    in->at += *ret_len;
    return 0;
}

static void check_name(const char *path)
{
    if (path[0] == '/')
        abort();
    for (; *path != '\0'; path += path[0] == '/') {
        size_t len = strcspn(path, "/");
        if (len == 0 || (len == 2 && memcmp(path, "..", 2) == 0))
            abort();
        path += len;
    }
}

static void list(const uint8_t *data, size_t len)
{
    struct input in = {data, len, 0};
    struct tree_untar *tar;
    struct tree_untar_member m;

    if (tree_untar_open(&tar, feed, &in, NULL) < 0)
        return;
    while (tree_untar_next(tar, &m, NULL) == 0)
        check_name(m.path);
    tree_untar_free(tar);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct rlimit limit = {1 << 20, 1 << 20}; /* of a file: holes are cheap, blocks are not */
    char outer[] = "/dev/shm/synbak-fuzz.XXXXXX";   /* in memory: an extraction ends with syncfs */
    struct input in = {data, len, 0};
    struct tree_extract_result result;
    struct stat before, after;

    list(data, len);
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    (void)signal(SIGXFSZ, SIG_IGN);
    if (mkdtemp(outer) == NULL)
        abort();
    int parent = open(outer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (mkdirat(parent, "in", 0700) != 0 || fstat(parent, &before) != 0)
        abort();
    int root = openat(parent, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct tree_extract_spec spec = {
        .root = root, .privileged = false, .source = feed, .source_arg = &in};
    int rc = tree_extract(&spec, &result, NULL);
    (void)rc; /* either way is right */
    if (fstat(parent, &after) != 0 || after.st_nlink != before.st_nlink ||
        after.st_mtim.tv_nsec != before.st_mtim.tv_nsec)
        abort(); /* something was made beside the folder */
    (void)close(root);
    (void)close(parent);
    if (fs_remove_tree(AT_FDCWD, outer, NULL) < 0) {
        char command[100]; /* folders that were closed to us */
        (void)snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", outer, outer);
        if (system(command) != 0)
            abort();
    }
    return 0;
}
