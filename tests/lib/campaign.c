#include "tests/lib/campaign.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "tests/lib/power_loss.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

/* In memory that both processes see. */
static struct {
    unsigned done;
    uint64_t calls;
} * shared;

static void share(void)
{
    void *at =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        abort();
    shared = at;
}

void campaign_done(unsigned step)
{
    char mark[32];

    shared->done = step;
    (void)snprintf(mark, sizeof(mark), "done %u", step);
    seam_log_mark(mark);
}

struct fault {
    uint64_t kill_at, fail_once, fail_from, space;
    int errnum;
    const char *log;
};

static void make_dir(const struct campaign *c, char *dir, size_t size)
{
    (void)snprintf(dir, size, "%s/work", test_dir());
    if (fs_remove_tree(AT_FDCWD, dir, NULL) < 0 || mkdir(dir, 0700) != 0)
        abort();
    seam_reset();
    seam_lie_about_fsync(true); /* nothing of this is under test, and it is slow */
    c->prepare(dir);
    seam_reset();
}

static void break_things(const struct fault *f, const char *dir)
{
    seam_reset();
    if (f->kill_at != 0)
        seam_kill_at(f->kill_at);
    if (f->fail_once != 0)
        seam_fail_once(f->fail_once, f->errnum);
    if (f->fail_from != 0)
        seam_fail_from(f->fail_from, f->errnum);
    if (f->space != 0)
        seam_space(f->space - 1);
    if (f->log != NULL)
        seam_log_start(f->log, dir);
}

/* True if the work ran to its end or gave up, false if it was killed. */
static bool run(const struct campaign *c, const struct fault *f, const char *dir)
{
    int status;

    shared->done = 0;
    shared->calls = 0;
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        break_things(f, dir);
        c->work(dir);
        shared->calls = seam_count();
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        abort();
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return false;
    if (status != 0)
        test_fail(__FILE__, __LINE__, "the work ended with status %d", status);
    return true;
}

static void check(const struct campaign *c, const char *dir, unsigned done)
{
    seam_reset();
    seam_lie_about_fsync(true);
    c->check(dir, done);
    seam_reset();
}

void campaign_kill(const struct campaign *c)
{
    char dir[128];
    uint64_t n = 1;

    share();
    for (;; n++) {
        struct fault f = {.kill_at = n};
        make_dir(c, dir, sizeof(dir));
        bool ended = run(c, &f, dir);
        check(c, dir, shared->done);
        if (ended)
            break;
    }
    test_note("killed at each of %llu calls", (unsigned long long)n - 1);
    ASSERT(n > 2);
}

void campaign_fail(const struct campaign *c, int errnum)
{
    char dir[128];
    unsigned runs = 0;

    share();
    for (int from = 0; from < 2; from++)
        for (uint64_t n = 1;; n++) {
            struct fault f = {.errnum = errnum};
            if (from)
                f.fail_from = n;
            else
                f.fail_once = n;
            make_dir(c, dir, sizeof(dir));
            (void)run(c, &f, dir);
            check(c, dir, shared->done);
            runs++;
            if (shared->calls < n)
                break;
        }
    test_note("%u runs with \"%s\" at each call, once and for good", runs, strerror(errnum));
}

void campaign_fill(const struct campaign *c, unsigned long step, unsigned long upto)
{
    char dir[128];
    unsigned runs = 0;

    share();
    for (unsigned long room = 0; room < upto; room += step) {
        struct fault f = {.space = room + 1};
        make_dir(c, dir, sizeof(dir));
        (void)run(c, &f, dir);
        check(c, dir, shared->done);
        runs++;
    }
    test_note("%u runs on a disk that fills up", runs);
}

static unsigned steps_before(const struct power_loss *p, size_t cut, unsigned all)
{
    char mark[32];
    unsigned done = 0;

    for (; done < all; done++) {
        (void)snprintf(mark, sizeof(mark), "done %u", done + 1);
        if (!power_loss_has_mark(p, cut, mark))
            break;
    }
    return done;
}

void campaign_cut_power(const struct campaign *c, unsigned mixed)
{
    char dir[128], log[128], state[128];
    struct fault f = {.log = log};
    unsigned states = 0;

    share();
    (void)snprintf(log, sizeof(log), "%s/log", test_dir());
    (void)snprintf(state, sizeof(state), "%s/state", test_dir());
    (void)unlink(log); /* of a campaign before: it is appended to, and inodes come again */
    make_dir(c, dir, sizeof(dir));
    ASSERT(run(c, &f, dir));
    struct power_loss *p = power_loss_load(log);
    size_t cuts = power_loss_cuts(p);
    for (size_t cut = 0; cut <= cuts; cut++)
        for (unsigned policy = 0; policy < POWER_LOSS_POLICIES + mixed; policy++) {
            power_loss_build(p, cut, policy, state);
            check(c, state, steps_before(p, cut, shared->done));
            if (fs_remove_tree(AT_FDCWD, state, NULL) < 0)
                abort();
            states++;
        }
    test_note("%u states after power loss, at %zu changes", states, cuts);
    power_loss_free(p);
}
