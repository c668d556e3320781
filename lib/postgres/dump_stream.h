/* dump_stream.h — is what pg_dump wrote whole? Fed the stream as it passes by, in any portions.
 *
 * Custom format: the header and the table of contents are parsed, then every block is walked by
 * its lengths, never by its bytes: each entry that has data must have its complete block, of the
 * right kind and once, and nothing may follow the last (archive versions 1.12 to 1.16, that is
 * PostgreSQL 9.1 to 18). SQL text: the "dump complete" comment must stand at the end, after which
 * only the \unrestrict line that matches the \restrict line at the top, and blank lines, may come.
 *
 * The stream is hostile: a server may be. Memory is bounded by what was really sent. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum dump_kind { DUMP_KIND_CUSTOM, DUMP_KIND_SQL, DUMP_KIND_GLOBALS };

struct dump_info { /* what the stream says of itself; "" and 0 where it does not */
    char database[128], server_version[128], dump_version[128];
    uint32_t entries;   /* of the table of contents */
    uint32_t tables;    /* with data */
    uint32_t lo_blocks; /* blocks of large objects */
    bool restricted;    /* SQL text: with \restrict and the \unrestrict that matches; at its end */
};

struct dump_stream;
struct dump_stream *dump_stream_new(enum dump_kind kind);
/* ERR_SOURCE, with the offset, as soon as the bytes cannot be such a stream. */
int must_check dump_stream_feed(struct dump_stream *s, const void *data, size_t len, struct err *e);
/* The stream has ended. ERR_SOURCE, saying what is missing, unless it is whole. */
int must_check dump_stream_end(struct dump_stream *s, struct err *e);
const struct dump_info *dump_stream_info(const struct dump_stream *s); /* borrowed */
uint64_t dump_stream_bytes(const struct dump_stream *s);
void dump_stream_free(struct dump_stream *s); /* NULL-safe */
