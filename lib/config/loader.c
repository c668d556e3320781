/* The happy path: each section head makes a struct with every option at its fallback, each key
 * is read over its field, and the end of the section says what is missing. After an error the
 * reading goes on, so that one pass shows all mistakes; a section whose head is wrong is skipped,
 * because its keys would only repeat the complaint. */
#include "lib/config/loader.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/config/ini.h"
#include "lib/config/section.h"
#include "lib/config/value.h"

int loader_error(struct loader *l, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    char *text = NULL;

    if (l->errors.count >= CONFIG_ERRORS_MAX)
        return -1;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    va_end(args);
    _cleanup_free_ char *clean = str_printable(text, strlen(text));
    mem_wipe(text, strlen(text));
    free(text);
    if (line > 0)
        strlist_addf(&l->errors, "%s:%d: %s", file, line, clean);
    else
        strlist_addf(&l->errors, "%s: %s", file, clean);
    return -1;
}

/* The "[job nightly]" of the section being read, for sentences. */
static const char *head(const struct loader *l, char out[96])
{
    (void)snprintf(out, 96, "[%s%s%s]", section_word(l->kind), l->name != NULL ? " " : "",
                   l->name != NULL ? l->name : "");
    return out;
}

/* ---- sections ---- */

static void add_pointer(void ***list, size_t *count, void *p)
{
    *list = mem_resize_array(*list, *count + 1, sizeof(void *));
    (*list)[(*count)++] = p;
}

static void add_section(struct loader *l, const char *name)
{
    struct config *c = l->config;
    const struct origin at = {l->file, l->section_line};

    l->section = section_new(l->kind, name);
    if (l->kind == SECTION_DESTINATION) {
        struct destination *d = l->section;
        d->at = at;
        l->name = d->name;
        add_pointer((void ***)&c->destinations, &c->destination_count, d);
    } else if (l->kind == SECTION_SOURCE) {
        struct source *s = l->section;
        s->at = at;
        l->name = s->name;
        add_pointer((void ***)&c->sources, &c->source_count, s);
    } else {
        struct job *j = l->section;
        j->at = at;
        l->name = j->name;
        l->job_names = mem_resize_array(l->job_names, c->job_count + 1, sizeof(struct job_names));
        l->job_names[c->job_count] = (struct job_names){0};
        add_pointer((void ***)&c->jobs, &c->job_count, j);
    }
}

/* Where a section of that name stands already; NULL if nowhere. */
static const struct origin *find_section(const struct loader *l, enum section_kind kind,
                                         const char *name)
{
    const struct config *c = l->config;

    if (kind == SECTION_DESTINATION) {
        const struct destination *d = config_destination(c, name);
        return d != NULL ? &d->at : NULL;
    }
    if (kind == SECTION_SOURCE) {
        const struct source *s = config_source(c, name);
        return s != NULL ? &s->at : NULL;
    }
    if (kind == SECTION_JOB) {
        const struct job *j = config_job(c, name);
        return j != NULL ? &j->at : NULL;
    }
    const struct origin *at = kind == SECTION_DAEMON ? &l->daemon_at : &l->access_at;
    return at->file != NULL ? at : NULL;
}

static int check_head(struct loader *l, int line, int kind, const struct ini_item *item)
{
    const char *nearest;

    if (kind < 0) {
        nearest = section_nearest(item->name);
        return loader_error(l, l->file, line, "unknown section [%.80s]%s%s%s", item->name,
                            nearest != NULL ? "; did you mean [" : "",
                            nearest != NULL ? nearest : "", nearest != NULL ? "]?" : "");
    }
    if (section_has_name((enum section_kind)kind) && item->value == NULL)
        return loader_error(l, l->file, line, "[%s] needs a name: [%s NAME]", item->name,
                            item->name);
    if (!section_has_name((enum section_kind)kind) && item->value != NULL)
        return loader_error(l, l->file, line, "[%s] has no name", item->name);
    if (item->value != NULL && !str_is_name(item->value))
        return loader_error(l, l->file, line,
                            "\"%.80s\" is not a name: a letter or digit, then at most 62 letters, "
                            "digits, \"_\", \".\" and \"-\", and not \"latest\"",
                            item->value);
    const struct origin *there = find_section(l, (enum section_kind)kind, item->value);
    if (there != NULL)
        return loader_error(l, l->file, line, "[%s%s%s] stands already in %s:%d", item->name,
                            item->value != NULL ? " " : "", item->value != NULL ? item->value : "",
                            there->file, there->line);
    if (++l->section_count > CONFIG_SECTIONS_MAX)
        return loader_error(l, l->file, line, "more than %d sections", CONFIG_SECTIONS_MAX);
    return 0;
}

static void open_section(struct loader *l, int line, const struct ini_item *item)
{
    int kind = section_from_word(item->name);

    l->section = NULL;
    l->name = NULL;
    l->section_line = line;
    l->type_known = kind == SECTION_DESTINATION; /* what it is when left out */
    memset(l->lines, 0, sizeof(l->lines));
    if (check_head(l, line, kind, item) < 0)
        return;
    l->kind = (enum section_kind)kind;
    if (section_has_name(l->kind)) {
        add_section(l, item->value);
        return;
    }
    l->section = l->config;
    *(kind == SECTION_DAEMON ? &l->daemon_at : &l->access_at) = (struct origin){l->file, line};
}

/* Whether the section's type, as far as it is known, has this option. */
static bool has_option(const struct loader *l, const struct config_option *o)
{
    return !l->type_known || config_option_applies(o, l->section);
}

static void note_missing(struct loader *l, const struct config_option *o)
{
    char text[96];

    if (o->type == OPTION_KEY)
        loader_error(l, l->file, l->section_line,
                     "%s: no \"%s\"; to store everything unencrypted write %s = none",
                     head(l, text), o->key, o->key);
    else
        loader_error(l, l->file, l->section_line, "%s: no \"%s\"; write %s = %s", head(l, text),
                     o->key, o->key, o->words != NULL ? o->words : o->form);
}

static void note_misplaced(struct loader *l, const struct config_option *o)
{
    _cleanup_free_ char *type = config_type_of(o->section, l->section);
    const char *format = config_option_format(o);
    char text[96];

    if (format != NULL)
        loader_error(l, l->file, l->lines[config_option_index(o)],
                     "%s: \"%s\" is an option of format = %s only", head(l, text), o->key, format);
    else
        loader_error(l, l->file, l->lines[config_option_index(o)],
                     "%s: \"%s\" is no option of type %s", head(l, text), o->key, type);
}

/* The one option whose form depends on the type: a folder here must be named whole. */
static void check_path(struct loader *l)
{
    const struct config_option *o = config_option_find(SECTION_DESTINATION, "path");
    const struct destination *d = l->section;
    char text[96];

    if (l->type_known && d->type == DESTINATION_DIRECTORY && d->path != NULL && d->path[0] != '/')
        loader_error(l, l->file, l->lines[config_option_index(o)],
                     "%s: path: \"%.200s\" is not an absolute path", head(l, text), d->path);
}

static void close_section(struct loader *l)
{
    if (l->section == NULL)
        return;
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_option_table[i];
        if (o->section != l->kind)
            continue;
        if (l->lines[i] > 0 && !has_option(l, o))
            note_misplaced(l, o);
        if (l->lines[i] == 0 && o->needed && (o->only == 0 || l->type_known) && has_option(l, o))
            note_missing(l, o);
    }
    if (l->kind == SECTION_DESTINATION)
        check_path(l);
    l->section = NULL;
}

/* ---- keys ---- */

static void unknown_key(struct loader *l, int line, const char *key)
{
    const struct config_option *near = config_option_nearest(l->kind, key);
    int other = config_option_other_section(l->kind, key);
    char text[96];

    if (near != NULL)
        loader_error(l, l->file, line, "%s: unknown key \"%s\"; did you mean \"%s\"?",
                     head(l, text), key, near->key);
    else if (other >= 0)
        loader_error(l, l->file, line, "%s: unknown key \"%s\"; it belongs to a [%s] section",
                     head(l, text), key, section_word((enum section_kind)other));
    else
        loader_error(l, l->file, line, "%s: unknown key \"%s\"", head(l, text), key);
}

static int read_names(struct names *names, const char *raw, int line, struct err *e)
{
    names->line = line;
    if (strlist_split(&names->list, raw, e) < 0)
        return -1;
    if (names->list.count == 0)
        return err_set(e, ERR_CONFIG, "no name");
    if (names->list.count > CONFIG_NAMES_MAX)
        return err_set(e, ERR_CONFIG, "more than %d names", CONFIG_NAMES_MAX);
    for (size_t i = 0; i < names->list.count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(names->list.items[i], names->list.items[k]) == 0)
                return err_set(e, ERR_CONFIG, "\"%.80s\" stands twice", names->list.items[i]);
    return 0;
}

static int read_value(struct loader *l, const struct config_option *o, const char *raw, int line,
                      struct err *e)
{
    struct job_names *names =
        l->kind == SECTION_JOB ? &l->job_names[l->config->job_count - 1] : NULL;

    if (names != NULL && o->type == OPTION_SOURCES)
        return read_names(&names->sources, raw, line, e);
    if (names != NULL && o->type == OPTION_DESTINATIONS)
        return read_names(&names->destinations, raw, line, e);
    bool is_type = o->type == OPTION_CHOICE && strcmp(o->key, "type") == 0;
    if (is_type)
        l->type_known = false;
    if (value_parse(o, raw, l->section, e) < 0)
        return -1;
    if (o->type == OPTION_TIER || o->type == OPTION_VERIFY) {
        struct tier_rule *rule = (struct tier_rule *)((char *)l->section + o->offset);
        rule->at = (struct origin){l->file, line};
    }
    l->type_known = l->type_known || is_type;
    return 0;
}

static void read_key(struct loader *l, int line, const struct ini_item *item)
{
    const struct config_option *o;
    struct err e = {0};
    char text[96];

    if (l->section == NULL) {
        if (l->section_line == 0)
            loader_error(l, l->file, line, "\"%s\" stands before the first [section]", item->name);
        return;
    }
    o = config_option_find(l->kind, item->name);
    if (o == NULL) {
        unknown_key(l, line, item->name);
        return;
    }
    int *seen = &l->lines[config_option_index(o)];
    if (*seen > 0) {
        loader_error(l, l->file, line, "%s: \"%s\" stands already in line %d", head(l, text),
                     o->key, *seen);
        return;
    }
    *seen = line;
    if (read_value(l, o, item->value, line, &e) < 0)
        loader_error(l, l->file, line, "%s: %s: %s", head(l, text), o->key, e.text);
}

void loader_read(struct loader *l, const char *file, const void *text, size_t len)
{
    struct ini ini;
    struct ini_item item;
    struct err e = {0};
    int r;

    strlist_add(&l->config->files, file);
    l->file = l->config->files.items[l->config->files.count - 1];
    l->section = NULL;
    l->section_line = 0;
    ini_init(&ini, text, len);
    while ((r = ini_next(&ini, &item, &e)) != 1 && l->errors.count < CONFIG_ERRORS_MAX) {
        if (r < 0) {
            loader_error(l, l->file, ini.line, "%s", e.text);
        } else if (item.kind == INI_SECTION) {
            close_section(l);
            open_section(l, ini.line, &item);
        } else {
            read_key(l, ini.line, &item);
        }
    }
    close_section(l);
    ini_deinit(&ini);
}
