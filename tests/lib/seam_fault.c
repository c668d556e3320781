/* seam_fault.c — which call fails, and how. Told by functions or by the environment (seam.h). */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/seam.h"
#include "tests/lib/seam_state.h"

static struct {
    uint64_t fail_at, fail_from, kill_at, stop_at, flip_at;
    int fail_errnum, from_errnum;
    struct {
        char call[24];
        int errnum;
    } denied[8];
    size_t denied_count;
    bool limited, short_counts, interrupt, lie;
    uint64_t space;
} plan;

static uint64_t own_counter, *counter = &own_counter;
static const char *count_file, *trace_file;
static char *words; /* of SYNBAK_FAULT; file names point into it */
static pthread_mutex_t space_lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool interrupted;

void seam_reset(void)
{
    memset(&plan, 0, sizeof(plan));
    __atomic_store_n(counter, 0, __ATOMIC_SEQ_CST);
}

uint64_t seam_count(void)
{
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

void seam_fail_once(uint64_t n, int errnum)
{
    plan.fail_at = n;
    plan.fail_errnum = errnum;
}

void seam_fail_from(uint64_t n, int errnum)
{
    plan.fail_from = n;
    plan.from_errnum = errnum;
}

void seam_deny(const char *call, int errnum)
{
    if (call == NULL) {
        plan.denied_count = 0;
        return;
    }
    if (plan.denied_count == sizeof(plan.denied) / sizeof(plan.denied[0]))
        abort();
    (void)snprintf(plan.denied[plan.denied_count].call, sizeof(plan.denied[0].call), "%s", call);
    plan.denied[plan.denied_count++].errnum = errnum;
}

void seam_kill_at(uint64_t n)
{
    plan.kill_at = n;
}

void seam_space(uint64_t bytes)
{
    plan.limited = true;
    plan.space = bytes;
}

void seam_flip_at(uint64_t n)
{
    plan.flip_at = n;
}

void seam_short_counts(bool on)
{
    plan.short_counts = on;
}

void seam_interrupt(bool on)
{
    plan.interrupt = on;
}

void seam_lie_about_fsync(bool on)
{
    plan.lie = on;
}

bool seam_lies(void)
{
    return plan.lie;
}

void seam_die(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

static void trace(const char *call, uint64_t n)
{
    int fd = open(trace_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd >= 0) {
        (void)dprintf(fd, "%llu %s %s\n", (unsigned long long)n, call,
                      program_invocation_short_name);
        (void)close(fd);
    }
}

static bool can_interrupt(const char *call)
{
    return strcmp(call, "read") == 0 || strcmp(call, "pread") == 0 || strcmp(call, "write") == 0 ||
           strcmp(call, "pwrite") == 0 || strcmp(call, "flock") == 0;
}

/* How much of a write the disk has room for; 0 when there is none. */
static size_t room_for(size_t len)
{
    (void)pthread_mutex_lock(&space_lock);
    if (len > plan.space)
        len = (size_t)plan.space;
    plan.space -= len;
    (void)pthread_mutex_unlock(&space_lock);
    return len;
}

static void take_counted(const char *call, uint64_t n, size_t len, struct seam_turn *turn)
{
    if (n == plan.kill_at) {
        if (len < 2)
            seam_die();
        turn->die = true;
        turn->limit = len / 2;
    }
    if (n == plan.stop_at)
        (void)kill(getpid(), SIGSTOP);
    if (n == plan.fail_at)
        turn->errnum = plan.fail_errnum;
    if (plan.fail_from != 0 && n >= plan.fail_from)
        turn->errnum = plan.from_errnum;
    turn->flip = n == plan.flip_at;
    if (plan.limited && strstr(call, "write") != NULL && len > 0) {
        turn->limit = room_for(len);
        if (turn->limit == 0)
            turn->errnum = ENOSPC;
    }
}

struct seam_turn seam_turn_take(const char *call, bool counted, size_t len)
{
    struct seam_turn turn = {.limit = len};

    if (plan.short_counts && len > 1)
        turn.limit = (len + 1) / 2;
    if (plan.interrupt && can_interrupt(call)) {
        interrupted = !interrupted;
        if (interrupted)
            return (struct seam_turn){.errnum = EINTR};
    }
    if (counted) {
        uint64_t n = __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
        if (trace_file != NULL)
            trace(call, n);
        take_counted(call, n, turn.limit, &turn);
    }
    for (size_t i = 0; i < plan.denied_count; i++)
        if (strcmp(plan.denied[i].call, call) == 0)
            turn.errnum = plan.denied[i].errnum;
    return turn;
}

static int errnum_of(const char *name)
{
    static const struct {
        const char *name;
        int errnum;
    } known[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EROFS", EROFS},   {"EACCES", EACCES},
                 {"EPERM", EPERM},   {"ENOENT", ENOENT}, {"EMFILE", EMFILE}, {"EDQUOT", EDQUOT},
                 {"EINVAL", EINVAL}, {"ENOSYS", ENOSYS}, {"ESTALE", ESTALE}, {"EINTR", EINTR},
                 {"ENOMEM", ENOMEM}, {"EAGAIN", EAGAIN}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].errnum;
    (void)fprintf(stderr, "SYNBAK_FAULT: unknown error \"%s\"\n", name);
    exit(2);
}

static void report_count(void)
{
    int fd = open(count_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd >= 0) {
        (void)dprintf(fd, "%s %d %llu\n", program_invocation_short_name, (int)getpid(),
                      (unsigned long long)seam_count());
        (void)close(fd);
    }
}

static void share_counter(const char *file)
{
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, sizeof(uint64_t)) != 0) {
        perror("SYNBAK_FAULT_COUNTER");
        exit(2);
    }
    void *at = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (at == MAP_FAILED) {
        perror("SYNBAK_FAULT_COUNTER");
        exit(2);
    }
    counter = at;
}

/* One word of SYNBAK_FAULT; the strings live as long as the process. */
static void obey(char *word)
{
    char *a = strchr(word, ':'), *b = NULL;

    if (a != NULL) {
        *a++ = '\0';
        b = strrchr(a, ':');
    }
    if (strcmp(word, "short") == 0)
        plan.short_counts = true;
    else if (strcmp(word, "interrupt") == 0)
        plan.interrupt = true;
    else if (strcmp(word, "lie") == 0)
        plan.lie = true;
    else if (a != NULL && strcmp(word, "count") == 0)
        count_file = a;
    else if (a != NULL && strcmp(word, "trace") == 0)
        trace_file = a;
    else if (a != NULL && strcmp(word, "log") == 0)
        seam_log_open(a, getenv("SYNBAK_FAULT_ROOT"));
    else if (a != NULL && strcmp(word, "kill") == 0)
        plan.kill_at = strtoull(a, NULL, 10);
    else if (a != NULL && strcmp(word, "stop") == 0)
        plan.stop_at = strtoull(a, NULL, 10);
    else if (a != NULL && strcmp(word, "flip") == 0)
        plan.flip_at = strtoull(a, NULL, 10);
    else if (a != NULL && strcmp(word, "space") == 0)
        seam_space(strtoull(a, NULL, 10));
    else if (b != NULL && strcmp(word, "fail") == 0)
        seam_fail_once(strtoull(a, NULL, 10), errnum_of(b + 1));
    else if (b != NULL && strcmp(word, "fail-from") == 0)
        seam_fail_from(strtoull(a, NULL, 10), errnum_of(b + 1));
    else if (b != NULL && strcmp(word, "deny") == 0) {
        *b = '\0';
        seam_deny(a, errnum_of(b + 1));
    } else {
        (void)fprintf(stderr, "SYNBAK_FAULT: unknown word \"%s\"\n", word);
        exit(2);
    }
}

__attribute__((constructor)) static void read_environment(void)
{
    const char *text = getenv("SYNBAK_FAULT"), *only = getenv("SYNBAK_FAULT_PROGRAM"),
               *shared = getenv("SYNBAK_FAULT_COUNTER");
    char *save = NULL;

    if (only != NULL && strcmp(only, program_invocation_short_name) != 0)
        return;
    if (shared != NULL)
        share_counter(shared);
    words = text == NULL ? NULL : strdup(text);
    for (char *word = words == NULL ? NULL : strtok_r(words, ",", &save); word != NULL;
         word = strtok_r(NULL, ",", &save))
        obey(word);
}

__attribute__((destructor)) static void at_end(void)
{
    if (count_file != NULL)
        report_count();
}
