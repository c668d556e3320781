#include "daemon/worker/restore_record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"

enum { RECORD_MAX = 16 << 20 };

/* Root writes here into the daemon's folder: the daemon must be able to read it. */
static int give_to(int fd, const char *name, const struct stat *owner, struct err *e)
{
    if (geteuid() == 0 &&
        io_chown(fd, name, owner->st_uid, owner->st_gid, AT_SYMLINK_NOFOLLOW) != 0)
        return err_sys(e, ERR_IO, errno, "owner of %s", name);
    return 0;
}

int restore_record_write(const char *state_dir, const char *run, const json_t *record,
                         struct err *e)
{
    _cleanup_(fs_closep) int state = -1, folder = -1;
    _cleanup_free_ char *name = mem_printf("%s.json", run);
    struct buf text = BUF_INIT(RECORD_MAX);
    struct stat st;

    if (fs_open_dir(state_dir, &state, e) < 0)
        return -1;
    if (io_fstat(state, &st) != 0)
        return err_sys(e, ERR_IO, errno, "stat of %s", state_dir);
    bool made = io_mkdir(state, "restores", 0700) == 0;
    if (made && (give_to(state, "restores", &st, e) < 0 || fs_sync_dir(state, ".", e) < 0))
        return -1;
    folder = io_open(state, "restores", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (folder < 0)
        return err_sys(e, ERR_IO, errno, "open %s/restores", state_dir);
    int rc = json_write(record, &text, e);
    if (rc == 0)
        rc = fs_replace_file(folder, name, text.data, text.len, 0600, e);
    if (rc == 0)
        rc = give_to(folder, name, &st, e);
    buf_deinit(&text);
    return rc < 0 ? err_wrap(e, "record of the restore in %s/restores", state_dir) : 0;
}

int restore_record_read(const char *state_dir, const char *run, json_t **ret, struct err *e)
{
    _cleanup_free_ char *path = mem_printf("%s/restores/%s.json", state_dir, run);
    struct buf text = BUF_INIT(RECORD_MAX);
    struct err why = {0};

    int rc = fs_read_file(AT_FDCWD, path, &text, &why);
    if (rc < 0 && why.code == ERR_NOT_FOUND)
        (void)err_set(e, ERR_NOT_FOUND,
                      "no restore \"%s\" is on record (%s): synbakctl status lists them", run,
                      path);
    else if (rc < 0 && e != NULL)
        *e = why;
    if (rc == 0)
        rc = json_read(text.data, text.len, ret, e);
    buf_deinit(&text);
    return rc;
}
