#include "daemon/worker/replicas.h"

struct length {
    uint64_t writer, pruner;
};

static struct length length_of(struct store *s)
{
    struct length l = {0};

    if (log_newest(s, LOG_WRITER, &l.writer, NULL) < 0 ||
        log_newest(s, LOG_PRUNER, &l.pruner, NULL) < 0)
        return (struct length){0};
    return l;
}

size_t replicas_longest(struct store *const *stores, size_t count)
{
    size_t longest = 0;
    struct length most = {0};

    for (size_t i = 0; i < count && count > 1; i++) {
        struct length l = length_of(stores[i]);
        if (l.writer > most.writer || (l.writer == most.writer && l.pruner > most.pruner)) {
            longest = i;
            most = l;
        }
    }
    return longest;
}

static int check_other(const struct repo *r, struct store *other, struct err *e)
{
    struct store *const both[] = {r->repository->store, other};
    char id[REPOSITORY_ID_LEN * 2 + 1];

    if (repository_probe(other, id, NULL) != 0 || !str_equal(id, r->repository->id) ||
        replicas_longest(both, ARRAY_LEN(both)) == 0)
        return 0;
    return err_set(e, ERR_UNAVAILABLE,
                   "%s lacks records that its replica at %s has, and until a copy has brought them "
                   "nothing is added there (if another installation has taken that one over: "
                   "synbakctl adopt takes it back)",
                   store_place(r->repository->store), store_place(other));
}

static uint64_t lacking(const struct log *l, int64_t newest)
{
    const uint64_t there = log_head(l).number;

    return (uint64_t)newest > there ? (uint64_t)newest - there : 0;
}

int replicas_check(const struct destination *d, const struct repo *r, struct store *const *others,
                   size_t count, struct err *e)
{
    const uint64_t lacks = lacking(r->repository->writer, d->newest_writer) +
                           lacking(r->repository->pruner, d->newest_pruner);

    for (size_t i = 0; i < count; i++)
        if (check_other(r, others[i], e) < 0)
            return -1;
    if (lacks == 0)
        return 0;
    return err_set(
        e, ERR_UNAVAILABLE,
        "%s lacks %llu of the records that another replica of the repository has, and "
        "until it has them nothing is added there: bring that one back, and a copy brings "
        "them (if it is lost: take it out of the configuration)",
        store_place(r->repository->store), (unsigned long long)lacks);
}
