/* seam_log.c — the write log: every change, in order, with its data, so that power_loss.c can
 * build what a disk may hold after a cut. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/lib/seam.h"
#include "tests/lib/seam_state.h"

static int log_fd = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

bool seam_log_on(void)
{
    return log_fd >= 0;
}

void seam_log_lock(void)
{
    if (log_fd < 0)
        return;
    (void)pthread_mutex_lock(&lock);
    (void)flock(log_fd, LOCK_EX);
}

void seam_log_unlock(void)
{
    int saved = errno;

    if (log_fd < 0)
        return;
    (void)flock(log_fd, LOCK_UN);
    (void)pthread_mutex_unlock(&lock);
    errno = saved;
}

void seam_log_put(struct seam_record r, const char *name, const char *name2, const void *data)
{
    int saved = errno;

    if (log_fd < 0)
        return;
    r.magic = SEAM_MAGIC;
    r.name_len = name == NULL ? 0 : (uint32_t)strlen(name);
    r.name2_len = name2 == NULL ? 0 : (uint32_t)strlen(name2);
    struct iovec parts[] = {{&r, sizeof(r)},
                            {(void *)name, r.name_len},
                            {(void *)name2, r.name2_len},
                            {(void *)data, r.data_len}};
    size_t total = sizeof(r) + r.name_len + r.name2_len + r.data_len;
    if (writev(log_fd, parts, 4) != (ssize_t)total) {
        perror("write log");
        abort();
    }
    errno = saved;
}

uint64_t seam_ino(int dirfd, const char *path)
{
    struct stat st;
    int saved = errno;
    int rc = fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW);

    errno = saved;
    return rc == 0 ? st.st_ino : 0;
}

uint64_t seam_fd_ino(int fd, bool *ret_is_file)
{
    struct stat st;
    int saved = errno;
    int rc = fstat(fd, &st);

    errno = saved;
    *ret_is_file = rc == 0 && S_ISREG(st.st_mode);
    return rc == 0 ? st.st_ino : 0;
}

uint64_t seam_parent_ino(int dirfd, const char *path, const char **ret_base)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];
    struct stat st;
    int saved = errno;

    *ret_base = slash == NULL ? path : slash + 1;
    (void)snprintf(folder, sizeof(folder), "%.*s",
                   slash == NULL   ? 1
                   : slash == path ? 1
                                   : (int)(slash - path),
                   slash == NULL ? "." : path);
    int rc = fstatat(dirfd, folder, &st, 0);
    errno = saved;
    return rc == 0 ? st.st_ino : 0;
}

static void record_file(int fd, uint64_t ino)
{
    static char block[65536];
    ssize_t n;
    uint64_t offset = 0;

    while ((n = read(fd, block, sizeof(block))) > 0) {
        seam_log_put(
            (struct seam_record){
                .kind = SEAM_WRITE, .ino = ino, .offset = offset, .data_len = (uint32_t)n},
            NULL, NULL, block);
        offset += (uint64_t)n;
    }
}

/* What is there at the start, as if it had been made and synced. Takes fd. */
static void record_tree(int fd, uint64_t dir)
{
    DIR *d = fdopendir(fd);
    struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL) {
        struct stat st;
        char target[4096];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        struct seam_record r = {.dir = dir, .ino = st.st_ino};
        if (S_ISLNK(st.st_mode)) {
            ssize_t n = readlinkat(fd, entry->d_name, target, sizeof(target));
            r.kind = SEAM_SYMLINK;
            r.data_len = n < 0 ? 0 : (uint32_t)n;
            seam_log_put(r, entry->d_name, NULL, target);
        } else if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) {
            int child = openat(fd, entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
            r.kind = S_ISDIR(st.st_mode) ? SEAM_MKDIR : SEAM_CREATE;
            seam_log_put(r, entry->d_name, NULL, NULL);
            if (S_ISDIR(st.st_mode)) {
                record_tree(child, st.st_ino);
            } else {
                record_file(child, st.st_ino);
                (void)close(child);
            }
        }
    }
    if (d != NULL)
        (void)closedir(d);
}

void seam_log_open(const char *file, const char *root)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat st;

    if (fd < 0 || flock(fd, LOCK_EX) != 0 || fstat(fd, &st) != 0) {
        perror(file);
        exit(2);
    }
    log_fd = fd;
    if (st.st_size == 0 && root != NULL) { /* the first process of all */
        int top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (top < 0 || fstat(top, &st) != 0) {
            perror(root);
            exit(2);
        }
        seam_log_put((struct seam_record){.kind = SEAM_ROOT, .ino = st.st_ino}, NULL, NULL, NULL);
        record_tree(top, st.st_ino);
        seam_log_put((struct seam_record){.kind = SEAM_SYNCFS}, NULL, NULL, NULL);
        seam_log_put((struct seam_record){.kind = SEAM_MARK}, "start", NULL, NULL);
    }
    (void)flock(fd, LOCK_UN);
}

void seam_log_start(const char *file, const char *root)
{
    seam_log_open(file, root);
}

void seam_log_mark(const char *text)
{
    seam_log_lock();
    seam_log_put((struct seam_record){.kind = SEAM_MARK}, text, NULL, NULL);
    seam_log_unlock();
}

void seam_log_stop(void)
{
    if (log_fd >= 0)
        (void)close(log_fd);
    log_fd = -1;
}
