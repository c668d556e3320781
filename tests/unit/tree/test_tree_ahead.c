/* With helpers a tree is told exactly as without: random trees, wide and deep ones, few
 * descriptors, folders that cannot be read, a walk that ends early. */
#include <sys/resource.h>

#include "tests/lib/seam.h"
#include "tests/unit/tree/visit_help.h"

static uint32_t rng_state;

static uint32_t rng(uint32_t below)
{
    rng_state = rng_state * 1664525u + 1013904223u;
    return (rng_state >> 8) % below;
}

/* A folder of random entries: the current one. */
static void grow(int depth, int *budget)
{
    int entries = (int)rng(9);

    for (int i = 0; i<entries && * budget> 0; i++, (*budget)--) {
        char name[16];
        (void)snprintf(name, sizeof(name), "%c%u", "abAB.-~"[rng(7)], rng(30));
        switch (rng(6)) {
        case 0:
        case 1:
        case 2:
            if (depth < 12 && mkdir(name, 0755) == 0) {
                ASSERT(chdir(name) == 0);
                grow(depth + 1, budget);
                ASSERT(chdir("..") == 0);
            }
            break;
        case 3:
            (void)!symlink("target", name);
            break;
        default:
            if (access(name, F_OK) != 0)
                help_text(".", name, name);
        }
    }
}

static char *told(const char *dir, unsigned helpers, const char *include, const char *exclude,
                  struct visit *v)
{
    struct err e = {0};

    *v = (struct visit){.helpers = helpers};
    ASSERT_OK(visit_tree(v, dir, include, exclude, &e), e);
    return buf_take_string(&v->said);
}

static void expect_same(const char *dir, const char *include, const char *exclude)
{
    static const unsigned counts[] = {1, 2, TREE_HELPERS_MAX};
    struct visit in_turn, v;
    _cleanup_free_ char *expected = told(dir, 0, include, exclude, &in_turn);

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        _cleanup_free_ char *got = told(dir, counts[i], include, exclude, &v);
        ASSERT_STR(got, expected);
        ASSERT_EQ(v.sum, in_turn.sum);
        ASSERT_EQ(v.result.files, in_turn.result.files);
        ASSERT_EQ(v.result.bytes, in_turn.result.bytes);
    }
}

TEST(random_trees)
{
    static const char *const rules[][2] = {
        {NULL, NULL}, {NULL, "a1*"}, {"b*", NULL}, {"A*/", "~*"}};
    int trees = test_long() ? 200 : 10, entries = 0;

    for (int i = 0; i < trees; i++) {
        _cleanup_free_ char *dir = mem_printf("%s/%d", test_dir(), i);
        int budget = 400;
        rng_state = (uint32_t)i;
        ASSERT(mkdir(dir, 0755) == 0 && chdir(dir) == 0);
        while (budget > 300)
            grow(0, &budget);
        entries += 400 - budget;
        for (size_t k = 0; k < ARRAY_LEN(rules); k++)
            expect_same(dir, rules[k][0], rules[k][1]);
    }
    test_note("%d trees of %d entries, 4 rules, 1, 2 and %d helpers", trees, entries,
              TREE_HELPERS_MAX);
}

static void fill(const char *dir, int folders, int files)
{
    ASSERT(mkdir(dir, 0755) == 0 && chdir(dir) == 0);
    for (int i = 0; i < folders; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%d", i);
        ASSERT(mkdir(name, 0755) == 0);
        help_text(name, "file", name);
    }
    for (int i = 0; i < files; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "f%d", i);
        help_text(".", name, name);
    }
}

/* More folders than are scanned ahead, more files than are stat'ed at a time. */
TEST(a_wide_folder)
{
    _cleanup_free_ char *dir = help_path("tree");

    fill(dir, 700, 1000);
    expect_same(dir, NULL, NULL);
}

TEST(a_deep_chain)
{
    _cleanup_free_ char *dir = help_path("tree");

    ASSERT(mkdir(dir, 0755) == 0 && chdir(dir) == 0);
    for (int i = 0; i < 300; i++) {
        help_text(".", "a", "x");
        help_text(".", "z", "x");
        ASSERT(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0 && chdir("d") == 0);
    }
    expect_same(dir, NULL, NULL);
}

/* The stack holds, and what lies deeper is told. */
TEST(deeper_than_is_read)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct visit in_turn, v;

    ASSERT(mkdir(dir, 0755) == 0 && chdir(dir) == 0);
    for (int i = 0; i < TREE_DEPTH_MAX + 2; i++) {
        if (i % 100 == 0)
            help_text(".", "a", "x");
        ASSERT(mkdir("d", 0755) == 0 && chdir("d") == 0);
    }
    ASSERT(chdir("/") == 0);
    _cleanup_free_ char *expected = told(dir, 0, NULL, NULL, &in_turn);
    ASSERT_CONTAINS(expected, "nested more than 2000 folders deep, not read");
    ASSERT_EQ(in_turn.result.files, TREE_DEPTH_MAX / 100 + 1);
    _cleanup_free_ char *got = told(dir, 2, NULL, NULL, &v);
    ASSERT_STR(got, expected);
}

/* What the walk itself needs is left to it: the deepest folder just fits. */
TEST(few_descriptors)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct rlimit few = {64, 64};

    fill(dir, 200, 3);
    ASSERT(chdir("0") == 0);
    for (int i = 0; i < 45; i++)
        ASSERT(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0 && chdir("d") == 0);
    help_text(".", "bottom", "x");
    ASSERT(chdir("/") == 0 && setrlimit(RLIMIT_NOFILE, &few) == 0);
    expect_same(dir, NULL, NULL);
    struct visit v;
    for (unsigned helpers = 0; helpers <= 4; helpers += 2) {
        _cleanup_free_ char *got = told(dir, helpers, NULL, NULL, &v);
        ASSERT(strstr(got, "problem") == NULL);
    }
}

static int count_descriptors(void)
{
    return help_count("/proc/self/fd");
}

/* Wait until the helpers have gone as far as they will, then take away every descriptor that is not
 * in use. */
static int tighten(struct visit *v, const char *path)
{
    int before = -1, now = count_descriptors();

    if (strcmp(path, "0") != 0 || v->count++ > 0)
        return 0;
    while (now != before) {
        before = now;
        (void)usleep(20000);
        now = count_descriptors();
    }
    struct rlimit none = {(rlim_t)now - 1, 4096};
    ASSERT(setrlimit(RLIMIT_NOFILE, &none) == 0);
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
        ; /* also those that are free in between */
    ASSERT_EQ(errno, EMFILE);
    return 0;
}

TEST(descriptors_run_out_on_the_way)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct rlimit few = {4096, 4096};
    struct visit in_turn, v = {.helpers = 3, .meddle = tighten};
    struct err e = {0};

    fill(dir, 300, 3);
    ASSERT(setrlimit(RLIMIT_NOFILE, &few) == 0);
    _cleanup_free_ char *expected = told(dir, 0, NULL, NULL, &in_turn);
    ASSERT_OK(visit_tree(&v, dir, NULL, NULL, &e), e);
    ASSERT_STR(visit_said(&v), expected);
    ASSERT_EQ(v.count, 1);
    buf_deinit(&v.said);
}

TEST(what_cannot_be_read_is_told_in_its_place)
{
    _cleanup_free_ char *dir = help_path("tree");

    fill(dir, 50, 3);
    for (int i = 0; i < 50; i += 3) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%d", i);
        ASSERT(chmod(name, i % 2 == 0 ? 0 : 0444) == 0); /* 0444: listed, not entered */
    }
    ASSERT(chmod(test_dir(), 0755) == 0);
    if (geteuid() == 0)
        ASSERT(setgid(65534) == 0 && setuid(65534) == 0);
    expect_same(dir, NULL, NULL);
    struct visit v;
    _cleanup_free_ char *got = told(dir, 2, NULL, NULL, &v);
    ASSERT_CONTAINS(got, "problem: 0: cannot open: Permission denied");
    ASSERT_CONTAINS(got, "problem: 15/file: cannot stat: Permission denied");
}

TEST(folders_that_cannot_be_listed_are_told)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct visit v;

    fill(dir, 5, 3);
    seam_deny("getdents", EIO);
    _cleanup_free_ char *got = told(dir, 2, NULL, NULL, &v);
    ASSERT_CONTAINS(got, "tree: cannot list: Input/output error");
    ASSERT_EQ(v.result.files, 0);
}

TEST(no_memory_is_lost_when_a_walk_ends_early)
{
    _cleanup_free_ char *dir = help_path("tree");
    struct err e = {0};
    uint64_t ends = 0;

    rng_state = 77;
    ASSERT(mkdir(dir, 0755) == 0 && chdir(dir) == 0);
    for (int budget = 300; budget > 50;)
        grow(0, &budget);
    for (uint64_t i = 1;; i += 5, ends++) {
        struct visit v = {.helpers = 2, .fail_at = i};
        int rc = visit_tree(&v, dir, NULL, NULL, &e);
        buf_deinit(&v.said);
        if (rc == 0)
            break;
    }
    test_note("ended at %llu places", (unsigned long long)ends);
}
