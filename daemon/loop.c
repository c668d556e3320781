/* loop.c — see loop.h. On close: a timer's memory goes with libuv's close callback. */
#include "daemon/loop.h"

#include <stdbool.h>
#include <stdlib.h>

#include "lib/base/mem.h"

struct task {
    uv_work_t request;
    loop_work_cb *work;
    loop_done_cb *done;
    void *arg;
};

static void on_work(uv_work_t *request)
{
    struct task *t = request->data;

    t->work(t->arg);
}

static void on_done(uv_work_t *request, int status)
{
    struct task *t = request->data;

    (void)status; /* nothing here cancels a task: its work has always been done */
    t->done(t->arg);
    free(t);
}

void loop_run_task(uv_loop_t *loop, loop_work_cb *work, loop_done_cb *done, void *arg)
{
    struct task *t = mem_alloc(sizeof(*t));

    *t = (struct task){.work = work, .done = done, .arg = arg};
    t->request.data = t;
    if (uv_queue_work(loop, &t->request, on_work, on_done) != 0)
        abort(); /* only for a missing callback: our own fault */
}

struct loop_timer {
    uv_timer_t handle;
    loop_timer_cb *cb;
    void *arg;
};

struct loop_timer *loop_timer_new(uv_loop_t *loop, loop_timer_cb *cb, void *arg)
{
    struct loop_timer *t = mem_alloc(sizeof(*t));

    t->cb = cb;
    t->arg = arg;
    (void)uv_timer_init(loop, &t->handle); /* cannot fail */
    t->handle.data = t;
    return t;
}

static void on_timer(uv_timer_t *handle)
{
    struct loop_timer *t = handle->data;

    t->cb(t->arg);
}

void loop_timer_arm(struct loop_timer *t, int64_t ms)
{
    uv_update_time(t->handle.loop); /* a long callback must not shorten the wait */
    (void)uv_timer_start(&t->handle, on_timer, ms < 0 ? 0 : (uint64_t)ms, 0);
}

void loop_timer_disarm(struct loop_timer *t)
{
    (void)uv_timer_stop(&t->handle);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void loop_timer_free(struct loop_timer *t)
{
    if (t != NULL)
        uv_close((uv_handle_t *)&t->handle, on_timer_closed);
}
