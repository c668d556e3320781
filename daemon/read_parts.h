/* read_parts.h — parts of what is stored somewhere, and when each was read last. As JSON, since the journal's
 * checkpoint holds it: [[from, time in us]..] in order, each up to the next. Pure memory. */
#pragma once

#include "lib/base/clock.h"
#include "lib/base/json.h"

/* A part lies between two numbers from 0 to this: of pack names, of a set's bytes. */
#define READ_PARTS_END (UINT64_C(1) << 32)
struct read_part {
    uint64_t from, to;
    struct wall read;
};

/* All of it in order, joined where it can be; owned by the caller (free). unread: when what no part was
 * noted of was read (list NULL: all of it). Returns how many, at least one. */
size_t read_parts(const json_t *list, struct wall unread, struct read_part **ret);
/* The list with one more part, read at `now`; new reference. */
json_t *read_parts_note(const json_t *list, struct wall unread, uint64_t from, uint64_t to,
                        struct wall now);
/* When the part was read that is longest unread. */
struct wall read_parts_oldest(const json_t *list, struct wall unread);
