/* seam_state.h — between the parts of the fault seam: seam_io.c asks, seam_fault.c decides,
 * seam_log.c records. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What one call is to do. */
struct seam_turn {
    int errnum;   /* fail with this, or 0 */
    size_t limit; /* write or read at most so many bytes */
    bool flip;    /* flip one bit of what is written */
    bool die;     /* after writing half */
};

/* A call of that name is about to be made; `counted` if it changes something. `len` is what a read
 * or write asks for, else 0. May not return: SIGKILL. */
struct seam_turn seam_turn_take(const char *call, bool counted, size_t len);
__attribute__((noreturn)) void seam_die(void);
bool seam_lies(void);

enum seam_record_kind {
    SEAM_ROOT = 1, /* ino: the folder that is the root of all */
    SEAM_CREATE,   /* dir, name -> ino, a new file */
    SEAM_MKDIR,
    SEAM_SYMLINK, /* data: the target */
    SEAM_LINK,
    SEAM_RENAME, /* dir, name -> dir2, name2 */
    SEAM_UNLINK, /* dir, name: file, link or empty folder */
    SEAM_WRITE,  /* ino, offset, data */
    SEAM_TRUNCATE,
    SEAM_FSYNC, /* ino, a file or folder */
    SEAM_SYNCFS,
    SEAM_MARK, /* name */
};

/* On disk: this, then name, name2 and data. */
struct seam_record {
    uint32_t magic, kind;
    uint64_t ino, dir, dir2, offset;
    uint32_t name_len, name2_len, data_len, exchange;
};

enum { SEAM_MAGIC = 0x53454d31 };

void seam_log_open(const char *file, const char *root);
bool seam_log_on(void);
/* Around a call and its record, so that the log has the order in which things happened. */
void seam_log_lock(void);
void seam_log_unlock(void);
void seam_log_put(struct seam_record r, const char *name, const char *name2, const void *data);

/* The folder and last part of a path; 0 if it cannot be found. */
uint64_t seam_parent_ino(int dirfd, const char *path, const char **ret_base);
uint64_t seam_ino(int dirfd, const char *path); /* 0 if there is none; follows nothing */
uint64_t seam_fd_ino(int fd, bool *ret_is_file);
