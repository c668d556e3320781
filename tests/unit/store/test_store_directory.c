#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/ops.h"
#include "tests/lib/seam.h"
#include "tests/lib/store_conformance.h"

static struct err e;

static struct store *make(void)
{
    struct store *s;

    ASSERT_OK(store_open_directory(test_dir(), false, &s, &e), e);
    return s;
}

STORE_CONFORMANCE(make)

static void put(struct store *s, const char *name, const char *text)
{
    ASSERT_OK(store_put_bytes(s, name, text, strlen(text), STORE_FAIL_IF_EXISTS, &e), e);
}

static const char *path_of(const char *name)
{
    static char path[300];

    (void)snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
    return path;
}

static size_t object_count(struct store *s)
{
    struct store_object o[8];
    size_t n;

    ASSERT_OK(store_list(s, "", false, "", o, 8, &n, &e), e);
    return n;
}

static mode_t mode_of(const char *name)
{
    struct stat st;

    ASSERT_EQ(lstat(path_of(name), &st), 0);
    return st.st_mode & 0777;
}

static void check_bytes(struct store *s, const char *name, const char *text)
{
    struct buf out = BUF_INIT(100);

    ASSERT_OK(store_get_bytes(s, name, &out, &e), e);
    ASSERT_STR((char *)out.data, text);
    buf_deinit(&out);
}

/* EPERM and EINVAL say "cannot" of some calls and "must not" of others. */
static bool can_be_missing(const char *call, int errnum)
{
    if (strcmp(call, "fsync") == 0 || strcmp(call, "sync_range") == 0)
        return errnum != EPERM;
    if (strcmp(call, "openat2") == 0)
        return errnum == ENOSYS || errnum == EPERM;
    return true;
}

/* How many files lie in the folder of what is being put? */
static size_t incoming(struct store *s)
{
    size_t n;

    ASSERT_OK(store_sweep(s, -3600, &n, &e), e);
    return n;
}

TEST(modes_are_exact_whatever_the_umask)
{
    const mode_t masks[] = {0, 022, 0777};

    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        char name[32];
        struct store *s = make();
        (void)snprintf(name, sizeof(name), "job%zu/set/object", i);
        (void)umask(masks[i]);
        put(s, name, "x");
        ASSERT_EQ(mode_of(name), 0600);
        *strrchr(name, '/') = '\0';
        ASSERT_EQ(mode_of(name), 0700);
        *strrchr(name, '/') = '\0';
        ASSERT_EQ(mode_of(name), 0700);
        ASSERT_EQ(mode_of(".synbak-incoming"), 0700);
        store_close(s);
    }
}

TEST(a_missing_destination_is_named)
{
    struct store *s;
    char path[300];

    (void)snprintf(path, sizeof(path), "%s/not/there", test_dir());
    ASSERT_ERR(store_open_directory(path, false, &s, &e), e, ERR_NOT_FOUND);
    ASSERT_CONTAINS(e.text, path);
    ASSERT_CONTAINS(e.text, "mount it");
    ASSERT_OK(store_open_directory(path, true, &s, &e), e);
    ASSERT_STR(store_place(s), path);
    ASSERT_EQ(mode_of("not/there"), 0700);
    store_close(s);
    ASSERT_ERR(store_open_directory("/proc/version", false, &s, &e), e, ERR_CONFIG);
}

TEST(symbolic_links_inside_are_never_followed)
{
    char outside[64] = "/tmp/synbak-outside.XXXXXX", victim[80], byte;
    struct store *s = make();
    struct store_object o;
    size_t n;
    const char *deny[] = {NULL, "openat2"};

    ASSERT(mkdtemp(outside) != NULL);
    (void)snprintf(victim, sizeof(victim), "%s/victim", outside);
    ASSERT_EQ(close(open(victim, O_CREAT | O_WRONLY, 0600)), 0);
    ASSERT_EQ(symlink(outside, path_of("job")), 0);
    ASSERT_EQ(symlink(victim, path_of("object")), 0);
    for (size_t i = 0; i < ARRAY_LEN(deny); i++) {
        seam_deny(deny[i], ENOSYS); /* then the same without the system call that does it at once */
        ASSERT(store_get(s, "job/victim", 0, &byte, 1, &n, &e) < 0);
        ASSERT_EQ(e.code, ERR_REFUSED);
        ASSERT_CONTAINS(e.text, "symbolic link");
        ASSERT(store_get(s, "object", 0, &byte, 1, &n, &e) < 0);
        ASSERT(store_delete(s, "job/victim", &e) < 0);
        ASSERT_ERR(store_delete(s, "object", &e), e, ERR_NOT_FOUND);
        ASSERT_ERR(store_stat(s, "object", &o, &e), e, ERR_NOT_FOUND);
        ASSERT_ERR(store_put_bytes(s, "job/new", "x", 1, STORE_REPLACE, &e), e, ERR_REFUSED);
        ASSERT_EQ(object_count(s), 0);
    }
    seam_deny(NULL, 0);
    /* a link in the place of an object is replaced, not written through */
    ASSERT_OK(store_put_bytes(s, "object", "new", 3, STORE_REPLACE, &e), e);
    struct stat st;
    ASSERT_EQ(stat(victim, &st), 0);
    ASSERT_EQ(st.st_size, 0);
    ASSERT_EQ(unlink(victim), 0);
    ASSERT_EQ(rmdir(outside), 0);
    store_close(s);
}

TEST(foreign_things_are_no_objects)
{
    struct store *s = make();
    struct store_object o[4];
    size_t n;

    ASSERT_EQ(mkdir(path_of("empty"), 0700), 0);
    ASSERT_EQ(mkdir(path_of("empty/too"), 0700), 0);
    ASSERT_EQ(mkfifo(path_of("fifo"), 0600), 0);
    ASSERT_EQ(symlink("nowhere", path_of("latest")), 0);
    ASSERT_OK(store_list(s, "", true, "", o, 4, &n, &e), e);
    ASSERT_EQ(n, 0);
    ASSERT_ERR(store_stat(s, "fifo", o, &e), e, ERR_NOT_FOUND);
    char byte;
    ASSERT_ERR(store_get(s, "fifo", 0, &byte, 1, &n, &e), e, ERR_NOT_FOUND);
    store_close(s);
}

TEST(one_wrong_bit_on_the_medium_is_found_before_commit)
{
    struct store *s = make();
    uint64_t calls;

    seam_reset();
    put(s, "a/b", "some bytes");
    calls = seam_count();
    for (uint64_t n = 1; n <= calls; n++) {
        seam_reset();
        seam_flip_at(n);
        int rc = store_put_bytes(s, "c", "some bytes", 10, STORE_REPLACE, &e);
        if (rc < 0) {
            ASSERT_EQ(e.code, ERR_DAMAGED);
            ASSERT_CONTAINS(e.text, "read back");
            ASSERT_EQ(object_count(s), 1);
            ASSERT_EQ(incoming(s), 0);
            store_close(s);
            return;
        }
        ASSERT_OK(store_delete(s, "c", &e), e);
    }
    test_fail(__FILE__, __LINE__, "no call was a write");
}

TEST(damage_far_behind_the_writer_ends_a_long_put)
{
    enum { PIECE = 2 * 1024 * 1024 };
    struct store *s = make();
    struct store_put *p;
    _cleanup_free_ uint8_t *data = mem_alloc(PIECE);
    uint8_t digest[32];
    int pieces = 0;

    (void)SHA256(data, PIECE, digest);
    digest[0] ^= 1; /* what the medium gives back is not what was meant */
    ASSERT_OK(store_put_begin(s, NULL, STORE_AFRESH, &p, &e), e);
    for (; pieces < 20; pieces++)
        if (store_put_write(p, data, PIECE, &e) < 0 || store_put_seal(p, digest, &e) < 0)
            break;
    ASSERT(pieces < 20);
    ASSERT_EQ(e.code, ERR_DAMAGED);
    store_put_abort(p);
    ASSERT_EQ(incoming(s), 0);
    store_close(s);
}

/* Every call fails once, and from there on, with each errno: the put fails, says so, leaves the old
 * objects alone and nothing behind; and it works when the trouble is over. */
TEST(whatever_call_fails_the_store_stays_whole)
{
    const int errnos[] = {ENOSPC, EIO, EROFS, EDQUOT, EACCES};
    struct store *s = make();
    unsigned failures = 0;

    put(s, "job/1/old", "old");
    for (size_t i = 0; i < ARRAY_LEN(errnos); i++)
        for (int from = 0; from < 2; from++)
            for (uint64_t n = 1;; n++) {
                struct store_object o;
                seam_reset();
                if (from)
                    seam_fail_from(n, errnos[i]);
                else
                    seam_fail_once(n, errnos[i]);
                int rc = store_put_bytes(s, "job/2/new", "new", 3, STORE_FAIL_IF_EXISTS, &e);
                uint64_t calls = seam_count();
                seam_reset();
                ASSERT_OK(store_stat(s, "job/1/old", &o, &e), e);
                if (rc == 0 && n > calls) {
                    ASSERT_OK(store_delete(s, "job/2/new", &e), e);
                    break;
                }
                if (rc == 0) { /* a call that may fail: tidying */
                    ASSERT_OK(store_delete(s, "job/2/new", &e), e);
                    continue;
                }
                failures++;
                ASSERT_CONTAINS(e.text, test_dir());
                ASSERT(errnos[i] != ENOSPC || e.code == ERR_NO_SPACE);
                if (!from) /* when even unlink fails, only the next sweep can tidy up */
                    ASSERT_ERR(store_stat(s, "job/2/new", &o, &e), e, ERR_NOT_FOUND);
                if (store_stat(s, "job/2/new", &o, &e) == 0)
                    ASSERT_OK(store_delete(s, "job/2/new", &e), e);
                (void)incoming(s);
            }
    test_note("%u failed calls", failures);
    ASSERT(failures > 40);
    ASSERT_EQ(object_count(s), 1);
    store_close(s);
}

TEST(errors_say_what_to_do)
{
    struct store *s = make();

    seam_deny("write", ENOSPC);
    ASSERT_ERR(store_put_bytes(s, "x", "x", 1, STORE_REPLACE, &e), e, ERR_NO_SPACE);
    ASSERT_CONTAINS(e.text, "free some space");
    seam_deny(NULL, 0);
    seam_deny("open", EROFS);
    ASSERT_ERR(store_put_bytes(s, "x", "x", 1, STORE_REPLACE, &e), e, ERR_IO);
    ASSERT_CONTAINS(e.text, "remount");
    seam_deny(NULL, 0);
    seam_deny("mkdir", EACCES);
    ASSERT_ERR(store_put_bytes(s, "x", "x", 1, STORE_REPLACE, &e), e, ERR_DENIED);
    ASSERT_CONTAINS(e.text, "chown");
    seam_deny(NULL, 0);
    seam_deny("pread", ESTALE);
    ASSERT_ERR(store_put_bytes(s, "x", "x", 1, STORE_REPLACE, &e), e, ERR_UNAVAILABLE);
    ASSERT_CONTAINS(e.text, "mount it again");
    seam_deny(NULL, 0);
    store_close(s);
}

TEST(a_full_disk_at_any_byte)
{
    struct store *s = make();
    char text[4000];

    memset(text, 'x', sizeof(text));
    for (uint64_t room = 0; room < sizeof(text); room += 97) {
        seam_reset();
        seam_space(room);
        ASSERT_ERR(store_put_bytes(s, "x", text, sizeof(text), STORE_REPLACE, &e), e, ERR_NO_SPACE);
        ASSERT_EQ(object_count(s), 0);
        ASSERT_EQ(incoming(s), 0);
    }
    seam_reset();
    store_close(s);
}

/* The same on a real file system: full, then read-only, then gone. Needs a mount namespace. */
TEST(a_real_file_system_fills_up_and_turns_read_only)
{
    enum { LARGE = 1 << 20 };
    _cleanup_free_ char *text = mem_alloc(LARGE);
    struct store *s;
    char old[4] = "";
    size_t n;

    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", test_dir(), "tmpfs", 0, "size=512k,mode=700") != 0) {
        test_note("not allowed to mount: not tested");
        return;
    }
    s = make();
    put(s, "job/1/old", "old");
    ASSERT_ERR(store_put_bytes(s, "job/2/a", text, LARGE, STORE_REPLACE, &e), e, ERR_NO_SPACE);
    ASSERT_CONTAINS(e.text, "free some space");
    ASSERT_EQ(object_count(s), 1);
    put(s, "job/2/b", "the space is free again");
    ASSERT_EQ(mount("none", test_dir(), "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
    ASSERT_ERR(store_put_bytes(s, "job/3/c", "x", 1, STORE_REPLACE, &e), e, ERR_IO);
    ASSERT_CONTAINS(e.text, "read-only");
    ASSERT_ERR(store_delete(s, "job/1/old", &e), e, ERR_IO);
    ASSERT_OK(store_get(s, "job/1/old", 0, old, 3, &n, &e), e);
    ASSERT_STR(old, "old");
    store_close(s);
    ASSERT_EQ(umount(test_dir()), 0);
    s = make();
    ASSERT_EQ(object_count(s), 0);
    store_close(s);
}

TEST(without_noreplace_and_without_hard_links)
{
    struct store *s = make();
    char name[16];

    for (int i = 0; i < 2; i++) {
        (void)snprintf(name, sizeof(name), "x%d", i);
        seam_deny("renameat2", EINVAL);
        if (i == 1)
            seam_deny("link", EPERM);
        put(s, name, "first");
        ASSERT_ERR(store_put_bytes(s, name, "second", 6, STORE_FAIL_IF_EXISTS, &e), e, ERR_EXISTS);
        ASSERT_OK(store_put_bytes(s, name, "third", 5, STORE_REPLACE, &e), e);
        ASSERT_EQ(incoming(s), 0);
    }
    seam_deny(NULL, 0);
    ASSERT_EQ(object_count(s), 2);
    store_close(s);
}

/* Network and foreign file systems: each call that may be missing, alone and all together. */
TEST(nothing_fails_for_what_a_file_system_lacks)
{
    static const char *const calls[] = {"renameat2", "link",       "flock",   "fchmod",
                                        "symlink",   "sync_range", "openat2", "fsync"};
    static const int errnums[] = {EOPNOTSUPP, ENOSYS, EINVAL, EPERM};
    int tried = 0;
    char name[64];

    for (size_t i = 0; i <= ARRAY_LEN(calls); i++)
        for (size_t j = 0; j < ARRAY_LEN(errnums); j++) {
            struct store *s = make();
            for (size_t k = 0; k < ARRAY_LEN(calls); k++)
                if ((k == i || i == ARRAY_LEN(calls)) && can_be_missing(calls[k], errnums[j]))
                    seam_deny(calls[k], errnums[j]);
            (void)snprintf(name, sizeof(name), "job/%zu-%zu/object", i, j);
            put(s, name, "first");
            ASSERT_ERR(store_put_bytes(s, name, "x", 1, STORE_FAIL_IF_EXISTS, &e), e, ERR_EXISTS);
            ASSERT_OK(store_put_bytes(s, name, "second", 6, STORE_REPLACE, &e), e);
            check_bytes(s, name, "second");
            ASSERT_OK(store_point(s, "job/latest", "job", &e), e);
            ASSERT_EQ(incoming(s), 0);
            ASSERT_OK(store_delete(s, name, &e), e);
            ASSERT_EQ(object_count(s), 0);
            seam_deny(NULL, 0);
            store_close(s);
            tried++;
        }
    test_note("%d file systems that lack something", tried);
}

TEST(what_has_gone_stale_is_opened_anew_or_said)
{
    struct store *s = make();
    struct buf out = BUF_INIT(100);
    uint64_t before;

    put(s, "a/b", "bytes");
    seam_deny("openat2", ESTALE);
    ASSERT_ERR(store_get_bytes(s, "a/b", &out, &e), e, ERR_UNAVAILABLE);
    ASSERT_CONTAINS(e.text, "mount it again");
    seam_deny(NULL, 0);
    seam_deny("fstat", ESTALE);
    ASSERT_ERR(store_get_bytes(s, "a/b", &out, &e), e, ERR_UNAVAILABLE);
    seam_deny(NULL, 0);
    before = seam_count();
    check_bytes(s, "a/b", "bytes");
    ASSERT_EQ(seam_count(), before);
    buf_deinit(&out);
    store_close(s);
}

TEST(shadows_of_deleted_files_are_no_objects)
{
    struct store *s = make();

    put(s, "a", "x");
    for (size_t i = 0; i < 3; i++) {
        const char *const names[] = {".nfs000000000001", ".fuse_hidden0001", ".smbdeleteAAA1"};
        int fd = open(path_of(names[i]), O_CREAT | O_WRONLY, 0600);
        ASSERT(fd >= 0);
        (void)close(fd);
    }
    ASSERT_EQ(object_count(s), 1);
    store_close(s);
}

TEST(a_link_holds_no_objects)
{
    struct store *s = make();
    struct store_object o;
    size_t n;

    put(s, "a/b", "x");
    ASSERT_EQ(symlink("a", path_of("link")), 0);
    ASSERT_OK(store_list(s, "link/", false, "", &o, 1, &n, &e), e);
    ASSERT_EQ(n, 0);
    ASSERT_OK(store_list(s, ".synbak-incoming/", false, "", &o, 1, &n, &e), e);
    ASSERT_EQ(n, 0);
    ASSERT_OK(store_list(s, "../", false, "", &o, 1, &n, &e), e);
    ASSERT_EQ(n, 0);
    store_close(s);
}

TEST(short_counts_and_signals_change_nothing)
{
    struct store *s = make();
    struct buf out = BUF_INIT(1000);

    seam_short_counts(true);
    seam_interrupt(true);
    put(s, "a/b", "a longer text than one byte");
    ASSERT_OK(store_get_bytes(s, "a/b", &out, &e), e);
    ASSERT_STR((char *)out.data, "a longer text than one byte");
    buf_deinit(&out);
    store_close(s);
}

TEST(sweep_takes_only_what_is_abandoned)
{
    struct store *s = make();
    struct store_put *p;
    uint8_t digest[32];
    size_t n;

    ASSERT_OK(store_put_begin(s, NULL, STORE_AFRESH, &p, &e), e);
    ASSERT_OK(store_put_write(p, "abc", 3, &e), e);
    ASSERT_EQ(close(open(path_of(".synbak-incoming/dead"), O_CREAT | O_WRONLY, 0600)), 0);
    ASSERT_EQ(symlink("x", path_of(".synbak-incoming/link")), 0);
    ASSERT_OK(store_sweep(s, 86400, &n, &e), e);
    ASSERT_EQ(n, 0);
    ASSERT_OK(store_sweep(s, -3600, &n, &e), e); /* however young, but not what is locked */
    ASSERT_EQ(n, 2);
    (void)SHA256((const uint8_t *)"abc", 3, digest);
    ASSERT_OK(store_put_seal(p, digest, &e), e);
    ASSERT_OK(store_put_commit(p, "x", STORE_REPLACE, &e), e);
    ASSERT_EQ(object_count(s), 1);
    store_close(s);
}

TEST(deletion_prunes_folders_but_never_the_root)
{
    struct store *s = make();
    struct stat st;

    put(s, "a/b/c/d", "x");
    put(s, "a/e", "x");
    ASSERT_OK(store_delete(s, "a/b/c/d", &e), e);
    ASSERT(stat(path_of("a/b"), &st) != 0);
    ASSERT_EQ(stat(path_of("a"), &st), 0);
    ASSERT_OK(store_delete(s, "a/e", &e), e);
    ASSERT(stat(path_of("a"), &st) != 0);
    ASSERT_EQ(stat(test_dir(), &st), 0);
    store_close(s);
}

TEST(latest_points_and_points_elsewhere)
{
    struct store *s = make();
    char target[64] = "";

    put(s, "job/1/a", "x");
    ASSERT_OK(store_point(s, "job/latest", "1", &e), e);
    ASSERT_OK(store_point(s, "job/latest", "2", &e), e);
    ASSERT_OK(store_point(s, "job/latest", "2", &e), e);
    ASSERT(readlink(path_of("job/latest"), target, sizeof(target) - 1) == 1);
    ASSERT_STR(target, "2");
    ASSERT_EQ(object_count(s), 1);
    seam_deny("symlink", EPERM); /* a file system without links */
    ASSERT_OK(store_point(s, "job/latest", "3", &e), e);
    ASSERT_ERR(store_point(s, "job/latest", "../../etc", &e), e, ERR_FORMAT);
    store_close(s);
}

TEST(space_is_told)
{
    struct store *s = make();
    struct store_space space;

    ASSERT_OK(store_space(s, &space, &e), e);
    ASSERT(space.known && space.free_bytes > 0 && space.free_bytes <= space.total_bytes);
    ASSERT(space.free_inodes > 0);
    store_close(s);
}

/* A volume that keeps most of what is unused to root: df(1) calls it 53 % full, and so do we. */
TEST(what_root_keeps_is_no_room_and_no_part_of_the_whole)
{
    struct store_space space = {0};

    store_space_of_blocks(4096, 66053021, 52631550, 11662826, &space);
    ASSERT(space.known);
    ASSERT_EQ(space.free_bytes, 11662826ULL * 4096);
    ASSERT_EQ(space.total_bytes, (66053021ULL - 52631550 + 11662826) * 4096);
    space = (struct store_space){0};
    store_space_of_blocks(4096, 10, 11, 5, &space);
    ASSERT(!space.known);
    store_space_of_blocks(UINT64_MAX, 10, 5, 5, &space);
    ASSERT(!space.known);
    store_space_of_blocks(4096, 0, 0, 0, &space);
    ASSERT(!space.known);
}

TEST(local_paths_are_given)
{
    struct store *s = make();
    _cleanup_free_ char *path = store_local_path(s, "job/1/a");

    ASSERT_STR(path, path_of("job/1/a"));
    store_close(s);
}

TEST(many_objects_are_listed_in_pages)
{
    enum { COUNT = 500, PAGE = 7 };
    struct store *s = make();
    _cleanup_free_ struct store_object *o = mem_alloc(PAGE * sizeof(*o));
    char name[32], after[STORE_NAME_MAX + 1] = "";
    size_t n, total = 0;

    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof(name), "j%d", i % 10);
        (void)mkdir(path_of(name), 0700);
        (void)snprintf(name, sizeof(name), "j%d/o%03d", i % 10, i / 10);
        ASSERT_EQ(close(open(path_of(name), O_CREAT | O_WRONLY, 0600)), 0);
    }
    do {
        ASSERT_OK(store_list(s, "", false, after, o, PAGE, &n, &e), e);
        for (size_t i = 0; i < n; i++) {
            (void)snprintf(name, sizeof(name), "j%zu/o%03zu", (total + i) / 50, (total + i) % 50);
            ASSERT_STR(o[i].name, name);
        }
        total += n;
        if (n > 0)
            memcpy(after, o[n - 1].name, sizeof(after));
    } while (n == PAGE);
    ASSERT_EQ(total, COUNT);
    store_close(s);
}
