/* Trees of which something is at the target already: whatever the candidates are, what comes is right, and what they
 * have is not fetched. */
#include "lib/base/fs.h"
#include "tests/unit/repository/fetch_help.h"

enum how { ALL_PARTS, SOME_WHOLE };

struct present { /* candidates made of the files of a tree */
    struct fetch_present hooks;
    const char *root;
    uint64_t random;
    enum how how;
    bool flip;         /* parts of them are wrong */
    bool changed;      /* none settles */
    size_t stop_after; /* reads, then an error; 0: none */
    struct strlist left, taken;
    char *path; /* of the file under way */
    bool wrong;
    uint8_t *bytes;
    size_t len, reads;
};

static int look(void *arg, const struct list_entry *x, struct err *e)
{
    struct present *p = arg;
    _cleanup_free_ char *path = mem_printf("%s/%s", p->root, x->path);
    struct buf content = BUF_INIT(256 << 20);

    free(p->path);
    free(p->bytes);
    p->path = mem_strdup(x->path);
    ASSERT_OK(fs_read_file(AT_FDCWD, path, &content, e), *e);
    p->len = content.len;
    p->bytes = content.data;
    p->wrong = p->flip && next_chance(&p->random) % 2 == 0 && p->len > 0;
    for (int i = 0; p->wrong && i < 3; i++)
        p->bytes[next_chance(&p->random) % p->len] ^= 1;
    if (p->wrong && next_chance(&p->random) % 4 == 0)
        p->len = next_chance(&p->random) % p->len;
    return next_chance(&p->random) % 5 == 0 ? 0 : 2;
}

static enum fetch_verdict hope(void *arg, int candidate)
{
    struct present *p = arg;

    if (p->how == ALL_PARTS)
        return FETCH_PARTS;
    return candidate == 0 ? FETCH_PARTS : p->len % 2 == 0 ? FETCH_LEAVE : FETCH_TAKE;
}

/* The first candidate has nothing but the odd quarter of a megabyte. */
static int read_it(void *arg, int candidate, uint64_t offset, void *data, size_t len, struct err *e)
{
    struct present *p = arg;

    if (p->stop_after != 0 && ++p->reads >= p->stop_after)
        return err_set(e, ERR_CANCELLED, "that is enough");
    if (offset + len > p->len || (candidate == 0 && (offset >> 18) % 2 == 0))
        return 1;
    memcpy(data, p->bytes + offset, len);
    return 0;
}

static bool settle(void *arg, int candidate)
{
    struct present *p = arg;

    if (p->changed)
        return false;
    ASSERT(!p->wrong || p->len == 0);
    strlist_add(hope(p, candidate) == FETCH_LEAVE ? &p->left : &p->taken, p->path);
    return true;
}

static bool link_stays(void *arg, const struct list_entry *x)
{
    return strlist_contains(&((struct present *)arg)->left, x->link);
}

static void present_init(struct present *p, const char *root, uint64_t seed)
{
    *p = (struct present){.root = root, .random = seed};
    p->hooks = (struct fetch_present){.arg = p,
                                      .look = look,
                                      .hope = hope,
                                      .read = read_it,
                                      .settle = settle,
                                      .link_stays = link_stays};
}

static void present_deinit(struct present *p)
{
    strlist_deinit(&p->left);
    strlist_deinit(&p->taken);
    free(p->path);
    free(p->bytes);
}

/* The stream; *ret_present: bytes that came from the candidates. */
static int fetch(struct add_world *w, const struct added *x, struct present *p, struct buf *out,
                 uint64_t *ret_present)
{
    struct fetch_artifact *a;
    struct fetcher *f;
    size_t len = 1;
    int rc = 0;

    ASSERT_OK(fetcher_open(&f, &w->repository, w->index, 2, &w->e), w->e);
    ASSERT_OK(fetch_artifact_open(f, x->list, x->list_count, true, NULL, &a, &w->e), w->e);
    fetch_artifact_use(a, &p->hooks);
    uint8_t *piece = mem_alloc(100003);
    while (len > 0 && (rc = fetch_artifact_read(a, piece, 100003, &len, &w->e)) == 0)
        ASSERT_OK(buf_append(out, piece, len, &w->e), w->e);
    free(piece);
    *ret_present = fetch_artifact_present(a);
    fetch_artifact_close(a);
    fetcher_close(f);
    return rc;
}

TEST(parts_from_here_and_parts_from_there_are_the_same_stream)
{
    _cleanup_free_ char *root = mem_printf("%s/tree", test_dir());
    struct add_world *w = world_open(memory_store_new());
    uint64_t total = 0, present;
    struct added x;

    make_tree(root, 3);
    struct buf expected = tar_of(root);
    add_tree(w, root, &x);
    for (uint64_t seed = 1; seed <= (test_long() ? 200 : 12); seed++) {
        struct buf out = BUF_INIT(256 << 20);
        struct present p;
        memory_store_set_parallel(w->store, seed % 2 == 0 ? 1 : 8);
        present_init(&p, root, seed);
        p.flip = seed > 2;
        p.how = seed % 3 == 0 ? SOME_WHOLE : ALL_PARTS;
        p.changed = true; /* what would be whole is looked at, and then taken in parts */
        ASSERT_OK(fetch(w, &x, &p, &out, &present), w->e);
        ASSERT_EQ(out.len, expected.len);
        ASSERT(memcmp(out.data, expected.data, out.len) == 0);
        ASSERT(present > 1 << 20);
        total += present;
        present_deinit(&p);
        buf_deinit(&out);
    }
    test_note("from the candidates: %llu MB", (unsigned long long)total >> 20);
    buf_deinit(&expected);
    added_deinit(&x);
    world_close(w);
}

struct names {
    size_t files, left, taken, whole;
};

/* What is left out is not in the stream, what is taken has its size and no data, all else is whole. */
static void check_members(struct buf *tar, const struct present *p, struct names *n)
{
    struct feed f = {tar, 0};
    struct tree_untar_member m;
    struct tree_untar *u;
    const void *data;
    int64_t offset;
    struct err e;
    size_t len;
    int rc;

    ASSERT_OK(tree_untar_open(&u, feed_tar, &f, &e), e);
    while ((rc = tree_untar_next(u, &m, &e)) == 0) {
        ASSERT(!strlist_contains(&p->left, m.path));
        ASSERT(m.hardlink == NULL || !strlist_contains(&p->left, m.hardlink));
        if (!S_ISREG(m.mode) || m.hardlink != NULL)
            continue;
        _cleanup_free_ char *path = mem_printf("%s/%s", p->root, m.path);
        struct buf content = BUF_INIT(256 << 20);
        ASSERT_OK(fs_read_file(AT_FDCWD, path, &content, &e), e);
        ASSERT_EQ(content.len, (size_t)m.size);
        bool taken = strlist_contains(&p->taken, m.path);
        while ((rc = tree_untar_data(u, &data, &len, &offset, &e)) == 0) {
            ASSERT(!taken || len == 0);
            ASSERT(len == 0 || memcmp(content.data + offset, data, len) == 0);
        }
        ASSERT_EQ(rc, 1);
        n->taken += taken;
        n->whole += !taken;
        buf_deinit(&content);
    }
    ASSERT_EQ(rc, 1);
    n->left += p->left.count;
    tree_untar_free(u);
}

TEST(what_is_whole_is_left_out_or_is_a_hole)
{
    _cleanup_free_ char *root = mem_printf("%s/tree", test_dir());
    struct add_world *w = world_open(memory_store_new());
    struct names n = {0};
    struct added x;
    uint64_t present;

    make_tree(root, 4);
    add_tree(w, root, &x);
    for (uint64_t seed = 1; seed <= (test_long() ? 100 : 6); seed++) {
        struct buf out = BUF_INIT(256 << 20);
        struct present p;
        present_init(&p, root, seed);
        p.how = SOME_WHOLE;
        p.flip = seed > 1;
        ASSERT_OK(fetch(w, &x, &p, &out, &present), w->e);
        check_members(&out, &p, &n);
        present_deinit(&p);
        buf_deinit(&out);
    }
    test_note("left %zu, taken %zu, whole %zu", n.left, n.taken, n.whole);
    ASSERT(n.left > 50 && n.taken > 50 && n.whole > 50);
    added_deinit(&x);
    world_close(w);
}

TEST(who_looks_may_end_it)
{
    _cleanup_free_ char *root = mem_printf("%s/tree", test_dir());
    struct add_world *w = world_open(memory_store_new());
    struct added x;
    uint64_t present;

    make_tree(root, 5);
    add_tree(w, root, &x);
    for (size_t n = 1; n <= 40; n += 3)
        for (int how = ALL_PARTS; how <= SOME_WHOLE; how++) {
            struct buf out = BUF_INIT(256 << 20);
            struct present p;
            present_init(&p, root, n);
            p.how = (enum how)how;
            p.stop_after = n;
            ASSERT_ERR(fetch(w, &x, &p, &out, &present), w->e, ERR_CANCELLED);
            present_deinit(&p);
            buf_deinit(&out);
        }
    added_deinit(&x);
    world_close(w);
}
