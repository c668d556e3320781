/* The table against the model: every option can be written, is printed, and lands in its field. */
#include "lib/base/mem.h"
#include "lib/config/option.h"
#include "lib/config/print.h"
#include "lib/config/section.h"
#include "lib/config/value.h"
#include "tests/lib/test.h"

static char *print_value(const struct config_option *o, const void *base)
{
    struct buf out = BUF_INIT(1 << 16);
    struct err e = {0};

    ASSERT_OK(value_print(o, base, false, &out, &e), e);
    return buf_take_string(&out);
}

static bool is_reference(const struct config_option *o)
{
    return o->type == OPTION_SOURCES || o->type == OPTION_DESTINATIONS;
}

TEST(every_example_is_read_printed_and_read_again)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_option_table[i];
        struct err e = {0};
        if (is_reference(o) || o->example == NULL)
            continue;
        void *one = section_new(o->section, "x"), *two = section_new(o->section, "x");
        _cleanup_free_ char *fallback = print_value(o, one);
        ASSERT_OK(value_parse(o, o->example, one, &e), e);
        _cleanup_free_ char *first = print_value(o, one);
        ASSERT_OK(value_parse(o, first, two, &e), e);
        _cleanup_free_ char *second = print_value(o, two);
        ASSERT_STR(second, first);
        if (strcmp(first, fallback) == 0)
            test_fail(__FILE__, __LINE__, "example of %s is its fallback", o->key);
        section_free(o->section, one);
        section_free(o->section, two);
    }
}

/* A field that two rows share, or that a row reads as the wrong type, changes another's text. */
TEST(an_option_changes_no_other)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_option_table[i];
        struct err e = {0};
        if (is_reference(o) || o->example == NULL)
            continue;
        void *blank = section_new(o->section, "x"), *changed = section_new(o->section, "x");
        ASSERT_OK(value_parse(o, o->example, changed, &e), e);
        for (size_t k = 0; k < config_option_count; k++) {
            const struct config_option *other = &config_option_table[k];
            if (k == i || other->section != o->section || is_reference(other))
                continue;
            _cleanup_free_ char *before = print_value(other, blank);
            _cleanup_free_ char *after = print_value(other, changed);
            if (strcmp(before, after) != 0)
                test_fail(__FILE__, __LINE__, "%s changes %s", o->key, other->key);
        }
        section_free(o->section, blank);
        section_free(o->section, changed);
    }
}

TEST(every_row_is_whole)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_option_table[i];
        ASSERT(o->help != NULL && o->form != NULL);
        ASSERT(strlen(o->help) < 72 && o->help[strlen(o->help) - 1] != '.');
        ASSERT(config_option_find(o->section, o->key) == o);
        if (o->type == OPTION_CHOICE)
            ASSERT(o->words != NULL);
        if (o->type == OPTION_NUMBER || o->type == OPTION_SPAN || o->type == OPTION_SIZE)
            ASSERT(o->max > o->min);
        if (o->type != OPTION_CHOICE)
            ASSERT(o->example != NULL);
    }
}

TEST(the_defaults_are_those_of_the_model)
{
    const char text[] = "[destination d]\npath = /d\nkey = none\n[source s]\ntype = files\n"
                        "path = /s\n[source p]\ntype = postgresql\nuri = postgresql:///x\n"
                        "[job j]\nsources = s\ndestinations = d\n";
    struct config *c = NULL;
    struct err e = {0};

    ASSERT_OK(config_parse("t", text, strlen(text), &c, NULL, &e), e);
    const struct destination *d = c->destinations[0];
    const struct source *s = c->sources[0], *p = c->sources[1];
    const struct job *j = c->jobs[0];
    ASSERT_STR(c->state_dir, STATE_DIR_DEFAULT);
    ASSERT_STR(c->socket_path, SOCKET_DEFAULT);
    ASSERT(c->timezone == NULL);
    ASSERT_EQ(c->parallel, 1);
    ASSERT_EQ(d->key.kind, SECRET_NONE);
    ASSERT_EQ(d->compression, COMPRESSION_GZIP);
    ASSERT_EQ(d->compression_level, 2);
    ASSERT_EQ(d->volume_bytes, 64LL << 30);
    ASSERT_EQ(d->warn_free_percent, 20);
    ASSERT(s->one_file_system && s->xattrs && !s->allow_empty);
    ASSERT(p->globals && !p->schema_only && p->dump_format == DUMP_CUSTOM);
    ASSERT_EQ(p->lock_timeout_s, 60);
    ASSERT_EQ(j->keep_last, KEEP_UNSET);
    ASSERT_EQ(j->keep_within_s, 0);
    ASSERT_EQ(j->keep_manual, KEEP_FOREVER);
    ASSERT_EQ(j->max_delete, 10);
    ASSERT_EQ(j->jitter_s, 0);
    ASSERT_EQ(j->priority, 50);
    ASSERT_EQ(j->before_failure, FAILURE_ABORT);
    ASSERT_EQ(j->after_failure, FAILURE_REPORT);
    ASSERT_EQ(j->hook_timeout_s, 600);
    ASSERT_EQ(j->retry_count, 3);
    ASSERT_EQ(j->retry_delay_count, 3);
    ASSERT_EQ(j->retry_delays_s[0] + j->retry_delays_s[1] + j->retry_delays_s[2], 300 + 600 + 1200);
    ASSERT_EQ(j->run_timeout_s, 0);
    ASSERT_EQ(j->progress_timeout_s, 600);
    ASSERT_EQ(j->queue_alarm_s, 3600);
    ASSERT_EQ(j->rpo_s, 0);
    ASSERT(j->catch_up && j->ping == NULL);
    ASSERT_EQ(j->nice, 10);
    ASSERT_EQ(j->io_class, IO_IDLE);
    ASSERT_EQ(j->threads, 0);
    ASSERT_EQ(j->size_drop_percent, 50);
    for (int t = 0; t < TIER_COUNT; t++)
        ASSERT(!j->tiers[t].on);
    ASSERT(!j->verify.on);
    config_unref(c);
}

TEST(rules_and_lists_land_in_the_model)
{
    const char text[] = "[destination d]\npath = /d\nkey = env:KEY\n[source s]\ntype = files\n"
                        "path = /s\nexclude = a \"b c\"\n[source p]\ntype = postgresql\n"
                        "uri = postgresql:///x\n"
                        "[job j]\nsources = p s\ndestinations = d\ndaily = at 02:00, keep 30\n"
                        "weekly = keep 4\nverify = weekly\nafter = /bin/echo \"a b\"\n";
    struct config *c = NULL;
    struct err e = {0};

    ASSERT_OK(config_parse("t", text, strlen(text), &c, NULL, &e), e);
    const struct job *j = config_job(c, "j");
    ASSERT_EQ(j->source_count, 2);
    ASSERT(j->sources[0] == config_source(c, "p") && j->sources[1] == config_source(c, "s"));
    ASSERT(j->destinations[0] == config_destination(c, "d"));
    ASSERT_STR(j->destinations[0]->key.value, "KEY");
    ASSERT(j->tiers[TIER_DAILY].on && j->tiers[TIER_WEEKLY].on && !j->tiers[TIER_HOURLY].on);
    ASSERT_STR(j->tiers[TIER_DAILY].when, "at 02:00");
    ASSERT_EQ(j->tiers[TIER_DAILY].keep, 30);
    ASSERT_EQ(j->tiers[TIER_DAILY].at.line, 14);
    ASSERT_STR(j->tiers[TIER_DAILY].at.file, "t");
    ASSERT_STR(j->tiers[TIER_WEEKLY].when, "");
    ASSERT_STR(j->verify.when, "weekly");
    ASSERT_EQ(j->after.count, 2);
    ASSERT_STR(j->after.items[1], "a b");
    ASSERT_STR(config_source(c, "s")->exclude.items[1], "b c");
    ASSERT(config_job(c, "none") == NULL);
    ASSERT_EQ(config_ref(c)->refs, 2);
    config_unref(c);
    config_unref(c);
}

TEST(words_of_tiers)
{
    for (int t = 0; t < TIER_ALL_COUNT; t++)
        ASSERT_EQ(tier_from_word(tier_word(t)), t);
    ASSERT_STR(tier_word(TIER_PRE_RESTORE), "pre-restore");
    ASSERT_EQ(tier_from_word("secondly"), -1);
}

TEST(passwords_are_printed_only_when_asked)
{
    const char text[] = "[source p]\ntype = postgresql\nuri = postgresql://u:geheim@h/d\n"
                        "restore_uri = \"host=h password='geheim x' dbname=d\"\n";
    struct buf shown = BUF_INIT(1 << 16), whole = BUF_INIT(1 << 16);
    struct config *c = NULL;
    struct err e = {0};

    ASSERT_OK(config_parse("t", text, strlen(text), &c, NULL, &e), e);
    ASSERT_OK(config_print(c, &shown, &e), e);
    ASSERT_OK(config_print_secret(c, &whole, &e), e);
    ASSERT(strstr((char *)shown.data, "geheim") == NULL);
    ASSERT_CONTAINS((char *)shown.data, "uri = postgresql://u:***@h/d\n");
    ASSERT_CONTAINS((char *)whole.data, "uri = postgresql://u:geheim@h/d\n");
    ASSERT_CONTAINS((char *)whole.data, "password='geheim x'");
    config_unref(c);
    buf_wipe(&shown);
    buf_wipe(&whole);
}
