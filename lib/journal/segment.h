/* segment.h — one file of the journal: its name, its lines and the chain that runs through them.
 * For lib/journal alone. */
#pragma once

#include "lib/journal/journal.h"

enum {
    SEGMENT_MAX = 256 * 1024 * 1024, /* bytes; a checkpoint of 100,000 sets is a tenth of it */
    SEGMENT_NAME_LEN = 24,           /* twenty digits and ".log" */
    LINE_HASH_LEN = 64,
};

struct segments {
    int64_t *first; /* the number of each one's first record, ascending; owned */
    size_t count;
};

/* Where the chain stands: the last record's number and the hash of its line. */
struct chain {
    int64_t seq;
    char hash[LINE_HASH_LEN + 1];
    struct wall time; /* of the last record, us == 0 if none */
    bool hash_known;  /* false: what came before has expired */
};

const char *segment_name(int64_t first, char out[SEGMENT_NAME_LEN + 1]);
int must_check segments_list(int dirfd, struct segments *ret, struct err *e);
void segments_deinit(struct segments *s);

/* A line's SHA-256 in hex; without its newline. */
void chain_hash(const void *line, size_t len, char out[LINE_HASH_LEN + 1]);
/* The state of the chain before segment `index`: the end of the one before it, read from disk. */
int must_check chain_before(int dirfd, const struct segments *s, size_t index, struct chain *ret,
                            struct err *e);

struct segment_text {
    const char *name;
    const uint8_t *data;
    size_t len;
    bool is_last; /* then a torn tail is no damage */
};

/* Check every line against the chain and call cb for records with seq > after; a batch counts only
 * whole. *ret_good is the length of what is sound, less than len only for a torn tail. ERR_DAMAGED
 * names the segment and the line. */
int must_check segment_walk(const struct segment_text *text, struct chain *chain, int64_t after,
                            journal_replay_cb *cb, void *arg, size_t *ret_good, struct err *e);
