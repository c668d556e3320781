/* sandbox.c — the drop-in. A leading "-" lets the unit start though a path is not there (an
 * unmounted destination is the daemon's to report, not a reason to stop all backups). */
#include "cli/sandbox.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"

enum { TEXT_MAX = 1 << 20 };

bool path_inside(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    while (len > 1 && folder[len - 1] == '/')
        len--;
    if (len == 1 && folder[0] == '/')
        return path[0] == '/';
    return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

bool sandbox_is_home(const char *path)
{
    return path_inside(path, "/home") || path_inside(path, "/root") ||
           path_inside(path, "/run/user");
}

bool sandbox_is_hidden(const char *path)
{
    return path_inside(path, "/tmp") || path_inside(path, "/var/tmp");
}

/* A path as systemd reads it: inside quotes blanks and the colon of bind mounts are plain,
 * specifiers are not. */
static char *unit_path(const char *path)
{
    struct buf out = BUF_INIT(1 << 16);
    int rc = buf_append(&out, "\"-", 2, NULL);

    for (const char *p = path; *p != '\0' && rc == 0; p++) {
        if (*p == '"' || *p == '\\')
            rc = buf_append(&out, "\\", 1, NULL);
        else if (*p == '%')
            rc = buf_append(&out, "%", 1, NULL);
        if (rc == 0)
            rc = buf_append(&out, p, 1, NULL);
    }
    if (rc == 0)
        rc = buf_append(&out, "\"", 1, NULL);
    if (rc < 0)
        buf_clear(&out);
    return buf_take_string(&out);
}

static void add_path(struct buf *out, const char *option, const char *what, const char *name,
                     const char *path)
{
    _cleanup_free_ char *quoted = unit_path(path);

    (void)!buf_printf(out, NULL, "# %s%s%s%s\n%s=%s\n", what, name != NULL ? " \"" : "",
                      name != NULL ? name : "", name != NULL ? "\"" : "", option, quoted);
}

static void add_destinations(struct buf *out, const struct config *c)
{
    for (size_t i = 0; i < c->destination_count; i++)
        if (c->destinations[i]->type == DESTINATION_DIRECTORY)
            add_path(out, "ReadWritePaths", "destination", c->destinations[i]->name,
                     c->destinations[i]->path);
    if (c->state_dir != NULL && !path_inside(c->state_dir, STATE_DIR_DEFAULT))
        add_path(out, "ReadWritePaths", "state_dir", NULL, c->state_dir);
}

static void add_sources(struct buf *out, const struct config *c)
{
    for (size_t i = 0; i < c->source_count; i++) {
        const struct source *s = c->sources[i];
        if (s->type == SOURCE_FILES && s->path != NULL)
            add_path(out, "BindReadOnlyPaths", "source", s->name, s->path);
        else if (s->type == SOURCE_COMMAND)
            (void)!buf_printf(
                out, NULL, "# source \"%s\" runs %s: allow by hand what it needs beyond reading\n",
                s->name, s->command.count > 0 ? s->command.items[0] : "a command");
    }
}

/* What a remote destination reads on this machine, where the unit would not see it. */
static void add_remote(struct buf *out, const struct config *c)
{
    for (size_t i = 0; i < c->destination_count; i++) {
        const struct destination *d = c->destinations[i];
        const char *const files[] = {d->ca_file,
                                     d->type == DESTINATION_SFTP ? d->known_hosts : NULL};
        for (size_t k = 0; k < ARRAY_LEN(files); k++)
            if (files[k] != NULL && sandbox_is_hidden(files[k]))
                add_path(out, "BindReadOnlyPaths", "destination", d->name, files[k]);
        if (d->type == DESTINATION_SFTP && d->private_key.kind == SECRET_UNSET)
            (void)!buf_printf(out, NULL,
                              "# destination \"%s\" has no private_key: an SSH agent of the "
                              "daemon's user must listen there\n"
                              "Environment=SSH_AUTH_SOCK=/run/synbak/agent.sock\n",
                              d->name);
    }
}

static void add_credential(struct buf *out, struct strlist *done, const struct secret_ref *key)
{
    if (key->kind == SECRET_ENV && !strlist_contains(done, key->value))
        (void)!buf_printf(out, NULL,
                          "# secret env:%s: put %s=... into a file of mode 0600\n"
                          "EnvironmentFile=/etc/synbak/environment\n",
                          key->value, key->value);
    else if (key->kind == SECRET_CREDENTIAL && !strlist_contains(done, key->value) &&
             strcmp(key->value, "synbak.key") != 0)
        (void)!buf_printf(out, NULL, "# secret credential:%s\nLoadCredential=%s:/etc/synbak/%s\n",
                          key->value, key->value, key->value);
    if (key->value != NULL)
        strlist_add(done, key->value);
}

char *sandbox_drop_in(const struct config *c)
{
    struct buf out = BUF_INIT(TEXT_MAX);
    struct strlist done = {0};

    (void)!buf_printf(&out, NULL,
                      "# What %s needs of synbakd.service, made by: synbakctl config sandbox\n"
                      "# Put into: systemctl edit synbakd; then: systemctl restart synbakd\n"
                      "[Service]\n",
                      c->file);
    add_destinations(&out, c);
    add_sources(&out, c);
    add_remote(&out, c);
    for (size_t i = 0; i < c->destination_count; i++) {
        const struct destination *d = c->destinations[i];
        add_credential(&out, &done, &d->key);
        for (size_t j = 0; j < d->old_key_count; j++)
            add_credential(&out, &done, &d->old_keys[j]);
        add_credential(&out, &done, &d->credentials);
        add_credential(&out, &done, &d->private_key);
        add_credential(&out, &done, &d->passphrase);
    }
    strlist_deinit(&done);
    return buf_take_string(&out);
}
