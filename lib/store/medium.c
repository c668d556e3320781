/* medium.c — by the type that statfs(2) tells; behind FUSE stands any program, which the mount table
 * names. */
#include "lib/store/medium.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/base/buf.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { MOUNTS_MAX = 4 * 1024 * 1024 };

enum {
    TYPE_NFS = 0x6969,
    TYPE_SMB = 0x517B,
    TYPE_CIFS = (int32_t)0xFF534D42,
    TYPE_SMB2 = (int32_t)0xFE534D42,
    TYPE_FUSE = 0x65735546
};

static const struct medium nfs = {
    .name = "NFS",
    .meaning =
        "fsync and rename are durable only if the server exports it with sync, and a server that "
        "restarts may say that an object exists which it has just made",
    .advice = "export it with sync, mount it with hard (never soft) and vers=4.1 or newer"};
static const struct medium smb = {
    .name = "SMB",
    .meaning = "fsync is a request that the server may ignore, and after a power cut there a "
               "rename may be "
               "lost or an object empty: verify reads what arrived",
    .advice =
        "mount it with cache=strict and without nobrl, set `strict sync = yes` on a Samba server, "
        "and let a job verify",
    .modes = "mount it with file_mode=0600,dir_mode=0700"};
static const struct medium s3fs = {
    .name = "s3fs or the like",
    .meaning =
        "fsync uploads the whole object, rename copies it and deletes the old one, so a crash "
        "can leave both, and what is read back may come from a local cache",
    .advice =
        "use type = s3 in its place: it needs no mount, is faster and checks what the bucket holds",
    .modes = "mount it with umask=0077"};
static const struct medium sshfs = {
    .name = "sshfs",
    .meaning = "fsync is passed on only to servers of OpenSSH, and nothing makes a rename durable",
    .advice = "use type = sftp in its place: it needs no mount and checks what the server holds",
    .modes = "mount it with umask=0077"};
static const struct medium fuse = {
    .name = "FUSE",
    .meaning =
        "what fsync and rename mean is up to the program behind it, and it may end while the mount "
        "stays",
    .advice = "find out in its manual whether fsync reaches the medium, and let a job verify"};

/* The type in the line of /proc/self/mountinfo that has this device: "36 35 98:0 / /mnt rw - TYPE ..." */
static char *mounted_type(dev_t device)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(MOUNTS_MAX);
    char wanted[48];
    char *save = NULL;

    (void)snprintf(wanted, sizeof(wanted), " %u:%u ", major(device), minor(device));
    if (fs_read_file(AT_FDCWD, "/proc/self/mountinfo", &text, NULL) < 0 || text.data == NULL)
        return NULL;
    for (char *line = strtok_r((char *)text.data, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        const char *type = strstr(line, " - ");
        if (type != NULL && strstr(line, wanted) != NULL)
            return mem_strndup(type + 3, strcspn(type + 3, " "));
    }
    return NULL;
}

static const struct medium *behind_fuse(dev_t device)
{
    static const char *const objects[] = {"fuse.s3fs",    "fuse.rclone",  "fuse.goofys",
                                          "fuse.geesefs", "fuse.gcsfuse", "fuse.mount-s3",
                                          "fuse.s3ql"};
    static const char *const disks[] = {"fuseblk", "fuse.bindfs"};
    _cleanup_free_ char *type = mounted_type(device);

    if (type == NULL)
        return &fuse;
    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        if (strcmp(type, objects[i]) == 0)
            return &s3fs;
    for (size_t i = 0; i < ARRAY_LEN(disks); i++)
        if (strcmp(type, disks[i]) == 0)
            return NULL; /* another name for a local one */
    return strcmp(type, "fuse.sshfs") == 0 ? &sshfs : &fuse;
}

const struct medium *store_medium(const struct store *s)
{
    struct statfs fs;
    struct stat st;
    _cleanup_(fs_closep) int fd = -1;

    if (store_place(s)[0] != '/') /* a URL */
        return NULL;
    fd = io_open(AT_FDCWD, store_place(s), O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 || io_statfs(fd, &fs) != 0 || io_fstat(fd, &st) != 0)
        return NULL;
    switch ((int32_t)fs.f_type) {
    case TYPE_NFS:
        return &nfs;
    case TYPE_SMB:
    case TYPE_CIFS:
    case TYPE_SMB2:
        return &smb;
    case TYPE_FUSE:
        return behind_fuse(st.st_dev);
    default:
        return NULL;
    }
}
