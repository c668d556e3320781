/* Calls that are made at once come to their end all of them; in turn, the first failure ends it. */
#include "lib/base/together.h"

#include <pthread.h>

#include "tests/lib/test.h"

enum { COUNT = 3 };

struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int there, wait_for, made;
};

struct guest {
    struct meeting *at;
    int rc;
};

/* Returns once wait_for of them are there: that is what being made at once means. */
static int meet(void *arg, struct err *e)
{
    const struct guest *g = arg;
    struct meeting *m = g->at;

    (void)pthread_mutex_lock(&m->lock);
    m->made++;
    m->there++;
    (void)pthread_cond_broadcast(&m->changed);
    while (m->there < m->wait_for)
        (void)pthread_cond_wait(&m->changed, &m->lock);
    (void)pthread_mutex_unlock(&m->lock);
    return g->rc < 0 ? err_set(e, ERR_IO, "guest %d", -g->rc) : g->rc;
}

static int run(bool at_once, int first, int second, int third, struct meeting *m, struct err *e)
{
    *m = (struct meeting){.lock = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER,
                          .wait_for = at_once ? COUNT : 0};
    struct guest guests[COUNT] = {{m, first}, {m, second}, {m, third}};
    struct together calls[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        calls[i] = (struct together){.call = meet, .arg = &guests[i]};
    return together_run(calls, COUNT, at_once, e);
}

TEST(all_are_made_at_once)
{
    struct meeting m;
    struct err e = {0};

    ASSERT_OK(run(true, 0, 0, 0, &m, &e), e);
    ASSERT_EQ(m.made, COUNT);
}

TEST(at_once_the_first_in_order_that_failed_is_told)
{
    struct meeting m;
    struct err e = {0};

    ASSERT_ERR(run(true, 0, -2, -3, &m, &e), e, ERR_IO);
    ASSERT_STR(e.text, "guest 2");
    ASSERT_EQ(m.made, COUNT);
    ASSERT_EQ(run(true, 1, -2, 0, &m, &e), 1);
}

TEST(in_turn_nothing_follows_a_failure)
{
    struct meeting m;
    struct err e = {0};

    ASSERT_ERR(run(false, 0, -2, -3, &m, &e), e, ERR_IO);
    ASSERT_STR(e.text, "guest 2");
    ASSERT_EQ(m.made, 2);
    ASSERT_EQ(run(false, 1, 0, 0, &m, &e), 1);
    ASSERT_EQ(m.made, 1);
    ASSERT_OK(run(false, 0, 0, 0, &m, &e), e);
    ASSERT_EQ(m.made, COUNT);
}
