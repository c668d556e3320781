/* Backups, prunes by two installations, and restores, in any order, each with its own old view of the
 * repository, some of them broken off anywhere; after each step every set that is there still has its bytes, and in the
 * end nothing else is left. */
#include <sys/wait.h>

#include "tests/unit/repository/collect_fixture.h"

static struct err e;

enum { SETS_MAX = 128, BLOCKS = 14 };

struct model_set {
    char id[32];
    struct content content;
    bool there;
};

struct model {
    struct store *s;
    struct keys *k;
    uint64_t chance;
    struct model_set sets[SETS_MAX];
    size_t count;
    struct content now; /* what the source is like */
    struct view writer, pruners[2];
    struct run run;
    bool running;
    struct index *reader; /* of a restore under way; NULL: none */
    struct view reader_view;
    size_t reading;
    struct wall reading_since;
    unsigned backups, prunes, fenced, restores, removed, deleted, repacked, crashes;
};

static size_t pick(struct model *m, size_t below)
{
    return (size_t)(next_chance(&m->chance) >> 16) % below;
}

static void change_source(struct model *m)
{
    size_t first = pick(m, BLOCKS), count = 1 + pick(m, BLOCKS / 2);

    for (size_t i = first; i < first + count && i < BLOCKS; i++)
        switch (pick(m, 3)) {
        case 0:
            m->now.seed[i] = (uint32_t)pick(m, 64); /* a content that was there before, perhaps */
            m->now.patch[i] = 0;
            break;
        case 1:
            m->now.patch[i] += 1 + (uint32_t)pick(m, 5);
            break;
        default:
            break;
        }
}

/* One of five is broken off at one of the next `calls` calls, or does not hear the answer to one. */
static bool begin_crash(struct model *m, size_t calls)
{
    struct memory_store_faults *x = memory_store_faults(m->s);

    if (pick(m, 5) != 0)
        return false;
    x->calls = x->changes = 0;
    x->fail_ever_after = true;
    if (pick(m, 3) == 0)
        x->lose_answer = 1 + (unsigned)pick(m, 4);
    else
        x->fail_call = 1 + (unsigned)pick(m, calls);
    return true;
}

static void end_crash(struct model *m)
{
    struct memory_store_faults *x = memory_store_faults(m->s);

    x->fail_call = x->lose_answer = 0;
    x->fail_ever_after = false;
}

/* Whoever was broken off begins again; what was committed or removed is told by the log. */
static void after_crash(struct model *m, struct view *v)
{
    const int previous = v->previous;
    struct repository_set set;

    v->previous = -1;
    view_close(v);
    view_open(v, m->s, m->k);
    v->previous = previous;
    for (size_t i = 0; i < m->count; i++)
        m->sets[i].there = repository_find_set(&v->r, "job", m->sets[i].id, &set, &e) == 0;
    m->crashes++;
}

static void step_backup(struct model *m)
{
    if (!m->running) {
        if (m->count == SETS_MAX)
            return;
        ASSERT_OK(run_begin(&m->writer, &m->run, NULL), m->writer.e);
        m->running = true;
        return;
    }
    struct model_set *x = &m->sets[m->count++];
    change_source(m);
    x->content = m->now;
    (void)clock_set_id(clock_wall(), x->id);
    const bool broken = begin_crash(m, 12);
    const int rc = run_end(&m->writer, &m->run, &x->content, x->id);
    end_crash(m);
    m->running = false;
    if (rc < 0 && broken) {
        after_crash(m, &m->writer);
        return;
    }
    ASSERT_OK(rc, m->writer.e);
    x->there = true;
    m->backups++;
}

static void step_read(struct model *m)
{
    if (m->reader != NULL) {
        expect_content(&m->reader_view, m->reader, m->sets[m->reading].id,
                       &m->sets[m->reading].content);
        index_close(m->reader);
        m->reader = NULL;
        view_close(&m->reader_view);
        m->restores++;
        return;
    }
    size_t at = m->count == 0 ? 0 : pick(m, m->count);
    if (m->count == 0 || !m->sets[at].there)
        return;
    view_open(&m->reader_view, m->s, m->k);
    ASSERT_OK(index_open(m->s, m->k, NULL, false, &m->reader, NULL, &e), e);
    repository_avoid_trash(&m->reader_view.r, m->reader);
    m->reading = at;
    m->reading_since = clock_wall();
}

static struct wall oldest(const struct model *m)
{
    struct wall at = {0};

    if (m->running)
        at = m->run.began;
    if (m->reader != NULL && (at.us == 0 || m->reading_since.us < at.us))
        at = m->reading_since;
    return at;
}

static void step_prune(struct model *m, size_t who)
{
    struct collect_set gone[4], reading;
    struct collect_result x;
    struct view *v = &m->pruners[who];
    struct collect_spec spec = spec_of(v);
    size_t chosen[4];

    spec.trash_s = 2 * DAY;
    spec.who = who == 0 ? &us : &them;
    spec.remove = gone;
    for (size_t i = pick(m, 4); i > 0 && m->count > 3; i--) {
        /* the older ones most often */
        chosen[spec.remove_count] = pick(m, 1 + pick(m, m->count - 2));
        gone[spec.remove_count] =
            (struct collect_set){"job", m->sets[chosen[spec.remove_count]].id};
        spec.remove_count++;
    }
    spec.oldest_run = oldest(m);
    if (m->reader != NULL) {
        reading = (struct collect_set){"job", m->sets[m->reading].id};
        spec.reading = &reading;
        spec.reading_count = 1;
    }
    spec.delete_max = pick(m, 3) == 0 ? 1 : 0;
    if (pick(m, 3) == 0)
        ASSERT_OK(log_take(v->r.pruner, spec.who, &e), e);
    ASSERT_OK(log_refresh(v->r.writer, &e), e);
    const bool broken = begin_crash(m, 60);
    int rc = collect(&spec, &x, &e);
    end_crash(m);
    if (rc < 0 && e.code != ERR_FOREIGN && !broken)
        test_fail(__FILE__, __LINE__, "prune: %s", e.text);
    m->fenced += rc < 0 && e.code == ERR_FOREIGN;
    m->prunes += rc == 0;
    if (x.problems.count > 0 && !broken)
        test_fail(__FILE__, __LINE__, "prune: %s", x.problems.items[0]);
    for (size_t i = 0; i < spec.remove_count && rc == 0; i++)
        if (m->reader == NULL || chosen[i] != m->reading)
            m->sets[chosen[i]].there = false;
    if (rc < 0 && e.code != ERR_FOREIGN)
        after_crash(m, v);
    m->removed += (unsigned)x.removed;
    m->deleted += (unsigned)x.deleted;
    m->repacked += (unsigned)x.repacked;
    collect_result_deinit(&x);
}

static void expect_all(struct model *m)
{
    struct repository_set *sets;
    struct index *ix;
    struct view v;
    size_t count, there = 0;

    view_open(&v, m->s, m->k);
    ASSERT_OK(index_open(m->s, m->k, NULL, false, &ix, NULL, &v.e), v.e);
    ASSERT_OK(repository_sets(&v.r, &sets, &count, &v.e), v.e);
    free(sets);
    for (size_t i = 0; i < m->count; i++) {
        there += m->sets[i].there;
        if (m->sets[i].there)
            expect_content(&v, ix, m->sets[i].id, &m->sets[i].content);
    }
    ASSERT_EQ(there, count);
    index_close(ix);
    view_close(&v);
}

/* Nobody does anything any more: what lies there is what is needed. */
static void expect_clean(struct model *m)
{
    struct collect_result x;

    while (m->running)
        step_backup(m);
    if (m->reader != NULL)
        step_read(m);
    ASSERT_OK(log_take(m->pruners[0].r.pruner, &us, &e), e);
    for (int i = 0; i < 4; i++) {
        struct collect_spec spec = spec_of(&m->pruners[0]);
        ASSERT_OK(collect(&spec, &x, &e), e);
        ASSERT(i < 3 || (x.on_trash == 0 && x.packs == count_objects(m->s, "packs/")));
        collect_result_deinit(&x);
        pass_days(8);
    }
    expect_all(m);
}

static void step(struct model *m)
{
    if (m->running && pick(m, 2) == 0) { /* most runs are short */
        step_backup(m);
        return;
    }
    if (m->reader != NULL && pick(m, 3) == 0) {
        step_read(m);
        return;
    }
    switch (pick(m, 9)) {
    case 0:
    case 1:
        step_backup(m);
        break;
    case 2:
        step_prune(m, 1);
        break;
    case 3:
        step_read(m);
        break;
    case 4:
    case 5:
        pass_days(1 + (int64_t)pick(m, 4));
        break;
    default:
        step_prune(m, 0);
        break;
    }
    seam_clock_advance(61000000);
}

static void history(uint64_t seed, int steps, struct model *sum)
{
    struct model *m = mem_alloc(sizeof(*m));

    m->s = memory_store_new();
    m->k = fixed_keys();
    m->chance = seed * 0x9e3779b97f4a7c15ULL + 7;
    m->now = content_of(1, BLOCKS);
    seam_clock_set(start_us);
    view_begin(&m->writer, m->s, m->k);
    for (int i = 0; i < 2; i++)
        view_open(&m->pruners[i], m->s, m->k);
    for (int i = 0; i < steps; i++) {
        step(m);
        if (i % 6 == 5)
            expect_all(m);
    }
    expect_clean(m);
    sum->backups += m->backups;
    sum->prunes += m->prunes;
    sum->fenced += m->fenced;
    sum->restores += m->restores;
    sum->removed += m->removed;
    sum->deleted += m->deleted;
    sum->repacked += m->repacked;
    sum->crashes += m->crashes;
    view_close(&m->writer);
    for (int i = 0; i < 2; i++)
        view_close(&m->pruners[i]);
    keys_free(m->k);
    store_close(m->s);
    free(m);
}

/* Each in a process of its own, so that one that fails is named. */
static void history_apart(uint64_t seed, int steps, struct model *sum)
{
    int status;

    (void)fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        history(seed, steps, sum);
        exit(0); /* the leak checker runs at exit */
    }
    ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
    if (status != 0)
        test_fail(__FILE__, __LINE__, "the history with seed %llu, of %d steps, failed",
                  (unsigned long long)seed, steps);
}

TEST(any_order)
{
    struct model *sum =
        mmap(NULL, sizeof(*sum), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int histories = test_long() ? 400 : 5;

    ASSERT(sum != MAP_FAILED);
    for (int i = 0; i < histories; i++)
        history_apart((uint64_t)i + 1, test_long() ? 120 : 60, sum);
    test_note(
        "%d histories: %u backups, %u restores begun before and ended after others, %u prunes, "
        "%u broken off, %u refused to who was no longer the pruner, %u sets removed, %u packs "
        "deleted, "
        "%u repacked",
        histories, sum->backups, sum->restores, sum->prunes, sum->crashes, sum->fenced,
        sum->removed, sum->deleted, sum->repacked);
    ASSERT(sum->backups > 10 && sum->deleted > 5 && sum->repacked > 0 && sum->fenced > 0);
    ASSERT(sum->crashes > 0);
}
