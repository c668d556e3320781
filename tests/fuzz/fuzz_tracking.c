/* Any bytes as what tracking remembers, under a checksum that is right: the head of a transaction
 * (input that begins with '{') or its changes. Refused, or within what the headers promise. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/repository/tracking.h"
#include "lib/repository/tracking_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void write_file(int dirfd, const char *name, const void *a, size_t a_len, const void *b,
                       size_t b_len)
{
    int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, a, a_len) != (ssize_t)a_len || write(fd, b, b_len) != (ssize_t)b_len)
        abort();
    (void)close(fd);
}

static void read_head(int dirfd, const uint8_t *data, size_t len)
{
    char first[2 * SEAL_HASH_LEN + 2];
    uint8_t hash[SEAL_HASH_LEN];
    struct tracking_head head;
    struct err e;

    seal_sha256(data, len, hash);
    hex_encode(hash, sizeof(hash), first);
    first[sizeof(first) - 2] = '\n';
    write_file(dirfd, "head", first, sizeof(first) - 1, data, len);
    if (tracking_head_read(dirfd, &head, &e) < 0) {
        if (head.count != 0 || head.repository != NULL || e.text[0] == '\0')
            abort();
        return;
    }
    if (head.number < 1 || head.repository == NULL || head.host == NULL || head.id == NULL)
        abort();
    for (size_t i = 0; i < head.count; i++)
        if (head.artifacts[i].name == NULL ||
            head.artifacts[i].is_tree != (head.artifacts[i].root != NULL))
            abort();
    tracking_head_deinit(&head);
}

struct told {
    int transactions, lost;
};

static int on_transaction(void *arg, const struct tracking_summary *s, struct err *e)
{
    (void)e;
    ((struct told *)arg)->transactions++;
    if (s->number != 1 || strlen(s->id) >= sizeof(s->id))
        abort();
    return 0;
}

static int on_change(void *arg, const struct tracking_change *c, struct err *e)
{
    (void)e;
    if (((struct told *)arg)->transactions != 1 || strlen(c->path) > LIST_PATH_MAX)
        abort();
    return 0;
}

static int on_lost(void *arg, int64_t number, struct err *e)
{
    (void)e;
    ((struct told *)arg)->lost += number == 1;
    return 0;
}

static void read_changes(const char *dir, int dirfd, const uint8_t *data, size_t len)
{
    struct told told = {0};
    const struct tracking_reader reader = {&told, on_transaction, on_change, on_lost};
    uint8_t hash[SEAL_HASH_LEN];
    struct err e;

    seal_sha256(data, len, hash);
    write_file(dirfd, "1.changes", data, len, hash, sizeof(hash));
    if (tracking_changes_read(dir, 1, 1, &reader, &e) != 0 || told.transactions + told.lost < 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char dir[] = "/dev/shm/synbak-fuzz.XXXXXX";

    if (mkdtemp(dir) == NULL)
        abort();
    int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (len > 0 && data[0] == '{')
        read_head(dirfd, data, len);
    else
        read_changes(dir, dirfd, data, len);
    (void)close(dirfd);
    if (fs_remove_tree(AT_FDCWD, dir, NULL) < 0)
        abort();
    return 0;
}
