/* sftp_store.h — the SFTP store's own parts, for sftp*.c alone. Objects are files below one root on
 * the server; what is being put lies in ROOT/.synbak-incoming until it is renamed into place.
 *
 * The link is made anew when it has failed: a read is then asked once more, a put is over. */
#pragma once

#include <pthread.h>

#include "lib/store/folder.h"
#include "lib/store/ops.h"
#include "lib/store/sftp_link.h"

enum {
    SFTP_PIECE = 32 * 1024, /* bytes of one read or write, what every server takes */
    SFTP_IN_FLIGHT = 64,    /* pieces under way at once, for one reader or writer */
    SFTP_FILES = 32,        /* files held open for reading */
    SFTP_TRIES = 3          /* of a read, each on a link of its own */
};

struct sftp_handle {
    uint8_t bytes[SFTP_HANDLE_MAX];
    size_t len; /* 0: none */
};

struct sftp_file { /* an object that was read lately, still open */
    char *name;    /* owned; NULL: a free place */
    struct sftp_handle handle;
    unsigned
        users; /* a handle that is closed may be given out again for another file: not before 0 */
    bool gone; /* close it then */
    uint64_t used; /* by the clock of uses */
};

struct sftp_store {
    struct store base;
    struct store_ops ops;        /* this store's own: how it reads depends on the server */
    struct sftp_options options; /* its strings and secrets are ours */
    struct secret key, passphrase;
    char *root; /* as the server is told */
    struct rate_limiter *limiter;

    pthread_mutex_t lock;               /* guards what follows */
    struct sftp_link *link;             /* a reference, or NULL */
    bool connected;                     /* once at least */
    struct sftp_file files[SFTP_FILES]; /* of that link */
    uint64_t uses;
    _Atomic(store_stop_cb *) stop_reads; /* as in store.h, or NULL */
    void *stop_arg;                      /* set before it */

    struct store_waiter waiter; /* who opened the store; options.waiter asks it, and `over` */
    atomic_bool over;           /* given up for good */
};

static inline struct sftp_store *sftp_of(struct store *s)
{
    return (struct sftp_store *)s;
}

/* --- sftp_store.c --- */

/* The link, connected again if it has failed; *ret is a reference. */
int must_check sftp_use(struct sftp_store *s, struct sftp_link **ret, struct err *e);
/* Of a struct sftp_store *: is connecting, is what the link waits for unwanted? Any thread. */
bool sftp_connect_is_unwanted(void *store);
bool sftp_link_is_unwanted(void *store);
/* Is the failure in *e the link's own, and worth asking again on a new one? */
bool sftp_is_lost(struct sftp_link *l, int tries);
/* ROOT/name; "" is the root. Owned. */
char *sftp_path(const struct sftp_store *s, const char *name);
char *sftp_incoming_path(const struct sftp_store *s, const char *temporary);
/* Forget the open file of an object that is no more, or another. */
void sftp_forget_file(struct sftp_store *s, const char *name);

/* --- sftp_call.c: one question, one answer --- */

/* Send it and wait. *call is to be freed by sftp_call_done(), also on failure. */
int must_check sftp_ask(struct sftp_link *l, struct sftp_frame *f, struct sftp_call *call,
                        struct err *e);
/* What the server says: FX_OK for any answer that is no status. */
uint32_t sftp_status(const struct sftp_call *call);
/* As sftp_ask for a question that has a status for an answer: -1 only when the link has failed. */
int must_check sftp_ask_status(struct sftp_link *l, struct sftp_frame *f, uint32_t *ret_status,
                               struct err *e);
/* "PLACE: DOING NAME: what the server says (what to do)"; name may be NULL. */
int sftp_error(const char *place, uint32_t status, const char *doing, const char *name,
               struct err *e);
int must_check sftp_wrong_answer(const char *place, const char *doing, struct err *e);

/* The answer of OPEN or OPENDIR. 1: refused, *ret_status says why. */
int must_check sftp_take_handle(const char *place, const struct sftp_call *call,
                                struct sftp_handle *ret, uint32_t *ret_status, struct err *e);
/* The answer of STAT. 1: refused. */
int must_check sftp_take_attrs(const char *place, const struct sftp_call *call,
                               struct sftp_attrs *ret, uint32_t *ret_status, struct err *e);
/* Without following a link. 1: refused, usually since it is not there. */
int must_check sftp_lstat(struct sftp_link *l, const char *path, struct sftp_attrs *ret,
                          uint32_t *ret_status, struct err *e);
void sftp_close_handle(struct sftp_link *l, struct sftp_handle *h); /* does not wait */
struct sftp_frame *sftp_frame_open(const char *path, uint32_t flags);
struct sftp_frame *sftp_frame_mkdir(const char *path);
bool sftp_is_regular(const struct sftp_attrs *a);
bool sftp_is_folder(const struct sftp_attrs *a);

/* Up to len bytes from offset, SFTP_IN_FLIGHT pieces asked for at once; fewer only at the end.
 * 1: the server refused, *ret_status. */
int must_check sftp_read(struct sftp_link *l, const struct sftp_handle *h, uint64_t offset,
                         void *data, size_t len, size_t *ret_len, uint32_t *ret_status,
                         struct err *e);

/* --- sftp_aside.c: for servers without posix-rename@openssh.com --- */

#define SFTP_ASIDE "was-" /* begins the name of what is aside; no temporary name does */

/* An object that a crash left aside, when its name was found free. 1: it is there again. */
int must_check sftp_bring_back(struct sftp_store *s, struct sftp_link *l, const char *name,
                               struct err *e);
/* Before an object is deleted: or its forerunner would come back. */
void sftp_drop_aside(struct sftp_store *s, struct sftp_link *l, const char *name);
/* `temporary` takes the name of an object that stands. */
int must_check sftp_replace(struct sftp_store *s, struct sftp_link *l, const char *temporary,
                            const char *name, uint32_t *ret_status, struct err *e);

/* --- the store's functions --- */

int sftp_put_begin(struct store *s, const char *name, enum store_begin how, struct store_put **ret,
                   struct err *e);
int sftp_put_write(struct store_put *p, const void *data, size_t len, struct err *e);
int sftp_put_seal(struct store_put *p, uint64_t offset, size_t len,
                  const uint8_t sha256[STORE_DIGEST_LEN], struct err *e);
int sftp_put_commit(struct store_put *p, const char *name, enum store_commit how, struct err *e);
void sftp_put_free(struct store_put *p);
int sftp_list(struct store *s, const char *prefix, bool fold, const char *after,
              struct store_object *out, size_t max, size_t *ret_count, struct err *e);
int sftp_sweep(struct store *s, int64_t age_s, size_t *ret_removed, struct err *e);
int sftp_get(struct store *s, const char *name, uint64_t offset, void *data, size_t len,
             size_t *ret_len, struct err *e);
int sftp_space(struct store *s, struct store_space *ret, struct err *e);
/* ret_read_only may be NULL. */
int sftp_space_on(struct sftp_link *l, const char *path, struct store_space *ret,
                  bool *ret_read_only, struct err *e);
