/* Trees into a repository: every kind of member, what is known, what changed, and files that are told
 * more than once. The visitor is played, so that every order of calls can be. */
#include <sys/sysmacros.h>

#include "tests/unit/repository/add_fixture.h"

struct last_time { /* what `find` knows */
    struct list_entry entry;
    struct chunk_ref refs[3000];
    size_t ref_count, more_at;
    bool same;
};

static int find(void *arg, const char *path, const struct stat *st, const struct list_entry **ret,
                bool *ret_same, struct err *e)
{
    struct last_time *l = arg;

    (void)st;
    (void)e;
    if (l->entry.path == NULL || strcmp(path, l->entry.path) != 0)
        return 1;
    l->entry.refs = l->refs;
    l->entry.ref_count = l->ref_count < LIST_REFS_MAX ? l->ref_count : LIST_REFS_MAX;
    l->more_at = l->entry.ref_count;
    *ret = &l->entry;
    *ret_same = l->same;
    return 0;
}

static int more(void *arg, const struct chunk_ref **ret, size_t *ret_count, struct err *e)
{
    struct last_time *l = arg;

    (void)e;
    if (l->more_at == l->ref_count)
        return 1;
    *ret = l->refs + l->more_at;
    *ret_count = l->ref_count - l->more_at < 700 ? l->ref_count - l->more_at : 700;
    l->more_at += *ret_count;
    return 0;
}

struct told { /* a tree as its list tells it, in text */
    struct add_world *world;
    struct buf text;
    struct chunk_ref refs[3000]; /* of the last entry */
    size_t ref_count;
    struct buf bytes; /* of all content */
};

static void tell(void *arg, const struct list_record *r)
{
    struct told *t = arg;
    const struct list_entry *x = &r->entry;
    struct err e;

    if (r->type == LIST_ENTRY) {
        t->ref_count = 0;
        ASSERT_OK(buf_printf(&t->text, &e, "%c %s %o %s>%s %llu dev %llx extents %zu attrs %zu\n",
                             x->type, x->path, x->mode, x->user, x->link,
                             (unsigned long long)x->size, (unsigned long long)x->rdev,
                             x->extent_count, x->attribute_count),
                  e);
    }
    const struct chunk_ref *refs = r->type == LIST_ENTRY ? x->refs : r->refs;
    size_t count = r->type == LIST_ENTRY     ? x->ref_count
                   : r->type == LIST_CONTENT ? r->ref_count
                                             : 0;
    for (size_t i = 0; i < count; i++) {
        t->refs[t->ref_count++] = refs[i];
        append_chunk(t->world, &refs[i], &t->bytes);
    }
}

struct tree_world {
    struct add_world *base;
    struct last_time last;
    struct tree_visitor v;
    struct told told;
    uint64_t put;
};

static struct tree_world *tree_open(void)
{
    struct tree_world *t = mem_alloc(sizeof(*t));

    t->base = world_open(memory_store_new());
    return t;
}

static void tree_begin(struct tree_world *t)
{
    const struct adder_tree at = {.arg = &t->last, .find = find, .more = more};

    ASSERT_OK(world_begin(t->base), t->base->e);
    ASSERT_OK(adder_tree_begin(t->base->adder, &at, -1, -1, &t->v, &t->base->e), t->base->e);
}

static void tree_end(struct tree_world *t)
{
    struct add_world *w = t->base;
    struct added x;

    ASSERT_OK(adder_end(w->adder, &x, &w->e), w->e);
    ASSERT_OK(adder_finish(w->adder, &t->put, &w->e), w->e);
    world_open_index(w);
    buf_deinit(&t->told.text);
    buf_deinit(&t->told.bytes);
    t->told = (struct told){.world = w, .text = BUF_INIT(4 << 20), .bytes = BUF_INIT(256 << 20)};
    struct buf list = read_list(w, &x, tell, &t->told);
    buf_deinit(&list);
    ASSERT_EQ(x.raw_bytes, t->told.bytes.len);
    added_deinit(&x);
}

static void tree_close(struct tree_world *t)
{
    buf_deinit(&t->told.text);
    buf_deinit(&t->told.bytes);
    world_close(t->base);
    free(t);
}

static struct tree_member a_member(const char *path, mode_t mode, off_t size)
{
    return (struct tree_member){.path = path,
                                .st = {.st_mode = mode, .st_size = size, .st_uid = 0, .st_ino = 7}};
}

static void visit(struct tree_world *t, const struct tree_member *m)
{
    ASSERT_OK(t->v.member(t->v.arg, m, &t->base->e), t->base->e);
}

static void visit_file(struct tree_world *t, const char *path, const uint8_t *data, size_t len,
                       size_t piece, bool again)
{
    struct tree_member m = a_member(path, S_IFREG | 0644, (off_t)len);

    m.again = again;
    visit(t, &m);
    for (size_t at = 0, n; at < len; at += n) {
        n = len - at < piece ? len - at : piece;
        ASSERT_OK(t->v.data(t->v.arg, data + at, n, &t->base->e), t->base->e);
    }
}

static bool visit_known(struct tree_world *t, const char *path, mode_t mode, off_t size)
{
    struct tree_member m = a_member(path, mode, size);
    int rc = t->v.known(t->v.arg, path, &m.st, &t->base->e);

    ASSERT(rc >= 0);
    m.known = rc == 1;
    if (rc == 1)
        visit(t, &m);
    return rc == 1;
}

TEST(every_kind_of_member)
{
    struct tree_world *t = tree_open();
    uint8_t *data = make_bytes(9 << 20, 'c', 1);
    const struct tree_extent extents[] = {{4096, 4096}, {20000, 5}};
    struct tree_attr attr = {"user.x", "value", 5};
    const struct tree_attrs attrs = {.items = &attr, .count = 1};
    struct tree_member m;

    tree_begin(t);
    m = a_member("./", S_IFDIR | 0755, 4096);
    visit(t, &m);
    m = a_member("a", S_IFLNK | 0777, 6);
    m.link = "target";
    visit(t, &m);
    visit_file(t, "b", data, 0, 1, false);
    m = a_member("c/", S_IFDIR | 01700, 4096);
    m.attrs = &attrs;
    visit(t, &m);
    m = a_member("c/hole", S_IFREG | 0600, 20005);
    m.extents = extents;
    m.extent_count = 2;
    m.attrs = &attrs;
    visit(t, &m);
    ASSERT_OK(t->v.data(t->v.arg, data, 20005, &t->base->e), t->base->e);
    visit_file(t, "c/large", data, (8 << 20) + 1, 1 << 20, false);
    visit_file(t, "c/whole", data, 8 << 20, 8 << 20, false);
    m = a_member("d", S_IFREG | 0644, 5);
    m.hard = true;
    m.link = "c/whole";
    visit(t, &m);
    m = a_member("e", S_IFCHR | 0660, 0);
    m.st.st_rdev = makedev(4, 7);
    visit(t, &m);
    m = a_member("f", S_IFIFO | 0644, 0);
    visit(t, &m);
    tree_end(t);
    ASSERT_STR((char *)t->told.text.data, "d  755 root> 0 dev 0 extents 0 attrs 0\n"
                                          "l a 777 root>target 0 dev 0 extents 0 attrs 0\n"
                                          "f b 644 root> 0 dev 0 extents 0 attrs 0\n"
                                          "d c 1700 root> 0 dev 0 extents 0 attrs 1\n"
                                          "f c/hole 600 root> 20005 dev 0 extents 2 attrs 1\n"
                                          "f c/large 644 root> 8388609 dev 0 extents 0 attrs 0\n"
                                          "f c/whole 644 root> 8388608 dev 0 extents 0 attrs 0\n"
                                          "h d 644 root>c/whole 0 dev 0 extents 0 attrs 0\n"
                                          "c e 660 root> 0 dev 400000007 extents 0 attrs 0\n"
                                          "p f 644 root> 0 dev 0 extents 0 attrs 0\n");
    ASSERT(memcmp(t->told.bytes.data, data, 20005) == 0);
    ASSERT(memcmp(t->told.bytes.data + 20005, data, (8 << 20) + 1) == 0);
    free(data);
    tree_close(t);
}

TEST(many_small_files_keep_their_content)
{
    enum { FILES = 3000 };
    struct tree_world *t = tree_open();
    uint64_t state = 3;

    tree_begin(t);
    for (int i = 0; i < FILES; i++) {
        char path[32], text[64];
        (void)snprintf(path, sizeof(path), "f%06d", i);
        int len = snprintf(text, sizeof(text), "%d %llu\n", i,
                           (unsigned long long)next_chance(&state) % 1000);
        visit_file(t, path, (uint8_t *)text, i % 7 == 0 ? 0 : (size_t)len, 100, false);
    }
    tree_end(t);
    state = 3;
    size_t at = 0;
    for (int i = 0; i < FILES; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), "%d %llu\n", i,
                           (unsigned long long)next_chance(&state) % 1000);
        if (i % 7 == 0)
            continue;
        ASSERT(memcmp(t->told.bytes.data + at, text, (size_t)len) == 0);
        at += (size_t)len;
    }
    ASSERT_EQ(at, t->told.bytes.len);
    tree_close(t);
}

/* The last telling counts, whatever the lengths. */
/* A file that fills all the room there is for plain bytes, and a list that is cut while the room is still held. */
TEST(the_longest_files_leave_room_for_the_list)
{
    enum { ROUNDS = 6, LINKS = 100 };
    struct tree_world *t = tree_open();
    uint8_t *data = make_bytes(CHUNK_MAX, 'l', 1);
    char target[4000], path[32];

    memset(target, 't', sizeof(target) - 1);
    target[sizeof(target) - 1] = '\0';
    tree_begin(t);
    for (int i = 0; i < ROUNDS; i++) {
        (void)snprintf(path, sizeof(path), "%d-a", i);
        visit_file(t, path, data, CHUNK_MAX - (size_t)i, 1 << 20, false);
        for (int k = 0; k < LINKS; k++) {
            (void)snprintf(path, sizeof(path), "%d-b-%03d", i, k);
            struct tree_member m = a_member(path, S_IFLNK | 0777, 0);
            m.link = target;
            visit(t, &m);
        }
    }
    tree_end(t);
    ASSERT_EQ(t->told.bytes.len, (size_t)ROUNDS * CHUNK_MAX - 15);
    free(data);
    tree_close(t);
}

TEST(a_file_told_again)
{
    static const size_t lengths[][3] = {
        {9 << 20, 10 << 20, 9 << 20}, {9 << 20, 0, 5}, {0, 9 << 20, 0}, {100, 0, 100}};
    uint8_t *data = make_bytes(10 << 20, 'c', 1);

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct tree_world *t = tree_open();
        tree_begin(t);
        visit_file(t, "a", data, 10, 10, false);
        for (int k = 0; k < 3; k++)
            visit_file(t, "b", data + k, lengths[i][k] - (lengths[i][k] > 5 ? 5 : 0), 1 << 20,
                       k > 0);
        visit_file(t, "c", data, 10, 10, false);
        tree_end(t);
        size_t last = lengths[i][2] - (lengths[i][2] > 5 ? 5 : 0);
        _cleanup_free_ char *text = mem_printf("f a 644 root> 10 dev 0 extents 0 attrs 0\n"
                                               "f b 644 root> %zu dev 0 extents 0 attrs 0\n"
                                               "f c 644 root> 10 dev 0 extents 0 attrs 0\n",
                                               last);
        ASSERT_STR((char *)t->told.text.data, text);
        ASSERT_EQ(t->told.bytes.len, last + 20);
        ASSERT(memcmp(t->told.bytes.data + 10, data + 2, last) == 0);
        tree_close(t);
    }
    free(data);
}

static void remember(struct tree_world *t, char *path, uint64_t size, bool same)
{
    t->last.entry = (struct list_entry){.path = path,
                                        .type = 'f',
                                        .mode = 0640,
                                        .user = "kept",
                                        .group = "",
                                        .link = "",
                                        .size = size};
    memcpy(t->last.refs, t->told.refs, sizeof(t->told.refs));
    t->last.ref_count = t->told.ref_count;
    t->last.same = same;
}

TEST(a_known_file_is_taken_over)
{
    struct tree_world *t = tree_open();
    uint8_t *data = make_bytes(9 << 20, 'c', 1);

    tree_begin(t);
    visit_file(t, "b", data, 9 << 20, 1 << 20, false);
    tree_end(t);
    remember(t, "b", 9 << 20, true);
    tree_begin(t);
    visit_file(t, "a", data, 10, 10, false); /* its chunk is under way when b is told */
    ASSERT(visit_known(t, "b", S_IFREG | 0644, 9 << 20));
    ASSERT(!visit_known(t, "c", S_IFREG | 0644, 9 << 20));
    tree_end(t);
    ASSERT_STR((char *)t->told.text.data, "f a 644 root> 10 dev 0 extents 0 attrs 0\n"
                                          "f b 640 kept> 9437184 dev 0 extents 0 attrs 0\n");
    ASSERT_EQ(t->told.bytes.len, (9 << 20) + 10);
    ASSERT(t->put < 1 << 19);

    tree_begin(t); /* of another kind, of another size, changed, one chunk missing: not known */
    ASSERT(!visit_known(t, "b", S_IFLNK | 0644, 9 << 20));
    ASSERT(!visit_known(t, "b", S_IFREG | 0644, (9 << 20) - 1));
    t->last.same = false;
    ASSERT(!visit_known(t, "b", S_IFREG | 0644, 9 << 20));
    t->last.same = true;
    t->last.refs[2].id.bytes[0]++;
    ASSERT(!visit_known(t, "b", S_IFREG | 0644, 9 << 20));
    tree_end(t);
    free(data);
    tree_close(t);
}

/* More references than one record holds: 2,500 of the same chunk. */
TEST(a_known_file_of_many_chunks)
{
    enum { COUNT = 2500 };
    struct tree_world *t = tree_open();

    tree_begin(t);
    visit_file(t, "b", (const uint8_t *)"once", 4, 4, false);
    tree_end(t);
    for (size_t i = 1; i < COUNT; i++)
        t->told.refs[i] = t->told.refs[0];
    t->told.ref_count = COUNT;
    remember(t, "b", 4 * COUNT, true);
    tree_begin(t);
    ASSERT(visit_known(t, "b", S_IFREG | 0644, 4 * COUNT));
    tree_end(t);
    ASSERT_EQ(t->told.ref_count, COUNT);
    ASSERT_EQ(t->told.bytes.len, 4 * COUNT);
    tree_close(t);
}

TEST(a_changed_file_costs_its_change)
{
    enum { LEN = 20 << 20 };
    struct tree_world *t = tree_open();
    uint8_t *data = make_bytes(LEN, 't', 1);

    for (size_t len = 1 << 20; len <= LEN; len += 19 << 20) { /* one chunk, and several */
        memset(&t->last, 0, sizeof(t->last));
        tree_begin(t);
        visit_file(t, "b", data, len, 1 << 20, false);
        tree_end(t);
        remember(t, "b", len, false);
        memcpy(data + len / 2, "changed", 7);
        tree_begin(t);
        ASSERT(!visit_known(t, "b", S_IFREG | 0644, (off_t)len));
        visit_file(t, "b", data, len, 1 << 20, false);
        tree_end(t);
        ASSERT(memcmp(t->told.bytes.data, data, len) == 0);
        ASSERT(t->put <= 3 * PACK_ALIGN); /* data, list, index */
    }
    free(data);
    tree_close(t);
}

/* Whoever tells less or more than it promised is wrong, and is told. */
TEST(broken_promises)
{
    struct tree_world *t = tree_open();
    struct tree_member m = a_member("a", S_IFREG | 0644, 10), n = a_member("b", S_IFREG | 0644, 10);
    struct err *e = &t->base->e;
    struct added x;

    tree_begin(t);
    visit(t, &m);
    ASSERT_ERR(t->v.data(t->v.arg, "12345678901", 11, e), *e, ERR_INTERNAL);
    ASSERT_OK(t->v.data(t->v.arg, "12345", 5, e), *e);
    ASSERT_ERR(t->v.data(t->v.arg, "123456", 6, e), *e, ERR_INTERNAL);
    ASSERT_ERR(t->v.member(t->v.arg, &n, e), *e, ERR_INTERNAL);
    ASSERT_ERR(adder_end(t->base->adder, &x, e), *e, ERR_INTERNAL);
    adder_abort(t->base->adder);
    tree_close(t);
}
