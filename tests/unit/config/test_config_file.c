#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/fs.h"
#include "lib/config/config.h"
#include "lib/config/ini.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

static const char minimal[] = "[destination local]\npath = /backup\nkey = none\n";

static void put(const char *name, const char *text, mode_t mode)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", test_dir(), name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    struct err e = {0};

    ASSERT(fd >= 0);
    ASSERT_OK(fs_write_all(fd, text, strlen(text), &e), e);
    ASSERT_EQ(fchmod(fd, mode), 0);
    close(fd);
}

static void put_folder(const char *name, mode_t mode)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", test_dir(), name);

    ASSERT_EQ(mkdir(path, 0700), 0);
    ASSERT_EQ(chmod(path, mode), 0);
}

static int load(struct config **ret, struct strlist *errors, struct err *e)
{
    _cleanup_free_ char *path = mem_printf("%s/synbak.conf", test_dir());

    return config_load(path, ret, errors, e);
}

static void expect_refused(const char *part)
{
    struct config *c = NULL;
    struct err e = {0};

    ASSERT_ERR(load(&c, NULL, &e), e, ERR_CONFIG);
    ASSERT(c == NULL);
    ASSERT_CONTAINS(e.text, part);
}

TEST(a_file_and_its_drop_ins_in_byte_order)
{
    struct config *c = NULL;
    struct err e = {0};

    put("synbak.conf", minimal, 0644);
    put_folder("conf.d", 0755);
    put("conf.d/20.conf", "[source b]\ntype = files\npath = /b\n", 0600);
    put("conf.d/10.conf", "[source a]\ntype = files\npath = /a\n", 0600);
    put("conf.d/Z.conf", "[source z]\ntype = files\npath = /z\n", 0600);
    put("conf.d/a.conf", "[job j]\nsources = z a\ndestinations = local\n", 0600);
    put("conf.d/.hidden.conf", "nonsense\n", 0666);
    put("conf.d/10.conf~", "nonsense\n", 0666);
    put("conf.d/README", "nonsense\n", 0666);
    ASSERT_OK(load(&c, NULL, &e), e);
    ASSERT_EQ(c->source_count, 3);
    ASSERT_STR(c->sources[0]->name, "a");
    ASSERT_STR(c->sources[1]->name, "b");
    ASSERT_STR(c->sources[2]->name, "z");
    ASSERT_EQ(c->files.count, 5);
    ASSERT(str_ends(c->files.items[4], "/conf.d/a.conf"));
    ASSERT(c->sources[2]->at.file == c->files.items[3]);
    ASSERT_STR(c->file, c->files.items[0]);
    config_unref(c);
}

TEST(many_drop_ins_are_in_order)
{
    enum { COUNT = 20 };
    struct config *c = NULL;
    struct err e = {0};

    put("synbak.conf", minimal, 0644);
    put_folder("conf.d", 0755);
    for (int i = 0; i < COUNT; i++) { /* made in another order than they are read */
        int n = 7 * i % COUNT;
        char name[32], text[64];
        (void)snprintf(name, sizeof(name), "conf.d/%02d.conf", n);
        (void)snprintf(text, sizeof(text), "[source s%02d]\ntype = files\npath = /s%02d\n", n, n);
        put(name, text, 0644);
    }
    ASSERT_OK(load(&c, NULL, &e), e);
    ASSERT_EQ(c->source_count, COUNT);
    for (int i = 1; i < COUNT; i++)
        ASSERT(strcmp(c->sources[i - 1]->name, c->sources[i]->name) < 0);
    config_unref(c);
}

TEST(a_section_is_written_once_over_all_files)
{
    struct config *c = NULL;
    struct strlist errors = {0};
    struct err e = {0};

    put("synbak.conf", minimal, 0600);
    put_folder("conf.d", 0700);
    put("conf.d/x.conf", minimal, 0600);
    ASSERT_ERR(load(&c, &errors, &e), e, ERR_CONFIG);
    ASSERT_EQ(errors.count, 1);
    ASSERT_CONTAINS(errors.items[0], "conf.d/x.conf:1: [destination local] stands already in ");
    ASSERT_CONTAINS(errors.items[0], "synbak.conf:1");
    strlist_deinit(&errors);
}

TEST(who_else_can_write_is_refused)
{
    put("synbak.conf", minimal, 0620);
    expect_refused("chmod go-w");
    put("synbak.conf", minimal, 0602);
    expect_refused("chmod go-w");
    put("synbak.conf", minimal, 0644);
    put_folder("conf.d", 0775);
    expect_refused("chmod go-w");
}

TEST(a_drop_in_that_others_can_write_is_refused)
{
    put("synbak.conf", minimal, 0644);
    put_folder("conf.d", 0755);
    put("conf.d/x.conf", "", 0664);
    expect_refused("conf.d/x.conf may be written");
}

TEST(a_foreign_owner_is_refused)
{
    _cleanup_free_ char *path = mem_printf("%s/synbak.conf", test_dir());

    if (geteuid() != 0) {
        test_note("only root can give a file away");
        return;
    }
    put("synbak.conf", minimal, 0644);
    ASSERT_EQ(chown(path, 4242, 0), 0);
    expect_refused("belongs to user 4242");
}

TEST(what_is_no_file_is_refused)
{
    _cleanup_free_ char *path = mem_printf("%s/synbak.conf", test_dir());

    expect_refused("No such file");
    ASSERT_EQ(mkfifo(path, 0600), 0); /* nobody writes: reading would wait for ever */
    expect_refused("is not a file");
    ASSERT_EQ(unlink(path), 0);
    ASSERT_EQ(mkdir(path, 0700), 0);
    expect_refused("is not a file");
}

/* A drop-in that cannot be read may be the one that turns encryption on. */
TEST(what_cannot_be_read_is_an_error_that_names_it)
{
    static const char *const calls[] = {"open", "fstat", "read", "opendir"};

    put("synbak.conf", minimal, 0644);
    put_folder("conf.d", 0755);
    put("conf.d/x.conf", "", 0644);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        seam_deny(calls[i], EIO);
        expect_refused(strcmp(calls[i], "opendir") == 0 ? "/conf.d" : "/synbak.conf");
        expect_refused("Input/output error");
        seam_deny(NULL, 0);
    }
}

TEST(short_and_interrupted_reads_change_nothing)
{
    struct config *c = NULL;
    struct err e = {0};

    put("synbak.conf", minimal, 0644);
    seam_short_counts(true);
    seam_interrupt(true);
    ASSERT_OK(load(&c, NULL, &e), e);
    ASSERT_EQ(c->destination_count, 1);
    config_unref(c);
    seam_reset();
}

TEST(a_file_is_read_up_to_its_bound)
{
    _cleanup_free_ char *text = mem_alloc(INI_FILE_MAX + 2);
    struct config *c = NULL;
    struct err e = {0};

    memset(text, '\n', INI_FILE_MAX + 1);
    put("synbak.conf", text, 0600);
    expect_refused("longer than 1 MiB");
    text[INI_FILE_MAX] = '\0';
    put("synbak.conf", text, 0600);
    ASSERT_OK(load(&c, NULL, &e), e);
    config_unref(c);
}

TEST(the_shipped_sample_is_right)
{
    struct buf text = BUF_INIT(1 << 20);
    struct config *c = NULL;
    struct err e = {0};

    ASSERT_OK(fs_read_file(AT_FDCWD, SYNBAK_SOURCE_DIR "/etc/synbak.conf", &text, &e), e);
    ASSERT_OK(config_parse("synbak.conf", text.data, text.len, &c, NULL, &e), e);
    ASSERT_EQ(c->job_count, 2);
    ASSERT_EQ(c->destination_count, 1);
    ASSERT_EQ(config_job(c, "synapse")->source_count, 3);
    config_unref(c);
    buf_deinit(&text);
}

/* Each `#key = value` of the sample is an option too: uncommented, every line still parses. */
TEST(the_samples_suggestions_are_right)
{
    struct buf text = BUF_INIT(1 << 20);
    struct config *c = NULL;
    struct strlist errors = {0};
    struct err e = {0};

    ASSERT_OK(fs_read_file(AT_FDCWD, SYNBAK_SOURCE_DIR "/etc/synbak.conf", &text, &e), e);
    for (char *line = (char *)text.data; line != NULL && *line != '\0';) {
        if (line[0] == '#' && line[1] != ' ' && line[1] != '\n')
            line[0] = ' ';
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    if (config_parse("synbak.conf", text.data, text.len, &c, &errors, &e) < 0)
        test_fail(__FILE__, __LINE__, "%s", errors.items[0]);
    ASSERT_EQ(c->destination_count, 3);
    ASSERT_EQ(c->source_count, 4);
    ASSERT(c->access.restore.count == 1);
    config_unref(c);
    buf_deinit(&text);
}
