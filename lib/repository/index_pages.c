#include "lib/base/mem.h"
#include "lib/repository/index_parts.h"

struct index_pages {
    pthread_mutex_t lock;
    uint64_t now;
    struct index_kept_page *pages[INDEX_PAGES_SETS][INDEX_PAGES_WAYS]; /* owned */
};

struct index_pages *index_pages_new(void)
{
    struct index_pages *c = mem_alloc(sizeof(*c));

    if (pthread_mutex_init(&c->lock, NULL) != 0)
        abort(); /* memory, as in mem.h */
    return c;
}

void index_pages_free(struct index_pages *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < INDEX_PAGES_SETS; i++)
        for (size_t j = 0; j < INDEX_PAGES_WAYS; j++)
            free(c->pages[i][j]);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct index_kept_page **set_of(struct index_pages *c, uint64_t key)
{
    return c->pages[(key * 0x9e3779b97f4a7c15U) >> 58];
}
_Static_assert(INDEX_PAGES_SETS == 1 << (64 - 58), "the shift in set_of");

struct index_kept_page *index_pages_find(struct index_pages *c, uint64_t key)
{
    struct index_kept_page **set = set_of(c, key), *found = NULL;

    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < INDEX_PAGES_WAYS && found == NULL; i++)
        if (set[i] != NULL && set[i]->key == key)
            found = set[i];
    if (found != NULL) {
        found->users++;
        found->used = ++c->now;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return found;
}

/* A page in somebody's hands stays; when all of a set are, the new one is not kept. */
void index_pages_add(struct index_pages *c, uint64_t key, struct index_kept_page *p)
{
    struct index_kept_page **set = set_of(c, key), **oldest = NULL;

    p->key = key;
    p->users = 1;
    (void)pthread_mutex_lock(&c->lock);
    p->used = ++c->now;
    for (size_t i = 0; i < INDEX_PAGES_WAYS; i++) {
        if (set[i] == NULL) {
            oldest = &set[i];
            break;
        }
        if (set[i]->users == 0 && (oldest == NULL || set[i]->used < (*oldest)->used))
            oldest = &set[i];
    }
    p->in_cache = oldest != NULL;
    if (oldest != NULL) {
        free(*oldest);
        *oldest = p;
    }
    (void)pthread_mutex_unlock(&c->lock);
}

void index_pages_release(struct index_pages *c, struct index_kept_page *p)
{
    (void)pthread_mutex_lock(&c->lock);
    p->users--;
    bool drop = p->users == 0 && !p->in_cache;
    (void)pthread_mutex_unlock(&c->lock);
    if (drop)
        free(p);
}
