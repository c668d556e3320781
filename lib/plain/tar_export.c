#include "lib/plain/tar_export.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/plain/digest.h"

enum { PIECE = 1 << 20 };

struct export
{
    struct store *store;
    const struct manifest *m;
    int fd;
    artifact_progress_cb *progress;
    void *arg;
    struct archive *archive;
    uint8_t *piece; /* owned: PIECE bytes on their way */
    struct digest *object;
    struct digest *whole;
    uint64_t bytes;
    struct err write_error; /* of our own callback, which libarchive cannot carry */
};

static la_ssize_t write_out(struct archive *a, void *arg, const void *data, size_t len)
{
    struct export *x = arg;

    (void)a;
    if (fs_write_all(x->fd, data, len, &x->write_error) < 0)
        return -1;
    digest_update(x->whole, data, len);
    x->bytes += len;
    return (la_ssize_t)len;
}

static int archive_failed(const struct export *x, struct err *e)
{
    if (x->write_error.code != ERR_NONE)
        return err_set(e, x->write_error.code, "%s", x->write_error.text);
    return err_set(e, ERR_INTERNAL, "libarchive: %s", archive_error_string(x->archive));
}

static int begin_object(struct export *x, const char *name, uint64_t size, struct err *e)
{
    struct archive_entry *entry = archive_entry_new();

    if (entry == NULL)
        return err_set(e, ERR_INTERNAL, "libarchive: no memory");
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_mtime(entry, x->m->finished.us / 1000000, 0);
    int rc = archive_write_header(x->archive, entry);
    archive_entry_free(entry);
    return rc == ARCHIVE_OK ? 0 : archive_failed(x, e);
}

static int copy_bytes(struct export *x, const char *name, uint64_t size, struct err *e)
{
    for (uint64_t at = 0; at < size;) {
        size_t want = size - at < PIECE ? (size_t)(size - at) : PIECE, n = 0;
        if (store_get(x->store, name, at, x->piece, want, &n, e) < 0)
            return -1;
        if (n == 0)
            return err_set(e, ERR_DAMAGED, "%s: it is shorter than what was written", name);
        digest_update(x->object, x->piece, n);
        if (archive_write_data(x->archive, x->piece, n) != (la_ssize_t)n)
            return archive_failed(x, e);
        at += n;
        if (x->progress != NULL && !x->progress(x->arg, x->bytes))
            return err_set(e, ERR_CANCELLED, "cancelled");
    }
    return 0;
}

static int copy_object(struct export *x, const struct artifact_volume *v, struct err *e)
{
    _cleanup_free_ char *name = mem_printf("%s/%s/%s", x->m->job, x->m->id, v->name);
    uint8_t sha256[STORE_DIGEST_LEN];

    if (begin_object(x, name, v->size, e) < 0 || copy_bytes(x, name, v->size, e) < 0)
        return -1;
    digest_take(x->object, sha256);
    if (memcmp(sha256, v->sha256, sizeof(sha256)) != 0)
        return err_set(e, ERR_DAMAGED, "%s: it is not what was written", name);
    return 0;
}

/* The manifest and its MAC prove themselves; the reader of the export checks them. */
static int copy_proof(struct export *x, const char *file, struct err *e)
{
    _cleanup_free_ char *name = mem_printf("%s/%s/%s", x->m->job, x->m->id, file);
    struct store_object o;
    uint8_t unused[STORE_DIGEST_LEN];

    if (store_stat(x->store, name, &o, e) < 0 || begin_object(x, name, o.size, e) < 0 ||
        copy_bytes(x, name, o.size, e) < 0)
        return -1;
    digest_take(x->object, unused);
    return 0;
}

static int copy_all(struct export *x, struct err *e)
{
    const struct manifest *m = x->m;

    /* MANIFEST.txt first: who looks into the file finds out what it is */
    if (copy_object(x, &m->text, e) < 0 || copy_object(x, &m->sums, e) < 0 ||
        copy_proof(x, "manifest.mac", e) < 0 || copy_proof(x, "manifest.json", e) < 0)
        return -1;
    for (size_t i = 0; i < m->artifact_count; i++) {
        const struct manifest_artifact *a = &m->artifacts[i];
        for (size_t v = 0; v < a->volume_count; v++)
            if (copy_object(x, &a->volumes[v], e) < 0)
                return -1;
        if (copy_object(x, &a->segments, e) < 0)
            return -1;
    }
    return archive_write_close(x->archive) == ARCHIVE_OK ? 0 : archive_failed(x, e);
}

static int open_archive(struct export *x, struct err *e)
{
    x->archive = archive_write_new();
    if (x->archive == NULL)
        return err_set(e, ERR_INTERNAL, "libarchive: no memory");
    /* the file ends with its last needed byte, so that any cut is seen */
    if (archive_write_set_format_pax_restricted(x->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(x->archive, 1) != ARCHIVE_OK ||
        archive_write_open(x->archive, x, NULL, write_out, NULL) != ARCHIVE_OK)
        return archive_failed(x, e);
    return 0;
}

int tar_export_set(struct store *s, const struct manifest *m, int fd,
                   artifact_progress_cb *progress, void *arg, uint64_t *ret_bytes,
                   uint8_t ret_sha256[STORE_DIGEST_LEN], struct err *e)
{
    struct export x = {.store = s, .m = m, .fd = fd, .progress = progress, .arg = arg};

    if (m->text.name == NULL || m->sums.name == NULL)
        return err_set(e, ERR_DAMAGED, "%s/%s: the manifest lacks SHA256SUMS or MANIFEST.txt",
                       m->job, m->id);
    x.piece = mem_alloc(PIECE);
    x.object = digest_new();
    x.whole = digest_new();
    int rc = open_archive(&x, e);
    if (rc == 0)
        rc = copy_all(&x, e);
    if (rc < 0 && x.archive != NULL)
        (void)archive_write_fail(x.archive); /* no trailer: what is there must not look whole */
    if (x.archive != NULL)
        (void)archive_write_free(x.archive);
    digest_take(x.whole, ret_sha256);
    *ret_bytes = x.bytes;
    digest_free(x.object);
    digest_free(x.whole);
    free(x.piece);
    return rc;
}
