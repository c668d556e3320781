/* log.h — the signed log of a role: which sets exist, what was removed, who holds the role
 * (docs/repository-format.md, "Logs"). */
#pragma once

#include "lib/base/json.h"
#include "lib/repository/keys.h"
#include "lib/store/store.h"

enum log_role { LOG_WRITER = 1, LOG_PRUNER = 2 };
enum { LOG_GROUP = 64, LOG_RECORD_MAX = 60 << 10 };

struct log_head {    /* what may be remembered, and told to witnesses */
    uint64_t number; /* 0: an empty log */
    uint8_t hash[SEAL_HASH_LEN];
};
char *log_head_text(const struct log_head *h); /* "12:HEX64"; owned */
int must_check log_head_parse(const char *text, struct log_head *ret, struct err *e);

struct log_record {
    struct log_head head;
    json_t *body;     /* borrowed */
    const char *kind; /* into body, as the next two */
    const char *installation, *host;
    struct wall time;
};

/* The number of the newest object of a log that the store lists; 0: none. A list may be old. Blocks. */
int must_check log_newest(struct store *s, enum log_role role, uint64_t *ret, struct err *e);

/* One role's log at one store, read whole, signatures and chain checked. */
struct log;
/* known: what was remembered of it, or NULL. ERR_TAMPERED: it does not lie in this log, or the log has
 * holes. ERR_DAMAGED names the object. cache_dir: groups of records that are full are kept there
 * (log-ROLE-N; to be removed by whoever accepts a log that was replaced), NULL: nowhere. Blocks. */
int must_check log_open(struct store *s, const struct keys *k, enum log_role role,
                        const char *cache_dir, const struct log_head *known, struct log **ret,
                        struct err *e);
void log_close(struct log *l); /* NULL-safe */
size_t log_count(const struct log *l);
struct log_record log_at(const struct log *l, size_t i);
struct log_head log_head(const struct log *l);
/* The installation of the newest epoch record; NULL: nobody's yet. */
const char *log_holder(const struct log *l, const char **ret_host, struct wall *ret_since);

struct log_author {           /* who appends */
    const char *installation; /* HEX32 */
    const char *host;
};
/* Take the role over, whoever had it. */
int must_check log_take(struct log *l, const struct log_author *who, struct err *e);
/* Append. members: what the kind has besides the common ones; reference taken. The first append to an
 * empty log takes the role. ERR_FOREIGN, naming the holder and what to do, when another installation holds the
 * role, also when it took it just now. A lost answer is no error: what lies there is compared. */
int must_check log_append(struct log *l, const struct log_author *who, const char *kind,
                          json_t *members, struct log_head *ret, struct err *e);
/* As log_append, and only as this number, for what is named by it. 1: the log goes on from another one. */
int must_check log_append_as(struct log *l, const struct log_author *who, uint64_t number,
                             const char *kind, json_t *members, struct err *e);
/* Use up a number: an epoch of who, that holds the role already. */
int must_check log_extend(struct log *l, const struct log_author *who, struct err *e);
/* Read on: records that were appended since. Never from the cache. */
int must_check log_refresh(struct log *l, struct err *e);
/* The holder is still who: looked up at the store, before something is deleted. ERR_FOREIGN. */
int must_check log_check_holder(struct log *l, const struct log_author *who, struct err *e);
/* Has `longer` all the records of l? */
bool log_begins(const struct log *l, const struct log *longer);
/* 0: the newest object lies at the replica as well, so its log is this one. 1: not. Blocks. */
int must_check log_compare(const struct log *l, struct store *replica, struct err *e);
/* The newest object's bytes, for a replica whose log ends just before it: put with
 * STORE_FAIL_IF_EXISTS. 1: it lacks more than that, or has something else; mirror.h brings it. */
int must_check log_replicate(const struct log *l, struct store *replica, struct err *e);
