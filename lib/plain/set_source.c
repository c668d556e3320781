#include "lib/plain/set_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/plain/manifest.h"
#include "lib/plain/set_view.h"

/* Job and id are read from the manifest unverified: they only say under which names the set is
 * shown; whoever reads it verifies the manifest and that it names the same. */
static int learn_names(struct store *raw, const char *manifest, struct set_source *ret,
                       struct err *e)
{
    struct buf bytes = BUF_INIT(MANIFEST_MAX);
    struct manifest_peek says;
    int rc = store_get_bytes(raw, manifest, &bytes, e);

    if (rc == 0)
        rc = manifest_peek_bytes(bytes.data, bytes.len, &says, e);
    buf_deinit(&bytes);
    if (rc < 0)
        return -1;
    memcpy(ret->job, says.job, sizeof(ret->job));
    memcpy(ret->id, says.id, sizeof(ret->id));
    return 0;
}

static int open_folder(const char *path, struct set_source *ret, struct err *e)
{
    struct store *raw = NULL;

    if (store_open_directory(path, false, &raw, e) < 0)
        return -1;
    if (learn_names(raw, "manifest.json", ret, e) < 0) {
        store_close(raw);
        if (e != NULL && e->code == ERR_NOT_FOUND)
            return err_set(e, ERR_FORMAT, "%s: it is not the folder of a set (no manifest.json)",
                           path);
        return err_wrap(e, "%s", path);
    }
    ret->store = set_view_new(raw, "", ret->job, ret->id);
    return 0;
}

static int open_tar(const char *path, struct set_source *ret, struct err *e)
{
    struct store *raw = NULL;
    _cleanup_free_ char *root = NULL;

    if (set_tar_open(path, &raw, &root, e) < 0)
        return -1;
    _cleanup_free_ char *manifest = mem_printf("%smanifest.json", root);
    if (learn_names(raw, manifest, ret, e) < 0) {
        store_close(raw);
        return err_wrap(e, "%s", path);
    }
    ret->store = set_view_new(raw, root, ret->job, ret->id);
    return 0;
}

int set_source_open(const char *path, struct set_source *ret, struct err *e)
{
    struct stat st;

    *ret = (struct set_source){0};
    if (io_stat(AT_FDCWD, path, &st, 0) != 0)
        return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", path);
    if (S_ISDIR(st.st_mode))
        return open_folder(path, ret, e);
    if (S_ISREG(st.st_mode))
        return open_tar(path, ret, e);
    return err_set(e, ERR_FORMAT, "%s: it is neither a folder nor a file", path);
}

void set_source_close(struct set_source *s)
{
    store_close(s->store);
    *s = (struct set_source){0};
}
