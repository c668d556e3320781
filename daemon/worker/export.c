/* export.c — the verb that writes one set as one tar file: whole and durable under its name, or
 * not at all. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/worker/set_to_plain.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/plain/tar_export.h"
#include "lib/plain/set_verify.h"

enum { EXPORT_LEVEL = 2 };
static const uint64_t EXPORT_VOLUME = 64ULL << 30;

struct place {
    int folder;      /* owned descriptor */
    char *name;      /* owned: of the file in it */
    char *temporary; /* owned: its name until it is whole */
};

struct watch {
    struct worker *worker;
    uint64_t total;
};

static bool report(void *arg, uint64_t done)
{
    const struct watch *w = arg;

    worker_progress(w->worker, "export", done, w->total);
    return !worker_cancelled(w->worker);
}

static void place_deinit(struct place *p)
{
    fs_closep(&p->folder);
    free(p->name);
    free(p->temporary);
}

/* PLACE is the file to make, or a folder to make JOB-ID.tar in. */
static int find_place(const char *text, const char *job, const char *id, struct place *p,
                      struct err *e)
{
    struct stat st;
    _cleanup_free_ char *path = io_stat(AT_FDCWD, text, &st, 0) == 0 && S_ISDIR(st.st_mode)
                                    ? mem_printf("%s/%s-%s.tar", text, job, id)
                                    : mem_strdup(text);
    char *slash = strrchr(path, '/');

    p->name = mem_strdup(slash != NULL ? slash + 1 : path);
    if (p->name[0] == '\0')
        return err_set(e, ERR_NOT_FOUND, "%s: there is no such folder", text);
    p->temporary = mem_printf(".%s.synbak-part", p->name);
    if (slash != NULL)
        slash[slash == path] = '\0'; /* "/" stays for what lies in the root */
    const char *folder = slash != NULL ? path : ".";
    p->folder = io_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (p->folder < 0)
        return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", folder);
    if (io_stat(p->folder, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return err_set(e, ERR_EXISTS, "%s exists already (remove it, or choose another name)",
                       text);
    return 0;
}

static int finish_file(const struct place *p, int fd, struct err *e)
{
    if (io_fsync(fd) != 0)
        return err_sys(e, ERR_IO, errno, "fsync %s", p->name);
    /* NFS knows no NOREPLACE; find_place has looked */
    if (io_rename(p->folder, p->temporary, p->folder, p->name, RENAME_NOREPLACE) != 0 &&
        (errno != EINVAL || io_rename(p->folder, p->temporary, p->folder, p->name, 0) != 0))
        return errno == EEXIST ? err_set(e, ERR_EXISTS, "%s exists already", p->name)
                               : err_sys(e, ERR_IO, errno, "rename to %s", p->name);
    return fs_sync_dir(p->folder, ".", e);
}

static int write_file(struct worker *w, struct destination *d, const struct manifest *m,
                      const struct place *p, uint64_t *bytes, uint8_t *sha256, struct err *e)
{
    struct watch watch = {.worker = w, .total = set_verify_size(m)};
    _cleanup_(fs_closep) int fd = io_open(
        p->folder, p->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "create %s", p->temporary);
    if (tar_export_set(d->store, m, fd, report, &watch, bytes, sha256, e) == 0 &&
        finish_file(p, fd, e) == 0)
        return 0;
    (void)io_unlink(p->folder, p->temporary, 0);
    return -1;
}

static int export_set(struct worker *w, struct destination *d, const char *name, const char *id,
                      const char *text, json_t **ret_result, struct err *e)
{
    struct place place = {.folder = -1};
    struct manifest m;
    uint8_t sha256[STORE_DIGEST_LEN];
    char hex[2 * STORE_DIGEST_LEN + 1];
    uint64_t bytes = 0;

    if (destination_read(d, name, id, &m, NULL, NULL, e) < 0)
        return -1;
    int rc = find_place(text, name, id, &place, e);
    if (rc == 0)
        rc = write_file(w, d, &m, &place, &bytes, sha256, e);
    if (rc == 0) {
        hex_encode(sha256, sizeof(sha256), hex);
        *ret_result = json_pack("{s:I,s:s}", "bytes", (json_int_t)bytes, "sha256", hex);
    }
    place_deinit(&place);
    manifest_deinit(&m);
    return rc;
}

/* The set of a repository lies in a folder beside the file as a plain set until the file holds it. */
struct stage {
    struct place *place;
    char *name; /* of the folder */
    struct store *store;
    struct marker marker;
};

static int open_stage(struct stage *s, const char *text, const char *owner, struct err *e)
{
    _cleanup_free_ char *slash = mem_strdup(text), *path = NULL;
    struct stat st;
    bool folder = io_stat(AT_FDCWD, text, &st, 0) == 0 && S_ISDIR(st.st_mode);
    char *last = strrchr(slash, '/');

    if (!folder && last != NULL)
        last[last == slash] = '\0';
    s->name = mem_printf("%s.d", s->place->temporary);
    path = mem_printf("%s/%s", folder ? text : last != NULL ? slash : ".", s->name);
    if (fs_remove_tree(s->place->folder, s->name, e) < 0)
        return -1;
    if (io_mkdir(s->place->folder, s->name, 0700) != 0)
        return err_sys(e, ERR_IO, errno, "make the folder %s", path);
    _cleanup_free_ char *absolute = realpath(path, NULL);
    if (absolute == NULL)
        return err_sys(e, ERR_IO, errno, "%s", path);
    return store_open_directory(absolute, false, &s->store, e) < 0
               ? -1
               : marker_claim(s->store, owner, NULL, &s->marker, e);
}

static int write_staged(struct worker *w, struct set_reader *set, struct stage *s,
                        json_t **ret_result, struct err *e)
{
    struct destination plain = {.store = s->store};
    struct mac_key mac;
    struct manifest m;
    uint8_t sha256[STORE_DIGEST_LEN];
    char hex[2 * STORE_DIGEST_LEN + 1];
    uint64_t bytes = 0;
    struct watch watch = {.worker = w, .total = set_to_plain_size(set)};
    struct set_to_plain to = {
        .from = set,
        .to = {.store = s->store,
               .set_prefix = set->prefix,
               .codec = {.gzip = true, .level = EXPORT_LEVEL, .key = &set->from.key},
               .volume_bytes = EXPORT_VOLUME},
        .marker = &s->marker,
        .mac = &mac,
        .key_hint = set->from.key_hint,
        .progress = report,
        .arg = &watch,
    };

    if (mac_key_derive(&set->from.key, s->marker.salt, &mac, e) < 0)
        return -1;
    int rc = set_to_plain(&to, &m, e);
    if (rc == 0) { /* once more, with the names of what was made at the commit */
        manifest_deinit(&m);
        rc = manifest_read(s->store, set->job, set->id, &mac, &m, e);
    }
    mac_key_deinit(&mac);
    if (rc < 0)
        return -1;
    rc = write_file(w, &plain, &m, s->place, &bytes, sha256, e);
    manifest_deinit(&m);
    if (rc == 0) {
        hex_encode(sha256, sizeof(sha256), hex);
        *ret_result = json_pack("{s:I,s:s}", "bytes", (json_int_t)bytes, "sha256", hex);
    }
    return rc;
}

static int export_repository(struct worker *w, const json_t *job, const char *text,
                             json_t **ret_result, struct err *e)
{
    struct place place = {.folder = -1};
    struct stage stage = {.place = &place};
    struct set_reader set;
    struct err unused;

    if (set_reader_open(w, job, &set, e) < 0)
        return -1;
    int rc = find_place(text, set.job, set.id, &place, e);
    if (rc == 0)
        rc = open_stage(&stage, text, set.repo.repository->id, e);
    if (rc == 0)
        rc = write_staged(w, &set, &stage, ret_result, e);
    store_close(stage.store);
    if (stage.name != NULL)
        (void)!fs_remove_tree(place.folder, stage.name, &unused);
    free(stage.name);
    place_deinit(&place);
    set_reader_close(&set);
    return rc;
}

int verb_export(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    _cleanup_free_ char *name = NULL, *id = NULL;
    struct destination d = {0};
    const char *text;

    if (json_get_string(job, "place", &text, e) < 0 ||
        destination_open_set(w, job, &d, &name, &id, e) < 0)
        return -1;
    bool repository = d.repository;
    int rc = repository ? 0 : export_set(w, &d, name, id, text, ret_result, e);
    destination_close(&d);
    if (repository)
        return export_repository(w, job, text, ret_result, e);
    return rc;
}
