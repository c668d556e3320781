/* log_parts.h — what the files log*.c share: a log in memory, and one record as bytes. */
#pragma once

#include "lib/repository/log.h"

enum {
    LOG_SALT_LEN = 32,
    LOG_RECORD_MIN = LOG_SALT_LEN + SEAL_TAG_LEN + SEAL_SIGNATURE_LEN + 2,
    LOG_OBJECT_MAX = 4 << 20,
    LOG_NAME_SIZE = 32
};

struct log_entry {
    struct log_record says; /* says.body is owned here */
    uint8_t *raw;           /* owned; of the newest group, else NULL */
    size_t raw_len;
};

struct log {
    struct store *store; /* borrowed */
    const struct keys *keys;
    enum log_role role;
    char *cache_dir;           /* owned, or NULL */
    struct log_entry *entries; /* owned */
    size_t count, epoch;       /* epoch: index of the newest record of that kind */
};

const char *log_role_word(enum log_role role); /* "writer" */
/* The numbers of the objects that the store lists, ascending. *ret owned (free). */
int must_check log_numbers(struct store *s, enum log_role role, uint64_t **ret, size_t *ret_count,
                           struct err *e);
void log_object_name(enum log_role role, uint64_t number, char ret[LOG_NAME_SIZE]);

/* A body sealed and signed as record `number`. *ret owned. ERR_LIMIT beyond LOG_RECORD_MAX. */
int must_check log_record_make(const struct keys *k, enum log_role role, uint64_t number,
                               const json_t *body, uint8_t **ret, size_t *ret_len, struct err *e);
/* And back: its signature, number, common members and kind checked; that it follows `previous` too.
 * ret->body is a new reference. ERR_DAMAGED, ERR_FORMAT, ERR_TAMPERED. */
int must_check log_record_read(const struct keys *k, enum log_role role,
                               const struct log_head *previous, const uint8_t *raw, size_t len,
                               struct log_record *ret, struct err *e);

/* The box of a record or trash list, by its salt; a box is used once. */
int must_check log_box_open(const struct keys *k, const uint8_t salt[LOG_SALT_LEN],
                            struct seal_box **ret, struct err *e);
int must_check log_box_seal(struct seal_box *b, const void *data, size_t len, uint8_t *out,
                            struct err *e);
int must_check log_box_unseal(struct seal_box *b, const void *box, size_t len, uint8_t *out,
                              struct err *e);

/* Does this object hold its whole group up to `number`? What is not known yet is added, what is known
 * must be the same. */
int must_check log_absorb(struct log *l, uint64_t number, const struct buf *object, struct err *e);
/* Are these the known records of the group up to `number`? */
bool log_holds(const struct log *l, uint64_t number, const struct buf *object);
/* The object of the newest record: its group's records. */
int must_check log_newest_object(const struct log *l, struct buf *ret, struct err *e);
