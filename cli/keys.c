#include "cli/keys.h"

#include <string.h>
#include <unistd.h>

#include "cli/unit.h"
#include "lib/protocol/job.h"

static char *credential_file(const char *name)
{
    _cleanup_json_ json_t *unit = unit_properties();
    const char *load = json_opt_string(unit, "LoadCredential", "");
    char *running = mem_printf("/run/credentials/synbakd.service/%s", name);

    if (access(running, R_OK) == 0)
        return running;
    free(running);
    /* "NAME:PATH NAME:PATH" */
    for (const char *p = load; *p != '\0';) {
        size_t len = strcspn(p, " "), colon = strcspn(p, ":");
        if (colon < len && strlen(name) == colon && strncmp(p, name, colon) == 0)
            return mem_strndup(p + colon + 1, len - colon - 1);
        p += len + (p[len] == ' ');
    }
    return NULL;
}

char *key_file(const struct secret_ref *ref)
{
    const char *inside = getenv("CREDENTIALS_DIRECTORY");

    if (ref->kind == SECRET_FILE)
        return mem_strdup(ref->value);
    if (ref->kind != SECRET_CREDENTIAL)
        return NULL;
    return inside != NULL ? mem_printf("%s/%s", inside, ref->value) : credential_file(ref->value);
}

int key_read(const struct secret_ref *ref, bool lines, struct secret *ret, struct err *e)
{
    if (ref->kind != SECRET_CREDENTIAL || getenv("CREDENTIALS_DIRECTORY") != NULL)
        return job_read_secret_here(ref, lines, ret, e);
    struct secret_ref file = {SECRET_FILE, key_file(ref)};
    if (file.value == NULL)
        return err_set(e, ERR_KEY,
                       "credential:%s is known inside synbakd.service only (as root, with the "
                       "daemon running; or name the file: --destination PATH --key file:KEY)",
                       ref->value);
    int rc = job_read_secret_here(&file, lines, ret, e);
    secret_ref_deinit(&file);
    return rc;
}

char *key_where(const struct secret_ref *ref)
{
    switch (ref->kind) {
    case SECRET_FILE:
        return mem_printf("file:%s", ref->value);
    case SECRET_ENV:
        return mem_printf("env:%s", ref->value);
    case SECRET_CREDENTIAL: {
        _cleanup_free_ char *file = key_file(ref);
        return file != NULL ? mem_printf("credential:%s, which is %s", ref->value, file)
                            : mem_printf("credential:%s", ref->value);
    }
    case SECRET_COMMAND:
        return mem_printf("command:%.*s ...", (int)strcspn(ref->value, " \t"), ref->value);
    case SECRET_NONE:
    case SECRET_UNSET:
        break;
    }
    return mem_strdup("none");
}
