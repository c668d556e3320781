/* worker_process.c — see worker_process.h.
 *
 * The happy path is: spawn, lower its priority, send the job, relay progress, receive the result,
 * see exit 0, see both pipes end, call back.
 * Possible failure modes: the spawn fails (nothing to reap); the worker dies, hangs, or
 * talks nonsense; result and exit status disagree; it reports and does not end; a process it left
 * behind holds a pipe open; it ignores TERM. Each ends within the deadlines below.
 * On close: four handles are closed, and the memory goes with the last of them. */
#include "daemon/worker_process.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/capability.h"
#include "daemon/environment.h"
#include "lib/base/clock.h"
#include "lib/protocol/worker_msg.h"

enum {
    CHUNK = 64 << 10,
    STDERR_TAIL = 4096,
    STDERR_SHOWN = 300,
    ASK_US = 5 * 1000000,     /* from "cancel" to TERM */
    TERM_US = 10 * 1000000,   /* from TERM to KILL */
    REPORT_US = 10 * 1000000, /* from the result to the exit */
    DRAIN_US = 5 * 1000000    /* from the exit to the end of both pipes */
};

enum state { RUNNING, REPORTED, ASKED, TERMED, KILLED };

struct worker_process {
    enum state state;
    uv_process_t process;
    uv_pipe_t channel, stderr_pipe;
    uv_timer_t timer;
    int open_handles;
    bool started, exited, channel_ended, stderr_ended, called_back;
    int64_t exit_status;
    int exit_signal;
    struct mono began, progressed, moved; /* moved: when the state was entered, or the exit */
    int64_t progress_timeout_us, run_timeout_us;
    char step[128];
    int64_t done, total;
    struct frame_decoder in;
    json_t *message; /* the result frame, once there */
    struct err why;  /* why it was stopped, if code is set */
    char tail[STDERR_TAIL + 1];
    size_t tail_len;
    struct worker_callbacks callbacks;
};

static void tick(struct worker_process *w);

/* --- memory --- */

static void on_closed(uv_handle_t *handle)
{
    struct worker_process *w = handle->data;

    if (--w->open_handles > 0)
        return;
    frame_decoder_deinit(&w->in);
    json_decref(w->message);
    free(w);
}

static void close_all(struct worker_process *w)
{
    uv_handle_t *const handles[] = {(uv_handle_t *)&w->process, (uv_handle_t *)&w->channel,
                                    (uv_handle_t *)&w->stderr_pipe, (uv_handle_t *)&w->timer};

    for (size_t i = 0; i < ARRAY_LEN(handles); i++)
        uv_close(handles[i], on_closed);
}

/* --- the verdict --- */

static void stderr_text(const struct worker_process *w, char *out, size_t size)
{
    size_t start = 0, end = w->tail_len;

    while (end > start && strchr(" \n", w->tail[end - 1]) != NULL)
        end--;
    if (end - start > STDERR_SHOWN)
        start = end - STDERR_SHOWN; /* the last words say most */
    _cleanup_free_ char *text = str_printable(w->tail + start, end - start);
    (void)snprintf(out, size, "%s%s", end > start ? ": " : "", text);
}

static int explain_death(const struct worker_process *w, struct err *e)
{
    char said[ERR_TEXT_MAX / 2];

    stderr_text(w, said, sizeof(said));
    if (w->exit_signal != 0)
        return err_set(e, ERR_CHILD, "the worker was killed by signal %d (%s)%s", w->exit_signal,
                       strsignal(w->exit_signal), said);
    if (w->message == NULL)
        return err_set(e, ERR_CHILD, "the worker ended with status %lld and without a result%s",
                       (long long)w->exit_status, said);
    return err_set(e, ERR_CHILD, "the worker reported success and then exit status %lld%s",
                   (long long)w->exit_status, said);
}

/* The result object, or NULL with *e. Success needs the report and the exit status to agree. */
static const json_t *judge(const struct worker_process *w, struct err *e)
{
    bool ok = json_opt_bool(w->message, "ok", false);
    const json_t *result = json_object_get(w->message, "result");

    if (ok && json_is_object(result) && w->exit_status == 0 && w->exit_signal == 0)
        return result;
    if (w->why.code != ERR_NONE) {
        *e = w->why;
        return NULL;
    }
    if (w->message == NULL || ok) {
        (void)explain_death(w, e);
        return NULL;
    }
    (void)err_set(e, err_from_word(json_opt_string(w->message, "code", "internal")), "%s",
                  json_opt_string(w->message, "error", "the worker gave no reason"));
    return NULL;
}

static void finish(struct worker_process *w)
{
    struct err e = {0};

    if (w->called_back)
        return;
    w->called_back = true;
    const json_t *result = judge(w, &e);
    w->callbacks.done(w->callbacks.arg, result, &e);
    close_all(w);
}

/* --- deadlines --- */

static void enter(struct worker_process *w, enum state state)
{
    w->state = state;
    w->moved = clock_mono();
}

/* Its whole process group: what it started must not outlive it. */
static void signal_group(const struct worker_process *w, int sig)
{
    if (w->process.pid > 0)
        (void)kill(-w->process.pid, sig);
}

static void send_cancel(struct worker_process *w)
{
    static const char frame[] = "\0\0\0\21{\"type\":\"cancel\"}"; /* 17 bytes of JSON */
    uv_buf_t buf = uv_buf_init((char *)frame, sizeof(frame) - 1);

    /* a full pipe means a worker that does not listen: TERM is next */
    if (!w->channel_ended)
        (void)uv_try_write((uv_stream_t *)&w->channel, &buf, 1);
}

void worker_process_cancel(struct worker_process *w, const struct err *why)
{
    if (w->why.code == ERR_NONE)
        w->why = *why;
    if (w->state != RUNNING && w->state != REPORTED)
        return;
    enter(w, ASKED);
    send_cancel(w);
    tick(w);
}

static void stop_for_timeout(struct worker_process *w, bool progress)
{
    struct err why = {0};
    char limit[32];

    (void)str_duration(w->progress_timeout_us / 1000000, limit);
    if (progress)
        (void)err_set(&why, ERR_TIMEOUT, "no progress for %s in \"%s\", the worker was stopped",
                      limit, w->step[0] != '\0' ? w->step : "start");
    else
        (void)err_set(&why, ERR_TIMEOUT,
                      "not done in the time allowed (run_timeout), the worker was stopped");
    worker_process_cancel(w, &why);
}

static void kill_now(struct worker_process *w, const struct err *why)
{
    if (w->why.code == ERR_NONE)
        w->why = *why;
    signal_group(w, SIGKILL);
    enter(w, KILLED);
}

/* When the present state ends by itself, in monotonic microseconds; INT64_MAX: never. */
static int64_t deadline(const struct worker_process *w)
{
    int64_t end = INT64_MAX;

    if (w->exited)
        return w->moved.us + DRAIN_US;
    switch (w->state) {
    case RUNNING:
        if (w->progress_timeout_us > 0)
            end = w->progressed.us + w->progress_timeout_us;
        if (w->run_timeout_us > 0 && w->began.us + w->run_timeout_us < end)
            end = w->began.us + w->run_timeout_us;
        return end;
    case REPORTED:
        return w->moved.us + REPORT_US;
    case ASKED:
        return w->moved.us + ASK_US;
    case TERMED:
        return w->moved.us + TERM_US;
    case KILLED:
        break;
    }
    return INT64_MAX;
}

static void on_deadline(struct worker_process *w, struct mono now)
{
    struct err why = {0};

    if (w->exited) { /* something it left behind holds a pipe */
        signal_group(w, SIGKILL);
        w->channel_ended = w->stderr_ended = true;
        return;
    }
    switch (w->state) {
    case RUNNING:
        stop_for_timeout(w, w->run_timeout_us <= 0 || now.us < w->began.us + w->run_timeout_us);
        break;
    case REPORTED:
        (void)err_set(&why, ERR_CHILD, "the worker reported its result and then did not end");
        worker_process_cancel(w, &why);
        break;
    case ASKED:
        signal_group(w, SIGTERM);
        enter(w, TERMED);
        break;
    case TERMED:
        signal_group(w, SIGKILL);
        enter(w, KILLED);
        break;
    case KILLED:
        break;
    }
}

static void on_timer(uv_timer_t *timer)
{
    tick(timer->data);
}

/* Look at the facts: finished, past a deadline, or when to look again. */
static void tick(struct worker_process *w)
{
    struct mono now = clock_mono();

    if (!w->started || w->called_back)
        return;
    if (deadline(w) <= now.us)
        on_deadline(w, now);
    if (w->exited && w->channel_ended && w->stderr_ended) {
        finish(w);
        return;
    }
    int64_t end = deadline(w);
    if (end == INT64_MAX) {
        (void)uv_timer_stop(&w->timer);
        return;
    }
    int64_t ms = (end - clock_mono().us) / 1000 + 1;
    uv_update_time(w->timer.loop);
    (void)uv_timer_start(&w->timer, on_timer, ms < 0 ? 0 : (uint64_t)ms, 0);
}

/* --- what it says --- */

static void take_progress(struct worker_process *w, const json_t *message)
{
    const char *step = json_opt_string(message, "step", "");
    int64_t done = json_opt_i64(message, "done", 0), total = json_opt_i64(message, "total", 0);

    if (done == w->done && total == w->total && strncmp(step, w->step, sizeof(w->step) - 1) == 0)
        return; /* the same again is no progress */
    (void)snprintf(w->step, sizeof(w->step), "%s", step);
    w->done = done;
    w->total = total;
    w->progressed = clock_mono();
    if (w->callbacks.progress != NULL)
        w->callbacks.progress(w->callbacks.arg, w->step, done, total);
}

static int take_message(struct worker_process *w, json_t *message, struct err *e)
{
    const char *type = json_opt_string(message, "type", "");

    if (w->message != NULL)
        return err_set(e, ERR_CHILD, "the worker went on talking after its result");
    if (strcmp(type, "progress") == 0) {
        take_progress(w, message);
    } else if (strcmp(type, "log") == 0) {
        w->progressed = clock_mono();
        if (w->callbacks.log != NULL)
            w->callbacks.log(w->callbacks.arg,
                             strcmp(json_opt_string(message, "level", ""), "warning") == 0,
                             json_opt_string(message, "text", ""));
    } else if (strcmp(type, "stretched") == 0) {
        if (w->callbacks.stretched != NULL)
            w->callbacks.stretched(w->callbacks.arg, json_opt_string(message, "destination", ""),
                                   json_opt_string(message, "text", ""));
    } else if (strcmp(type, "result") == 0) {
        w->message = json_incref(message);
        if (w->state == RUNNING)
            enter(w, REPORTED);
    } else {
        return err_set(e, ERR_CHILD, "the worker sent a message of unknown type");
    }
    return 0;
}

static void take_bytes(struct worker_process *w, const char *data, size_t len)
{
    struct err e = {0};
    int rc = frame_feed(&w->in, data, len, &e);

    while (rc == 0) {
        json_t *message = NULL;
        rc = frame_next(&w->in, &message, &e);
        if (rc == 0)
            rc = take_message(w, message, &e);
        json_decref(message);
    }
    if (rc < 0 && w->state != KILLED) {
        (void)err_wrap(&e, "the worker talks nonsense");
        e.code = ERR_CHILD;
        kill_now(w, &e);
    }
}

static void take_stderr(struct worker_process *w, const char *data, size_t len)
{
    if (len > STDERR_TAIL) {
        data += len - STDERR_TAIL;
        len = STDERR_TAIL;
    }
    if (w->tail_len + len > STDERR_TAIL) {
        size_t drop = w->tail_len + len - STDERR_TAIL;
        memmove(w->tail, w->tail + drop, w->tail_len - drop);
        w->tail_len -= drop;
    }
    memcpy(w->tail + w->tail_len, data, len);
    w->tail_len += len;
}

/* --- callbacks of libuv --- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(mem_alloc(CHUNK), CHUNK);
}

static void on_channel(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct worker_process *w = stream->data;

    if (n > 0 && !w->called_back)
        take_bytes(w, buf->base, (size_t)n);
    if (n < 0)
        w->channel_ended = true;
    free(buf->base);
    tick(w);
}

static void on_stderr(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct worker_process *w = stream->data;

    if (n > 0)
        take_stderr(w, buf->base, (size_t)n);
    if (n < 0)
        w->stderr_ended = true;
    free(buf->base);
    tick(w);
}

static void on_exited(uv_process_t *process, int64_t status, int sig)
{
    struct worker_process *w = process->data;

    w->exited = true;
    w->exit_status = status;
    w->exit_signal = sig;
    w->moved = clock_mono();
    tick(w);
}

/* --- the start --- */

struct job_write {
    uv_write_t request;
    struct buf frame; /* holds secrets */
};

static void on_job_written(uv_write_t *request, int status)
{
    struct job_write *write = request->data;

    (void)status; /* a worker that is gone shows as exit without a result */
    buf_wipe(&write->frame);
    free(write);
}

static int send_job(struct worker_process *w, const json_t *job, struct err *e)
{
    struct job_write *write = mem_alloc(sizeof(*write));

    write->frame = BUF_INIT(WORKER_FRAME_MAX + 4);
    write->request.data = write;
    if (frame_encode(job, WORKER_FRAME_MAX, &write->frame, e) < 0) {
        buf_wipe(&write->frame);
        free(write);
        return -1;
    }
    uv_buf_t buf = uv_buf_init((char *)write->frame.data, (unsigned)write->frame.len);
    int rc = uv_write(&write->request, (uv_stream_t *)&w->channel, &buf, 1, on_job_written);
    if (rc != 0) {
        buf_wipe(&write->frame);
        free(write);
        return err_sys(e, ERR_IO, -rc, "send the job to the worker");
    }
    return 0;
}

/* The worker has only just begun and waits for its job, so its threads and children inherit this.
 */
static void lower_priority(const struct worker_process *w, const struct worker_spec *spec)
{
    enum { WHO_PROCESS = 1, CLASS_SHIFT = 13, BEST_EFFORT = 2, IDLE = 3, LOWEST = 7 };
    const int pid = w->process.pid;

    if (spec->nice != 0)
        (void)setpriority(PRIO_PROCESS, (id_t)pid,
                          spec->nice); /* raising needs rights: no matter */
    if (spec->io_class == IO_IDLE)
        (void)syscall(SYS_ioprio_set, WHO_PROCESS, pid, IDLE << CLASS_SHIFT);
    else if (spec->io_class == IO_BEST_EFFORT)
        (void)syscall(SYS_ioprio_set, WHO_PROCESS, pid, BEST_EFFORT << CLASS_SHIFT | LOWEST);
}

static int spawn(struct worker_process *w, uv_loop_t *loop, const struct worker_spec *spec,
                 struct err *e)
{
    struct strlist env = {0};
    char *argv[] = {(char *)spec->program, NULL};
    uv_stdio_container_t stdio[4] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&w->stderr_pipe},
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&w->channel}};

    environment_for_workers(&env);
    uv_process_options_t options = {.exit_cb = on_exited,
                                    .file = spec->program,
                                    .args = argv,
                                    .env = env.items,
                                    .flags = UV_PROCESS_DETACHED, /* a group of its own */
                                    .stdio_count = 4,
                                    .stdio = stdio};
    if (spec->read_capability)
        capability_raise_ambient();
    int rc = uv_spawn(loop, &w->process, &options);
    if (spec->read_capability)
        capability_lower_ambient();
    strlist_deinit(&env);
    if (rc != 0)
        return err_sys(e, ERR_CHILD, -rc, "start %s", spec->program);
    return 0;
}

static struct worker_process *new_process(uv_loop_t *loop, const struct worker_spec *spec,
                                          const struct worker_callbacks *callbacks)
{
    struct worker_process *w = mem_alloc(sizeof(*w));

    w->callbacks = *callbacks;
    w->progress_timeout_us = spec->progress_timeout_s * 1000000;
    w->run_timeout_us = spec->run_timeout_s * 1000000;
    w->began = w->progressed = w->moved = clock_mono();
    frame_decoder_init(&w->in, WORKER_FRAME_MAX);
    (void)uv_pipe_init(loop, &w->channel, 0);
    (void)uv_pipe_init(loop, &w->stderr_pipe, 0);
    (void)uv_timer_init(loop, &w->timer);
    w->process.data = w->channel.data = w->stderr_pipe.data = w->timer.data = w;
    w->open_handles = 4;
    return w;
}

int worker_process_start(struct worker_process **ret, uv_loop_t *loop,
                         const struct worker_spec *spec, const json_t *job,
                         const struct worker_callbacks *callbacks, struct err *e)
{
    struct worker_process *w = new_process(loop, spec, callbacks);

    if (spawn(w, loop, spec, e) < 0) {
        w->called_back = true; /* there is nothing to call back about */
        close_all(w);
        return -1;
    }
    lower_priority(w, spec);
    (void)uv_read_start((uv_stream_t *)&w->channel, on_alloc, on_channel);
    (void)uv_read_start((uv_stream_t *)&w->stderr_pipe, on_alloc, on_stderr);
    w->started = true;
    struct err failed = {0};
    if (send_job(w, job, &failed) < 0)
        kill_now(w, &failed); /* done() follows with the reason */
    tick(w);
    *ret = w;
    return 0;
}
