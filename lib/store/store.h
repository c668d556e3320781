/* store.h — an object store: put, get, list, stat, delete. Nothing else: no rename, link, append
 * or lock, so that a directory, S3 and SFTP can all stand behind it.
 *
 * Object names are relative, '/'-separated, 1..1024 bytes, without empty, "." or ".." parts.
 * An object exists whole and durable under its name, or not at all. All calls may block. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

struct store;
struct store_put;

enum {
    STORE_DIGEST_LEN = 32,
    STORE_NAME_MAX = 1024,
    STORE_UNNAMED_MAX = 64 * 1024 * 1024 /* bytes of a put whose name comes at commit */
};

struct store_object {
    char name[STORE_NAME_MAX + 1];
    uint64_t size;
    struct wall modified;
};

struct store_space {
    uint64_t total_bytes, free_bytes; /* what root keeps to itself counts in neither */
    uint64_t free_inodes;
    bool known; /* false: the store cannot tell */
};

/* ERR_NOT_FOUND: no such directory (say: create it, or mount it). `create` makes it, mode 0700. */
int must_check store_open_directory(const char *path, bool create, struct store **ret,
                                    struct err *e);
void store_close(struct store *s);
const char *store_place(const struct store *s); /* for messages: "/var/backups/synbak" */

/* Reads of a far store, under way or later, end with ERR_CANCELLED within seconds once stop(arg) is
 * true, instead of waiting for a server that is dead. NULL: they wait, and connecting waits too
 * (waiter.h). What else is under way there may
 * end with them, so this is for work that reads. A store that is near takes no notice. Called
 * while nobody reads; stop is called by any thread. */
typedef bool store_stop_cb(void *arg);
void store_stop_reads(struct store *s, store_stop_cb *stop, void *arg);

/* Nobody waits for this far store any more: whatever is under way there, and whatever is asked of it later,
 * ends with ERR_CANCELLED within seconds; all that is left to do with it is to close it. A store that is near
 * takes no notice. Does not block; any thread. */
void store_give_up(struct store *s);

/* Put, streamed, length unknown.
 *
 *   begin -> (write* seal)* -> commit | abort
 *
 * `name`: what commit will call it, when that is known already: an object store then sends while it
 * is written. NULL: known at commit only, and an object store keeps what was written in memory
 * (ERR_LIMIT beyond STORE_UNNAMED_MAX). `resume`: an earlier put of this name that never committed may
 * have left parts behind; those that hold the same bytes need not be sent again.
 *
 * seal says: what was written since the last seal (at most 16 MiB) has this SHA-256. The store
 * makes those bytes durable and reads them back against it, perhaps behind the caller's back; a
 * mismatch or error shows at a later write, seal or commit (ERR_DAMAGED, ERR_NO_SPACE, ...).
 * Everything written must be sealed before commit. A put has one thread; different puts may have
 * different ones. After a failure only abort is allowed. */
enum store_begin { STORE_AFRESH, STORE_RESUME };
enum store_commit { STORE_REPLACE, STORE_FAIL_IF_EXISTS };
int must_check store_put_begin(struct store *s, const char *name, enum store_begin how,
                               struct store_put **ret, struct err *e);
int must_check store_put_write(struct store_put *p, const void *data, size_t len, struct err *e);
int must_check store_put_seal(struct store_put *p, const uint8_t sha256[STORE_DIGEST_LEN],
                              struct err *e);
/* When it returns 0 the object is durable under its name and was read back. Frees the put, also on
 * failure. ERR_EXISTS only with STORE_FAIL_IF_EXISTS. */
int must_check store_put_commit(struct store_put *p, const char *name, enum store_commit how,
                                struct err *e);
void store_put_abort(struct store_put *p); /* NULL-safe; frees */

/* A whole small object at once: begin, write, seal, commit. */
int must_check store_put_bytes(struct store *s, const char *name, const void *data, size_t len,
                               enum store_commit how, struct err *e);

/* Up to len bytes from offset; fewer only at the object's end. ERR_NOT_FOUND. May be called from
 * several threads at once: that is how a far store is read ahead (read_ahead.h). */
int must_check store_get(struct store *s, const char *name, uint64_t offset, void *data, size_t len,
                         size_t *ret_len, struct err *e);
/* The whole object, bounded by out->max. */
struct buf;
int must_check store_get_bytes(struct store *s, const char *name, struct buf *out, struct err *e);

/* Objects whose names begin with prefix, in byte order, `after` exclusive ("" at first), at most
 * max; *ret_count < max means the end. With delimiter '/', deeper ones fold into one entry that
 * ends in '/' (size 0). Objects that are being put are not listed. */
int must_check store_list(struct store *s, const char *prefix, bool fold, const char *after,
                          struct store_object *out, size_t max, size_t *ret_count, struct err *e);
int must_check store_stat(struct store *s, const char *name, struct store_object *ret,
                          struct err *e);
/* Durable when it returns. ERR_NOT_FOUND if there was none. */
int must_check store_delete(struct store *s, const char *name, struct err *e);
int must_check store_space(struct store *s, struct store_space *ret, struct err *e);
/* Remove the remains of puts that never committed and are older than age_s. Counts them. */
int must_check store_sweep(struct store *s, int64_t age_s, size_t *ret_removed, struct err *e);
/* A convenience for people, where the store has links: `name` -> `target`; else nothing. */
int must_check store_point(struct store *s, const char *name, const char *target, struct err *e);
/* How many gets at once are worth it: 1 on a disk, more where every answer is a round trip away. There,
 * calls of any kind may be made by several threads at once, a put's own excepted. */
int store_get_parallel(const struct store *s);
/* What a commit has compared: "read", every byte was read back; "store-checked", the store has
 * confirmed each part's digest. Static. */
const char *store_readback(const struct store *s);
/* For tools that read files: the path of an object on this machine, owned, or NULL (S3). */
char *store_local_path(struct store *s, const char *name);
