/* marks.h — what was said of a set after its commit: pins, unpins, accepts.
 *
 * Each is an object JOB/ID.marks/NNNN.json of two lines: a JSON object, and the MAC of that line.
 * They are numbered and never rewritten; the highest of each kind counts. */
#pragma once

#include "lib/plain/manifest.h"

struct marks {
    bool pinned, accepted;
    struct wall pin_until; /* us == 0: for ever */
    char *pin_reason;      /* owned */
    struct wall pin_time;  /* when the pin or unpin that counts was made; us == 0: none was */
    struct wall accept_time;
};

/* No mark at all is fine. ERR_DAMAGED when one is not what was written. */
int must_check marks_read(struct store *s, const char *job, const char *id, const struct mac_key *k,
                          struct marks *ret, struct err *e);
/* Is anything there that may be a mark? No key is needed to tell. */
int must_check marks_exist(struct store *s, const char *job, const char *id, bool *ret,
                           struct err *e);
/* kind: "pin", "unpin", "accept". until.us 0: for ever. */
int must_check marks_add(struct store *s, const char *job, const char *id, const struct mac_key *k,
                         const char *kind, const char *reason, struct wall until, struct wall now,
                         struct err *e);
/* What was said of a set at one store, said at another too, with `to_key`, at the times when it was
 * said. What was said at the target later than that stands. Doing it again does nothing. */
int must_check marks_copy(const struct marks *from, struct store *to, const char *job,
                          const char *id, const struct mac_key *to_key, struct err *e);
void marks_deinit(struct marks *m);
