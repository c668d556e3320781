/* link.c — the worker's end of fd 3.
 *
 * One thread, the listener, reads what comes after the job: "cancel", "answer", or the end of the
 * file, which means that the parent is gone. Sending is under one lock, because the stages
 * of a pipeline report from their own threads. */
#include "daemon/worker/link.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"

enum { PROGRESS_EVERY_US = 500000, STUCK_MS = 10000, LOOK_MS = 50 };

struct worker {
    pthread_t listener;
    pthread_mutex_t lock; /* sending, answer, last_progress, progress */
    pthread_cond_t answered;
    enum { UNANSWERED, YES, NO } answer;
    struct mono last_progress;
    struct {
        char *step; /* NULL: none yet */
        uint64_t done, total;
        bool unsent; /* held back by the rate limit */
    } progress;
    struct frame_decoder in;
    atomic_bool asked_to_stop; /* a "cancel" came */
    atomic_bool gone;          /* the other side is: end of file, or nothing can be sent */
    atomic_bool outlives;      /* its going away is no reason to stop */
    atomic_bool finished;      /* the verb is over */
    bool person_waits;         /* for what the job does */
};

static void send_locked(struct worker *w, json_t *message)
{
    pthread_mutex_lock(&w->lock);
    if (frame_send(WORKER_FD, message, WORKER_FRAME_MAX, NULL) < 0)
        atomic_store(&w->gone, true);
    pthread_mutex_unlock(&w->lock);
    json_decref(message);
}

static void give_answer(struct worker *w, bool yes)
{
    pthread_mutex_lock(&w->lock);
    w->answer = yes ? YES : NO;
    pthread_cond_broadcast(&w->answered);
    pthread_mutex_unlock(&w->lock);
}

/* A verb that hangs in a read never asks worker_cancelled. Nobody is left who would end it, so it
 * ends itself; its children follow (PDEATHSIG), and what it had not committed is swept later. */
static void end_if_stuck(const struct worker *w)
{
    for (int ms = 0; ms < STUCK_MS; ms += LOOK_MS) {
        if (!atomic_load(&w->gone) || atomic_load(&w->finished) || atomic_load(&w->outlives))
            return;
        clock_sleep_ms(LOOK_MS);
    }
    (void)raise(SIGKILL);
}

static void *listen_for_parent(void *arg)
{
    struct worker *w = arg;
    bool is_cancel = false;

    while (!is_cancel) {
        json_t *message = NULL;
        if (frame_receive(WORKER_FD, &w->in, &message, NULL) != 0)
            break;
        const char *type = json_opt_string(message, "type", "");
        is_cancel = str_equal(type, "cancel");
        if (str_equal(type, "answer"))
            give_answer(w, json_opt_bool(message, "yes", false));
        json_decref(message);
    }
    atomic_store(is_cancel ? &w->asked_to_stop : &w->gone, true);
    pthread_mutex_lock(&w->lock);
    pthread_cond_broadcast(&w->answered);
    pthread_mutex_unlock(&w->lock);
    end_if_stuck(w);
    return NULL;
}

int worker_start(struct worker **ret, json_t **ret_job, struct err *e)
{
    struct worker *w = mem_alloc(sizeof(*w));

    frame_decoder_init(&w->in, WORKER_FRAME_MAX);
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->answered, NULL);
    int rc = frame_receive(WORKER_FD, &w->in, ret_job, e);
    if (rc == 1)
        rc = err_set(e, ERR_CANCELLED, "no job came");
    w->person_waits = rc == 0 && json_opt_bool(*ret_job, "person_waits", false);
    if (rc == 0 && pthread_create(&w->listener, NULL, listen_for_parent, w) != 0) {
        json_decref(*ret_job);
        rc = err_set(e, ERR_INTERNAL, "no thread to listen with");
    }
    if (rc < 0) {
        frame_decoder_deinit(&w->in);
        free(w);
        return -1;
    }
    *ret = w;
    return 0;
}

/* Takes the held-back progress out of w; the caller holds the lock. NULL: there is none. */
static json_t *take_unsent_locked(struct worker *w)
{
    if (!w->progress.unsent)
        return NULL;
    w->progress.unsent = false;
    return json_pack("{s:s, s:o, s:I, s:I}", "type", "progress", "step",
                     json_printable(w->progress.step), "done", (json_int_t)w->progress.done,
                     "total", (json_int_t)w->progress.total);
}

/* The listener is woken by an end of file of our own making. */
static void free_worker(struct worker *w)
{
    atomic_store(&w->finished, true);
    (void)shutdown(WORKER_FD, SHUT_RD);
    (void)pthread_join(w->listener, NULL);
    frame_decoder_deinit(&w->in);
    free(w->progress.step);
    (void)pthread_cond_destroy(&w->answered);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

int worker_finish(struct worker *w, json_t *result, const struct err *e)
{
    json_t *message, *last;

    pthread_mutex_lock(&w->lock);
    last = take_unsent_locked(w);
    pthread_mutex_unlock(&w->lock);
    if (last != NULL)
        send_locked(w, last);
    if (result != NULL)
        message = json_pack("{s:s, s:b, s:o}", "type", "result", "ok", 1, "result", result);
    else
        message = json_pack("{s:s, s:b, s:s, s:o}", "type", "result", "ok", 0, "code",
                            err_word(e->code), "error", json_printable(e->text));
    send_locked(w, message);
    free_worker(w);
    return result != NULL ? 0 : err_exit_status(e->code);
}

/* The rate limit holds back what moves within a step, never a step or its final size: each step is
 * a line that somebody reads. */
void worker_progress(struct worker *w, const char *step, uint64_t done_bytes, uint64_t total_bytes)
{
    struct mono now = clock_mono();
    json_t *before = NULL, *present = NULL;

    pthread_mutex_lock(&w->lock);
    bool new_step = !str_equal(step, w->progress.step);
    if (new_step) {
        before = take_unsent_locked(w);
        free(w->progress.step);
        w->progress.step = mem_strdup(step);
    }
    w->progress.done = done_bytes;
    w->progress.total = total_bytes;
    w->progress.unsent = true;
    if (new_step || now.us - w->last_progress.us >= PROGRESS_EVERY_US) {
        w->last_progress = now;
        present = take_unsent_locked(w);
    }
    pthread_mutex_unlock(&w->lock);
    if (before != NULL)
        send_locked(w, before);
    if (present != NULL)
        send_locked(w, present);
}

static void tell_person(void *worker, const char *text)
{
    worker_log(worker, WORKER_NOTICE, "%s", text);
}

struct store_waiter worker_waiter(struct worker *w)
{
    return (struct store_waiter){
        .stop = worker_is_stopped, .tell = w->person_waits ? tell_person : NULL, .arg = w};
}

void worker_stretched(struct worker *w, const char *destination, const char *text)
{
    send_locked(w, json_pack("{s:s, s:s, s:s}", "type", "stretched", "destination", destination,
                             "text", text));
}

void worker_log(struct worker *w, enum worker_level level, const char *fmt, ...)
{
    static const char *const words[] = {"info", "notice", "warning"};
    va_list args;
    char text[ERR_TEXT_MAX];

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    send_locked(w, json_pack("{s:s, s:s, s:o}", "type", "log", "level", words[level], "text",
                             json_printable(text)));
}

int worker_ask(struct worker *w, const char *text, json_t *replaced, struct err *e)
{
    json_t *lines = json_string(text); /* NULL when it is not UTF-8 */

    send_locked(w, json_pack("{s:s, s:o, s:o}", "type", "ask", "text",
                             lines != NULL ? lines : json_printable(text), "replaced", replaced));
    pthread_mutex_lock(&w->lock);
    while (w->answer == UNANSWERED && !worker_cancelled(w))
        (void)pthread_cond_wait(&w->answered, &w->lock);
    bool yes = w->answer == YES, no = w->answer == NO;
    w->answer = UNANSWERED;
    pthread_mutex_unlock(&w->lock);
    if (yes)
        return 0;
    return no ? err_set(e, ERR_REFUSED, "not confirmed, nothing was changed")
              : err_set(e, ERR_CANCELLED, "nobody answered, nothing was changed");
}

bool worker_cancelled(const struct worker *w)
{
    return atomic_load(&w->asked_to_stop) || (atomic_load(&w->gone) && !atomic_load(&w->outlives));
}

bool worker_is_stopped(void *worker)
{
    return worker_cancelled(worker);
}

void worker_outlive(struct worker *w)
{
    atomic_store(&w->outlives, true);
}
