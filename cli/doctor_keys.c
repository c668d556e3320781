/* doctor_keys.c — keys that cannot be read, are short, or lie where they are lost or leaked
 * together with what they protect. */
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/keys.h"
#include "cli/sandbox.h"
#include "lib/base/io.h"

static void check_mode(json_t *findings, const char *file)
{
    struct stat st;
    _cleanup_free_ char *quoted = str_shell_quote(file);
    _cleanup_free_ char *chmod = mem_printf("chmod 600 %s", quoted);
    _cleanup_free_ char *chown = mem_printf("chown " DAEMON_USER " %s", quoted);

    if (io_stat(AT_FDCWD, file, &st, 0) != 0)
        return; /* reading it says so */
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        finding(findings, ERROR, chmod, "key %s is open to others (mode %04o)", file,
                (unsigned)(st.st_mode & 07777));
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        _cleanup_free_ char *dir = mem_strdup(file);
        char *slash = strrchr(dir, '/');
        struct stat config;
        if (slash != NULL)
            *slash = '\0';
        /* a key of the daemon's, or of whoever owns its folder, was put there on purpose */
        const struct passwd *daemon = getpwnam(DAEMON_USER);
        if ((daemon == NULL || daemon->pw_uid != st.st_uid) &&
            (io_stat(AT_FDCWD, dir, &config, 0) != 0 || config.st_uid != st.st_uid))
            finding(findings, WARNING, chown, "key %s belongs to uid %u", file, st.st_uid);
    }
}

/* Files in which people keep database passwords, beside the key. */
static void check_neighbours(json_t *findings, const char *file)
{
    static const char *const names[] = {".pgpass",         "pgpass",           "pgpass.conf",
                                        "pg_service.conf", ".pg_service.conf", "homeserver.yaml"};
    size_t folder = (size_t)(strrchr(file, '/') - file);
    struct stat st;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        _cleanup_free_ char *beside = mem_printf("%.*s/%s", (int)folder, file, names[i]);
        if (io_stat(AT_FDCWD, beside, &st, 0) == 0)
            finding(findings, WARNING, "keep the key in a folder of its own",
                    "key %s lies beside database passwords (%s): one leak gives both", file,
                    beside);
    }
}

static void check_place(const struct config *c, json_t *findings, const char *file)
{
    for (size_t i = 0; i < c->source_count; i++)
        if (c->sources[i]->type == SOURCE_FILES && c->sources[i]->path != NULL &&
            path_inside(file, c->sources[i]->path))
            finding(findings, ERROR, "keep it outside, and a copy off this machine (key card)",
                    "key %s lies inside source \"%s\": the only copy would be locked up in the "
                    "backup that it opens",
                    file, c->sources[i]->name);
    for (size_t i = 0; i < c->destination_count; i++)
        if (c->destinations[i]->type == DESTINATION_DIRECTORY &&
            path_inside(file, c->destinations[i]->path))
            finding(
                findings, ERROR, "move it away from there",
                "key %s lies inside destination \"%s\": whoever finds the backups finds the key",
                file, c->destinations[i]->name);
    if (file[0] == '/')
        check_neighbours(findings, file);
}

static void check_one(const struct config *c, json_t *findings, const struct destination *d,
                      const struct secret_ref *ref)
{
    struct secret key = {0};
    struct err e = {0};
    _cleanup_free_ char *file = key_file(ref);

    if (key_read(ref, false, &key, &e) < 0 || secret_check_key(&key, &e) < 0)
        finding(findings, ERROR,
                "put it back, or correct key: until then every run to this destination fails",
                "destination \"%s\": %s", d->name, e.text);
    secret_deinit(&key);
    if (file == NULL)
        return;
    check_mode(findings, file);
    check_place(c, findings, file);
}

/* What opens a remote destination: read as the worker will get it, and not open to others. */
static void check_access(json_t *findings, const struct destination *d,
                         const struct secret_ref *ref, bool lines, const char *option)
{
    struct secret secret = {0};
    struct err e = {0};
    _cleanup_free_ char *file = key_file(ref);

    if (ref->kind == SECRET_UNSET)
        return;
    if (key_read(ref, lines, &secret, &e) < 0)
        finding(findings, ERROR,
                "put it back, or correct the option: until then nothing reaches this destination",
                "destination \"%s\": %s: %s", d->name, option, e.text);
    secret_deinit(&secret);
    if (file != NULL)
        check_mode(findings, file);
}

void doctor_keys(struct cli *c, json_t *findings)
{
    for (size_t i = 0; i < c->config->destination_count; i++) {
        const struct destination *d = c->config->destinations[i];
        if (d->key.kind == SECRET_NONE)
            finding(findings, WARNING,
                    "openssl rand -base64 32 | install -m 600 -o " DAEMON_USER
                    " /dev/stdin /etc/synbak/key, and key = file:/etc/synbak/key",
                    "destination \"%s\" is not encrypted and not authenticated (key = none)",
                    d->name);
        else
            check_one(c->config, findings, d, &d->key);
        for (size_t j = 0; j < d->old_key_count; j++)
            if (d->old_keys[j].kind != SECRET_NONE)
                check_one(c->config, findings, d, &d->old_keys[j]);
        check_access(findings, d, &d->credentials, true, "credentials");
        check_access(findings, d, &d->private_key, true, "private_key");
        check_access(findings, d, &d->passphrase, false, "passphrase");
    }
}
