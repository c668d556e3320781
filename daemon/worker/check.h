/* check.h — findings of the check verb: what is wrong or will be, and what to do about it. */
#pragma once

#include "daemon/worker/worker.h"

enum finding_level { FINDING_ERROR, FINDING_WARNING, FINDING_NOTE };

struct findings {
    struct worker *worker;
    json_t *list;
};

/* doing: what to do, or "" for a note. `what` says which source or destination it is about. */
void findings_add(struct findings *f, enum finding_level level, const char *doing, const char *fmt,
                  ...) printf_like(4, 5);
/* A note with a size, for estimates: {"source":NAME,"bytes":N} stand in the finding too. */
void findings_add_size(struct findings *f, const char *source, const char *what, uint64_t bytes);

/* A bucket: what the credentials allow there and what its settings mean for the STORE. Fails when
 * the service cannot be asked at all. */
struct store;
int must_check check_bucket(struct findings *f, struct store *s, const char *name,
                            const json_t *store, struct err *e);
/* A source of type postgresql. What cannot be looked at is a finding, too. */
void check_postgres(struct findings *f, const json_t *source);
