/* Archives that want out: each is extracted (as root, if we are) beside a canary tree. It is
 * refused with the member named, or what comes of it is harmless; the canary never changes. */
#include <sys/wait.h>

#include "lib/tree/tree_untar.h"
#include "tests/unit/tree/tree_help.h"

struct raw { /* one member, as raw as it gets */
    const char *name, *link, *data;
    char type;       /* 0: a regular file */
    const char *pax; /* "key=value\nkey=value": an extended header before it */
    unsigned mode;   /* 0: 0644 */
    uint64_t size;   /* 0: of data */
    unsigned major, minor;
};

static void octal(char *field, size_t width, uint64_t value)
{
    (void)snprintf(field, width, "%0*llo", (int)width - 1, (unsigned long long)value);
}

static void add_header(struct buf *out, const struct raw *m, uint64_t size)
{
    char h[512] = {0};
    unsigned sum = 0;
    struct err e;

    strncpy(h, m->name, 100);
    octal(h + 100, 8, m->mode != 0 ? m->mode : 0644);
    octal(h + 108, 8, 0);
    octal(h + 116, 8, 0);
    octal(h + 124, 12, size);
    octal(h + 136, 12, 1);
    h[156] = m->type != 0 ? m->type : '0';
    if (m->link != NULL)
        strncpy(h + 157, m->link, 100);
    memcpy(h + 257,
           "ustar\0"
           "00",
           8);
    octal(h + 329, 8, m->major);
    octal(h + 337, 8, m->minor);
    memset(h + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)h[i];
    (void)snprintf(h + 148, 8, "%06o", sum);
    h[155] = ' ';
    ASSERT_OK(buf_append(out, h, 512, &e), e);
}

static void add_data(struct buf *out, const void *data, size_t len)
{
    static const char zeros[512];
    struct err e;

    ASSERT_OK(buf_append(out, data, len, &e), e);
    ASSERT_OK(buf_append(out, zeros, (512 - len % 512) % 512, &e), e);
}

/* A record's "\\0" is a NUL: what C strings cannot say. */
static void put_nuls(struct buf *records)
{
    for (size_t i = 0; i + 1 < records->len; i++)
        if (records->data[i] == '\\' && records->data[i + 1] == '0') {
            records->data[i] = '\0';
            records->data[i + 1] = 'x';
        }
}

static void add_pax(struct buf *out, const char *lines)
{
    struct buf records = BUF_INIT(1 << 24);
    struct err e;

    for (const char *p = lines; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n') {
        size_t len = strcspn(p, "\n"), total = len + 3, digits;
        do { /* the length counts its own digits */
            digits = (size_t)snprintf(NULL, 0, "%zu", total);
            total = len + 2 + digits;
        } while (digits != (size_t)snprintf(NULL, 0, "%zu", total));
        ASSERT_OK(buf_printf(&records, &e, "%zu %.*s\n", total, (int)len, p), e);
    }
    put_nuls(&records);
    add_header(out, &(struct raw){.name = "PaxHeader", .type = 'x'}, records.len);
    add_data(out, records.data, records.len);
    buf_deinit(&records);
}

static void add(struct buf *out, const struct raw *m)
{
    size_t len = m->data != NULL ? strlen(m->data) : 0;

    if (m->pax != NULL)
        add_pax(out, m->pax);
    add_header(out, m, m->size != 0 ? m->size : len);
    if (len > 0)
        add_data(out, m->data, len);
}

enum { MEMBERS_MAX = 4 };

struct attack {
    const char *title;
    struct raw members[MEMBERS_MAX];
    const char *refused;         /* part of the error; NULL: it must succeed and do no harm */
    const char *there, *content; /* afterwards in the target: this file with this text */
};

#define LONG_PART                                                                                  \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxxxx"                                                                                     \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxxxx"                                                                                     \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct attack attacks[] = {
    {"a parent", {{"../canary/file", .data = "evil"}}, "leads upwards", NULL, NULL},
    {"a parent inside", {{"a/../../canary/file", .data = "evil"}}, "leads upwards", NULL, NULL},
    {"a parent at the end", {{"a/..", .type = '5'}}, "leads upwards", NULL, NULL},
    {"a harmless parent", {{"a/../b", .data = "x"}}, "leads upwards", NULL, NULL},
    {"only a parent", {{"..", .type = '5'}}, "leads upwards", NULL, NULL},
    {"absolute", {{"/tmp/synbak-canary-evil", .data = "evil"}}, "absolute", NULL, NULL},
    {"absolute by pax",
     {{"fine", .pax = "path=/tmp/synbak-canary-evil", .data = "e"}},
     "absolute",
     NULL,
     NULL},
    {"a NUL in a name",
     {{"fine", .pax = "path=key\\0.bak", .data = "e"}},
     "holds a NUL",
     NULL,
     NULL},
    {"a NUL in the target of a link",
     {{"there", .data = "x"}, {"l", "there", .type = '1', .pax = "linkpath=there\\0.bak"}},
     "holds a NUL",
     NULL,
     NULL},
    {"a NUL behind much data and an attribute with one",
     {{"first", .pax = "SCHILY.xattr.user.a=b\\0c\nmtime=1", .data = "x"},
      {"second", .pax = "size=4", .data = "abcd", .size = 0},
      {"fine", .pax = "comment=a\\0b\npath=key\\0.bak", .data = "e"}},
     "holds a NUL",
     NULL,
     NULL},
    {"an attribute with a NUL",
     {{"first", .pax = "SCHILY.xattr.user.a=b\\0c\nmtime=1", .data = "x"}},
     NULL,
     "first",
     "x"},
    {"double slash", {{"//tmp/synbak-canary-evil", .data = "evil"}}, "absolute", NULL, NULL},
    {"empty name", {{"", .data = "evil"}}, "", NULL, NULL},
    {"parent by pax",
     {{"fine", .pax = "path=../canary/file", .data = "evil"}},
     "leads upwards",
     NULL,
     NULL},
    {"symlink then through it",
     {{"l", "../canary", .type = '2'}, {"l/file", .data = "evil"}},
     "l/file",
     NULL,
     NULL},
    {"absolute symlink then through it",
     {{"l", "/etc", .type = '2'}, {"l/synbak-evil", .data = "e"}},
     "l/synbak-evil",
     NULL,
     NULL},
    {"symlink then folder then file",
     {{"l", "../canary", .type = '2'}, {"l", .type = '5'}, {"l/file", .data = "x"}},
     NULL,
     "l/file",
     "x"},
    {"symlink then file of the same name",
     {{"l", "../canary/file", .type = '2'}, {"l", .data = "mine"}},
     NULL,
     "l",
     "mine"},
    {"file then symlink of the same name",
     {{"l", .data = "mine"}, {"l", "../canary/file", .type = '2'}},
     NULL,
     NULL,
     NULL},
    {"two symlinks of one name",
     {{"l", "../canary", .type = '2'}, {"l", "a", .type = '2'}},
     NULL,
     NULL,
     NULL},
    {"symlink to a symlink, through both",
     {{"a", "b", .type = '2'}, {"b", "../canary", .type = '2'}, {"a/file", .data = "evil"}},
     "a/file",
     NULL,
     NULL},
    {"symlink in a middle part",
     {{"d", .type = '5'}, {"d/l", "../../canary", .type = '2'}, {"d/l/file", .data = "evil"}},
     "d/l/file",
     NULL,
     NULL},
    {"symlink to the root, then a folder's mode",
     {{"l", "/", .type = '2'}, {"l/.", .type = '5', .mode = 0777}},
     NULL,
     NULL,
     NULL},
    {"symlink to nothing", {{"l", "", .type = '2'}}, "", NULL, NULL},
    {"symlink itself is harmless",
     {{"l", "../canary/file", .type = '2'}, {"x", .data = "y"}},
     NULL,
     "x",
     "y"},
    {"hard link out", {{"h", "../canary/file", .type = '1'}}, "leads upwards", NULL, NULL},
    {"hard link to an absolute path", {{"h", "/etc/passwd", .type = '1'}}, "absolute", NULL, NULL},
    {"hard link to a symlink",
     {{"l", "../canary/file", .type = '2'}, {"h", "l", .type = '1'}, {"h", .data = "evil"}},
     "not a regular file",
     NULL,
     NULL},
    {"hard link through a symlink",
     {{"l", "../canary", .type = '2'}, {"h", "l/file", .type = '1'}},
     "no earlier member",
     NULL,
     NULL},
    {"hard link to nothing", {{"h", "missing", .type = '1'}}, "no earlier member", NULL, NULL},
    {"hard link to itself", {{"h", .data = "x"}, {"h", "h", .type = '1'}}, "to itself", NULL, NULL},
    {"hard link to a folder",
     {{"d", .type = '5'}, {"h", "d", .type = '1'}},
     "not a regular file",
     NULL,
     NULL},
    {"hard link to the root", {{"h", "./", .type = '1'}}, "no earlier member", NULL, NULL},
    {"hard link then overwritten",
     {{"a", .data = "one"}, {"b", "a", .type = '1'}, {"a", .data = "two"}},
     NULL,
     "b",
     "one"},
    {"hard link that carries data",
     {{"a", .data = "one"}, {"b", "a", .type = '1', .data = "evil"}},
     "",
     NULL,
     NULL},
    {"setuid is as archived", {{"s", .data = "x", .mode = 04755}}, NULL, "s", "x"},
    {"a device's odd number",
     {{"dev", .type = '3', .major = 01777777, .minor = 01777777}},
     NULL,
     NULL,
     NULL},
    {"a device then opened as a file",
     {{"dev", .type = '3', .major = 1, .minor = 3}, {"dev", .data = "x"}},
     NULL,
     "dev",
     "x"},
    {"a pipe then opened as a file", {{"p", .type = '6'}, {"p", .data = "x"}}, NULL, "p", "x"},
    {"a pipe, then data through it", {{"p", .type = '6'}, {"p/x", .data = "x"}}, "p/x", NULL, NULL},
    {"file then folder then file",
     {{"a", .data = "x"}, {"a", .type = '5'}, {"a/b", .data = "y"}},
     NULL,
     "a/b",
     "y"},
    {"folder then file of its name",
     {{"a/b", .data = "y"}, {"a", .data = "x"}},
     "is a folder",
     NULL,
     NULL},
    {"a part that is too long",
     {{"f", .pax = "path=d/" LONG_PART "/f", .data = "x"}},
     "too long",
     NULL,
     NULL},
    {"a file twice", {{"a", .data = "one"}, {"a", .data = "two"}}, NULL, "a", "two"},
    {"dots and slashes", {{".//./a///b/./c", .data = "x"}}, NULL, "a/b/c", "x"},
    {"the root as a file", {{"./", .data = "x"}}, "", NULL, NULL},
    {"the root as a symlink",
     {{".", "../canary", .type = '2'}, {"file", .data = "x"}},
     "not a folder",
     NULL,
     NULL},
    {"pax path against header path",
     {{"../canary/file", .pax = "path=inside", .data = "x"}},
     NULL,
     "inside",
     "x"},
    {"pax size against header size",
     {{"a", .pax = "size=99999999999", .data = "x"}},
     "",
     NULL,
     NULL},
    {"pax negative size", {{"a", .pax = "size=-1", .data = "x"}}, NULL, NULL, NULL},
    {"pax link path out",
     {{"h", "a", .type = '1', .pax = "linkpath=../canary/file"}},
     "leads upwards",
     NULL,
     NULL},
    {"pax link on a file",
     {{"a", .pax = "linkpath=../canary/file", .data = "x"}},
     NULL,
     NULL,
     NULL},
    {"sparse bomb",
     {{"s",
       .pax = "GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.name=bomb\nGNU.sparse.realsize="
              "9000000000000000000",
       .data = "1\n0\n1\n"}},
     "",
     NULL,
     NULL},
    {"sparse map backwards",
     {{"s", .pax = "GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.realsize=10",
       .data = "2\n9\n1\n0\n1\n"}},
     NULL,
     NULL,
     NULL},
    {"sparse name out",
     {{"s",
       .pax = "GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.name=../canary/"
              "file\nGNU.sparse.realsize=1",
       .data = "1\n0\n1\n"}},
     "",
     NULL,
     NULL},
    {"sparse numbers beyond all bounds",
     {{"s", .pax = "GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.realsize=5",
       .data = "99999999999999999999\n0\n1\n"}},
     "",
     NULL,
     NULL},
    {"an ACL hidden among attributes",
     {{"a", .pax = "SCHILY.xattr.system.posix_acl_access=garbage", .data = "x"}},
     NULL,
     "a",
     "x"},
    {"an ACL that is none",
     {{"a", .pax = "SCHILY.acl.access=user::rwx,group:::::,oops", .data = "x"}},
     NULL,
     NULL,
     NULL},
    {"an attribute with an odd name",
     {{"a", .pax = "SCHILY.xattr.nonsense=1", .data = "x"}},
     NULL,
     "a",
     "x"},
    {"a time before all times",
     {{"a", .pax = "mtime=-9223372036854775808.999", .data = "x"}},
     NULL,
     NULL,
     NULL},
    {"an unknown kind", {{"a", .type = 'Z', .data = "x"}}, NULL, NULL, NULL},
    {"a name that drives a terminal", {{"\x1b[2J../x", .data = "e"}}, NULL, NULL, NULL},
    {"upwards and drives a terminal", {{"../\x1b[2J", .data = "e"}}, "\\x1b[2J", NULL, NULL},
};

static void check_canary(void)
{
    _cleanup_free_ char *canary = help_path("canary"), *file = help_path("canary/file");
    _cleanup_free_ char *root = help_path("");
    struct stat st;
    size_t len;
    _cleanup_free_ char *text = help_slurp(file, &len);

    ASSERT_STR(text, "alive");
    ASSERT(stat(canary, &st) == 0);
    ASSERT_EQ(st.st_mode & 07777, 0700);
    ASSERT_EQ(help_count(canary), 1);
    ASSERT(stat(file, &st) == 0);
    ASSERT_EQ(st.st_nlink, 1);
    ASSERT_EQ(help_count(root), 2);
    ASSERT(access("/tmp/synbak-canary-evil", F_OK) != 0 && access("/etc/synbak-evil", F_OK) != 0);
}

static void run_attack(const struct attack *a)
{
    _cleanup_free_ char *target = help_path("target");
    static const char end[1024];
    struct help h = {.tar = BUF_INIT(1 << 24)};
    struct err e = {0};

    for (int i = 0; i < MEMBERS_MAX && a->members[i].name != NULL; i++)
        add(&h.tar, &a->members[i]);
    ASSERT_OK(buf_append(&h.tar, end, sizeof(end), &e), e);
    int rc = help_extract(&h, target, &e);
    check_canary();
    if (a->refused != NULL && rc == 0)
        test_fail(__FILE__, __LINE__, "%s: was not refused", a->title);
    if (a->refused != NULL && strstr(e.text, a->refused) == NULL)
        test_fail(__FILE__, __LINE__, "%s: \"%s\" lacks \"%s\"", a->title, e.text, a->refused);
    if (a->there != NULL) {
        _cleanup_free_ char *path = mem_printf("%s/%s", target, a->there);
        size_t len;
        if (rc != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", a->title, e.text);
        _cleanup_free_ char *text = help_slurp(path, &len);
        ASSERT_STR(text, a->content);
    }
    for (const char *p = e.text; *p != '\0'; p++)
        ASSERT((unsigned char)*p >= ' ');
    help_deinit(&h);
}

/* Each in a process of its own, so that one hang or crash is told by its title. */
TEST(no_archive_gets_out)
{
    _cleanup_free_ char *canary = help_path("canary"), *file = help_path("canary/file");
    int failed = 0;

    ASSERT(mkdir(canary, 0700) == 0);
    help_write(file, "alive", 5);
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
        _cleanup_free_ char *clean = mem_printf("rm -rf '%s/target'", test_dir());
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            run_attack(&attacks[i]);
            _exit(0);
        }
        ASSERT(waitpid(pid, &status, 0) == pid);
        if (status != 0)
            test_note("attack \"%s\": status %d", attacks[i].title, status);
        failed += status != 0;
        ASSERT(system(clean) == 0); /* NOLINT: a fixed path */
    }
    ASSERT_EQ(failed, 0);
    test_note("%zu archives", ARRAY_LEN(attacks));
}

/* What others plant in the folder while it is filled is not followed either. */
TEST(a_link_that_was_planted_is_not_followed)
{
    _cleanup_free_ char *canary = help_path("canary"), *file = help_path("canary/file");
    _cleanup_free_ char *target = help_path("target"), *planted = help_path("target/l");
    static const char end[1024];
    struct help h = {.tar = BUF_INIT(1 << 20)};
    struct err e = {0};

    ASSERT(mkdir(canary, 0700) == 0 && mkdir(target, 0700) == 0);
    help_write(file, "alive", 5);
    ASSERT(symlink(canary, planted) == 0);
    add(&h.tar, &(struct raw){"l/file", .data = "evil"});
    ASSERT_OK(buf_append(&h.tar, end, sizeof(end), &e), e);
    ASSERT_ERR(help_extract(&h, target, &e), e, ERR_FORMAT);
    ASSERT_CONTAINS(e.text, "leads through a link");
    check_canary();
    help_deinit(&h);
}

TEST(cut_at_every_block)
{
    static const char end[1024];
    struct help whole = {.tar = BUF_INIT(1 << 20)};
    struct err e = {0};

    add(&whole.tar, &(struct raw){"folder", .type = '5'});
    add(&whole.tar, &(struct raw){"folder/a", .pax = "mtime=5.5", .data = "some text"});
    add(&whole.tar, &(struct raw){"l", "folder/a", .type = '2'});
    ASSERT_OK(buf_append(&whole.tar, end, sizeof(end), &e), e);
    for (size_t len = 0; len < whole.tar.len; len += 128) {
        _cleanup_free_ char *name = mem_printf("t%zu", len);
        _cleanup_free_ char *target = help_path(name);
        struct help h = {.tar = BUF_INIT(1 << 20)};
        ASSERT_OK(buf_append(&h.tar, whole.tar.data, len, &e), e);
        int rc =
            help_extract(&h, target, &e); /* an end at a boundary is the artifact's to notice */
        ASSERT(rc == 0 || e.code == ERR_FORMAT);
        help_deinit(&h);
    }
    help_deinit(&whole);
}

TEST(names_that_differ_only_in_case)
{
    _cleanup_free_ char *target = help_path("target");
    _cleanup_free_ char *command = mem_printf("mkdir '%s' && chattr +F '%s' 2>&1", target, target);
    static const char end[1024];
    struct help h = {.tar = BUF_INIT(1 << 20)};
    struct err e = {0};

    add(&h.tar, &(struct raw){"key", .data = "one"});
    add(&h.tar, &(struct raw){"Key", .data = "two"});
    ASSERT_OK(buf_append(&h.tar, end, sizeof(end), &e), e);
    if (system(command) != 0) { /* NOLINT: a fixed path */
        test_note("no folder here can ignore case: not tested");
        help_deinit(&h);
        return;
    }
    ASSERT_ERR(help_extract(&h, target, &e), e, ERR_FORMAT);
    ASSERT_CONTAINS(e.text, "only in case");
    help_deinit(&h);
}

TEST(names_are_cleaned)
{
    static const struct {
        const char *raw, *clean;
    } good[] = {{"a", "a"}, {"./a", "a"},   {"a/", "a"},    {"a//b", "a/b"},       {"./", ""},
                {".", ""},  {"...", "..."}, {"..a", "..a"}, {"a/..b/c", "a/..b/c"}};
    static const char *const bad[] = {"", "/", "/a", "..", "../a", "a/..", "a/../b", "./.."};
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        _cleanup_free_ char *clean = NULL;
        ASSERT_OK(tree_path_clean(good[i].raw, "member", &clean, &e), e);
        ASSERT_STR(clean, good[i].clean);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *clean = NULL;
        ASSERT_ERR(tree_path_clean(bad[i], "member", &clean, &e), e, ERR_FORMAT);
    }
}
