/* list.h — list streams: what files, trees and dumps are made of (docs/repository-format.md,
 * "Lists"). Pure: bytes to records and back. Hostile input. */
#pragma once

#include "lib/base/buf.h"
#include "lib/repository/chunk.h"

enum { LIST_REFS_MAX = 1024, LIST_RECORD_MAX = 16 << 20, LIST_PATH_MAX = 65536 };
enum list_type { LIST_ENTRY = 1, LIST_CONTENT = 2, LIST_END = 3 };

struct list_attribute {
    const char *name;
    const void *value;
    size_t value_len;
};
struct list_extent {
    int64_t offset, length;
};
struct list_entry {
    const char *path; /* "" for the root */
    char type;        /* f d l h p c b */
    uint32_t mode;
    uint64_t uid, gid;
    const char *user, *group;
    uint64_t size; /* 0 of all but files */
    int64_t mtime_s, ctime_s;
    uint32_t mtime_ns, ctime_ns;
    uint64_t device, inode, rdev;
    const char *link;
    const struct list_extent *extents; /* a lone {0, 0}: nothing but a hole */
    size_t extent_count;               /* 0: no holes */
    const struct list_attribute *attributes;
    size_t attribute_count;
    const struct chunk_ref *refs; /* the first LIST_REFS_MAX */
    size_t ref_count;
};
struct list_record {
    enum list_type type;
    struct list_entry entry;      /* LIST_ENTRY */
    const struct chunk_ref *refs; /* LIST_CONTENT */
    size_t ref_count;
    uint64_t entries, bytes; /* LIST_END */
};

/* Append one record to out. ERR_LIMIT when it cannot be written. */
int must_check list_put_entry(struct buf *out, const struct list_entry *x, struct err *e);
int must_check list_put_content(struct buf *out, const struct chunk_ref *refs, size_t count,
                                struct err *e);
int must_check list_put_end(struct buf *out, uint64_t entries, uint64_t bytes, struct err *e);

/* Fed piece by piece, at most CHUNK_MAX at once, and asked until it wants more; gives records as soon as they are whole. Checks what the format promises: no
 * path twice and their order, lengths, sizes against content, a single end. */
struct list_parser;
struct list_parser *list_parser_new(void);
void list_parser_free(struct list_parser *p);
int must_check list_parser_feed(struct list_parser *p, const void *data, size_t len, struct err *e);
/* 0: a record, borrowed until the next call of either; 1: more bytes are needed. */
int must_check list_parser_next(struct list_parser *p, struct list_record *ret, struct err *e);
/* At the end of the stream. ERR_DAMAGED unless the end record was the last. */
int must_check list_parser_finish(const struct list_parser *p, struct err *e);

/* What people call an entry's type: "file", "folder", ... Static. */
const char *list_type_word(char type);

/* The order of a walk: <0, 0, >0. "a" before "a/b" before "a-b": parts are compared one by one. */
int list_path_compare(const char *a, const char *b);
