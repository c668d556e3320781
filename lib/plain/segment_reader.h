/* segment_reader.h — the stored bytes of an artifact, segment by segment, each compared with its
 * digest before it is handed out. */
#pragma once

#include "lib/plain/artifact.h"

struct segment_reader;

/* Reads and checks the object of digests, and the sizes of all volumes. ERR_DAMAGED when something
 * is missing, too long or too short. */
enum segment_reader_use {
    SEGMENTS_ALL, /* from the first to the last: a far store is asked for the first at once */
    SEGMENTS_SOME /* seek says which */
};
int must_check segment_reader_open(const struct artifact_source *src, enum segment_reader_use use,
                                   struct segment_reader **ret, struct err *e);
/* Over bytes whose digests are known already, `count` of them one behind the other: the object of digests is
 * not read, src->segments may be NULL. The digests are copied. */
int must_check segment_reader_open_known(const struct artifact_source *src, const uint8_t *digests,
                                         size_t count, struct segment_reader **ret, struct err *e);
/* The next segment, valid until the next call. 1 at the end. A segment never spans two volumes. */
int must_check segment_reader_next(struct segment_reader *r, const uint8_t **ret_data,
                                   size_t *ret_len, struct err *e);
/* Go on with the first byte of that volume. */
void segment_reader_seek(struct segment_reader *r, size_t volume);
/* Go on with segment `first`, counted from 0 over all volumes, and end behind `count` of them; first + count is
 * at most what segment_count() says. */
void segment_reader_select(struct segment_reader *r, size_t first, size_t count);
uint64_t segment_count(const struct artifact_volume *v); /* of one volume */
/* The digests of a volume's segments, one behind the other: borrowed. *ret_count: segments. */
const uint8_t *segment_reader_digests(const struct segment_reader *r, size_t volume,
                                      size_t *ret_count);
uint64_t segment_reader_done(const struct segment_reader *r); /* stored bytes handed out */
void segment_reader_close(struct segment_reader *r);          /* NULL-safe */
