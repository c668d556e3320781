/* doctor_config.c — who may read and change the configuration. */
#include <fcntl.h>
#include <string.h>

#include "cli/doctor.h"
#include "lib/base/io.h"

static bool has_password(const struct config *c)
{
    for (size_t i = 0; i < c->source_count; i++) {
        const char *uris[] = {c->sources[i]->uri, c->sources[i]->restore_uri};
        for (size_t j = 0; j < ARRAY_LEN(uris); j++) {
            if (uris[j] == NULL)
                continue;
            /* postgresql://USER:PASSWORD@HOST or ...password=... */
            const char *at = strchr(uris[j], '@'), *user = strstr(uris[j], "://");
            const char *colon = user != NULL ? strchr(user + 3, ':') : NULL;
            if (strstr(uris[j], "password=") != NULL || (at != NULL && colon != NULL && colon < at))
                return true;
        }
    }
    return false;
}

void doctor_config(struct cli *c, json_t *findings)
{
    bool secret = has_password(c->config);
    struct stat st;

    for (size_t i = 0; i < c->config->files.count; i++) {
        const char *file = c->config->files.items[i];
        if (io_stat(AT_FDCWD, file, &st, 0) != 0)
            continue;
        _cleanup_free_ char *quoted = str_shell_quote(file);
        _cleanup_free_ char *chmod = mem_printf("chmod go-w %s", quoted);
        _cleanup_free_ char *hide = mem_printf("chmod o-rwx %s, or use a passfile", quoted);
        if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
            finding(findings, ERROR, chmod,
                    "%s can be changed by others (mode %04o): they could make synbakd run anything",
                    file, (unsigned)(st.st_mode & 07777));
        if (secret && (st.st_mode & S_IROTH) != 0)
            finding(findings, ERROR, hide,
                    "%s can be read by everybody and the configuration holds a database password",
                    file);
    }
    if (secret)
        finding(findings, WARNING,
                "put it into a passfile (man pgpass) of mode 0600, or use peer authentication",
                "a database password stands in the configuration");
}
