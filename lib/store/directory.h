/* directory.h — the directory store's own parts. Objects are files below one root; what is being
 * put lies in ROOT/.synbak-incoming until it is renamed into place.
 *
 * Everything goes through the root's descriptor, and no symbolic link inside it is ever followed:
 * whoever can write there must not be able to lead us elsewhere. */
#pragma once

#include <sys/stat.h>

#include "lib/store/folder.h"
#include "lib/store/ops.h"

enum {
    DIRECTORY_TRIES = 3
}; /* of what fails with ESTALE: on NFS a name may just have changed hands */

struct directory {
    struct store base;
    int root;
};

static inline struct directory *directory_of(struct store *s)
{
    return (struct directory *)s;
}

/* "DOING NAME at PLACE: REASON (what to do)", the code made from errnum. name may be NULL. */
int directory_error(const struct directory *d, int errnum, const char *doing, const char *name,
                    struct err *e);

/* Open a path below the root without following a link; "" is the root. -1 and errno. */
int directory_open(const struct directory *d, const char *path, int flags);
/* The folder that holds `name`; *ret_base points at the last part of name. -1 and errno. */
int directory_open_parent(const struct directory *d, const char *name, const char **ret_base);
/* The folders of `name`, made if missing, each made durable in the one above; the last one's
 * descriptor, itself not yet synced. */
int must_check directory_make_parent(const struct directory *d, const char *name, int *ret_fd,
                                     struct err *e);
/* A subfolder of dirfd with exactly FOLDER_MODE, whatever the umask, made if missing; its
 * descriptor, or -1 and errno. */
int directory_make_folder(int dirfd, const char *name);

/* --- what network and foreign file systems may lack (medium.h says it aloud) --- */

/* Does errno say that the file system does not know how? */
bool directory_lacks(int errnum);
/* fsync. Without one there is nothing to wait for. -1 and errno. */
int directory_sync(int fd);
/* Exactly this mode, where there are modes. -1 and errno. */
int directory_set_mode(int fd, const struct stat *st, mode_t mode);

int directory_put_begin(struct store *s, const char *name, enum store_begin how,
                        struct store_put **ret, struct err *e);
int directory_put_write(struct store_put *p, const void *data, size_t len, struct err *e);
int directory_put_seal(struct store_put *p, uint64_t offset, size_t len,
                       const uint8_t sha256[STORE_DIGEST_LEN], struct err *e);
int directory_put_commit(struct store_put *p, const char *name, enum store_commit how,
                         struct err *e);
void directory_put_free(struct store_put *p);
int directory_list(struct store *s, const char *prefix, bool fold, const char *after,
                   struct store_object *out, size_t max, size_t *ret_count, struct err *e);
int directory_sweep(struct store *s, int64_t age_s, size_t *ret_removed, struct err *e);
