#include "lib/base/together.h"

#include <pthread.h>
#include <stdlib.h>

static void *thread_main(void *arg)
{
    struct together *c = arg;

    c->rc = c->call(c->arg, &c->error);
    return NULL;
}

/* The last one is the caller's own to make: it would only wait. */
static void run_at_once(struct together *calls, size_t count)
{
    pthread_t threads[TOGETHER_MAX];
    bool started[TOGETHER_MAX] = {false};

    for (size_t i = 0; i + 1 < count; i++)
        started[i] = pthread_create(&threads[i], NULL, thread_main, &calls[i]) == 0;
    for (size_t i = 0; i < count; i++)
        if (!started[i])
            (void)thread_main(&calls[i]);
    for (size_t i = 0; i < count; i++)
        if (started[i])
            (void)pthread_join(threads[i], NULL);
}

int together_run(struct together *calls, size_t count, bool at_once, struct err *e)
{
    if (count > TOGETHER_MAX)
        abort(); /* the caller's promise */
    for (size_t i = 0; i < count; i++) {
        calls[i].error = (struct err){0};
        calls[i].rc = err_set(&calls[i].error, ERR_CANCELLED, "cancelled");
    }
    if (at_once)
        run_at_once(calls, count);
    for (size_t i = 0; i < count; i++) {
        if (!at_once)
            (void)thread_main(&calls[i]);
        if (calls[i].rc == 0)
            continue;
        if (e != NULL)
            *e = calls[i].error;
        return calls[i].rc;
    }
    return 0;
}
