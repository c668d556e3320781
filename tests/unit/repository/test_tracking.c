/* What counts as unchanged, and what is believed of last time. */
#include "tests/unit/repository/track_help.h"

static const struct track_file small[] = {
    {"", 'd', 0, 2, TRACK_BASE_S - 900, TRACK_BASE_S - 900, 0},
    {"a", 'd', 0, 10, TRACK_BASE_S - 900, TRACK_BASE_S - 900, 0},
    {"a/x", 'f', 5, 11, TRACK_BASE_S - 900, TRACK_BASE_S - 800, 77},
    {"a-", 'l', 0, 12, TRACK_BASE_S - 900, TRACK_BASE_S - 900, 0},
    {"b", 'f', 1000, 13, TRACK_BASE_S - 950, TRACK_BASE_S - 900, 78},
    {"empty", 'f', 0, 14, TRACK_BASE_S - 900, TRACK_BASE_S - 900, 0},
};
enum { SMALL = ARRAY_LEN(small), SMALL_SAME = SMALL - 1 /* of links nobody asks */ };

TEST(an_unchanged_tree_is_the_same)
{
    struct track t = track_new();
    uint64_t content;

    track_clock(0);
    ASSERT_EQ(track_run(&t, small, SMALL), 0);
    for (int run = 1; run < 4; run++) {
        track_clock(run * 3600);
        ASSERT_EQ(track_run(&t, small, SMALL), SMALL_SAME);
    }
    struct tracking *tr = track_begin(&t);
    ASSERT(tracking_doubt(tr) == NULL);
    ASSERT(track_same(tr, &t, &small[2], &content));
    ASSERT_EQ(content, 77);
    ASSERT(track_same(tr, &t, &small[4], &content));
    ASSERT_EQ(content, 78);
    tracking_free(tr);
    track_deinit(&t);
}

/* Each of these alone makes it another file; what it was is told nevertheless. */
TEST(what_makes_a_file_another)
{
    struct track t = track_new();
    struct err e = {0};

    track_clock(0);
    (void)track_run(&t, small, SMALL);
    track_clock(3600);
    for (int i = 0; i <= 8; i++) {
        struct stat st = track_stat(&small[2], t.device);
        const struct list_entry *x;
        bool same;
        st.st_size += i == 1;
        st.st_mtim.tv_sec += i == 2;
        st.st_mtim.tv_nsec += i == 3;
        st.st_ctim.tv_sec -= i == 4;
        st.st_ctim.tv_nsec -= i == 5;
        st.st_ino += i == 6;
        st.st_dev += i == 7;
        st.st_mode = i == 8 ? S_IFDIR | 0755 : st.st_mode;
        struct tracking *tr = track_begin(&t);
        ASSERT_EQ(tracking_find(tr, "a/x", &st, &x, &same, &e), 0);
        ASSERT_EQ(same, i == 0);
        ASSERT_EQ(x->refs[0].id.bytes[0], 77);
        tracking_free(tr);
    }
    track_deinit(&t);
}

TEST(renamed_added_and_removed_files_are_new)
{
    struct track_file moved[SMALL], *b = &moved[4];
    struct track t = track_new();

    memcpy(moved, small, sizeof(small));
    (void)snprintf(b->path, sizeof(b->path), "c");
    track_clock(0);
    (void)track_run(&t, small, SMALL);
    track_clock(3600);
    ASSERT_EQ(track_run(&t, moved, SMALL), SMALL_SAME - 1);
    track_clock(7200);
    ASSERT_EQ(track_run(&t, moved, SMALL - 1), SMALL_SAME - 1);
    track_clock(9000);
    ASSERT_EQ(track_run(&t, moved, SMALL), SMALL_SAME - 1);
    track_deinit(&t);
}

/* Seconds against the start of the run that read it, and whether it must be read again an hour
 * later. */
TEST(a_file_that_was_not_at_rest_is_read_again)
{
    static const struct {
        int64_t mtime, ctime;
        int64_t next; /* when the next run begins */
        bool same;
    } cases[] = {
        {-900, -900, 3600, true},      {-3, -3, 3600, true},
        {-2, -900, 3600, false},       {-900, -2, 3600, false},
        {0, -900, 3600, false},        {-900, 0, 3600, false},
        {-900, 100, 3600, false},      {3601, -900, 3600, false},
        {9999999, -900, 3600, true},   /* a time from the future: nobody stamped with it since */
        {9999999, -900, -7200, false}, /* unless the clock has been there */
        {-900, 9999999, -7200, false}, {-900, -900, -7200, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct track_file f = small[4];
        struct track t = track_new();
        f.mtime_s = TRACK_BASE_S + cases[i].mtime;
        f.ctime_s = TRACK_BASE_S + cases[i].ctime;
        track_clock(0);
        (void)track_run(&t, &f, 1);
        track_clock(cases[i].next);
        if (track_run(&t, &f, 1) != cases[i].same)
            test_fail(__FILE__, __LINE__, "case %zu: wrong", i);
        ASSERT(rmdir(t.root) == 0);
        _cleanup_free_ char *other = mem_printf("%s-%zu", t.dir, i);
        ASSERT(rename(t.dir, other) == 0);
        track_deinit(&t);
    }
}

TEST(what_is_of_others_is_not_believed)
{
    struct track t = track_new(), o;
    _cleanup_free_ char *elsewhere = mem_printf("%s/elsewhere", test_dir());
    _cleanup_free_ char *aside = mem_printf("%s/aside", test_dir());

    ASSERT(mkdir(elsewhere, 0755) == 0);
    track_clock(0);
    (void)track_run(&t, small, SMALL);
    track_clock(3600);
    for (int i = 0; i < 6; i++) {
        uint64_t content;
        o = t;
        if (i == 1)
            o.repository = "f123456789abcdef0123456789abcdef";
        if (i == 2)
            o.host = "another";
        if (i == 3)
            o.root = elsewhere;
        if (i == 4)
            o.attributes = false;
        if (i == 5) /* another folder at the same path */
            ASSERT(rename(t.root, aside) == 0 && mkdir(t.root, 0755) == 0);
        struct tracking *tr = track_begin(&o);
        ASSERT_EQ(tracking_doubt(tr) == NULL, i == 0);
        ASSERT_EQ(track_same(tr, &o, &small[4], &content), i == 0);
        tracking_free(tr);
    }
    track_deinit(&t);
}

/* Number 2 is begun three times before it counts; each time it is compared with number 1. */
TEST(what_does_not_count_gives_way)
{
    struct track t = track_new();

    track_clock(0);
    (void)track_run(&t, small, SMALL);
    for (int i = 0; i < 3; i++) {
        uint64_t content;
        track_clock(3600 + i);
        struct tracking *tr = track_begin(&t);
        ASSERT(!track_same(tr, &t, &(struct track_file){"0", 'f', 9, 9, 9, 9, 9}, &content));
        ASSERT(track_same(tr, &t, &small[4], &content));
        if (i == 0)
            tracking_free(tr);
        else
            track_end(&t, tr, small, 2, false);
    }
    track_clock(7200);
    _cleanup_free_ char *changes = mem_printf("%s/2.changes", t.dir);
    _cleanup_free_ char *remains = mem_printf("%s/2", t.dir);
    ASSERT(access(changes, F_OK) == 0 && access(remains, F_OK) == 0);
    struct tracking *opened = track_open(&t);
    ASSERT(access(changes, F_OK) != 0 && access(remains, F_OK) != 0);
    tracking_free(opened);
    ASSERT_EQ(track_run(&t, small, SMALL), SMALL_SAME);
    ASSERT_EQ(t.number, 2);
    t.number = 7; /* of which nothing is there */
    struct tracking *tr = track_begin(&t);
    ASSERT_CONTAINS(tracking_doubt(tr), "transaction 7 cannot be opened");
    tracking_free(tr);
    track_deinit(&t);
}

TEST(a_spoiled_file_is_read_again)
{
    struct track t = track_new();
    struct tracking *tr;
    uint64_t content;

    track_clock(0);
    tr = track_begin(&t);
    tracking_spoil(tr, "a");
    tracking_spoil(tr, "b");
    tracking_spoil(tr, "not in the list");
    track_end(&t, tr, small, SMALL, true);
    track_clock(3600);
    tr = track_begin(&t);
    ASSERT(!track_same(tr, &t, &small[1], &content));
    ASSERT(track_same(tr, &t, &small[2], &content));
    ASSERT(!track_same(tr, &t, &small[4], &content));
    ASSERT(track_same(tr, &t, &small[5], &content));
    for (int i = 0; i <= 1000; i++)
        tracking_spoil(tr, "b");
    track_end(&t, tr, small, SMALL, true);
    track_clock(7200);
    tr = track_begin(&t);
    ASSERT_CONTAINS(tracking_doubt(tr), "too much");
    ASSERT(!track_same(tr, &t, &small[5], &content));
    tracking_free(tr);
    track_deinit(&t);
}

/* More references than one record holds: they are told some at a time, and what follows is found. */
TEST(a_file_of_many_chunks)
{
    enum { RECORDS = 3 };
    struct track t = track_new();
    struct chunk_ref refs[LIST_REFS_MAX];
    struct track_file after = small[4];
    struct buf out = BUF_INIT(1 << 20);
    struct err e = {0};
    int64_t number;

    for (size_t i = 0; i < LIST_REFS_MAX; i++)
        refs[i] = track_ref(i, 1);
    struct list_entry x = {.path = "a",
                           .type = 'f',
                           .user = "",
                           .group = "",
                           .link = "",
                           .size = (RECORDS + 1) * LIST_REFS_MAX,
                           .refs = refs,
                           .ref_count = LIST_REFS_MAX};
    ASSERT_OK(list_put_entry(&out, &x, &e), e);
    for (int i = 0; i < RECORDS; i++)
        ASSERT_OK(list_put_content(&out, refs, LIST_REFS_MAX, &e), e);
    track_put(&out, &after);
    ASSERT_OK(list_put_end(&out, 2, x.size + after.size, &e), e);
    track_clock(0);
    struct tracking *tr = track_begin(&t);
    ASSERT(write(tracking_copy(tr), out.data, out.len) == (ssize_t)out.len);
    ASSERT_OK(tracking_end(tr, true, &e), e);
    ASSERT_OK(tracking_finish(tr, &number, &e), e);
    tracking_free(tr);
    t.number = number;
    buf_deinit(&out);

    track_clock(3600);
    for (int taken = 0; taken <= RECORDS; taken++) {
        const struct stat st = {.st_mode = S_IFREG, .st_size = (off_t)x.size, .st_dev = t.device};
        const struct list_entry *got;
        const struct chunk_ref *more;
        size_t count;
        uint64_t content;
        bool same;
        tr = track_begin(&t);
        ASSERT_EQ(tracking_more(tr, &more, &count, &e), 1);
        ASSERT_EQ(tracking_find(tr, "a", &st, &got, &same, &e), 0);
        ASSERT(same);
        ASSERT_EQ(got->ref_count, LIST_REFS_MAX);
        for (int i = 0; i < taken; i++) {
            ASSERT_EQ(tracking_more(tr, &more, &count, &e), 0);
            ASSERT_EQ(count, LIST_REFS_MAX);
            ASSERT(memcmp(more, refs, sizeof(refs)) == 0);
        }
        if (taken == RECORDS)
            ASSERT_EQ(tracking_more(tr, &more, &count, &e), 1);
        ASSERT(track_same(tr, &t, &after, &content));
        ASSERT_EQ(content, after.content);
        tracking_free(tr);
    }
    track_deinit(&t);
}

/* Dumps: lists of several artifacts, of which one may be given up. */
TEST(streams_are_remembered_by_name)
{
    struct track t = track_new();
    struct err e = {0};
    char text[16];

    track_clock(0);
    for (int run = 0; run < 3; run++) {
        struct tracking *tr = track_open(&t);
        for (int i = 0; i < 3; i++) {
            _cleanup_free_ char *name = mem_printf("database-%d.dump", i);
            ASSERT_OK(tracking_begin(tr, name, &e), e);
            ASSERT_EQ(tracking_previous(tr) >= 0, run > 0 && (i != 1 || run != 1));
            if (tracking_previous(tr) >= 0) {
                ASSERT(read(tracking_previous(tr), text, sizeof(text)) == 6);
                ASSERT_EQ(text[4], '0' + run - 1);
                ASSERT_EQ(text[5], '0' + i);
            }
            (void)snprintf(text, sizeof(text), "list%d%d", run, i);
            ASSERT(write(tracking_copy(tr), text, 6) == 6);
            ASSERT_OK(tracking_end(tr, i != 1 || run != 0, &e), e);
        }
        ASSERT_OK(tracking_finish(tr, &t.number, &e), e);
        tracking_free(tr);
    }
    track_deinit(&t);
}

TEST(a_list_that_is_none_is_not_remembered)
{
    struct track t = track_new();
    struct err e = {0};

    track_clock(0);
    struct tracking *tr = track_begin(&t);
    ASSERT(write(tracking_copy(tr), "xyz", 3) == 3);
    ASSERT_ERR(tracking_end(tr, true, &e), e, ERR_DAMAGED);
    tracking_free(tr);
    ASSERT_EQ(track_run(&t, small, SMALL), 0);
    track_deinit(&t);
}

TEST(a_folder_that_cannot_be_used_is_told)
{
    struct track t = track_new();
    const struct tracking_spec spec = {
        .dir = t.dir, .repository = t.repository, .host = t.host, .id = "x"};
    struct tracking *tr;
    struct err e = {0};

    int fd = open(t.dir, O_WRONLY | O_CREAT, 0600);
    ASSERT(fd >= 0);
    close(fd);
    ASSERT_ERR(tracking_open(&spec, &tr, &e), e, ERR_IO);
    ASSERT_CONTAINS(e.text, t.dir);
    track_deinit(&t);
}
