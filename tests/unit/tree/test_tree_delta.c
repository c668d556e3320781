/* A swap in which much is the same already: what stays is not touched, everything else is exchanged and comes back, and
 * what a run that was cut off has made is there for the next. */
#include <signal.h>
#include <sys/wait.h>

#include "lib/base/fs.h"
#include "lib/tree/tree_swap.h"
#include "tests/lib/seam.h"
#include "tests/unit/tree/tree_help.h"

/* `present` says what is in place: everything but what a letter of it takes away or changes. */
static void make_tree(const char *dir, const char *changes)
{
    const struct timespec then[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    ASSERT((mkdir(dir, 0755) == 0 || errno == EEXIST) && chdir(dir) == 0);
    ASSERT(mkdir("a", 0755) == 0 && mkdir("a/deep", 0755) == 0 && mkdir("b", 0755) == 0 &&
           mkdir("empty", 0755) == 0);
    help_text("a", "same", "same");
    help_text("a", "file", strchr(changes, 'f') != NULL ? "other" : "file");
    help_text("a/deep", "below", "below");
    help_text("b", "one", strchr(changes, 'b') != NULL ? "other" : "one");
    if (strchr(changes, 'n') != NULL)
        help_text("a/deep", "newcomer", "new");
    if (strchr(changes, 'd') != NULL)
        ASSERT(mkdir("gone", 0700) == 0);
    ASSERT(symlink(strchr(changes, 'l') != NULL ? "elsewhere" : "a", "link") == 0 &&
           mkfifo("fifo", 0600) == 0);
    ASSERT(utimensat(AT_FDCWD, "link", then, AT_SYMLINK_NOFOLLOW) == 0 &&
           utimensat(AT_FDCWD, "fifo", then, 0) == 0);
    if (strchr(changes, 'm') != NULL)
        ASSERT(chmod("a/deep", 0700) == 0);
    static const char *const folders[] = {"a/deep", "a", "b", "empty", "."};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        ASSERT(utimensat(AT_FDCWD, folders[i], then, 0) == 0);
    ASSERT(chdir("/") == 0);
}

/* Found the same in target, and so not in fresh. */
static void keep(struct tree_kept *kept, const char *target, const char *fresh, const char *path)
{
    _cleanup_free_ char *live = mem_printf("%s/%s", target, path);
    _cleanup_free_ char *made = mem_printf("%s/%s", fresh, path);
    const struct timespec then[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct stat st;

    ASSERT(lstat(live, &st) == 0);
    tree_kept_add(kept, path, &st);
    ASSERT(unlink(made) == 0);
    *strrchr(made, '/') = '\0';
    ASSERT(utimensat(AT_FDCWD, made, then, 0) == 0);
}

struct swap {
    char *target, *fresh;
    struct tree_kept *kept;
    struct tree_swap_spec spec;
    struct tree_swap *s;
};

static void begin(struct swap *w, const char *changes)
{
    int fd;
    struct err e;

    *w = (struct swap){.target = help_path("target"),
                       .fresh = help_path("target/.synbak-restore-r1/new"),
                       .kept = tree_kept_new()};
    w->spec = (struct tree_swap_spec){
        .target = w->target, .run = "r1", .content = "this", .kept = w->kept};
    make_tree(w->target, changes);
    ASSERT_OK(tree_swap_begin(&w->spec, &w->s, &fd, &e), e);
    make_tree(w->fresh, "");
    keep(w->kept, w->target, w->fresh, "a/deep/below");
    if (strchr(changes, 'f') == NULL)
        keep(w->kept, w->target, w->fresh, "a/file");
    keep(w->kept, w->target, w->fresh, "a/same");
}

static void end(struct swap *w)
{
    tree_swap_end(w->s);
    tree_kept_free(w->kept);
    free(w->target);
    free(w->fresh);
}

static ino_t inode_of(const struct swap *w, const char *path)
{
    _cleanup_free_ char *at = mem_printf("%s/%s", w->target, path);
    struct stat st;

    ASSERT(lstat(at, &st) == 0);
    return st.st_ino;
}

/* Each way in which the trees differ: after the swap they do not, and after undo it is as before. */
TEST(only_what_differs_is_exchanged)
{
    static const char *const cases[] = {"f", "n", "d", "l", "m", "b", "fndlmb", "fm", "nl"};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *wanted = help_path("wanted"), *before = help_path("before");
        struct swap w;
        struct err e;
        uint64_t kept;
        make_tree(wanted, "");
        make_tree(before, cases[i]);
        begin(&w, cases[i]);
        ino_t same = inode_of(&w, "a/same"), fifo = inode_of(&w, "fifo"),
              folder = inode_of(&w, "a");
        ASSERT_OK(tree_swap_plan(w.s, &e), e);
        ASSERT_OK(tree_swap_run(w.s, &kept, &e), e);
        tree_swap_end(w.s);
        w.s = NULL;
        ASSERT_EQ(inode_of(&w, "a/same"), same);
        ASSERT_EQ(inode_of(&w, "fifo"), fifo);
        ASSERT_EQ(inode_of(&w, "a"), folder);
        ASSERT_OK(tree_swap_undo(w.target, "r1", &e), e);
        ASSERT_EQ(inode_of(&w, "a/same"), same);
        for (const char *const *f = (const char *const[]){"a/file", "b/one", NULL}; *f != NULL;
             f++) {
            _cleanup_free_ char *x = mem_printf("%s/%s", before, *f);
            _cleanup_free_ char *y = mem_printf("%s/%s", w.target, *f);
            help_same_content(x, y);
        }
        ASSERT_EQ(help_count(w.target), help_count(before));
        ASSERT_OK(fs_remove_tree(AT_FDCWD, w.target, &e), e);
        ASSERT_OK(fs_remove_tree(AT_FDCWD, wanted, &e), e);
        ASSERT_OK(fs_remove_tree(AT_FDCWD, before, &e), e);
        end(&w);
    }
}

TEST(where_nothing_differs_nothing_is_done)
{
    struct swap w;
    uint64_t kept;
    struct err e;

    begin(&w, "");
    keep(w.kept, w.target, w.fresh, "b/one");
    ino_t link = inode_of(&w, "link"), empty = inode_of(&w, "empty");
    ASSERT_OK(tree_swap_plan(w.s, &e), e);
    ASSERT_OK(tree_swap_run(w.s, &kept, &e), e);
    ASSERT_EQ(kept, 0);
    ASSERT_EQ(inode_of(&w, "link"), link);
    ASSERT_EQ(inode_of(&w, "empty"), empty);
    ASSERT_ERR(tree_swap_undo(w.target, "r1", &e), e, ERR_NOT_FOUND);
    end(&w);
}

/* No entry is exchanged, and yet there is something to go back to. */
TEST(permissions_of_a_folder_alone)
{
    struct swap w;
    struct stat st;
    uint64_t kept;
    struct err e;

    begin(&w, "m");
    keep(w.kept, w.target, w.fresh, "b/one");
    _cleanup_free_ char *deep = mem_printf("%s/a/deep", w.target);
    ASSERT_OK(tree_swap_plan(w.s, &e), e);
    ASSERT_OK(tree_swap_run(w.s, &kept, &e), e);
    tree_swap_end(w.s);
    w.s = NULL;
    ASSERT(stat(deep, &st) == 0);
    ASSERT_EQ(st.st_mode & 07777, 0755);
    ASSERT_OK(tree_swap_undo(w.target, "r1", &e), e);
    ASSERT(stat(deep, &st) == 0);
    ASSERT_EQ(st.st_mode & 07777, 0700);
    end(&w);
}

static void refused(const char *changes, void (*change)(struct swap *w), const char *named)
{
    struct swap w;
    struct err e;

    begin(&w, changes);
    change(&w);
    ASSERT_ERR(tree_swap_plan(w.s, &e), e, ERR_REFUSED);
    ASSERT_CONTAINS(e.text, named);
    ASSERT_OK(fs_remove_tree(AT_FDCWD, w.target, &e), e);
    end(&w);
}

static void write_it(struct swap *w)
{
    _cleanup_free_ char *path = mem_printf("%s/a/same", w->target);
    struct stat before, now;

    ASSERT(stat(path, &before) == 0);
    do {
        help_write(path, "diff", 4);
        ASSERT(stat(path, &now) == 0);
    } while (now.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
}

static void remove_it(struct swap *w)
{
    _cleanup_free_ char *path = mem_printf("%s/a/same", w->target);

    ASSERT(unlink(path) == 0);
}

static void replace_it(struct swap *w)
{
    _cleanup_free_ char *path = mem_printf("%s/a/same", w->target);

    ASSERT(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
}

static void remove_folder(struct swap *w)
{
    _cleanup_free_ char *path = mem_printf("%s/a", w->target);
    struct err e;

    ASSERT_OK(fs_remove_tree(AT_FDCWD, path, &e), e);
}

TEST(what_was_to_stay_and_changed_is_refused)
{
    refused("", write_it, "a/same changed");
    refused("f", remove_it, "a/same changed");
    refused("", replace_it, "a/same changed");
    refused("", remove_folder, "a/deep/below changed");
}

/* A run that was cut off at any call: nothing of it is in place, and what it made is handed to the same restore only. */
TEST(what_a_run_that_was_cut_off_made_is_found)
{
    size_t taken_up = 0, finished = 0;

    for (uint64_t n = 1;; n++) {
        struct tree_recovered found;
        int status, lock, made;
        uint64_t kept;
        struct err e;
        _cleanup_free_ char *target = help_path("target"), *before = help_path("before");
        make_tree(before, "fnl");
        pid_t pid = fork();
        if (pid == 0) {
            struct swap w;
            begin(&w, "fnl");
            seam_reset();
            seam_kill_at(n);
            _exit(tree_swap_plan(w.s, &e) == 0 && tree_swap_run(w.s, &kept, &e) == 0 ? 0 : 1);
        }
        ASSERT(waitpid(pid, &status, 0) == pid);
        bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        ASSERT(done || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
        seam_reset();
        ASSERT_OK(tree_swap_recover(target, "this", &found, &e), e);
        ASSERT_EQ(found.undone, 0);
        if (found.runs.count > 0) {
            _cleanup_free_ char *x = mem_printf("%s/a/file", target);
            _cleanup_free_ char *y = mem_printf("%s/a/file", before);
            help_same_content(x, y);
            ASSERT_EQ(found.runs.count, 1);
            ASSERT_STR(found.runs.items[0], "r1");
            ASSERT(found.files >= 4);
            ASSERT_OK(tree_swap_open_made(target, "r1", &lock, &made, &e), e);
            tree_recovered_deinit(&found);
            ASSERT_ERR(tree_swap_recover(target, "this", &found, &e), e, ERR_REFUSED);
            (void)close(lock);
            (void)close(made);
            ASSERT_OK(tree_swap_recover(target, "that", &found, &e), e); /* another: undone */
            ASSERT_EQ(found.undone, 1);
            ASSERT_EQ(found.runs.count, 0);
            taken_up++;
        } else {
            finished++;
        }
        tree_recovered_deinit(&found);
        ASSERT_OK(fs_remove_tree(AT_FDCWD, target, &e), e);
        ASSERT_OK(fs_remove_tree(AT_FDCWD, before, &e), e);
        if (done)
            break;
    }
    test_note("cut off and found: %zu, finished: %zu", taken_up, finished);
    ASSERT(taken_up > 5 && finished > 0);
}
