#include "daemon/worker/restore_record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
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

/* STATE_DIR/restores, made if need be; *owner: whose the state folder is. */
static int open_folder(const char *state_dir, int *ret, struct stat *owner, struct err *e)
{
    _cleanup_(fs_closep) int state = -1;

    if (fs_open_dir(state_dir, &state, e) < 0)
        return -1;
    if (io_fstat(state, owner) != 0)
        return err_sys(e, ERR_IO, errno, "stat of %s", state_dir);
    bool made = io_mkdir(state, "restores", 0700) == 0;
    if (made && (give_to(state, "restores", owner, e) < 0 || fs_sync_dir(state, ".", e) < 0))
        return -1;
    *ret = io_open(state, "restores", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    return *ret < 0 ? err_sys(e, ERR_IO, errno, "open %s/restores", state_dir) : 0;
}

int restore_record_write(const char *state_dir, const char *run, const json_t *record,
                         struct err *e)
{
    _cleanup_(fs_closep) int folder = -1;
    _cleanup_free_ char *name = mem_printf("%s.json", run);
    struct buf text = BUF_INIT(RECORD_MAX);
    struct stat st;

    if (open_folder(state_dir, &folder, &st, e) < 0)
        return -1;
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

int restore_record_remove(const char *state_dir, const char *run, struct err *e)
{
    _cleanup_free_ char *path = mem_printf("%s/restores/%s.json", state_dir, run);
    _cleanup_free_ char *folder = mem_printf("%s/restores", state_dir);

    if (io_unlink(AT_FDCWD, path, 0) != 0)
        return errno == ENOENT ? 0 : err_sys(e, ERR_IO, errno, "remove %s", path);
    return fs_sync_dir(AT_FDCWD, folder, e);
}

int restore_record_lock(const char *state_dir, const char *run, int *ret_fd, struct err *e)
{
    _cleanup_(fs_closep) int folder = -1, fd = -1;
    _cleanup_free_ char *name = mem_printf("%s.lock", run);
    struct stat st;

    if (open_folder(state_dir, &folder, &st, e) < 0)
        return -1;
    fd = io_open(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "create %s/restores/%s", state_dir, name);
    if (io_flock(fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(e, ERR_REFUSED, "restore \"%s\" is still under way: let it end first", run);
    if (give_to(folder, name, &st, e) < 0)
        return -1;
    *ret_fd = fd;
    fd = -1;
    return 0;
}

void restore_record_unlock(const char *state_dir, const char *run, int *fd)
{
    _cleanup_free_ char *path = mem_printf("%s/restores/%s.lock", state_dir, run);

    (void)io_unlink(AT_FDCWD, path, 0);
    fs_closep(fd);
}

/* Nobody holds its lock. One without a lock file was never begun by a worker that could be cut
 * off. */
static bool is_free(int folder, const char *run)
{
    _cleanup_free_ char *name = mem_printf("%s.lock", run);
    _cleanup_(fs_closep) int fd = io_open(folder, name, O_RDONLY | O_NOFOLLOW, 0);

    return fd < 0 || io_flock(fd, LOCK_SH | LOCK_NB) == 0;
}

/* A staging folder may have been cleared by a later restore; of a database only its server knows. */
static bool left_something(const json_t *record)
{
    const json_t *item;
    struct stat st;
    size_t i;

    json_array_foreach(json_object_get(record, "items"), i, item)
    {
        const char *staged = json_opt_string(item, "staged", "");
        if (staged[0] != '/' || io_stat(AT_FDCWD, staged, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    }
    return false;
}

static bool is_unfinished(int folder, const char *file)
{
    struct buf text = BUF_INIT(RECORD_MAX);
    _cleanup_json_ json_t *record = NULL;
    bool is = false;

    if (fs_read_file(folder, file, &text, NULL) == 0 &&
        json_read(text.data, text.len, &record, NULL) == 0) {
        const char *state = json_opt_string(record, "state", "");
        is = (str_equal(state, "staging") || str_equal(state, "planned")) && left_something(record);
    }
    buf_deinit(&text);
    return is;
}

void restore_record_cut_off(const char *state_dir, struct strlist *ret_runs)
{
    _cleanup_free_ char *path = mem_printf("%s/restores", state_dir);
    DIR *dir = io_opendir(AT_FDCWD, path);
    struct dirent *entry;

    while (dir != NULL && (entry = io_readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name);
        if (entry->d_name[0] == '.' || !str_ends(entry->d_name, ".json"))
            continue;
        _cleanup_free_ char *run = mem_printf("%.*s", (int)(len - strlen(".json")), entry->d_name);
        if (is_unfinished(dirfd(dir), entry->d_name) && is_free(dirfd(dir), run))
            strlist_add(ret_runs, run);
    }
    if (dir != NULL)
        (void)io_closedir(dir);
}
