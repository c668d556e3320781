#include "daemon/restores.h"

#include <errno.h>
#include <string.h>
#include <uv.h>

#include "daemon/daemon.h"
#include "daemon/kept.h"
#include "daemon/record.h"
#include "daemon/rolling.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"

enum { PURPOSE_MAX = 32 };

struct watch { /* of a worker; its memory goes when libuv lets go of it */
    uv_poll_t poll;
    struct restores *restores;
    int fd;
};

struct restore {
    const void *client;  /* NULL: gone, the worker goes on */
    struct watch *watch; /* NULL: ends with its client */
    char token[33];
    char *job, *id;
    char *purpose; /* "restore", "export", ...: the command, as its client calls it */
    bool paused;   /* by us: ours to resume */
};

struct restores {
    struct daemon *daemon;
    struct restore *items;
    size_t count;
};

struct restores *restores_new(struct daemon *d)
{
    struct restores *r = mem_alloc(sizeof(*r));

    r->daemon = d;
    return r;
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *w = handle->data;

    fs_closep(&w->fd);
    free(w);
}

static void unwatch(struct restore *item)
{
    if (item->watch != NULL)
        uv_close((uv_handle_t *)&item->watch->poll, on_watch_closed);
    item->watch = NULL;
}

static void forget(struct restores *r, size_t i)
{
    unwatch(&r->items[i]);
    free(r->items[i].job);
    free(r->items[i].id);
    free(r->items[i].purpose);
    r->items[i] = r->items[--r->count];
}

void restores_free(struct restores *r)
{
    if (r == NULL)
        return;
    while (r->count > 0)
        forget(r, r->count - 1);
    free(r->items);
    free(r);
}

/* Not journalled as a pause of its own: after a restart of ours the schedule goes on. */
static bool pause_schedule(struct daemon *d, const char *job)
{
    struct planner_view view;
    struct err e = {0};
    const struct event event = {.kind = EVENT_PAUSE, .job = job};

    if (planner_view(d->planner, job, clock_wall(), &view, &e) < 0 || view.paused)
        return false;
    return daemon_step(d, event, NULL, NULL, &e) == 0;
}

void restores_begin(struct restores *r, const void *client, const char *job, const char *id,
                    const char *purpose, char token[33])
{
    uint8_t bytes[16] = {0};

    if (io_random(bytes, sizeof(bytes)) < 0)
        abort(); /* getrandom fails only for wrong arguments */
    hex_encode(bytes, sizeof(bytes), token);
    r->items = mem_resize_array(r->items, r->count + 1, sizeof(*r->items));
    struct restore *item = &r->items[r->count++];
    *item = (struct restore){.client = client,
                             .job = mem_strdup(job),
                             .id = mem_strdup(id),
                             .purpose = str_printable(purpose, strnlen(purpose, PURPOSE_MAX)),
                             .paused = pause_schedule(r->daemon, job)};
    (void)snprintf(item->token, sizeof(item->token), "%s", token);
    rolling_yield(r->daemon);
}

bool restores_has(const struct restores *r, const char *token, const char *job)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->items[i].token, token) == 0 && strcmp(r->items[i].job, job) == 0)
            return true;
    return false;
}

void restores_leave_pause(struct restores *r, const char *job)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->items[i].job, job) == 0)
            r->items[i].paused = false;
}

bool restores_use(const struct restores *r, const char *job, const char *id)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->items[i].job, job) == 0 && strcmp(r->items[i].id, id) == 0)
            return true;
    return false;
}

bool restores_any(const struct restores *r)
{
    return r->count > 0;
}

bool restores_hold(const struct restores *r, const char *job)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->items[i].job, job) == 0)
            return true;
    return false;
}

/* durable: called when that is on record; or NULL. */
static void end(struct restores *r, size_t i, bool ok, const char *error, const json_t *summary,
                journal_durable_cb *durable, void *arg)
{
    struct daemon *d = r->daemon;
    const struct log_fields fields = {.job = r->items[i].job, .id = r->items[i].id};
    _cleanup_free_ char *job = mem_strdup(r->items[i].job);
    const struct event resume = {.kind = EVENT_RESUME, .job = job};
    bool paused = r->items[i].paused;
    struct err e = {0};

    log_write(d->log, ok ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, LOG_PLAIN, &fields,
              "job \"%s\": %s of %s %s%s", job, r->items[i].purpose, r->items[i].id,
              ok ? "is done" : "ended: ",
              ok              ? ""
              : error != NULL ? error
                              : "it failed");
    daemon_post(d,
                json_pack("{s:s,s:s,s:s,s:s,s:b,s:s?,s:O?}", "type", RECORD_RESTORE_ENDED, "job",
                          job, "id", r->items[i].id, "purpose", r->items[i].purpose, "ok", ok,
                          "error", error, "summary", summary),
                durable, arg);
    forget(r, i);
    kept_refresh(d->kept);
    if (!paused)
        return;
    for (size_t k = 0; k < r->count; k++)
        if (strcmp(r->items[k].job, job) == 0) {
            r->items[k].paused = true; /* the last one resumes */
            return;
        }
    if (daemon_step(d, resume, NULL, NULL, &e) < 0)
        log_warning(d->log, "job \"%s\" is not resumed: %s", job, e.text);
}

int restores_end(struct restores *r, const void *client, const char *token, bool ok,
                 const char *error, const json_t *summary, journal_durable_cb *durable, void *arg)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].client == client && strcmp(r->items[i].token, token) == 0) {
            end(r, i, ok, error, summary, durable, arg);
            return 0;
        }
    return -1;
}

void restores_client_gone(struct restores *r, const void *client)
{
    for (size_t i = r->count; i-- > 0;)
        if (r->items[i].client == client && r->items[i].watch != NULL)
            r->items[i].client = NULL;
        else if (r->items[i].client == client)
            end(r, i, false, "its connection closed without a word", NULL, NULL, NULL);
}

/* The worker has ended. A client that is still there tells how; else nobody can. */
static void on_worker_end(uv_poll_t *poll, int status, int events)
{
    const struct watch *w = poll->data;
    struct restores *r = w->restores;

    (void)status;
    (void)events;
    for (size_t i = 0; i < r->count; i++) {
        if (r->items[i].watch != w)
            continue;
        unwatch(&r->items[i]);
        if (r->items[i].client == NULL)
            end(r, i, false, "synbakctl was gone before its worker ended", NULL, NULL, NULL);
        return;
    }
}

static int watch(struct restores *r, struct restore *item, pid_t pid, struct err *e)
{
    int fd = io_pidfd_open(pid);

    if (fd < 0)
        return err_sys(e, ERR_USAGE, errno, "process %d", (int)pid);
    struct watch *w = mem_alloc(sizeof(*w));
    *w = (struct watch){.restores = r, .fd = fd};
    if (uv_poll_init(&r->daemon->loop, &w->poll, fd) != 0) {
        fs_closep(&w->fd);
        free(w);
        return err_set(e, ERR_INTERNAL, "process %d cannot be watched", (int)pid);
    }
    w->poll.data = w;
    item->watch = w;
    (void)uv_poll_start(&w->poll, UV_READABLE, on_worker_end); /* fails only for a closed handle */
    return 0;
}

int restores_watch(struct restores *r, const void *client, const char *token, pid_t pid,
                   struct err *e)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].client == client && strcmp(r->items[i].token, token) == 0) {
            unwatch(&r->items[i]);
            return watch(r, &r->items[i], pid, e);
        }
    return err_set(e, ERR_NOT_FOUND, "no restore of this connection has that token");
}

void restores_close(struct restores *r)
{
    for (size_t i = r->count; i-- > 0;) {
        unwatch(&r->items[i]);
        if (r->items[i].client == NULL)
            end(r, i, false, "synbakd stopped while it went on", NULL, NULL, NULL);
    }
}

bool restores_has_client(const struct restores *r, const void *client)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].client == client)
            return true;
    return false;
}
