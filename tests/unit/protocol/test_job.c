#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/protocol/job.h"
#include "tests/lib/test.h"

static const char text[] = "[destination local]\npath = /backup\nkey = file:/etc/synbak/key\n"
                           "compression = gzip:6\nvolume = 4G\n"
                           "[destination bucket]\ntype = s3\nendpoint = https://s3.example.org/\n"
                           "bucket = b\ncredentials = env:X\nkey = none\nencryption = aws:kms\n"
                           "encryption_key_id = k\nlock = 30d\nlock_mode = governance\n"
                           "readback = full\nstyle = virtual\nstorage_class = STANDARD_IA\n"
                           "parallel = 8\n"
                           "[destination server]\ntype = sftp\nhost = h\nport = 23\nuser = u\n"
                           "path = backup/\nkey = none\n"
                           "[destination archive]\npath = /archive\nkey = file:/k\n"
                           "format = repository\n"
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
    struct secret old = secret_copy("the-key-itself-0123456789", 25);
    struct job_secrets secrets = {
        .key = secret_copy("the-key-itself-0123456789", 25), .old_keys = &old, .old_key_count = 1};

    assert_json(job_store(c->destinations[0], &secrets, &(struct job_store_context){.owner = "aa"}),
                "{\"destination\":\"local\",\"format\":\"plain\",\"gzip\":true,\"key\":\"the-key-"
                "itself-0123456789\","
                "\"key_hint\":\"file:/etc/synbak/key\",\"known_id\":null,\"level\":6,"
                "\"old_keys\":[\"the-key-itself-0123456789\"],\"owner\":\"aa\","
                "\"path\":\"/backup\",\"type\":\"directory\",\"volume_bytes\":4294967296,"
                "\"warn_free_percent\":20}");
    json_t *bare = job_store(c->destinations[0], NULL,
                             &(struct job_store_context){.owner = "aa", .known_id = "bb"});
    ASSERT(json_is_null(json_object_get(bare, "key")));
    ASSERT_STR(json_opt_string(bare, "known_id", ""), "bb");
    ASSERT(json_object_get(bare, "unreadable") == NULL);
    json_decref(bare);
    bare = job_store(c->destinations[0], NULL, &(struct job_store_context){.unreadable = "gone"});
    ASSERT_STR(json_opt_string(bare, "unreadable", ""), "gone");
    json_decref(bare);
    secret_deinit(&secrets.key);
    secret_deinit(&old);
    const struct job_store_context context = {
        .known_writer = "3:ab", .newest_writer = 4, .cache_dir = "/state/r"};
    assert_json(
        job_store(config_destination(c, "archive"), NULL, &context),
        "{\"cache_dir\":\"/state/r\",\"destination\":\"archive\",\"format\":\"repository\","
        "\"key\":null,\"key_hint\":\"file:/k\",\"known_id\":null,\"known_pruner\":null,"
        "\"known_writer\":\"3:ab\",\"newest\":{\"pruner\":0,\"writer\":4},\"old_keys\":[],"
        "\"owner\":null,\"path\":\"/archive\",\"repository\":\"archive\","
        "\"stretched\":null,\"trash_s\":604800,\"type\":\"directory\",\"warn_free_percent\":20}");
    config_unref(c);
}

TEST(a_bucket_and_a_server_say_all_that_opens_them)
{
    struct config *c = load();
    struct rate_change steps[] = {{1000, 2 << 20}, {2000, 0}};
    struct job_store_context context = {.rates = &(struct rate_course){steps, 2}};
    struct job_secrets s3 = {.access_key = secret_copy("AK", 2),
                             .secret_key = secret_copy("SK", 2)};
    struct job_secrets sftp = {.private_key = secret_copy("PEM\n", 4)};

    assert_json(
        job_store(config_destination(c, "bucket"), &s3, &context),
        "{\"access_key\":\"AK\",\"bucket\":\"b\",\"ca_file\":null,\"destination\":\"bucket\","
        "\"encryption\":\"aws:kms\",\"encryption_key_id\":\"k\","
        "\"endpoint\":\"https://s3.example.org\",\"format\":\"plain\",\"full_readback\":true,"
        "\"gzip\":true,\"insecure\":false,\"key\":null,\"key_hint\":\"none\",\"known_id\":null,"
        "\"level\":2,\"lock_mode\":\"governance\",\"lock_s\":2592000,\"old_keys\":[],"
        "\"owner\":null,\"parallel\":8,\"prefix\":\"\",\"region\":\"us-east-1\","
        "\"secret_key\":\"SK\",\"session_token\":null,\"storage_class\":\"STANDARD_IA\","
        "\"style\":\"virtual\",\"type\":\"s3\",\"upload_rate\":["
        "{\"bytes_per_second\":2097152,\"from\":1000},"
        "{\"bytes_per_second\":0,\"from\":2000}],\"volume_bytes\":68719476736,"
        "\"warn_free_percent\":20}");
    context.rates = NULL;
    assert_json(
        job_store(config_destination(c, "server"), &sftp, &context),
        "{\"destination\":\"server\",\"format\":\"plain\",\"gzip\":true,\"host\":\"h\",\"key\":"
        "null,"
        "\"key_hint\":\"none\",\"known_hosts\":\"/etc/synbak/known_hosts\","
        "\"known_id\":null,\"level\":2,\"old_keys\":[],\"owner\":null,\"parallel\":4,"
        "\"passphrase\":null,\"path\":\"backup\",\"port\":23,\"private_key\":\"PEM\\n\","
        "\"type\":\"sftp\",\"upload_rate\":[],\"user\":\"u\",\"volume_bytes\":68719476736,"
        "\"warn_free_percent\":20}");
    job_secrets_deinit(&s3);
    job_secrets_deinit(&sftp);
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

static int read_secrets(const char *lines, struct job_secrets *ret, struct err *e)
{
    char conf[1024];
    struct config *c = NULL;

    (void)snprintf(conf, sizeof(conf), "[destination local]\n%s", lines);
    ASSERT_OK(config_parse("test", conf, strlen(conf), &c, NULL, e), *e);
    int r = job_read_secrets(c->destinations[0], job_read_secret_here, ret, e);
    config_unref(c);
    return r;
}

TEST(keys_are_read_or_the_destination_is_named)
{
    const char *dir = test_dir();
    char lines[512];
    struct job_secrets s;
    struct err e = {0};

    write_key(dir, "new", "new-key-0123456789abcdef\n");
    write_key(dir, "old", "old-key-0123456789abcdef\n");
    write_key(dir, "short", "short\n");
    (void)snprintf(lines, sizeof(lines),
                   "path = /backup\nkey = file:%s/new\nold_keys = file:%s/old\n", dir, dir);
    ASSERT_OK(read_secrets(lines, &s, &e), e);
    ASSERT_STR(s.key.text, "new-key-0123456789abcdef");
    ASSERT_EQ(s.old_key_count, 1);
    ASSERT_STR(s.old_keys[0].text, "old-key-0123456789abcdef");
    job_secrets_deinit(&s);

    ASSERT_OK(read_secrets("path = /backup\nkey = none\n", &s, &e), e);
    ASSERT(s.key.text == NULL);
    job_secrets_deinit(&s);

    (void)snprintf(lines, sizeof(lines), "path = /backup\nkey = file:%s/short\n", dir);
    ASSERT_ERR(read_secrets(lines, &s, &e), e, ERR_KEY);
    ASSERT_CONTAINS(e.text, "destination \"local\"");
    (void)snprintf(lines, sizeof(lines),
                   "path = /backup\nkey = file:%s/new\nold_keys = file:%s/gone\n", dir, dir);
    ASSERT_ERR(read_secrets(lines, &s, &e), e, ERR_KEY);
    ASSERT_CONTAINS(e.text, "gone");
    ASSERT(s.key.text == NULL && s.old_keys == NULL);
}

static int read_bucket(const char *credentials, struct job_secrets *ret, struct err *e)
{
    const char *dir = test_dir();
    char lines[512];

    write_key(dir, "credentials", credentials);
    (void)snprintf(lines, sizeof(lines),
                   "type = s3\nendpoint = https://h\nbucket = b\nkey = none\n"
                   "credentials = file:%s/credentials\n",
                   dir);
    return read_secrets(lines, ret, e);
}

TEST(credentials_are_two_lines_or_three)
{
    static const char *const wrong[] = {"AK\n", "AK\n\nTOKEN\n", "AK\nSK\nT\nmore\n"};
    struct job_secrets s;
    struct err e = {0};

    ASSERT_OK(read_bucket("AK\nSK\n", &s, &e), e);
    ASSERT_STR(s.access_key.text, "AK");
    ASSERT_STR(s.secret_key.text, "SK");
    ASSERT(s.session_token.text == NULL);
    job_secrets_deinit(&s);
    ASSERT_OK(read_bucket("AK\nSK\nTOKEN", &s, &e), e);
    ASSERT_STR(s.session_token.text, "TOKEN");
    job_secrets_deinit(&s);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        ASSERT_ERR(read_bucket(wrong[i], &s, &e), e, ERR_KEY);
        ASSERT_CONTAINS(e.text, "destination \"local\": credentials: not two lines");
        ASSERT(s.access_key.text == NULL);
    }
}

TEST(a_private_key_keeps_its_lines)
{
    const char *dir = test_dir();
    char lines[512];
    struct job_secrets s;
    struct err e = {0};

    write_key(dir, "ssh", "-----BEGIN\nabc\n-----END\n");
    write_key(dir, "phrase", "open sesame\n");
    (void)snprintf(lines, sizeof(lines),
                   "type = sftp\nhost = h\nuser = u\npath = p\nkey = none\n"
                   "private_key = file:%s/ssh\npassphrase = file:%s/phrase\n",
                   dir, dir);
    ASSERT_OK(read_secrets(lines, &s, &e), e);
    ASSERT_STR(s.private_key.text, "-----BEGIN\nabc\n-----END\n");
    ASSERT_EQ(s.private_key.len, strlen("-----BEGIN\nabc\n-----END\n"));
    ASSERT_STR(s.passphrase.text, "open sesame");
    job_secrets_deinit(&s);
}
