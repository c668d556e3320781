/* config.h — the configuration as a model: what the INI files say, checked and typed.
 *
 * config_load reads FILE and then FILE's conf.d/NAME.conf in byte order. Unknown or duplicate keys
 * and sections, wrong values and dangling names are errors with file and line; the first 20 are
 * kept. The model is immutable after loading and reference counted, because runs outlive a reload.
 * One table, lib/config/options.def, drives the checker, the printer, --help and the man page.
 * Calendar texts are only split off here; lib/schedule compiles them (schedule_check_config). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/secret.h"
#include "lib/base/str.h"

enum tier { TIER_HOURLY, TIER_DAILY, TIER_WEEKLY, TIER_MONTHLY, TIER_YEARLY, TIER_COUNT };
/* Reasons of a set beside the tiers; bit numbers go on where the tiers end. */
enum { TIER_MANUAL = TIER_COUNT, TIER_PRE_RESTORE, TIER_ALL_COUNT };
const char *tier_word(int tier);      /* "hourly" ... "manual", "pre-restore" */
int tier_from_word(const char *word); /* -1 if none */

enum { KEEP_FOREVER = -1, KEEP_UNSET = -2, SPAN_UNSET = -1 };
enum { VERIFY_WITHIN_DEFAULT_S = 30 * 24 * 3600 };

struct origin {       /* where an option was written, for errors that only show later */
    const char *file; /* owned by the config */
    int line;
};

enum destination_type { DESTINATION_DIRECTORY, DESTINATION_S3, DESTINATION_SFTP };
enum destination_format { FORMAT_PLAIN, FORMAT_REPOSITORY };
enum compression { COMPRESSION_NONE, COMPRESSION_GZIP };
enum dump_format { DUMP_CUSTOM, DUMP_PLAIN };
enum source_type { SOURCE_POSTGRESQL, SOURCE_FILES, SOURCE_COMMAND };
enum failure_policy { FAILURE_ABORT, FAILURE_REPORT };
enum log_format { LOG_AUTO, LOG_TEXT, LOG_JSON, LOG_JOURNAL };
enum io_class { IO_IDLE, IO_BEST_EFFORT, IO_NONE };
enum s3_style { S3_STYLE_PATH, S3_STYLE_VIRTUAL };
enum s3_encryption { S3_ENCRYPTION_BUCKET, S3_ENCRYPTION_AES256, S3_ENCRYPTION_KMS };
enum lock_mode { LOCK_COMPLIANCE, LOCK_GOVERNANCE };
enum readback { READBACK_CHECKED, READBACK_FULL };
enum feed { FEED_AUTO, FEED_COPY, FEED_LIVE };

/* An upload limit as it is written: the first window that holds the local time counts. */
struct rate_window {
    int from_min, to_min;     /* minutes of the day; to < from: over midnight; both 0: always */
    int64_t bytes_per_second; /* 0: no bound */
};
struct rate_windows {
    struct rate_window *items;
    size_t count; /* 0: no bound */
};

/* What an upload limit means at a time: lib/schedule/upload.h makes these, jobs carry them. */
struct rate_change {
    int64_t from_s;           /* since 1970; holds until the next one's */
    int64_t bytes_per_second; /* 0: no bound */
};
struct rate_course {
    struct rate_change *items; /* in order of time; owned */
    size_t count;              /* 0: no bound */
};

struct destination {
    char *name;
    struct origin at;
    enum destination_type type;
    char *path; /* directory: absolute; sftp: may be relative to the login folder; s3: NULL */
    /* s3 */
    char *endpoint, *region, *bucket;
    char *prefix;                  /* NULL: none; without slashes at the ends */
    struct secret_ref credentials; /* lines: access key, secret key, perhaps a session token */
    enum s3_style style;
    char *ca_file; /* NULL: the system's */
    bool insecure; /* http:// is meant */
    char *storage_class;
    enum s3_encryption encryption;
    char *encryption_key_id;
    int64_t lock_s; /* 0: none */
    enum lock_mode lock_mode;
    enum readback readback;
    /* sftp */
    char *host, *user;
    int port;
    struct secret_ref private_key, passphrase; /* private_key unset: the agent */
    char *known_hosts;
    /* both */
    int parallel; /* parts or ranges in flight, default 4 */
    struct rate_windows upload_limit;
    enum feed feed;
    int64_t copy_within_s; /* a copy that takes longer is late; 1 day */
    /* all */
    int64_t verify_within_s; /* as written, 0: never; see destination_verify_within_s() */
    bool deletes;            /* no: deletion belongs to another identity */
    enum destination_format format;
    char *repository;      /* repository: its name, the destination's unless written; else NULL */
    int64_t trash_s;       /* repository: how long what nothing needs any more stays */
    struct secret_ref key; /* SECRET_NONE only when written so */
    struct secret_ref *old_keys; /* for reading */
    size_t old_key_count;
    enum compression compression;
    int compression_level; /* 1..9, default 2: as fast as 1 by ISA-L, and smaller */
    int64_t volume_bytes;  /* 64 GiB */
    int warn_free_percent; /* 20 */
};

struct source {
    char *name;
    struct origin at;
    enum source_type type;
    /* postgresql */
    char *uri, *restore_uri;  /* restore_uri falls back to uri */
    struct strlist databases; /* empty: the one of uri; "*": all */
    struct strlist exclude_databases, exclude_tables, exclude_table_data, schemas;
    bool schema_only, globals; /* globals: default yes */
    enum dump_format dump_format;
    char *bin_dir;          /* where pg_dump lies, NULL: the usual places */
    int64_t lock_timeout_s; /* 60 */
    /* files */
    char *path;
    struct strlist include, exclude;
    bool one_file_system, xattrs; /* default yes, yes */
    bool allow_empty;             /* default no: a tree whose last good set held files may not
                                   be empty now (it was unmounted) */
    /* command */
    struct strlist command, restore_command; /* argument vectors */
};

struct tier_rule {
    bool on;
    char *when; /* "at 02:00", "cron 0 2 * * *", "on Mon *-*-* 02:00", or "" for the default; never
                   NULL */
    int keep;   /* KEEP_FOREVER when no keep was written */
    struct origin at;
};

struct job {
    char *name;
    struct origin at;
    struct source **sources; /* in the order written; borrowed from the config */
    size_t source_count;
    struct destination **destinations;
    size_t destination_count;
    struct tier_rule tiers[TIER_COUNT];
    struct tier_rule verify;      /* `when` may begin with a tier's word; no keep; off by default */
    char *timezone;               /* NULL: the daemon's */
    int keep_last;                /* KEEP_UNSET */
    int64_t keep_within_s;        /* 0: unset */
    int keep_manual;              /* KEEP_FOREVER */
    int max_delete;               /* sets that one pass may delete; default 10, 0: no bound */
    int64_t jitter_s;             /* 0 */
    int priority;                 /* higher goes first, 0..100, default 50 */
    struct strlist before, after; /* argument vectors, empty: none */
    enum failure_policy before_failure, after_failure; /* abort, report */
    int64_t hook_timeout_s;                            /* 600 */
    int retry_count;                                   /* 3 */
    int64_t retry_delays_s[8];                         /* 300 600 1200; the last repeats */
    int retry_delay_count;
    int64_t run_timeout_s;      /* 0: none */
    int64_t progress_timeout_s; /* 600 */
    int64_t queue_alarm_s;      /* 3600: queued longer than this is an alarm */
    int64_t rpo_s;              /* 0: twice the shortest interval */
    char *ping;                 /* URL or NULL */
    bool catch_up;              /* yes: due times missed while down are owed */
    int nice;                   /* 10 */
    enum io_class io_class;     /* idle */
    int threads;                /* for compression; 0: number of processors, at most 4 */
    int size_drop_percent; /* 50: an artifact smaller than this part of the median is suspect */
    struct strlist restore_stop, restore_start, restore_check; /* argument vectors for restore */
};

struct access {
    struct strlist view, operate, restore, admin; /* USER, @GROUP */
};

struct config {
    int refs; /* config_ref / config_unref only */
    char *file;
    struct strlist files; /* every file read, in order */
    char *timezone;       /* IANA name; NULL: the system's */
    char *state_dir, *socket_path;
    int parallel; /* runs at once, default 1 */
    enum log_format log_format;
    struct access access;
    struct destination **destinations;
    size_t destination_count;
    struct source **sources;
    size_t source_count;
    struct job **jobs;
    size_t job_count;
};

/* ERR_CONFIG with the first error's "FILE:LINE: ..." as text; errors (may be NULL) gets up to 20.
 * The files must belong to root or to us and be writable by nobody else (file.h). Blocks. */
int must_check config_load(const char *file, struct config **ret, struct strlist *errors,
                           struct err *e);
/* From memory, for tests and fuzzing; `name` stands where the file's name would. No conf.d. */
int must_check config_parse(const char *name, const void *text, size_t len, struct config **ret,
                            struct strlist *errors, struct err *e);
bool destination_is_remote(const struct destination *d); /* s3, sftp */
/* From the one read of a run; false: by copy, afterwards. */
bool destination_is_fed_live(const struct destination *d);
/* Every byte there is read again within so many seconds; 0: it is not read by the clock. Left out: 30
 * days, but never in a bucket, where reading is billed. */
int64_t destination_verify_within_s(const struct destination *d);
/* For people: "/backup", "s3://BUCKET/PREFIX", "sftp://USER@HOST/PATH". Owned by the caller. */
char *destination_place(const struct destination *d);

struct config *config_ref(struct config *c);
void config_unref(struct config *c); /* NULL-safe */

struct job *config_job(const struct config *c, const char *name);                 /* or NULL */
struct destination *config_destination(const struct config *c, const char *name); /* or NULL */
struct source *config_source(const struct config *c, const char *name);           /* or NULL */

/* The whole configuration in normal form, defaults left out; it parses to an equal model. Secrets
 * appear only as references, a password in a connection string as *** (print.h has it whole). */
struct buf;
int must_check config_print(const struct config *c, struct buf *out, struct err *e);

#define CONFIG_FILE_DEFAULT "/etc/synbak/synbak.conf"
#define STATE_DIR_DEFAULT   "/var/lib/synbak"
#define SOCKET_DEFAULT      "/run/synbak/control.sock"
#define KNOWN_HOSTS_DEFAULT "/etc/synbak/known_hosts"
