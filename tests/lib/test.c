#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fs.h"

enum { LIMIT_SECONDS = 60, LONG_LIMIT_SECONDS = 3600 };

static struct test *tests, **tail = &tests;
static char directory[64];
static bool running_long;

void test_register(struct test *t)
{
    *tail = t;
    tail = &t->next;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
    va_list args;

    printf("# %s:%d: ", file, line);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    _exit(1);
}

void test_note(const char *fmt, ...)
{
    va_list args;

    printf("# ");
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
}

const char *test_dir(void)
{
    return directory;
}

bool test_long(void)
{
    return running_long;
}

static bool run_one(const struct test *t)
{
    int status = 0;

    (void)snprintf(directory, sizeof(directory), "/tmp/synbak-test.XXXXXX");
    if (mkdtemp(directory) == NULL)
        abort();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        (void)alarm(running_long ? LONG_LIMIT_SECONDS : LIMIT_SECONDS);
        t->run();
        fflush(stdout);
        exit(0); /* not _exit: the leak checker runs at exit */
    }
    if (waitpid(pid, &status, 0) != pid)
        abort();
    (void)kill(-pid, SIGKILL); /* whatever it left behind */
    if (fs_remove_tree(AT_FDCWD, directory, NULL) < 0)
        printf("# %s is left behind\n", directory);
    if (WIFSIGNALED(status))
        printf("# ended by signal %d%s\n", WTERMSIG(status),
               WTERMSIG(status) == SIGALRM ? ": ran out of time" : "");
    return status == 0;
}

static bool is_wanted(const struct test *t, int argc, char **argv)
{
    bool named = false;

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-')
            continue;
        named = true;
        if (strcmp(argv[i], t->name) == 0)
            return true;
    }
    return !named;
}

int main(int argc, char **argv)
{
    int number = 0, failed = 0;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--long") == 0)
            running_long = true;
    for (const struct test *t = tests; t != NULL; t = t->next) {
        struct timespec start, end;
        if (!is_wanted(t, argc, argv))
            continue;
        (void)clock_gettime(CLOCK_MONOTONIC, &start);
        bool ok = run_one(t);
        (void)clock_gettime(CLOCK_MONOTONIC, &end);
        failed += !ok;
        printf("%s %d - %s # %lld ms\n", ok ? "ok" : "not ok", ++number, t->name,
               (long long)(end.tv_sec - start.tv_sec) * 1000 +
                   (end.tv_nsec - start.tv_nsec) / 1000000);
    }
    printf("1..%d\n", number);
    return failed != 0;
}
