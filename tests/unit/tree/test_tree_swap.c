/* The exchange of a tree, cut off at every call that changes something: what an earlier restore
 * left is undone, or the new tree stands; never something between. */
#include <signal.h>
#include <sys/wait.h>

#include "lib/base/fs.h"
#include "lib/tree/tree_swap.h"
#include "tests/lib/seam.h"
#include "tests/unit/tree/tree_help.h"

/* An attribute, where the file system has them. */
static void mark(const char *path, const char *value)
{
    if (setxattr(path, "user.mark", value, strlen(value), 0) != 0)
        ASSERT_EQ(errno, ENOTSUP);
}

static const char *mark_of(const char *path, char value[16])
{
    ssize_t len = getxattr(path, "user.mark", value, 15);

    value[len > 0 ? len : 0] = '\0';
    return value;
}

static void make_old(const char *dir)
{
    ASSERT(mkdir(dir, 0750) == 0 && chdir(dir) == 0);
    help_text(".", "both", "old");
    help_text(".", "only old", "old");
    ASSERT(mkdir("folder", 0700) == 0 && mkdir("mixed", 0711) == 0 &&
           mkdir("mixed/keep", 0755) == 0);
    help_text("folder", "a", "old");
    help_text("mixed", "x", "old");
    help_text("mixed/keep", "mine", "stays");
    ASSERT(symlink("folder", "link") == 0);
    mark(".", "old");
    mark("mixed", "old");
    ASSERT(chdir("/") == 0);
}

static void make_new(const char *dir)
{
    ASSERT(chdir(dir) == 0 && chmod(".", 0755) == 0);
    help_text(".", "both", "new");
    help_text(".", "only new", "new");
    ASSERT(mkdir("folder", 0755) == 0 && mkdir("mixed", 0755) == 0);
    help_text("folder", "b", "new");
    help_text("mixed", "x", "new");
    help_text("mixed", "y", "new");
    help_text(".", "link", "a file now");
    mark(".", "new"); /* "mixed" has none any more */
    mark("folder", "new");
    ASSERT(chdir("/") == 0);
}

/* Everything but the staging folder, as one text; NULL-terminated in a static buffer of the test.
 */
static void describe(const char *dir, struct buf *out)
{
    struct dirent **names;
    struct err e;
    int n = scandir(dir, &names, NULL, alphasort);

    ASSERT(n >= 0);
    for (int i = 0; i < n; i++) {
        struct stat st;
        char value[16];
        _cleanup_free_ char *path = mem_printf("%s/%s", dir, names[i]->d_name);
        bool skip = names[i]->d_name[0] == '.';
        _cleanup_free_ char *name = mem_strdup(names[i]->d_name);
        free(names[i]);
        if (skip)
            continue;
        ASSERT(lstat(path, &st) == 0);
        ASSERT_OK(buf_printf(out, &e, "%s %o", name, st.st_mode), e);
        if (S_ISREG(st.st_mode)) {
            size_t len;
            _cleanup_free_ char *text = help_slurp(path, &len);
            ASSERT_OK(buf_printf(out, &e, " %s\n", text), e);
        } else if (S_ISDIR(st.st_mode)) {
            ASSERT_OK(buf_printf(out, &e, " [%s] {\n", mark_of(path, value)), e);
            describe(path, out);
            ASSERT_OK(buf_printf(out, &e, "}\n"), e);
        } else {
            ASSERT_OK(buf_printf(out, &e, " link\n"), e);
        }
    }
    free(names);
}

static char *picture(const char *dir)
{
    struct buf out = BUF_INIT(1 << 20);
    char value[16];
    struct stat st;
    struct err e;

    ASSERT(stat(dir, &st) == 0);
    ASSERT_OK(buf_printf(&out, &e, ". %o [%s]\n", st.st_mode, mark_of(dir, value)), e);
    describe(dir, &out);
    return buf_take_string(&out);
}

static struct tree_rules *make_rules(void)
{
    struct strlist exclude = {0};
    struct tree_rules *rules;
    struct err e;

    strlist_add(&exclude, "keep");
    ASSERT_OK(tree_rules_create(NULL, &exclude, &rules, &e), e);
    strlist_deinit(&exclude);
    return rules;
}

/* The whole of a swap, as a restore does it. */
static int swap(const char *target, struct err *e)
{
    struct tree_rules *rules = make_rules();
    struct tree_swap_spec spec = {.target = target, .run = "r1", .rules = rules};
    struct tree_swap *s = NULL;
    uint64_t kept;
    int fresh, rc = tree_swap_begin(&spec, &s, &fresh, e);

    if (rc == 0) {
        _cleanup_free_ char *path = mem_printf("%s/.synbak-restore-r1/new", target);
        make_new(path);
        rc = tree_swap_plan(s, e);
    }
    if (rc == 0)
        rc = tree_swap_run(s, &kept, e);
    if (rc == 0)
        ASSERT(kept > 0);
    tree_swap_end(s);
    tree_rules_free(rules);
    return rc;
}

/* No faults but this one: a file system that knows no flags of renameat2, as NFS does. */
static void faults_off(bool flags)
{
    seam_reset();
    if (!flags)
        seam_deny("renameat2", EINVAL);
}

static void exchange_and_undo(bool flags)
{
    _cleanup_free_ char *target = help_path("target");
    _cleanup_free_ char *keep = help_path("target/mixed/keep");
    struct stat before, after;
    struct err e = {0};
    struct tree_recovered found;

    faults_off(flags);
    make_old(target);
    ASSERT(stat(keep, &before) == 0);
    _cleanup_free_ char *old = picture(target);
    ASSERT_OK(swap(target, &e), e);
    _cleanup_free_ char *new = picture(target);
    ASSERT_CONTAINS(new, "both 100644 new");
    ASSERT_CONTAINS(new, "only new");
    ASSERT(strstr(new, "only old") == NULL);
    ASSERT_CONTAINS(new, "mine 100644 stays");
    ASSERT(stat(keep, &after) == 0);
    ASSERT_EQ(after.st_ino, before.st_ino);
    ASSERT_OK(tree_swap_recover(target, NULL, &found, &e), e); /* a finished one is left alone */
    ASSERT_EQ(found.undone, 0);
    ASSERT_OK(tree_swap_undo(target, "r1", &e), e);
    _cleanup_free_ char *back = picture(target);
    ASSERT_STR(back, old);
    ASSERT_ERR(tree_swap_undo(target, "r1", &e), e, ERR_NOT_FOUND);
    seam_reset();
}

TEST(exchanged_and_undone)
{
    exchange_and_undo(true);
}

TEST(without_an_exchange_it_goes_over_a_third_place)
{
    _cleanup_free_ char *probe = help_path("probe");

    ASSERT(mkdir(probe, 0700) == 0);
    ASSERT(tree_swap_is_atomic(probe, "r1"));
    seam_deny("renameat2", EINVAL);
    ASSERT(!tree_swap_is_atomic(probe, "r1"));
    ASSERT(rmdir(probe) == 0); /* nothing stays */
    exchange_and_undo(false);
}

static uint64_t count_calls(bool flags)
{
    _cleanup_free_ char *target = help_path(flags ? "count" : "count-plain");
    struct err e = {0};

    make_old(target);
    faults_off(flags);
    ASSERT_OK(swap(target, &e), e);
    uint64_t calls = seam_count();
    seam_reset();
    return calls;
}

static void kill_at_every_call(bool flags)
{
    uint64_t calls = count_calls(flags), undone = 0, finished = 0;

    for (uint64_t n = 1; n <= calls; n++) {
        _cleanup_free_ char *name = mem_printf("kill-%d-%llu", flags, (unsigned long long)n);
        _cleanup_free_ char *target = help_path(name);
        struct err e = {0};
        struct tree_recovered found;
        int status;
        make_old(target);
        _cleanup_free_ char *old = picture(target);
        pid_t pid = fork();
        if (pid == 0) {
            faults_off(flags);
            seam_kill_at(n);
            _exit(swap(target, &e) == 0 ? 0 : 1);
        }
        ASSERT(waitpid(pid, &status, 0) == pid);
        ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        faults_off(flags);
        ASSERT_OK(tree_swap_recover(target, NULL, &found, &e), e);
        _cleanup_free_ char *now = picture(target);
        if (strcmp(now, old) == 0) {
            undone++;
            continue;
        }
        ASSERT_CONTAINS(now, "both 100644 new"); /* it was finished: whole, and can be undone */
        ASSERT_CONTAINS(now, "y 100644 new");
        finished++;
        ASSERT_OK(tree_swap_undo(target, "r1", &e), e);
        _cleanup_free_ char *back = picture(target);
        ASSERT_STR(back, old);
    }
    test_note("%llu calls: %llu undone, %llu finished", (unsigned long long)calls,
              (unsigned long long)undone, (unsigned long long)finished);
    ASSERT(undone > 10);
}

/* The undo itself is cut off, then done again. */
static void kill_undo_at_every_call(bool flags)
{
    for (uint64_t n = 1;; n++) {
        _cleanup_free_ char *name = mem_printf("undo-%d-%llu", flags, (unsigned long long)n);
        _cleanup_free_ char *target = help_path(name);
        struct err e = {0};
        int status;
        make_old(target);
        _cleanup_free_ char *old = picture(target);
        faults_off(flags);
        ASSERT_OK(swap(target, &e), e);
        pid_t pid = fork();
        if (pid == 0) {
            faults_off(flags);
            seam_kill_at(n);
            _exit(tree_swap_undo(target, "r1", &e) == 0 ? 0 : 1);
        }
        ASSERT(waitpid(pid, &status, 0) == pid);
        bool killed = WIFSIGNALED(status);
        faults_off(flags);
        if (killed && tree_swap_undo(target, "r1", &e) < 0)
            ASSERT_EQ(e.code, ERR_NOT_FOUND); /* it was killed behind its last removal */
        _cleanup_free_ char *back = picture(target);
        ASSERT_STR(back, old);
        if (!killed) {
            test_note("%llu calls", (unsigned long long)n - 1);
            return;
        }
    }
}

static void fail_at_every_call(bool flags)
{
    uint64_t calls = count_calls(flags), failed = 0;

    for (uint64_t n = 1; n <= calls; n++) {
        _cleanup_free_ char *name = mem_printf("fail-%d-%llu", flags, (unsigned long long)n);
        _cleanup_free_ char *target = help_path(name);
        struct err e = {0};
        make_old(target);
        _cleanup_free_ char *old = picture(target);
        faults_off(flags);
        seam_fail_once(n, EIO);
        int rc = swap(target, &e);
        faults_off(flags);
        _cleanup_free_ char *now = picture(target);
        if (rc == 0)
            continue; /* a call whose failure does not matter */
        failed++;
        if (strcmp(now, old) != 0) /* it failed when all was exchanged: then it can be undone */
            ASSERT_OK(tree_swap_undo(target, "r1", &e), e);
        _cleanup_free_ char *back = picture(target);
        ASSERT_STR(back, old);
    }
    test_note("%llu calls, %llu failures told", (unsigned long long)calls,
              (unsigned long long)failed);
    ASSERT(failed > 5);
}

TEST(killed_at_every_call)
{
    kill_at_every_call(true);
}

TEST(undo_killed_at_every_call)
{
    kill_undo_at_every_call(true);
}

TEST(a_failing_call_leaves_all_as_it_was)
{
    fail_at_every_call(true);
}

TEST(without_an_exchange_killed_at_every_call)
{
    kill_at_every_call(false);
}

TEST(without_an_exchange_undo_killed_at_every_call)
{
    kill_undo_at_every_call(false);
}

TEST(without_an_exchange_a_failing_call_leaves_all_as_it_was)
{
    fail_at_every_call(false);
}

TEST(what_changes_meanwhile_is_not_lost)
{
    _cleanup_free_ char *target = help_path("target");
    _cleanup_free_ char *path = help_path("target/.synbak-restore-r1/new");
    struct tree_swap_spec spec = {.target = target, .run = "r1"};
    struct tree_swap *s = NULL;
    struct err e = {0};
    uint64_t kept;
    int fresh;

    make_old(target);
    ASSERT_OK(tree_swap_begin(&spec, &s, &fresh, &e), e);
    make_new(path);
    ASSERT_OK(tree_swap_plan(s, &e), e);
    _cleanup_free_ char *both = help_path("target/only new");
    help_write(both, "someone else's", 14);
    ASSERT_ERR(tree_swap_run(s, &kept, &e), e, ERR_REFUSED);
    ASSERT_CONTAINS(e.text, "only new");
    tree_swap_end(s);
    _cleanup_free_ char *now = picture(target);
    ASSERT_CONTAINS(now, "only new 100644 someone else's");
    ASSERT_CONTAINS(now, "both 100644 old");
}

/* Root must not follow a plan that somebody else could have written. */
TEST(a_plan_of_someone_else_is_refused)
{
    _cleanup_free_ char *target = help_path("target");
    _cleanup_free_ char *staging = help_path("target/.synbak-restore-r1");
    struct err e = {0};
    struct tree_recovered found;

    make_old(target);
    ASSERT_OK(swap(target, &e), e);
    ASSERT(chmod(staging, 0777) == 0);
    ASSERT_ERR(tree_swap_undo(target, "r1", &e), e, ERR_REFUSED);
    ASSERT_ERR(tree_swap_recover(target, NULL, &found, &e), e, ERR_REFUSED);
    ASSERT(chmod(staging, 0700) == 0);
    _cleanup_free_ char *plan = help_path("target/.synbak-restore-r1/plan.json");
    static const char bad[] =
        "{\"version\":1,\"state\":\"done\",\"folders\":[],\"steps\":[{\"path\":"
        "\"../../outside\",\"old\":1,\"new\":2}]}";
    help_write(plan, bad, sizeof(bad) - 1);
    ASSERT_ERR(tree_swap_undo(target, "r1", &e), e, ERR_FORMAT);
}

TEST(two_at_once)
{
    _cleanup_free_ char *target = help_path("target");
    struct tree_swap_spec spec = {.target = target, .run = "r1"};
    struct tree_swap *s = NULL;
    struct err e = {0};
    struct tree_recovered found;
    int fresh;

    make_old(target);
    ASSERT_OK(tree_swap_begin(&spec, &s, &fresh, &e), e);
    ASSERT_ERR(tree_swap_recover(target, NULL, &found, &e), e, ERR_REFUSED);
    ASSERT_CONTAINS(e.text, "at work");
    tree_swap_end(s);
}
