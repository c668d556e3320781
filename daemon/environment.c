#include "daemon/environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"

void environment_hide(void)
{
    struct strlist copy = {0};

    for (char **v = environ; v != NULL && *v != NULL; v++) {
        strlist_add(&copy, *v);
        mem_wipe(*v, strlen(*v)); /* this is what /proc/PID/environ shows */
    }
    (void)clearenv();
    for (size_t i = 0; i < copy.count; i++) {
        char *equals = strchr(copy.items[i], '=');
        if (equals == NULL)
            continue;
        *equals = '\0';
        if (setenv(copy.items[i], equals + 1, 1) != 0)
            abort(); /* as mem.h: memory is exhausted */
    }
    strlist_deinit(&copy);
}

/* What tools need to find programs, servers, certificates and time zones; nothing that is secret.
 * Those at the end steer sanitizers and the fault-injecting programs of the tests. */
static const char *const passed_on[] = {
    "PATH",          "HOME",          "USER",         "LOGNAME",     "TZDIR",       "TMPDIR",
    "PGPASSFILE",    "PGSERVICEFILE", "PGSYSCONFDIR", "PGHOST",      "PGPORT",      "PGUSER",
    "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy",  "https_proxy", "no_proxy",
    "ASAN_OPTIONS",  "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};

void environment_for_workers(struct strlist *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(passed_on); i++) {
        const char *value = getenv(passed_on[i]);
        if (value != NULL)
            strlist_addf(ret, "%s=%s", passed_on[i], value);
    }
    if (getenv("PATH") == NULL)
        strlist_add(ret, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    strlist_add(ret, "LANG=C.UTF-8");
    for (char **v = environ; *v != NULL; v++)
        if (str_starts(*v, "SYNBAK_TEST_") || str_starts(*v, "SYNBAK_CLOCK_") ||
            str_starts(*v, "SYNBAK_FAULT"))
            strlist_add(ret, *v);
}
