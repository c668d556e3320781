#include "lib/config/config.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/config/file.h"
#include "lib/config/ini.h"
#include "lib/config/loader.h"
#include "lib/config/section.h"

static const char *const tier_words[TIER_ALL_COUNT] = {
    [TIER_HOURLY] = "hourly",          [TIER_DAILY] = "daily",   [TIER_WEEKLY] = "weekly",
    [TIER_MONTHLY] = "monthly",        [TIER_YEARLY] = "yearly", [TIER_MANUAL] = "manual",
    [TIER_PRE_RESTORE] = "pre-restore"};

const char *tier_word(int tier)
{
    return tier >= 0 && tier < TIER_ALL_COUNT ? tier_words[tier] : "unknown";
}

int tier_from_word(const char *word)
{
    for (int i = 0; i < TIER_ALL_COUNT; i++)
        if (strcmp(tier_words[i], word) == 0)
            return i;
    return -1;
}

/* ---- life ---- */

struct config *config_ref(struct config *c)
{
    c->refs++;
    return c;
}

void config_unref(struct config *c)
{
    if (c == NULL || --c->refs > 0)
        return;
    for (size_t i = 0; i < c->job_count; i++)
        section_free(SECTION_JOB, c->jobs[i]);
    for (size_t i = 0; i < c->source_count; i++)
        section_free(SECTION_SOURCE, c->sources[i]);
    for (size_t i = 0; i < c->destination_count; i++)
        section_free(SECTION_DESTINATION, c->destinations[i]);
    free(c->jobs);
    free(c->sources);
    free(c->destinations);
    free(c->file);
    strlist_deinit(&c->files);
    section_free(SECTION_DAEMON, c);
}

/* ---- loading ---- */

static struct loader loader_new(const char *file)
{
    struct loader l = {.config = section_new(SECTION_DAEMON, NULL)};

    l.config->refs = 1;
    l.config->file = mem_strdup(file);
    return l;
}

/* Hand over the model, or the errors. */
static int loader_end(struct loader *l, struct config **ret, struct strlist *errors, struct err *e)
{
    int r = 0;

    if (l->errors.count == 0)
        loader_finish(l);
    for (size_t i = 0; i < l->config->job_count; i++) {
        strlist_deinit(&l->job_names[i].sources.list);
        strlist_deinit(&l->job_names[i].destinations.list);
    }
    free(l->job_names);
    if (l->errors.count > 0) {
        r = err_set(e, ERR_CONFIG, "%s", l->errors.items[0]);
        config_unref(TAKE(l->config));
    }
    for (size_t i = 0; errors != NULL && i < l->errors.count; i++)
        strlist_add(errors, l->errors.items[i]);
    strlist_deinit(&l->errors);
    *ret = l->config;
    return r;
}

int config_parse(const char *name, const void *text, size_t len, struct config **ret,
                 struct strlist *errors, struct err *e)
{
    struct loader l = loader_new(name);

    if (len > INI_FILE_MAX)
        loader_error(&l, name, 0, "longer than 1 MiB");
    else
        loader_read(&l, name, text, len);
    return loader_end(&l, ret, errors, e);
}

static void load_file(struct loader *l, const char *path)
{
    struct buf text = BUF_INIT(INI_FILE_MAX);
    struct err e = {0};

    if (config_file_read(path, &text, &e) < 0)
        strlist_add(&l->errors, e.text); /* names the file */
    else
        loader_read(l, path, text.data, text.len);
    buf_wipe(&text);
}

int config_load(const char *file, struct config **ret, struct strlist *errors, struct err *e)
{
    struct loader l = loader_new(file);
    struct strlist drop_ins = {0};
    struct err why = {0};

    load_file(&l, file);
    if (config_file_drop_ins(file, &drop_ins, &why) < 0)
        strlist_add(&l.errors, why.text);
    for (size_t i = 0; i < drop_ins.count && l.errors.count < CONFIG_ERRORS_MAX; i++)
        load_file(&l, drop_ins.items[i]);
    strlist_deinit(&drop_ins);
    return loader_end(&l, ret, errors, e);
}

/* ---- destinations ---- */

bool destination_is_remote(const struct destination *d)
{
    return d->type != DESTINATION_DIRECTORY;
}

bool destination_is_fed_live(const struct destination *d)
{
    return d->feed == FEED_AUTO ? !destination_is_remote(d) : d->feed == FEED_LIVE;
}

int64_t destination_verify_within_s(const struct destination *d)
{
    if (d->verify_within_s != SPAN_UNSET)
        return d->verify_within_s;
    return d->type == DESTINATION_S3 ? 0 : VERIFY_WITHIN_DEFAULT_S;
}

char *destination_place(const struct destination *d)
{
    switch (d->type) {
    case DESTINATION_S3:
        return mem_printf("s3://%s%s%s", d->bucket, d->prefix != NULL ? "/" : "",
                          d->prefix != NULL ? d->prefix : "");
    case DESTINATION_SFTP: {
        bool v6 = strchr(d->host, ':') != NULL;
        _cleanup_free_ char *port = d->port != 22 ? mem_printf(":%d", d->port) : mem_strdup("");
        return mem_printf("sftp://%s@%s%s%s%s%s%s", d->user, v6 ? "[" : "", d->host, v6 ? "]" : "",
                          port, d->path[0] == '/' ? "" : "/~/", d->path);
    }
    case DESTINATION_DIRECTORY:
        break;
    }
    return mem_strdup(d->path);
}

/* ---- finding ---- */

struct job *config_job(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->job_count; i++)
        if (strcmp(c->jobs[i]->name, name) == 0)
            return c->jobs[i];
    return NULL;
}

struct destination *config_destination(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->destination_count; i++)
        if (strcmp(c->destinations[i]->name, name) == 0)
            return c->destinations[i];
    return NULL;
}

struct source *config_source(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->source_count; i++)
        if (strcmp(c->sources[i]->name, name) == 0)
            return c->sources[i];
    return NULL;
}
