/* Chunks that lie twice because one copy was damaged: the whole one is read, and stays. */
#include "tests/unit/repository/collect_fixture.h"

enum { PACKS_MAX = 64 };

struct packs {
    struct store_object objects[PACKS_MAX];
    struct pack_name names[PACKS_MAX];
    size_t count;
};

static struct packs list_packs(struct store *s)
{
    struct packs p;
    struct err e;

    ASSERT_OK(store_list(s, "packs/", false, "", p.objects, PACKS_MAX, &p.count, &e), e);
    for (size_t i = 0; i < p.count; i++)
        ASSERT_OK(pack_name_parse(p.objects[i].name, &p.names[i], &e), e);
    return p;
}

/* Every chunk of it. */
static void damage_pack(struct store *s, const struct store_object *p)
{
    for (size_t at = 0; at < p->size; at += 8)
        memory_store_damage(s, p->name, at);
}

struct fixture {
    struct store *s;
    struct keys *k;
    struct view v;
    struct content content;
    struct packs damaged; /* what the first set was stored in */
};

/* Two sets with the same content: the first one's packs were damaged when the second was made, which knew it. */
static struct fixture begin(void)
{
    struct fixture f = {.s = memory_store_new(), .k = fixed_keys(), .content = content_of(1, 20)};
    struct run x;

    seam_clock_set(start_us);
    view_begin(&f.v, f.s, f.k);
    backup(&f.v, &f.content, "20261121_000000");
    f.damaged = list_packs(f.s);
    for (size_t i = 0; i < f.damaged.count; i++)
        damage_pack(f.s, &f.damaged.objects[i]);
    seam_clock_advance(3600 * 1000000LL);
    (void)close(f.v.previous); /* nothing to count on */
    f.v.previous = -1;
    ASSERT_OK(run_begin(&f.v, &x, NULL), f.v.e);
    index_exclude(x.index, f.damaged.names, f.damaged.count);
    ASSERT_OK(run_end(&f.v, &x, &f.content, "20261121_010000"), f.v.e);
    return f;
}

static void end(struct fixture *f)
{
    view_close(&f->v);
    keys_free(f->k);
    store_close(f->s);
}

/* Whole becomes damaged, and the other way round. */
static void damage(struct fixture *f, bool first_copies)
{
    struct packs all = list_packs(f->s);

    for (size_t i = 0; i < all.count; i++) {
        bool first = false;
        for (size_t k = 0; k < f->damaged.count; k++)
            first |= strcmp(all.objects[i].name, f->damaged.objects[k].name) == 0;
        if (first == first_copies)
            damage_pack(f->s, &all.objects[i]);
    }
}

/* 0, with how often another copy stood in. */
static int read_set(struct fixture *f, const char *id, size_t *ret_mended)
{
    struct buf out = BUF_INIT(256 << 20);
    struct index *ix;
    struct fetcher *fetcher;
    struct err first;
    size_t len;
    _cleanup_free_ uint8_t *data = content_bytes(&f->content, &len);

    ASSERT_OK(index_open(f->s, f->k, NULL, false, &ix, NULL, &f->v.e), f->v.e);
    ASSERT_OK(fetcher_open(&fetcher, &f->v.r, ix, 2, &f->v.e), f->v.e);
    int rc = fetch_bytes(&f->v, fetcher, id, &out);
    *ret_mended = fetcher_mended(fetcher, &first);
    if (*ret_mended > 0)
        ASSERT_CONTAINS(first.text, "packs/");
    ASSERT(rc < 0 || (out.len == len && memcmp(out.data, data, len) == 0));
    fetcher_close(fetcher);
    index_close(ix);
    buf_deinit(&out);
    return rc;
}

TEST(the_whole_copy_is_read)
{
    struct fixture f = begin();
    size_t when_first = 0, when_second = 0;

    ASSERT_OK(read_set(&f, "20261121_010000", &when_first), f.v.e);
    damage(&f, true);
    damage(&f, false);
    ASSERT_OK(read_set(&f, "20261121_000000", &when_second), f.v.e);
    ASSERT(when_first + when_second > 0); /* whichever the index gives first */
    end(&f);
}

TEST(without_a_whole_copy_the_first_damage_is_told)
{
    struct fixture f = begin();
    size_t mended;

    damage(&f, false);
    ASSERT_ERR(read_set(&f, "20261121_010000", &mended), f.v.e, ERR_DAMAGED);
    ASSERT_CONTAINS(f.v.e.text, "packs/");
    ASSERT_EQ(mended, 0);
    end(&f);
}

static struct collect_result collect_and_wait(struct fixture *f, struct collect_spec *spec)
{
    struct collect_result x;

    ASSERT_OK(collect(spec, &x, &f->v.e), f->v.e);
    collect_result_deinit(&x);
    pass_days(8);
    spec->now = clock_wall();
    ASSERT_OK(collect(spec, &x, &f->v.e), f->v.e);
    return x;
}

static void the_whole_copy_stays(bool told)
{
    struct fixture f = begin();
    struct collect_spec spec = spec_of(&f.v);

    spec.damaged = f.damaged.names;
    spec.damaged_count = told ? f.damaged.count : 0;
    struct collect_result x = collect_and_wait(&f, &spec);
    if (told)
        ASSERT(x.deleted > 0);
    collect_result_deinit(&x);
    expect_set(f.s, f.k, "20261121_010000", &f.content);
    end(&f);
}

TEST(pruning_keeps_the_whole_copy_when_told_of_the_other)
{
    the_whole_copy_stays(true);
}

TEST(pruning_keeps_the_newer_copy_when_it_cannot_know)
{
    the_whole_copy_stays(false);
}
