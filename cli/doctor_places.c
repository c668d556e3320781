/* doctor_places.c — destinations that are not there or share a fate with the sources, and programs
 * that are missing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/sandbox.h"
#include "lib/base/child.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"

static bool same_file_system(const char *a, const char *b)
{
    struct stat sa, sb;

    return io_stat(AT_FDCWD, a, &sa, 0) == 0 && io_stat(AT_FDCWD, b, &sb, 0) == 0 &&
           sa.st_dev == sb.st_dev;
}

/* fstab knows a mount point that is not mounted: then the path is an empty folder of its parent. */
static bool is_unmounted(const char *path)
{
    struct buf fstab = BUF_INIT(1 << 20);
    bool found = false;
    struct stat here, above;

    if (fs_read_file(AT_FDCWD, "/etc/fstab", &fstab, NULL) < 0 || fstab.data == NULL)
        return false;
    for (char *line = (char *)fstab.data; *line != '\0' && !found;) {
        size_t len = strcspn(line, "\n");
        char *next = line + len + (line[len] == '\n');
        line[len] = '\0';
        char *device = line + strspn(line, " \t");
        char *point = device + strcspn(device, " \t");
        point += strspn(point, " \t");
        point[strcspn(point, " \t")] = '\0';
        if (device[0] != '#' && point[0] == '/' && point[1] != '\0' && path_inside(path, point)) {
            _cleanup_free_ char *parent = mem_printf("%s/..", point);
            found = io_stat(AT_FDCWD, point, &here, 0) == 0 &&
                    io_stat(AT_FDCWD, parent, &above, 0) == 0 && here.st_dev == above.st_dev;
        }
        line = next;
    }
    buf_deinit(&fstab);
    return found;
}

static void check_destination(const struct config *c, json_t *findings, const struct destination *d)
{
    struct stat st;

    if (io_stat(AT_FDCWD, d->path, &st, 0) != 0) {
        _cleanup_free_ char *quoted = str_shell_quote(d->path);
        _cleanup_free_ char *make =
            mem_printf("mount it, or: install -d -m 0700 -o " DAEMON_USER " %s", quoted);
        finding(findings, ERROR, make, "destination \"%s\": %s: %s", d->name, d->path,
                strerror(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode))
        finding(findings, ERROR, "", "destination \"%s\": %s is no folder", d->name, d->path);
    if ((st.st_mode & S_IWOTH) != 0) {
        _cleanup_free_ char *quoted = str_shell_quote(d->path);
        _cleanup_free_ char *close = mem_printf("chmod o-w %s", quoted);
        finding(findings, ERROR, close, "destination \"%s\": everybody may write into %s", d->name,
                d->path);
    }
    if (is_unmounted(d->path))
        finding(findings, ERROR, "mount it", "destination \"%s\": %s is in fstab but not mounted",
                d->name, d->path);
    for (size_t i = 0; i < c->source_count; i++) {
        const struct source *s = c->sources[i];
        if (s->type != SOURCE_FILES || s->path == NULL)
            continue;
        if (path_inside(d->path, s->path))
            finding(
                findings, ERROR, "exclude it, or put it elsewhere",
                "destination \"%s\" lies inside source \"%s\": each backup would hold the others",
                d->name, s->name);
        else if (same_file_system(d->path, s->path))
            finding(findings, NOTE, "add a destination on another disk, better on another machine",
                    "destination \"%s\" and source \"%s\" share a file system: one dead disk takes "
                    "both",
                    d->name, s->name);
    }
}

/* The worker looks at the place itself, and at the files of this machine that it needs. */
static void check_remote(json_t *findings, const struct destination *d)
{
    if (d->insecure && d->type == DESTINATION_S3 && str_starts(d->endpoint, "http://"))
        finding(findings, WARNING, "use https://",
                "destination \"%s\": nothing on the way to %s is encrypted or checked (insecure = "
                "yes)",
                d->name, d->endpoint);
}

void doctor_destinations(struct cli *c, json_t *findings)
{
    for (size_t i = 0; i < c->config->destination_count; i++)
        if (c->config->destinations[i]->type == DESTINATION_DIRECTORY)
            check_destination(c->config, findings, c->config->destinations[i]);
        else
            check_remote(findings, c->config->destinations[i]);
    if (c->config->destination_count < 2)
        finding(findings, WARNING, "add a second [destination NAME] elsewhere",
                "there is one destination only");
}

static void check_program(json_t *findings, const char *where, const char *name,
                          const struct strlist *argv)
{
    if (argv->count == 0)
        return;
    _cleanup_free_ char *path = child_find_program(argv->items[0]);
    if (path == NULL)
        finding(findings, ERROR, "install it, or correct the option", "%s \"%s\": no program %s",
                where, name, argv->items[0]);
}

void doctor_tools(struct cli *c, json_t *findings)
{
    for (size_t i = 0; i < c->config->source_count; i++) {
        const struct source *s = c->config->sources[i];
        check_program(findings, "source", s->name, &s->command);
        check_program(findings, "source", s->name, &s->restore_command);
        if (s->type == SOURCE_FILES && s->path != NULL && access(s->path, F_OK) != 0)
            finding(findings, ERROR, "mount it, or correct the path", "source \"%s\": %s: %s",
                    s->name, s->path, strerror(errno));
    }
    for (size_t i = 0; i < c->config->job_count; i++) {
        const struct job *j = c->config->jobs[i];
        const struct strlist *hooks[] = {&j->before, &j->after, &j->restore_stop, &j->restore_start,
                                         &j->restore_check};
        for (size_t k = 0; k < ARRAY_LEN(hooks); k++)
            check_program(findings, "job", j->name, hooks[k]);
        if (j->ping == NULL)
            finding(findings, WARNING,
                    "set ping = URL of a dead man's switch (healthchecks and the like)",
                    "job \"%s\" tells nobody when it fails or when the whole machine is gone",
                    j->name);
    }
}
