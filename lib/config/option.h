/* option.h — the table of all options, made from options.def.
 *
 * One row says where an option is written, how its value reads, where it lies in the model, what
 * it is when left out, and its documentation. Checker, printer, --help and synbak.conf(5) are
 * loops over this table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/config/config.h"

enum section_kind {
    SECTION_DAEMON,
    SECTION_ACCESS,
    SECTION_DESTINATION,
    SECTION_SOURCE,
    SECTION_JOB,
    SECTION_COUNT
};

/* What the field is, and how the value is written. */
enum option_type {
    OPTION_TEXT,          /* char *: any text */
    OPTION_PATH,          /* char *: absolute path, without .. and //, no slash at the end */
    OPTION_PLACE,         /* char *: likewise, but perhaps relative */
    OPTION_PREFIX,        /* char *: relative, without slashes at the ends */
    OPTION_TOKEN,         /* char *: one word without slashes and quotes */
    OPTION_URI,           /* char *: PostgreSQL connection string; its password is redacted */
    OPTION_URL,           /* char *: http:// or https:// */
    OPTION_ENDPOINT,      /* char *: likewise, without a user or a query */
    OPTION_ZONE,          /* char *: IANA name of a time zone */
    OPTION_WORDS,         /* struct strlist: words, "quoted" where they hold blanks */
    OPTION_COMMAND,       /* struct strlist: an argument vector */
    OPTION_PEOPLE,        /* struct strlist: USER and @GROUP */
    OPTION_SWITCH,        /* bool: yes or no */
    OPTION_CHOICE,        /* enum: one of .words */
    OPTION_NUMBER,        /* int in [min, max] */
    OPTION_PERCENT,       /* int in [min, max], "20%" */
    OPTION_SPAN,          /* int64_t: seconds in [min, max], "15min" */
    OPTION_SPAN_OR_NEVER, /* int64_t: likewise, 0 for "never" and "0"; SPAN_UNSET when left out */
    OPTION_SPANS,         /* struct job: retry_delays_s and its count */
    OPTION_SIZE,          /* int64_t: bytes in [min, max], "64M" */
    OPTION_KEEP,          /* int: "keep N" or KEEP_FOREVER */
    OPTION_COUNT_OR_NONE, /* int: N or KEEP_UNSET */
    OPTION_TIER,          /* struct tier_rule: rule.h */
    OPTION_VERIFY,        /* struct tier_rule: rule.h */
    OPTION_KEY,           /* struct secret_ref, may be none */
    OPTION_SECRET,        /* struct secret_ref */
    OPTION_OLD_KEYS,      /* struct destination: old_keys and their count */
    OPTION_COMPRESSION,   /* struct destination: compression and its level */
    OPTION_RATES,         /* struct rate_windows: rate.h */
    OPTION_SOURCES,       /* struct job: names, resolved when all is read */
    OPTION_DESTINATIONS   /* struct job: likewise */
};

struct config_option {
    enum section_kind section;
    const char *key;
    enum option_type type;
    size_t offset;        /* in the section's struct */
    bool needed;          /* leaving it out is an error */
    unsigned only;        /* bit mask of the section's types that have it; 0: all */
    unsigned formats;     /* bit mask of the destination's formats that have it; 0: all */
    int64_t min, max;     /* of numbers */
    const char *words;    /* OPTION_CHOICE: in the order of the enum, "a|b|c" */
    const char *fallback; /* value when left out, read like a written one; NULL: empty */
    const char *form;     /* how the value is written, for help: "PATH" */
    const char *help;     /* one line, lower case, no full stop */
    const char *man;      /* sentences for synbak.conf(5); NULL: help is enough */
    const char *example;  /* a value that differs from the fallback */
};

extern const struct config_option config_option_table[];
extern const size_t config_option_count;

enum { OPTION_TABLE_MAX = 160 };

const char *section_word(enum section_kind s); /* "destination" */
bool section_has_name(enum section_kind s);    /* [job NAME], but [daemon] */
int section_from_word(const char *word);       /* -1 if none */
const char *section_nearest(const char *word); /* NULL if none is near */

/* NULL if the section has no such option. */
const struct config_option *config_option_find(enum section_kind s, const char *key);
/* The option of that section whose name is nearest, or NULL. */
const struct config_option *config_option_nearest(enum section_kind s, const char *key);
/* Sections in which the key would be right, other than s: -1 if there is none. */
int config_option_other_section(enum section_kind s, const char *key);
size_t config_option_index(const struct config_option *o);
/* Whether a section of the type, and of the format, that `base` has takes this option. */
bool config_option_applies(const struct config_option *o, const void *base);
/* The types an option is for, "s3 and sftp"; NULL if all or none has types. Owned by the caller. */
char *config_option_types(const struct config_option *o);
char *config_type_of(enum section_kind s, const void *base); /* "postgresql"; likewise */
/* The one format that an option is for, "plain"; NULL: all have it. */
const char *config_option_format(const struct config_option *o);
