/* log.h — the daemon's log: one sentence and its fields an event.
 *
 * Under systemd (JOURNAL_STREAM names our stderr) structured journal fields and stable message ids;
 * else one line on stderr, text or JSON. Control characters from outside are escaped, so that
 * one event is one line. Levels: error = someone must act; warning = will have to if ignored;
 * info = runs and changes. Does not block but for a full stderr. */
#pragma once

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/config/config.h"

struct log; /* one per process; owned by main */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO };

/* What an operator may alert on: each has a MESSAGE_ID that never changes (synbakd(8)). */
enum log_event {
    LOG_PLAIN, /* no id */
    LOG_STARTED,
    LOG_STOPPING,
    LOG_RUN_STARTED,
    LOG_RUN_GOOD,
    LOG_RUN_FAILED,
    LOG_RUN_PARTIAL, /* incomplete, suspect, or late at a destination */
    LOG_RUN_CANCELLED,
    LOG_QUEUE_ALARM,
    LOG_SETS_REMOVED,
    LOG_COPIED,
    LOG_COPY_FAILED,
    LOG_VERIFY_FAILED,
    LOG_VERIFY_GOOD,
    LOG_RELOADED,
    LOG_RELOAD_REFUSED,
    LOG_PING_FAILED,
    LOG_CLOCK_IN_DOUBT,
    LOG_DESTINATION_PROBLEM,
    LOG_DENIED,
    LOG_JOURNAL_FAILED,
    LOG_ALARM, /* status has got worse */
    LOG_ALARM_OVER,
    LOG_EVENT_COUNT
};

struct log_fields { /* zero and NULL are left out */
    const char *job, *destination, *id, *code;
    int64_t run;
};

struct log *log_new(enum log_format format);
void log_set_format(struct log *l, enum log_format format);
void log_free(struct log *l);
void log_write(struct log *l, enum log_level level, enum log_event event,
               const struct log_fields *fields, const char *fmt, ...) printf_like(5, 6);

#define log_info(l, ...)    log_write((l), LOG_LEVEL_INFO, LOG_PLAIN, NULL, __VA_ARGS__)
#define log_warning(l, ...) log_write((l), LOG_LEVEL_WARNING, LOG_PLAIN, NULL, __VA_ARGS__)
#define log_error(l, ...)   log_write((l), LOG_LEVEL_ERROR, LOG_PLAIN, NULL, __VA_ARGS__)
