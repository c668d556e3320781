/* main.c — synbakd: arguments, the configuration, then daemon.h's life. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/capability.h"
#include "daemon/daemon.h"
#include "daemon/environment.h"
#include "lib/base/io.h"

#ifndef SYNBAK_LIBEXECDIR
#define SYNBAK_LIBEXECDIR "/usr/local/libexec/synbak"
#endif

static const char usage[] =
    "Usage: synbakd [--config FILE] [--check]\n"
    "\n"
    "The backup daemon: runs schedules, takes backups, keeps what retention says.\n"
    "\n"
    "  --config FILE   configuration (default " CONFIG_FILE_DEFAULT ")\n"
    "  --check         only check the configuration: exit 0 if it is right, else 2\n"
    "  --version       print the version\n"
    "  --help          print this\n"
    "\n"
    "See synbakd(8), synbak.conf(5), synbakctl(1).\n";

struct arguments {
    const char *config;
    bool check, done;
};

static int parse_arguments(int argc, char **argv, struct arguments *ret)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, 'n'},
                                            {"version", no_argument, NULL, 'V'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int c;

    *ret = (struct arguments){.config = CONFIG_FILE_DEFAULT};
    while ((c = getopt_long(argc, argv, "c:nVh", options, NULL)) != -1) {
        if (c == 'c') {
            ret->config = optarg;
        } else if (c == 'n') {
            ret->check = true;
        } else if (c == 'V' || c == 'h') {
            (void)fputs(c == 'h' ? usage : "synbakd " SYNBAK_VERSION "\n", stdout);
            ret->done = true;
            return 0;
        } else {
            return -1;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "synbakd: unexpected argument \"%s\" (synbakd --help)\n",
                      argv[optind]);
        return -1;
    }
    return 0;
}

/* Everything that is wrong, one line each. */
static int load_config(const char *file, struct config **ret)
{
    struct strlist errors = {0};
    struct err e = {0};
    int rc = config_load(file, ret, &errors, &e);

    if (rc == 0 && schedule_check_config(*ret, &errors, &e) < 0) {
        config_unref(*ret);
        rc = -1;
    }
    for (size_t i = 0; rc < 0 && i < errors.count; i++)
        (void)fprintf(stderr, "synbakd: %s\n", errors.items[i]);
    if (rc < 0 && errors.count == 0)
        (void)fprintf(stderr, "synbakd: %s\n", e.text);
    strlist_deinit(&errors);
    return rc;
}

/* Beside our own program in a build folder, else where it is installed. */
static char *find_worker(void)
{
    char self[4096];
    const char *chosen = getenv("SYNBAK_WORKER");
    ssize_t n = io_readlink(AT_FDCWD, "/proc/self/exe", self, sizeof(self) - 1);

    if (chosen != NULL)
        return mem_strdup(chosen);
    if (n > 0) {
        self[n] = '\0';
        char *slash = strrchr(self, '/');
        char *beside = mem_printf("%.*s/synbak-worker", (int)(slash - self), self);
        if (access(beside, X_OK) == 0)
            return beside;
        free(beside);
    }
    return mem_strdup(SYNBAK_LIBEXECDIR "/synbak-worker");
}

static int serve(const char *config_file, struct config *config)
{
    struct daemon *d = mem_alloc(sizeof(*d));
    struct err e = {0};
    int status = 0;

    d->log = log_new(config->log_format);
    d->config_file = mem_strdup(config_file);
    d->worker_program = find_worker();
    if (daemon_start(d, config, &e) < 0) {
        log_error(d->log, "synbakd does not start: %s", e.text);
        status = err_exit_status(e.code);
    } else {
        daemon_run(d);
        status = d->failure.code != ERR_NONE ? err_exit_status(d->failure.code) : 0;
    }
    daemon_deinit(d);
    free(d->config_file);
    free(d->worker_program);
    log_free(d->log);
    free(d);
    return status;
}

int main(int argc, char **argv)
{
    struct arguments args;
    struct config *config = NULL;

    environment_hide();
    secret_harden_process();
    json_secure_memory();
    (void)umask(077);
    if (parse_arguments(argc, argv, &args) < 0)
        return err_exit_status(ERR_USAGE);
    if (args.done)
        return 0;
    if (load_config(args.config, &config) < 0)
        return err_exit_status(ERR_CONFIG);
    if (args.check) {
        printf("synbakd: %s is right: %zu job%s, %zu destination%s\n", config->file,
               config->job_count, config->job_count == 1 ? "" : "s", config->destination_count,
               config->destination_count == 1 ? "" : "s");
        config_unref(config);
        return 0;
    }
    (void)capability_setup();
    return serve(args.config, config);
}
