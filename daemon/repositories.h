/* repositories.h — what the daemon remembers of repositories, from the journal: the newest record of
 * each log, so that one that was rolled back is noticed, and which transaction of a source's tracking
 * counts. Fed by history.c. Pure memory. */
#pragma once

#include "daemon/read_parts.h"

struct repositories;

struct repositories *repositories_new(void);
void repositories_free(struct repositories *r);

/* role: "writer" or "pruner". "N:HEX64", borrowed until the next note; NULL: nothing was seen there. */
const char *repositories_head(const struct repositories *r, const char *destination,
                              const char *role);
int64_t repositories_number(const struct repositories *r, const char *destination,
                            const char *role); /* of that record; 0: none */
/* HEADS of worker_msg.h, from a worker: has either log gone on since what is remembered? A scan may end
 * after a commit that it did not see. */
bool repositories_is_news(const struct repositories *r, const char *destination,
                          const json_t *heads);
/* A "heads" record: takes the place of what was remembered of that destination; one without heads: nothing
 * is remembered any more. */
void repositories_note_heads(struct repositories *r, const json_t *record);

/* The number of the transaction that counts; 0: none. */
int64_t repositories_tracked(const struct repositories *r, const char *job, const char *repository,
                             const char *source);
/* A "tracked" record. */
void repositories_note_tracked(struct repositories *r, const json_t *record);
/* A "read" record: the part between from and to was read when it was written; what no record has
 * been about counts as read at its "since". */
void repositories_note_read(struct repositories *r, const json_t *record);
/* As read_parts(), of the names of packs. */
size_t repositories_read_parts(const struct repositories *r, const char *destination,
                               struct wall unread, struct read_part **ret);
void repositories_forget_job(struct repositories *r, const char *job);

/* For the journal's checkpoint; new reference. And back. */
json_t *repositories_to_json(const struct repositories *r);
void repositories_from_json(struct repositories *r, const json_t *o);
