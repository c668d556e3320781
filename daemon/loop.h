/* loop.h — small helpers over libuv: work on the thread pool, one-shot timers that own themselves.
 *
 * Everything here is called on the loop thread only and never blocks. */
#pragma once

#include <uv.h>

#include <stdint.h>

/* Blocking work on the pool, then done() on the loop: always, exactly once, never from inside
 * loop_run_task. `arg` belongs to the pair; nothing else touches it between the two. */
typedef void loop_work_cb(void *arg);
typedef void loop_done_cb(void *arg);
void loop_run_task(uv_loop_t *loop, loop_work_cb *work, loop_done_cb *done, void *arg);

/* A one-shot timer in memory of its own, so that its owner may go before libuv lets go of it. */
struct loop_timer;
typedef void loop_timer_cb(void *arg);
struct loop_timer *loop_timer_new(uv_loop_t *loop, loop_timer_cb *cb, void *arg);
void loop_timer_arm(struct loop_timer *t,
                    int64_t ms); /* replaces what was armed; < 0 counts as 0 */
void loop_timer_disarm(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* NULL is fine; cb never fires after it */
