#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/fs.h"
#include "lib/protocol/job.h"
#include "tests/lib/test.h"

static const char text[] = "[destination local]\npath = /backup\nkey = file:/etc/synbak/key\n"
                           "compression = gzip:6\nvolume = 4G\n"
                           "[source database]\ntype = postgresql\nuri = postgresql:///synapse\n"
                           "exclude_table_data = a b\n"
                           "[source media]\ntype = files\npath = /srv/media\nexclude = x\n"
                           "[source bridge]\ntype = command\ncommand = cat /x\n";

static struct config *load(void)
{
    struct config *c = NULL;
    struct err e = {0};

    ASSERT_OK(config_parse("test", text, strlen(text), &c, NULL, &e), e);
    return c;
}

static void assert_json(json_t *value, const char *expected)
{
    struct buf out = BUF_INIT(1 << 16);
    struct err e = {0};

    ASSERT_OK(json_write(value, &out, &e), e);
    ASSERT_STR((char *)out.data, expected);
    buf_deinit(&out);
    json_decref(value);
}

TEST(a_store_says_all_of_its_destination)
{
    struct config *c = load();
    struct secret key = secret_copy("the-key-itself-0123456789", 25);

    assert_json(job_store(c->destinations[0], &key, &key, 1, "aa", NULL),
                "{\"destination\":\"local\",\"gzip\":true,\"key\":\"the-key-itself-0123456789\","
                "\"key_hint\":\"file:/etc/synbak/key\",\"known_id\":null,\"level\":6,"
                "\"old_keys\":[\"the-key-itself-0123456789\"],\"owner\":\"aa\","
                "\"path\":\"/backup\",\"type\":\"directory\",\"volume_bytes\":4294967296}");
    json_t *bare = job_store(c->destinations[0], NULL, NULL, 0, "aa", "bb");
    ASSERT(json_is_null(json_object_get(bare, "key")));
    ASSERT_STR(json_opt_string(bare, "known_id", ""), "bb");
    json_decref(bare);
    secret_deinit(&key);
    config_unref(c);
}

TEST(a_source_says_all_of_its_kind)
{
    struct config *c = load();

    assert_json(job_source(config_source(c, "database"), false),
                "{\"bin_dir\":null,\"databases\":[],\"exclude_databases\":[],"
                "\"exclude_table_data\":[\"a\",\"b\"],\"exclude_tables\":[],"
                "\"format\":\"custom\",\"globals\":true,\"lock_timeout_s\":60,"
                "\"name\":\"database\",\"restore_uri\":\"postgresql:///synapse\","
                "\"schema_only\":false,\"schemas\":[],\"type\":\"postgresql\","
                "\"uri\":\"postgresql:///synapse\"}");
    assert_json(job_source(config_source(c, "media"), true),
                "{\"allow_empty\":false,\"exclude\":[\"x\"],\"had_files\":true,\"include\":[],"
                "\"name\":\"media\",\"one_file_system\":true,\"path\":\"/srv/media\","
                "\"type\":\"files\",\"xattrs\":true}");
    assert_json(job_source(config_source(c, "bridge"), false),
                "{\"command\":[\"cat\",\"/x\"],\"name\":\"bridge\",\"restore_command\":[],"
                "\"type\":\"command\"}");
    config_unref(c);
}

static void write_key(const char *dir, const char *name, const char *key)
{
    int fd;
    struct err e = {0};

    ASSERT_OK(fs_open_dir(dir, &fd, &e), e);
    ASSERT_OK(fs_replace_file(fd, name, key, strlen(key), 0600, &e), e);
    fs_closep(&fd);
}

static int read_keys(const char *lines, struct secret *key, struct secret **old, size_t *count,
                     struct err *e)
{
    char conf[1024];
    struct config *c = NULL;

    (void)snprintf(conf, sizeof(conf), "[destination local]\npath = /backup\n%s", lines);
    ASSERT_OK(config_parse("test", conf, strlen(conf), &c, NULL, e), *e);
    int r = job_read_keys(c->destinations[0], key, old, e);
    *count = c->destinations[0]->old_key_count;
    config_unref(c);
    return r;
}

TEST(keys_are_read_or_the_destination_is_named)
{
    const char *dir = test_dir();
    char lines[512];
    struct secret key, *old = NULL;
    size_t count;
    struct err e = {0};

    write_key(dir, "new", "new-key-0123456789abcdef\n");
    write_key(dir, "old", "old-key-0123456789abcdef\n");
    write_key(dir, "short", "short\n");
    (void)snprintf(lines, sizeof(lines), "key = file:%s/new\nold_keys = file:%s/old\n", dir, dir);
    ASSERT_OK(read_keys(lines, &key, &old, &count, &e), e);
    ASSERT_STR(key.text, "new-key-0123456789abcdef");
    ASSERT_EQ(count, 1);
    ASSERT_STR(old[0].text, "old-key-0123456789abcdef");
    secret_deinit(&old[0]);
    free(old);
    secret_deinit(&key);

    ASSERT_OK(read_keys("key = none\n", &key, &old, &count, &e), e);
    ASSERT(key.text == NULL);
    free(old);

    (void)snprintf(lines, sizeof(lines), "key = file:%s/short\n", dir);
    ASSERT_ERR(read_keys(lines, &key, &old, &count, &e), e, ERR_KEY);
    ASSERT_CONTAINS(e.text, "destination \"local\"");
    (void)snprintf(lines, sizeof(lines), "key = file:%s/new\nold_keys = file:%s/gone\n", dir, dir);
    ASSERT_ERR(read_keys(lines, &key, &old, &count, &e), e, ERR_KEY);
    ASSERT_CONTAINS(e.text, "gone");
    ASSERT(key.text == NULL && old == NULL);
}
