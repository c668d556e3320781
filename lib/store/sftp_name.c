/* sftp_name.c — a host's name to addresses.
 *
 * getaddrinfo() ends by a timeout of the resolver's own, after minutes where no name server answers,
 * and cannot be interrupted. So it runs in a thread, which is left behind once nobody waits for it: what
 * the two share goes with the last of them. */
#include "lib/store/sftp_ssh.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"

enum { LOOK_MS = 20 };

struct question {
    char *host, port[16];
    atomic_int users; /* of 2: who asks, and the thread */
    atomic_bool answered;
    int rc;                /* of getaddrinfo */
    struct addrinfo *list; /* or NULL */
};

static void leave(struct question *q)
{
    if (atomic_fetch_sub(&q->users, 1) > 1)
        return;
    if (q->list != NULL)
        freeaddrinfo(q->list);
    free(q->host);
    free(q);
}

static void *ask(void *arg)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct question *q = arg;

    q->rc = getaddrinfo(q->host, q->port, &hints, &q->list);
    atomic_store(&q->answered, true);
    leave(q);
    return NULL;
}

/* Without a thread it is asked here, however long that takes. */
static void begin(struct question *q)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, ask, q) == 0)
        (void)pthread_detach(thread);
    else
        (void)ask(q);
}

int sftp_find_host(const struct sftp_options *o, struct store_wait *wait, const char *place,
                   int64_t deadline_us, struct addrinfo **ret, struct err *e)
{
    struct question *q = mem_alloc(sizeof(*q));
    bool stopped = false;
    int rc = 0;

    q->host = mem_strdup(o->host);
    (void)snprintf(q->port, sizeof(q->port), "%d", o->port);
    atomic_store(&q->users, 2);
    begin(q);
    while (!atomic_load(&q->answered) && !(stopped = store_wait_look(wait, place)) &&
           clock_mono().us < deadline_us)
        clock_sleep_ms(LOOK_MS);
    if (stopped) {
        rc = err_set(e, ERR_CANCELLED, "%s: cancelled", place);
    } else if (!atomic_load(&q->answered)) {
        rc = err_set(e, ERR_TIMEOUT, "%s: no name server tells the address of %s (check DNS)",
                     place, o->host);
    } else if (q->rc != 0) {
        rc = err_set(e, ERR_UNAVAILABLE, "%s: find the address of %s: %s (check host and DNS)",
                     place, o->host, gai_strerror(q->rc));
    } else {
        *ret = q->list;
        q->list = NULL;
    }
    leave(q);
    return rc;
}
