#include "daemon/report.h"

#include "daemon/daemon.h"
#include "daemon/ping.h"
#include "daemon/record.h"
#include "daemon/rolling.h"

enum { BODY_MAX = 8192 };

static enum log_event event_of(const struct run *r)
{
    static const enum log_event events[] = {[OUTCOME_GOOD] = LOG_RUN_GOOD,
                                            [OUTCOME_SUSPECT] = LOG_RUN_PARTIAL,
                                            [OUTCOME_INCOMPLETE] = LOG_RUN_PARTIAL,
                                            [OUTCOME_FAILED] = LOG_RUN_FAILED,
                                            [OUTCOME_CANCELLED] = LOG_RUN_CANCELLED};

    return events[r->outcome];
}

static enum log_level level_of(const struct run *r)
{
    static const enum log_level levels[] = {[OUTCOME_GOOD] = LOG_LEVEL_INFO,
                                            [OUTCOME_SUSPECT] = LOG_LEVEL_WARNING,
                                            [OUTCOME_INCOMPLETE] = LOG_LEVEL_ERROR,
                                            [OUTCOME_FAILED] = LOG_LEVEL_ERROR,
                                            [OUTCOME_CANCELLED] = LOG_LEVEL_WARNING};

    return levels[r->outcome];
}

static void log_run(struct daemon *d, const struct run *r)
{
    const struct log_fields fields = {.job = r->job->name,
                                      .run = r->number,
                                      .id = r->id[0] != '\0' ? r->id : NULL,
                                      .code = r->error.code != ERR_NONE ? err_word(r->error.code)
                                                                        : NULL};
    char size[16], span[32];

    (void)str_bytes(run_bytes(r), size);
    (void)str_duration((clock_mono().us - r->began.us) / 1000000, span);
    if (r->outcome == OUTCOME_GOOD && rolling_is_portion(r))
        log_write(d->log, LOG_LEVEL_INFO, LOG_VERIFY_GOOD, &fields,
                  "job \"%s\": daily portion verified, %s in %s", r->job->name, size, span);
    else if (r->outcome == OUTCOME_GOOD && r->kind == RUN_VERIFY)
        log_write(d->log, LOG_LEVEL_INFO, LOG_VERIFY_GOOD, &fields,
                  "job \"%s\": %zu set%s verified in %s", r->job->name, r->check_count,
                  r->check_count == 1 ? "" : "s", span);
    else if (r->outcome == OUTCOME_GOOD && r->error.code != ERR_NONE)
        log_write(d->log, LOG_LEVEL_WARNING, LOG_RUN_PARTIAL, &fields,
                  "job \"%s\": %s is good, %s in %s, but late: %s", r->job->name, r->id, size, span,
                  r->error.text);
    else if (r->outcome == OUTCOME_GOOD)
        log_write(d->log, LOG_LEVEL_INFO, LOG_RUN_GOOD, &fields, "job \"%s\": %s is good, %s in %s",
                  r->job->name, r->id, size, span);
    else
        log_write(d->log, level_of(r), event_of(r), &fields, "job \"%s\": run %lld %s: %s",
                  r->job->name, (long long)r->number, run_outcome_word(r->outcome), r->error.text);
    for (size_t i = 0; i < r->problems.count; i++)
        log_write(d->log, LOG_LEVEL_WARNING, LOG_PLAIN, &fields, "job \"%s\": %s", r->job->name,
                  r->problems.items[i]);
}

/* The newest records of the logs, for a witness that nobody here can reach: what it was told cannot be
 * taken back there unnoticed. */
static int write_heads(const struct daemon *d, const struct run *r, struct buf *b)
{
    const struct repositories *known = history_repositories(d->history);

    for (size_t i = 0; i < r->destination_count; i++) {
        const char *name = r->destinations[i].destination->name;
        const char *writer = repositories_head(known, name, "writer");
        const char *pruner = repositories_head(known, name, "pruner");
        if (writer != NULL && buf_printf(b, NULL, "heads %s: writer %s pruner %s\n", name, writer,
                                         pruner != NULL ? pruner : "-") < 0)
            return -1;
    }
    return 0;
}

static int write_body(const struct daemon *d, const struct run *r, struct buf *b)
{
    char size[16], span[32];

    (void)str_bytes(run_bytes(r), size);
    (void)str_duration((clock_mono().us - r->began.us) / 1000000, span);
    if (buf_printf(b, NULL, "job %s run %lld: %s\n", r->job->name, (long long)r->number,
                   run_outcome_word(r->outcome)) < 0)
        return -1;
    if (r->error.code != ERR_NONE && buf_printf(b, NULL, "error: %s\n", r->error.text) < 0)
        return -1;
    if (r->id[0] != '\0' && buf_printf(b, NULL, "set: %s\n", r->id) < 0)
        return -1;
    if (buf_printf(b, NULL, "size: %s (%llu bytes)\nduration: %s\n", size,
                   (unsigned long long)run_bytes(r), span) < 0)
        return -1;
    for (size_t i = 0; i < r->destination_count; i++)
        if (buf_printf(b, NULL, "destination %s: %s\n", r->destinations[i].destination->name,
                       r->destinations[i].error.code != ERR_NONE ? r->destinations[i].error.text
                                                                 : "ok") < 0)
            return -1;
    if (write_heads(d, r, b) < 0)
        return -1;
    for (size_t i = 0; i < r->problems.count; i++)
        if (buf_printf(b, NULL, "note: %s\n", r->problems.items[i]) < 0)
            return -1;
    return 0;
}

/* Good is success, also when a destination is late: the body names it, and the copies see to it.
 * Failed is /fail. What was committed but is not all that it should be goes as its
 * exit status (3, 4), which the services count as a failure too. What an operator ended is no
 * news to wake anybody for: /log. */
static void send_ping(struct daemon *d, const struct run *r)
{
    struct buf body = BUF_INIT(BODY_MAX);
    const char *event = "success";
    int status = -1;

    if (r->kind == RUN_PRE_RESTORE || (r->kind == RUN_VERIFY && r->outcome != OUTCOME_FAILED))
        return;
    (void)write_body(d, r, &body); /* cut at its bound */
    if (r->outcome == OUTCOME_FAILED)
        event = "fail";
    else if (r->outcome == OUTCOME_CANCELLED)
        event = "log";
    else if (r->outcome != OUTCOME_GOOD)
        status = err_exit_status(r->error.code);
    ping_send(d->pings, r->job, event, status, r->rid,
              body.data != NULL ? (const char *)body.data : "");
    buf_deinit(&body);
}

void report_begun(struct daemon *d, const struct run *r)
{
    struct buf body = BUF_INIT(BODY_MAX);

    (void)write_heads(d, r, &body); /* cut at its bound */
    ping_send(d->pings, r->job, "start", -1, r->rid,
              body.data != NULL ? (const char *)body.data : "");
    buf_deinit(&body);
}

void report_run(struct daemon *d, const struct run *r)
{
    log_run(d, r);
    send_ping(d, r);
}
