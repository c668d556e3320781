/* ping.c — see ping.h.
 *
 * The happy path is: a message joins its job's queue, a ping worker delivers it, the next follows.
 * Possible failure modes: the endpoint is dead, slow or refuses: the timer tries again; the queue
 * is full: the oldest that waits is dropped. On close: pings_stop, then wait until idle; what still
 * waits, or comes later, is written down for the next start. */
#include "daemon/ping.h"

#include <string.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/ping_store.h"

enum { QUEUE_MAX = 16, WORKER_TIMEOUT_S = 60, STALE_S = 3600 };
static const int64_t retry_ms[] = {60000, 300000, 900000, 3600000};

struct message {
    char *url, *event, *body;
    char rid[37];
    int status;
    struct wall made;
};

struct ping_queue { /* of one job */
    struct pings *pings;
    char *job;
    struct message items[QUEUE_MAX];
    size_t count;
    size_t tries; /* of the first */
    struct operation *operation;
    struct loop_timer *timer;
    char problem[256];
};

struct pings {
    struct daemon *daemon;
    struct ping_store *store;
    struct ping_queue **queues;
    size_t count;
    bool stopping;
};

struct pings *pings_new(struct daemon *d)
{
    struct pings *p = mem_alloc(sizeof(*p));

    p->daemon = d;
    p->store = ping_store_new(d);
    return p;
}

static void add_waiting(json_t *list, const struct ping_queue *q)
{
    char time[32];

    for (size_t i = 0; i < q->count; i++) {
        const struct message *m = &q->items[i];
        (void)json_array_append_new(list, json_pack("{s:s,s:s,s:i,s:s,s:o,s:s}", "job", q->job,
                                                    "event", m->event, "status", m->status, "rid",
                                                    m->rid, "body", json_printable(m->body), "time",
                                                    clock_iso8601(m->made, time)));
    }
}

static void save(struct pings *p)
{
    json_t *list = json_array();

    for (size_t i = 0; i < p->count; i++)
        add_waiting(list, p->queues[i]);
    ping_store_save(p->store, list);
}

/* How a run ended must be heard of. That one has begun is news only as long as it goes on. */
static bool is_outcome(const struct message *m)
{
    return strcmp(m->event, "start") != 0 && strcmp(m->event, "log") != 0;
}

static void drop_message(struct ping_queue *q, size_t i)
{
    struct message *m = &q->items[i];

    free(m->url);
    free(m->event);
    free(m->body);
    memmove(m, m + 1, (q->count - i - 1) * sizeof(*m));
    q->count--;
    if (i == 0)
        q->tries = 0;
}

void pings_free(struct pings *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++) {
        struct ping_queue *q = p->queues[i];
        while (q->count > 0)
            drop_message(q, 0);
        loop_timer_free(q->timer);
        free(q->job);
        free(q);
    }
    free(p->queues);
    ping_store_free(p->store);
    free(p);
}

static void deliver(struct ping_queue *q);

static void done_with_first(struct ping_queue *q)
{
    bool kept = is_outcome(&q->items[0]) || q->pings->stopping;

    drop_message(q, 0);
    if (kept)
        save(q->pings);
    deliver(q);
}

static void try_again(void *arg)
{
    deliver(arg);
}

static void on_refused(struct ping_queue *q, const struct err *e)
{
    struct daemon *d = q->pings->daemon;
    const struct log_fields fields = {.job = q->job, .code = err_word(e->code)};

    (void)snprintf(q->problem, sizeof(q->problem), "%s", e->text);
    if (q->pings->stopping)
        return;
    if (q->tries >= ARRAY_LEN(retry_ms)) {
        log_write(d->log, LOG_LEVEL_ERROR, LOG_PING_FAILED, &fields,
                  "job \"%s\": a ping was given up: %s", q->job, e->text);
        done_with_first(q);
        return;
    }
    if (q->tries == 0)
        log_write(d->log, LOG_LEVEL_WARNING, LOG_PING_FAILED, &fields,
                  "job \"%s\": %s (will be tried again)", q->job, e->text);
    loop_timer_arm(q->timer, retry_ms[q->tries++]);
}

static void on_delivered(void *arg, const json_t *result, const struct err *e)
{
    struct ping_queue *q = arg;
    struct daemon *d = q->pings->daemon;

    q->operation = NULL;
    if (result == NULL) {
        on_refused(q, e);
    } else {
        q->problem[0] = '\0';
        done_with_first(q);
    }
    daemon_maybe_stopped(d);
}

static void deliver(struct ping_queue *q)
{
    if (q->count == 0 || q->operation != NULL || q->pings->stopping)
        return;
    const struct message *m = &q->items[0];
    struct daemon *d = q->pings->daemon;
    q->operation = operation_start(
        d, (struct operation_spec){
               .config = d->config,
               .job = json_pack("{s:s,s:s,s:s,s:o,s:s,s:o}", "verb", "ping", "url", m->url, "event",
                                m->event, "status",
                                m->status >= 0 ? json_integer(m->status) : json_null(), "rid",
                                m->rid, "body", json_printable(m->body)),
               .worker = {.run_timeout_s = WORKER_TIMEOUT_S},
               .callbacks = {.done = on_delivered, .arg = q}});
}

static struct ping_queue *queue_of(struct pings *p, const char *job)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->queues[i]->job, job) == 0)
            return p->queues[i];
    struct ping_queue *q = mem_alloc(sizeof(*q));
    q->pings = p;
    q->job = mem_strdup(job);
    q->timer = loop_timer_new(&p->daemon->loop, try_again, q);
    p->queues = mem_resize_array(p->queues, p->count + 1, sizeof(*p->queues));
    return p->queues[p->count++] = q;
}

static struct message *add_message(struct ping_queue *q, const struct job *job, const char *event,
                                   int status, const char *rid, const char *body, struct wall made)
{
    if (q->count == QUEUE_MAX)
        drop_message(q, 1); /* the first may be on its way */
    struct message *m = &q->items[q->count++];
    *m = (struct message){.url = mem_strdup(job->ping),
                          .event = mem_strdup(event),
                          .body = mem_strdup(body),
                          .status = status,
                          .made = made};
    (void)snprintf(m->rid, sizeof(m->rid), "%s", rid);
    return m;
}

void ping_send(struct pings *p, const struct job *job, const char *event, int status,
               const char *rid, const char *body)
{
    if (job->ping == NULL)
        return;
    struct ping_queue *q = queue_of(p, job->name);
    if (is_outcome(add_message(q, job, event, status, rid, body, clock_wall())) || p->stopping)
        save(p);
    if (q->operation == NULL) { /* news are worth a try now, whatever the retry timer says */
        loop_timer_disarm(q->timer);
        deliver(q);
    }
}

static void take_up(struct pings *p, const json_t *o)
{
    const char *job_name = json_opt_string(o, "job", ""), *text = json_opt_string(o, "time", "");
    const struct job *job = config_job(p->daemon->config, job_name);
    struct wall made;

    if (job == NULL || job->ping == NULL || clock_parse_iso8601(text, &made) < 0)
        return;
    if (clock_wall().us - made.us > STALE_S * 1000000LL) {
        log_warning(p->daemon->log, "job \"%s\": a ping of %s was not sent, and is too old now",
                    job_name, text);
        return;
    }
    (void)add_message(queue_of(p, job_name), job, json_opt_string(o, "event", "log"),
                      (int)json_opt_i64(o, "status", -1), json_opt_string(o, "rid", ""),
                      json_opt_string(o, "body", ""), made);
}

void pings_take_up(struct pings *p)
{
    _cleanup_json_ json_t *list = ping_store_load(p->daemon);
    const json_t *o;
    size_t i;

    json_array_foreach(list, i, o) take_up(p, o);
    for (size_t k = 0; k < p->count; k++)
        deliver(p->queues[k]);
}

const char *ping_problem(const struct pings *p, const char *job)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->queues[i]->job, job) == 0 && p->queues[i]->problem[0] != '\0')
            return p->queues[i]->problem;
    return NULL;
}

void pings_stop(struct pings *p)
{
    struct err why = {0};

    p->stopping = true;
    (void)err_set(&why, ERR_CANCELLED, "synbakd stops");
    for (size_t i = 0; i < p->count; i++) {
        loop_timer_disarm(p->queues[i]->timer);
        if (p->queues[i]->operation != NULL)
            operation_cancel(p->queues[i]->operation, &why);
    }
    save(p);
}

bool pings_idle(const struct pings *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->queues[i]->operation != NULL)
            return false;
    return true;
}
