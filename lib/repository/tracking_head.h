/* tracking_head.h — what a transaction of tracking.h says of itself: DIR/N/head, the SHA-256 of what
 * follows in hexadecimal digits, a newline, JSON. Hostile input as any file. */
#pragma once

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/repository/seal.h"

enum { TRACKING_SPOILED_MAX = 1000 };

struct tracking_artifact { /* strings owned */
    char *name;
    uint64_t length; /* of its list */
    uint8_t sha256[SEAL_HASH_LEN];
    bool is_tree;
    char *root;                    /* tree: its path, */
    uint64_t device, fs_id, inode; /* of the folder there, */
    bool attributes;               /* whether they were read, */
    struct strlist spoiled;        /* the paths that must not be believed, */
    bool all_spoiled;              /* or none may */
};

struct tracking_head { /* strings owned; zero is empty */
    int64_t number;
    char *repository, *host, *id;
    struct wall started;
    struct tracking_artifact *artifacts; /* owned */
    size_t count;
};

/* ERR_NOT_FOUND, ERR_DAMAGED, ERR_IO; *ret is empty then. */
int must_check tracking_head_read(int dirfd, struct tracking_head *ret, struct err *e);
/* Durable, but for the folder's own name. */
int must_check tracking_head_write(int dirfd, const struct tracking_head *h, struct err *e);
/* NULL: none of that name. Borrowed. */
const struct tracking_artifact *tracking_head_find(const struct tracking_head *h, const char *name);
/* Taken, *a is empty then. */
void tracking_head_add(struct tracking_head *h, struct tracking_artifact *a);
void tracking_artifact_deinit(struct tracking_artifact *a);
void tracking_head_deinit(struct tracking_head *h);

/* SHA-256 of the first `len` bytes of a file, wherever it stands. ERR_DAMAGED: it has fewer. */
int must_check tracking_digest_file(int fd, uint64_t len, uint8_t ret[SEAL_HASH_LEN],
                                    struct err *e);
