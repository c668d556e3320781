#include "daemon/environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"

void environment_hide(void)
{
    size_t count = 0;

    while (environ != NULL && environ[count] != NULL)
        count++;
    char **copy = mem_alloc((count + 1) * sizeof(*copy));
    for (size_t i = 0; i < count; i++) {
        copy[i] = mem_strdup(environ[i]);
        mem_wipe(environ[i], strlen(environ[i]));
    }
    environ = copy;
}

/* What tools need to find programs, servers, certificates and time zones; nothing that is secret.
 * Those at the end steer sanitizers and the fault-injecting programs of the tests. */
static const char *const passed_on[] = {
    "PATH",          "HOME",          "USER",         "LOGNAME",     "TZDIR",    "TMPDIR",
    "PGPASSFILE",    "PGSERVICEFILE", "PGSYSCONFDIR", "PGHOST",      "PGPORT",   "PGUSER",
    "SSL_CERT_FILE", "SSL_CERT_DIR",  "http_proxy",   "https_proxy", "no_proxy", "ASAN_OPTIONS",
    "UBSAN_OPTIONS", "LSAN_OPTIONS",  "TSAN_OPTIONS"};

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
            str_starts(*v, "SYNBAK_FAULT_"))
            strlist_add(ret, *v);
}
