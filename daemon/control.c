/* control.c — see control.h.
 *
 * The happy path is: accept, read the peer's credentials, greet, decode frames, find the method,
 * check the role, call it, send its answer.
 * Possible failure modes: a peer that talks nonsense, too much, too slowly, or does not read: it is
 * closed. A peer that leaves while a method works: the answer is dropped.
 * On close: a client's memory goes when its handle is closed and its last request is answered. */
#include "daemon/control.h"

#include <string.h>
#include <unistd.h>

#include "daemon/copies.h"
#include "daemon/daemon.h"
#include "daemon/listen.h"
#include "daemon/loop.h"
#include "daemon/peer.h"
#include "daemon/restores.h"
#include "daemon/scan.h"
#include "lib/base/io.h"

enum {
    CLIENTS_MAX = 256,
    CLIENTS_PER_UID = 64,
    REQUESTS_MAX = 16,                  /* at once, per client */
    BUFFERED_MAX = 16 << 20,            /* incomplete requests of all clients */
    QUEUED_MAX = 2 * CONTROL_REPLY_MAX, /* answers that the clients of one user have not read */
    CHUNK = 16 << 10,
    SWEEP_MS = 5000,
    /* In looks, one each SWEEP_MS: while the loop stands nobody can be served, and nobody is slow. */
    FRAME_LOOKS = 3, /* for a request to be complete */
    READ_LOOKS = 6,  /* for an answer to be read */
    IDLE_S = 300     /* without any request */
};

struct client {
    struct control *control;
    uv_pipe_t pipe;
    struct role_peer peer;
    enum role role;
    struct frame_decoder in;
    size_t buffered, queued;
    int requests; /* being worked on */
    bool closing, closed;
    struct mono active; /* the last complete request */
    int partial, still; /* looks since a request is incomplete; since the answers last moved */
};

struct request {
    struct client *client;
    json_t *id, *params;
};

struct wait {
    struct request *request;
    int64_t run;
    bool copies;    /* and then for the copies of its set */
    json_t *record; /* the run is over: its run-finished; referenced */
};

struct control {
    struct daemon *daemon;
    uv_pipe_t server;
    char *own_path;
    struct role_table roles;
    struct client **clients;
    size_t client_count;
    size_t buffered;
    struct wait *waits;
    size_t wait_count;
    int requests; /* being worked on, all clients, without those who wait for a run */
    struct loop_timer *sweep;
    bool stopping, closed;
};

/* --- the end of a client --- */

static void client_maybe_free(struct client *c)
{
    if (!c->closed || c->requests > 0)
        return;
    frame_decoder_deinit(&c->in);
    peer_deinit(&c->peer);
    free(c);
}

static void on_client_closed(uv_handle_t *handle)
{
    struct client *c = handle->data;

    c->closed = true;
    client_maybe_free(c);
}

/* It is being worked on again. */
static struct request *take_wait(struct control *control, size_t i)
{
    struct request *r = control->waits[i].request;

    json_decref(control->waits[i].record);
    control->waits[i] = control->waits[--control->wait_count];
    control->requests++;
    return r;
}

static void drop_waits(struct control *control, const struct client *c)
{
    for (size_t i = control->wait_count; i-- > 0;) {
        if (control->waits[i].request->client != c)
            continue;
        struct request *r = take_wait(control, i);
        request_fail(r, &(struct err){.code = ERR_CANCELLED});
    }
}

static void client_close(struct client *c)
{
    struct control *control = c->control;

    if (c->closing)
        return;
    c->closing = true;
    for (size_t i = 0; i < control->client_count; i++)
        if (control->clients[i] == c)
            control->clients[i] = control->clients[--control->client_count];
    control->buffered -= c->buffered;
    drop_waits(control, c);
    restores_client_gone(control->daemon->restores, c);
    uv_close((uv_handle_t *)&c->pipe, on_client_closed);
    if (control->client_count == 0 && control->sweep != NULL)
        loop_timer_disarm(control->sweep);
}

/* --- sending --- */

struct outgoing {
    uv_write_t request;
    struct client *client;
    struct buf frame;
};

static void on_written(uv_write_t *request, int status)
{
    struct outgoing *out = request->data;
    struct client *c = out->client;

    c->queued -= out->frame.len;
    c->still = 0;
    buf_wipe(&out->frame); /* an answer to restore-begin may hold a key */
    free(out);
    if (status < 0)
        client_close(c);
}

static size_t queued_for(const struct control *control, uid_t uid)
{
    size_t bytes = 0;

    for (size_t i = 0; i < control->client_count; i++)
        if (control->clients[i]->peer.uid == uid)
            bytes += control->clients[i]->queued;
    return bytes;
}

/* In the place of an answer that fits in no frame. */
static int encode_refusal(const json_t *message, struct buf *frame)
{
    _cleanup_json_ json_t *refusal =
        json_pack("{s:s,s:O,s:{s:i,s:s,s:{s:s}}}", "jsonrpc", "2.0", "id",
                  json_object_get(message, "id"), "error", "code", -32000, "message",
                  "the answer is larger than 16 MiB: ask for less of it, as one job or destination",
                  "data", "code", err_word(ERR_LIMIT));

    frame->len = 0;
    return refusal == NULL ? -1 : frame_encode(refusal, CONTROL_REPLY_MAX, frame, NULL);
}

static void send_message(struct client *c, json_t *message)
{
    struct outgoing *out = mem_alloc(sizeof(*out));
    struct err e = {0};

    out->frame = BUF_INIT(CONTROL_REPLY_MAX + 4);
    out->client = c;
    out->request.data = out;
    int rc = message == NULL ? -1 : frame_encode(message, CONTROL_REPLY_MAX, &out->frame, &e);
    if (rc < 0 && json_object_get(message, "id") != NULL)
        rc = encode_refusal(message, &out->frame);
    json_decref(message);
    if (rc < 0 || c->closing || queued_for(c->control, c->peer.uid) + out->frame.len > QUEUED_MAX) {
        buf_wipe(&out->frame);
        free(out);
        client_close(c);
        return;
    }
    if (c->queued == 0)
        c->still = 0;
    c->queued += out->frame.len;
    uv_buf_t buf = uv_buf_init((char *)out->frame.data, (unsigned)out->frame.len);
    if (uv_write(&out->request, (uv_stream_t *)&c->pipe, &buf, 1, on_written) != 0) {
        c->queued -= out->frame.len;
        buf_wipe(&out->frame);
        free(out);
        client_close(c);
    }
}

/* --- requests --- */

struct daemon *request_daemon(const struct request *r)
{
    return r->client->control->daemon;
}

const json_t *request_params(const struct request *r)
{
    return r->params;
}

uid_t request_uid(const struct request *r)
{
    return r->client->peer.uid;
}

const void *request_client(const struct request *r)
{
    return r->client;
}

bool request_is_gone(const struct request *r)
{
    return r->client->closing;
}

json_t *request_origin(const struct request *r)
{
    return json_pack("{s:I,s:s*}", "uid", (json_int_t)r->client->peer.uid, "reason",
                     json_opt_string(r->params, "reason", NULL));
}

static void finish_request(struct request *r, json_t *message)
{
    struct client *c = r->client;
    struct control *control = c->control;

    if (!c->closing)
        send_message(c, message);
    else
        json_decref(message);
    json_decref(r->id);
    json_decref(r->params);
    free(r);
    c->requests--;
    control->requests--;
    client_maybe_free(c);
    if (control->stopping)
        daemon_maybe_stopped(control->daemon);
}

void request_reply(struct request *r, json_t *result)
{
    finish_request(r, json_pack("{s:s,s:O,s:o}", "jsonrpc", "2.0", "id", r->id, "result", result));
}

static void fail_with(struct request *r, int code, const struct err *e)
{
    finish_request(r, json_pack("{s:s,s:O,s:{s:i,s:o,s:{s:s}}}", "jsonrpc", "2.0", "id", r->id,
                                "error", "code", code, "message", json_printable(e->text), "data",
                                "code", err_word(e->code)));
}

void request_fail(struct request *r, const struct err *e)
{
    fail_with(r, -32000, e);
}

static const struct method *find_method(const char *name)
{
    static const struct method *const tables[] = {methods_view, methods_operate, methods_admin,
                                                  methods_restore, methods_changes};

    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        for (const struct method *m = tables[i]; m->name != NULL; m++)
            if (strcmp(m->name, name) == 0)
                return m;
    return NULL;
}

/* Right after start the catalog is empty until the destinations have been listed: who asks about
 * sets then waits for that, rather than hear that there are none. */
struct postponed {
    struct request *request;
    const struct method *method;
    size_t left;
};

static void on_listed(void *arg)
{
    struct postponed *p = arg;

    if (--p->left > 0)
        return;
    p->method->call(p->request);
    free(p);
}

static bool was_tried(struct daemon *d, size_t i)
{
    return catalog_destination(d->catalog, d->config->destinations[i]->name)->tried;
}

static void call_when_listed(struct request *r, const struct method *m)
{
    struct daemon *d = r->client->control->daemon;
    struct postponed *p = mem_alloc(sizeof(*p));

    *p = (struct postponed){r, m, 1};
    for (size_t i = 0; i < d->config->destination_count; i++)
        if (!was_tried(d, i)) {
            p->left++;
            scan_start(d, d->config->destinations[i]->name, on_listed, p);
        }
    on_listed(p); /* ours, so that it does not end before all have begun */
}

static void call(struct request *r, const char *name)
{
    const struct method *m = find_method(name);
    struct client *c = r->client;
    struct daemon *d = c->control->daemon;
    struct err e = {0};

    if (m == NULL) {
        (void)err_set(&e, ERR_USAGE, "unknown method (synbakctl and synbakd differ in version)");
        fail_with(r, -32601, &e);
    } else if (c->role < m->role) {
        (void)err_set(&e, ERR_DENIED,
                      "%.*s needs the role \"%s\", uid %u has \"%s\" ([access] in "
                      "the configuration)",
                      (int)strcspn(m->name, "-"), m->name, role_word(m->role),
                      (unsigned)c->peer.uid, role_word(c->role));
        log_write(d->log, LOG_LEVEL_WARNING, LOG_DENIED, NULL, "%s", e.text);
        request_fail(r, &e);
    } else if (c->control->stopping) {
        (void)err_set(&e, ERR_UNAVAILABLE, "synbakd is stopping");
        request_fail(r, &e);
    } else {
        daemon_tick(d);
        if (m->about_sets)
            call_when_listed(r, m);
        else
            m->call(r);
    }
}

static int take_request(struct client *c, json_t *message)
{
    const char *name = json_opt_string(message, "method", NULL);
    json_t *id = json_object_get(message, "id"), *params = json_object_get(message, "params");

    if (name == NULL || id == NULL || json_is_object(id) || json_is_array(id) ||
        (params != NULL && !json_is_object(params)) || c->requests >= REQUESTS_MAX)
        return -1;
    struct request *r = mem_alloc(sizeof(*r));
    *r = (struct request){.client = c,
                          .id = json_incref(id),
                          .params = params != NULL ? json_incref(params) : json_object()};
    c->requests++;
    c->control->requests++;
    c->active = clock_mono();
    call(r, name);
    return 0;
}

static void take_bytes(struct client *c, const char *data, size_t len)
{
    struct control *control = c->control;
    int rc = frame_feed(&c->in, data, len, NULL);

    c->requests++; /* answering may close the client: its memory must stay until we are through */
    while (rc == 0 && !c->closing) {
        json_t *message = NULL;
        rc = frame_next(&c->in, &message, NULL);
        if (rc == 0)
            rc = take_request(c, message);
        json_decref(message);
    }
    if (!c->closing) {
        control->buffered += c->in.in.len - c->buffered;
        c->buffered = c->in.in.len;
        if (c->buffered == 0)
            c->partial = 0;
        if (rc < 0 || control->buffered > BUFFERED_MAX)
            client_close(c);
    }
    c->requests--;
    client_maybe_free(c);
}

/* --- callbacks of libuv --- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(mem_alloc(CHUNK), CHUNK);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct client *c = stream->data;

    if (n < 0)
        client_close(c);
    else if (n > 0)
        take_bytes(c, buf->base, (size_t)n);
    free(buf->base);
}

/* Close who has been too slow for too long. */
static void on_sweep(void *arg)
{
    struct control *control = arg;
    int64_t now = clock_mono().us;

    for (size_t i = control->client_count; i-- > 0;) {
        struct client *c = control->clients[i];
        bool busy = c->requests > 0 || c->buffered > 0 || c->queued > 0 ||
                    restores_has_client(control->daemon->restores, c);
        c->partial += c->buffered > 0;
        c->still += c->queued > 0;
        if (c->partial > FRAME_LOOKS || c->still > READ_LOOKS ||
            (!busy && now - c->active.us > IDLE_S * 1000000LL))
            client_close(c);
    }
    if (control->client_count > 0)
        loop_timer_arm(control->sweep, SWEEP_MS);
}

static bool has_room(const struct control *control, uid_t uid)
{
    size_t same = 0;

    for (size_t i = 0; i < control->client_count; i++)
        same += control->clients[i]->peer.uid == uid;
    /* a few places are left for those who could set things right */
    size_t limit = uid == 0 || uid == geteuid() ? CLIENTS_MAX : CLIENTS_MAX - CLIENTS_PER_UID;
    return control->client_count < limit && same < CLIENTS_PER_UID;
}

static void admit(struct control *control, struct client *c)
{
    int fd = -1;

    if (uv_fileno((uv_handle_t *)&c->pipe, &fd) != 0 || peer_read(fd, &c->peer) < 0 ||
        !has_room(control, c->peer.uid) || control->stopping) {
        c->closing = true;
        uv_close((uv_handle_t *)&c->pipe, on_client_closed);
        return;
    }
    c->role = role_judge(&control->roles, geteuid(), &c->peer);
    control->clients =
        mem_resize_array(control->clients, control->client_count + 1, sizeof(*control->clients));
    control->clients[control->client_count++] = c;
    if (control->client_count == 1)
        loop_timer_arm(control->sweep, SWEEP_MS);
    send_message(c, json_pack("{s:s,s:i}", "synbak", SYNBAK_VERSION, "protocol", CONTROL_PROTOCOL));
    if (!c->closing)
        (void)uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct control *control = server->data;

    if (status < 0)
        return; /* it left before we looked */
    struct client *c = mem_alloc(sizeof(*c));
    c->control = control;
    c->active = clock_mono();
    frame_decoder_init(&c->in, CONTROL_REQUEST_MAX);
    (void)uv_pipe_init(&control->daemon->loop, &c->pipe, 0);
    c->pipe.data = c;
    if (uv_accept(server, (uv_stream_t *)&c->pipe) == 0) {
        admit(control, c);
    } else {
        c->closing = true;
        uv_close((uv_handle_t *)&c->pipe, on_client_closed);
    }
}

/* --- waiting for runs and their copies --- */

static void add_wait(struct request *r, struct wait wait)
{
    struct control *control = r->client->control;

    wait.request = r;
    control->waits =
        mem_resize_array(control->waits, control->wait_count + 1, sizeof(*control->waits));
    control->waits[control->wait_count++] = wait;
    control->requests--; /* it must not hold up a stop */
}

void request_wait_for_run(struct request *r, int64_t run, bool copies)
{
    add_wait(r, (struct wait){.run = run, .copies = copies});
}

void request_wait_for_copies(struct request *r, json_t *record)
{
    struct control *control = r->client->control;

    add_wait(
        r, (struct wait){.run = json_opt_i64(record, "run", 0), .copies = true, .record = record});
    control_copies_changed(control);
}

void request_progress(struct request *r, json_t *params)
{
    send_message(r->client, json_pack("{s:s,s:s,s:o}", "jsonrpc", "2.0", "method", "progress",
                                      "params", params));
}

void control_run_progress(struct control *control, const struct run *r)
{
    for (size_t i = control->wait_count; i-- > 0;)
        if (i < control->wait_count && control->waits[i].run == r->number)
            request_progress(control->waits[i].request,
                             json_pack("{s:I,s:s,s:I,s:I}", "run", (json_int_t)r->number, "step",
                                       r->step, "done", (json_int_t)r->done, "total",
                                       (json_int_t)r->total));
}

void control_copy_progress(struct control *control, const char *job, const char *id, const char *to,
                           int64_t done, int64_t total)
{
    _cleanup_free_ char *step = mem_printf("copying to %s", to);

    for (size_t i = control->wait_count; i-- > 0;) {
        const struct wait *w = i < control->wait_count ? &control->waits[i] : NULL;
        if (w != NULL && w->record != NULL &&
            strcmp(json_opt_string(w->record, "job", ""), job) == 0 &&
            strcmp(json_opt_string(w->record, "id", ""), id) == 0)
            request_progress(w->request,
                             json_pack("{s:I,s:s,s:s,s:I,s:I}", "run", (json_int_t)w->run, "step",
                                       step, "destination", to, "done", (json_int_t)done, "total",
                                       (json_int_t)total));
    }
}

void control_copies_changed(struct control *control)
{
    struct daemon *d = control->daemon;

    for (size_t i = control->wait_count; i-- > 0;) {
        if (i >= control->wait_count || control->waits[i].record == NULL)
            continue;
        _cleanup_json_ json_t *record = json_incref(control->waits[i].record);
        if (!copies_pending(d->copies, json_opt_string(record, "job", ""),
                            json_opt_string(record, "id", "")))
            request_reply(take_wait(control, i), control_wait_result(d, record, true));
    }
}

void control_run_finished(struct control *control, const json_t *record, int64_t run)
{
    for (size_t i = control->wait_count; i-- > 0;) {
        if (i >= control->wait_count || control->waits[i].run != run)
            continue;
        if (control->waits[i].copies && record != NULL)
            control->waits[i].record = json_incref((json_t *)record);
        else
            request_reply(take_wait(control, i),
                          control_wait_result(control->daemon, record, false));
    }
    control_copies_changed(control);
}

/* --- start and stop --- */

void control_set_roles(struct control *c, struct role_table roles, const struct strlist *unknown)
{
    role_table_deinit(&c->roles);
    c->roles = roles;
    for (size_t i = 0; i < unknown->count; i++)
        log_warning(c->daemon->log, "%s: it grants nothing", unknown->items[i]);
    for (size_t i = 0; i < c->client_count; i++)
        c->clients[i]->role = role_judge(&roles, geteuid(), &c->clients[i]->peer);
}

int control_new(struct daemon *d, struct control **ret, struct err *e)
{
    struct strlist unknown = {0};
    struct role_table roles;
    struct control *c;
    int fd;
    bool own;

    if (role_table_create(&d->config->access, &roles, &unknown, e) < 0)
        return -1;
    if (listen_open(d->config->socket_path, &fd, &own, e) < 0) {
        role_table_deinit(&roles);
        strlist_deinit(&unknown);
        return -1;
    }
    c = mem_alloc(sizeof(*c));
    c->daemon = d;
    c->own_path = own ? mem_strdup(d->config->socket_path) : NULL;
    control_set_roles(c, roles, &unknown);
    strlist_deinit(&unknown);
    c->sweep = loop_timer_new(&d->loop, on_sweep, c);
    (void)uv_pipe_init(&d->loop, &c->server, 0);
    c->server.data = c;
    *ret = c;
    if (uv_pipe_open(&c->server, fd) != 0 ||
        uv_listen((uv_stream_t *)&c->server, SOMAXCONN, on_connection) != 0)
        return err_set(e, ERR_INTERNAL, "the loop does not take the control socket");
    return 0;
}

bool control_idle(const struct control *c)
{
    return c->requests == 0;
}

void control_stop(struct control *c)
{
    c->stopping = true;
}

static void on_server_closed(uv_handle_t *handle)
{
    (void)handle;
}

void control_close(struct control *c)
{
    while (c->client_count > 0)
        client_close(c->clients[0]);
    loop_timer_free(c->sweep);
    c->sweep = NULL;
    uv_close((uv_handle_t *)&c->server, on_server_closed);
    if (c->own_path != NULL)
        (void)io_unlink(AT_FDCWD, c->own_path, 0);
}

void control_free(struct control *c)
{
    if (c == NULL)
        return;
    role_table_deinit(&c->roles);
    free(c->clients);
    free(c->waits);
    free(c->own_path);
    free(c);
}
