/* doctor_unit.c — paths that synbakd.service's sandbox hides or makes read-only. What the service
 * cannot see is not missing, it only looks so; that wastes a night. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/sandbox.h"
#include "cli/unit.h"

static bool says_yes(const json_t *unit, const char *property)
{
    const char *value = json_opt_string(unit, property, "no");

    return !str_equal(value, "no") && value[0] != '\0';
}

/* What is not there at all the other parts tell. */
static bool is_missing(const char *path)
{
    return access(path, F_OK) != 0 && errno == ENOENT;
}

/* Why the service does not see a path that is there, or NULL. */
static const char *why_hidden(const json_t *unit, const char *path)
{
    const char *home = json_opt_string(unit, "ProtectHome", "no");

    if (is_missing(path) || unit_lists_path(unit, "BindPaths", path) ||
        unit_lists_path(unit, "BindReadOnlyPaths", path))
        return NULL;
    if (sandbox_is_hidden(path) && says_yes(unit, "PrivateTmp"))
        return "PrivateTmp";
    if (sandbox_is_home(path) && (str_equal(home, "yes") || str_equal(home, "tmpfs")))
        return "ProtectHome";
    if (unit_lists_path(unit, "InaccessiblePaths", path))
        return "InaccessiblePaths";
    return unit_lists_path(unit, "TemporaryFileSystem", path) ? "TemporaryFileSystem" : NULL;
}

static bool is_read_only(const json_t *unit, const char *path)
{
    const char *system = json_opt_string(unit, "ProtectSystem", "no");
    const char *home = json_opt_string(unit, "ProtectHome", "no");

    if (is_missing(path) || unit_lists_path(unit, "ReadWritePaths", path) ||
        unit_lists_path(unit, "BindPaths", path))
        return false;
    return str_equal(system, "strict") || unit_lists_path(unit, "ReadOnlyPaths", path) ||
           (sandbox_is_home(path) && str_equal(home, "read-only"));
}

void doctor_sandbox(struct cli *c, json_t *findings)
{
    static const char advice[] =
        "synbakctl config sandbox prints the drop-in (systemctl edit synbakd)";
    _cleanup_json_ json_t *unit = unit_properties();
    const struct config *config = c->config;

    if (json_object_size(unit) == 0) {
        finding(findings, NOTE, "",
                "synbakd.service is not known to systemd here: its sandbox was "
                "not looked at");
        return;
    }
    for (size_t i = 0; i < config->destination_count; i++) {
        const struct destination *d = config->destinations[i];
        const char *const files[] = {d->type == DESTINATION_DIRECTORY ? d->path : NULL, d->ca_file,
                                     d->type == DESTINATION_SFTP ? d->known_hosts : NULL};
        for (size_t k = 0; k < ARRAY_LEN(files); k++) {
            const char *why = files[k] != NULL ? why_hidden(unit, files[k]) : NULL;
            if (why != NULL)
                finding(findings, ERROR, advice,
                        "destination \"%s\": synbakd.service does not see %s (%s)", d->name,
                        files[k], why);
            else if (k == 0 && files[k] != NULL && is_read_only(unit, files[k]))
                finding(findings, ERROR, advice,
                        "destination \"%s\": %s is read-only for synbakd.service", d->name,
                        files[k]);
        }
    }
    for (size_t i = 0; i < config->source_count; i++) {
        const struct source *s = config->sources[i];
        const char *why =
            s->type == SOURCE_FILES && s->path != NULL ? why_hidden(unit, s->path) : NULL;
        if (why != NULL)
            finding(findings, ERROR, advice, "source \"%s\": synbakd.service does not see %s (%s)",
                    s->name, s->path, why);
    }
}
