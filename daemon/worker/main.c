/* main.c — synbak-worker: one process for one piece of work.
 *
 * The happy path is: harden the process, read the job from fd 3, find its verb, do it, send the
 * result, exit 0. Failure modes: no job (a person started us by hand), an unknown verb, a verb that
 * fails: its error goes out as the result and its code becomes the exit status. When fd 3 closes,
 * the parent is gone; worker_cancelled turns true and the verb cleans up, unless it is a restore
 * that was confirmed: that one outlives its caller. */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/worker/link.h"
#include "daemon/worker/worker.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"

static const struct {
    const char *name;
    worker_verb *run;
} verbs[] = {
    {"dump", verb_dump},       {"archive", verb_archive}, {"command", verb_command},
    {"commit", verb_commit},   {"scan", verb_scan},       {"verify", verb_verify},
    {"prune", verb_prune},     {"mark", verb_mark},       {"adopt", verb_adopt},
    {"export", verb_export},   {"copy", verb_copy},       {"restore", verb_restore},
    {"undo", verb_undo},       {"ls", verb_ls},           {"cat", verb_cat},
    {"hook", verb_hook},       {"ping", verb_ping},       {"check", verb_check},
    {"keys", verb_keys},       {"diff", verb_diff},       {"repair", verb_repair},
    {"changes", verb_changes},
};

static int run_verb(struct worker *w, const json_t *job, json_t **result, struct err *e)
{
    const char *name;

    if (json_get_string(job, "verb", &name, e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return verbs[i].run(w, job, result, e);
    return err_set(e, ERR_INTERNAL,
                   "unknown verb \"%s\": synbakd and synbak-worker differ in version", name);
}

int main(int argc, char **argv)
{
    struct err e = {0};
    struct worker *w = NULL;
    json_t *job = NULL, *result = NULL;
    struct stat st;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("synbak-worker %s\n", SYNBAK_VERSION);
        return 0;
    }
    if (argc != 1 || fstat(WORKER_FD, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        (void)fprintf(stderr, "synbak-worker is started by synbakd and synbakctl, not by hand\n");
        return err_exit_status(ERR_USAGE);
    }
    json_secure_memory();
    secret_harden_process();
    /* Many threads take and give back a megabyte at a time: let it go back, instead of staying with
     * each of them. */
    (void)mallopt(M_ARENA_MAX, 2);
    (void)mallopt(M_MMAP_THRESHOLD, 256 << 10);
    (void)umask(077);
    (void)fcntl(WORKER_FD, F_SETFD, FD_CLOEXEC); /* no child may speak for us, or keep it open */
    (void)signal(SIGPIPE, SIG_IGN);
    if (worker_start(&w, &job, &e) < 0)
        return err_exit_status(e.code);
    int rc = run_verb(w, job, &result, &e);
    json_decref(job);
    return worker_finish(w, rc < 0 ? NULL : result, &e);
}
