#include "daemon/worker/restore_plan.h"

#include <string.h>

#include "daemon/worker/set_reader.h"
#include "lib/base/clock.h"

enum {
    SMALL_TREE = 1 << 20,        /* keys, secrets, configuration */
    BYTES_PER_SECOND = 100 << 20 /* for the estimate: reading, verifying and writing on one disk */
};

static int read_mode(const json_t *job, struct restore_plan *p, struct err *e)
{
    static const struct {
        const char *word, *needs;
        enum restore_mode mode;
    } modes[] = {{"target", "target", RESTORE_TARGET},
                 {"in-place", NULL, RESTORE_IN_PLACE},
                 {"database", "database", RESTORE_DATABASE}};
    const char *mode;

    if (json_get_string(job, "mode", &mode, e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(modes[i].word, mode) == 0) {
            const char *value = "";
            p->mode = modes[i].mode;
            if (modes[i].needs != NULL && json_get_string(job, modes[i].needs, &value, e) < 0)
                return -1;
            if (p->mode == RESTORE_TARGET && value[0] != '/')
                return err_set(e, ERR_USAGE, "target \"%s\" is not an absolute path", value);
            if (p->mode == RESTORE_DATABASE && value[0] == '\0')
                return err_set(e, ERR_USAGE, "the name of the new database is empty");
            return 0;
        }
    return err_set(e, ERR_INTERNAL, "restore mode \"%s\" is not known", mode);
}

static int read_strings(const json_t *job, const char *key, struct strlist *ret, struct err *e)
{
    const json_t *value = json_object_get(job, key);

    return value == NULL || json_is_null(value) ? 0 : json_get_strings(job, key, ret, e);
}

int restore_plan_read(const json_t *job, struct restore_plan *ret, struct err *e)
{
    *ret = (struct restore_plan){
        .job = job,
        .target = json_opt_string(job, "target", NULL),
        .database = json_opt_string(job, "database", NULL),
        .uri = json_opt_string(job, "uri", NULL),
        .state_dir = json_opt_string(job, "state_dir", NULL),
        .safety_copy = json_opt_string(job, "safety_copy", "refuse"),
        .replace = json_opt_bool(job, "replace", false),
        .yes = json_opt_bool(job, "yes", false),
    };
    if (read_mode(job, ret, e) < 0 || json_get_string(job, "run", &ret->run, e) < 0 ||
        read_strings(job, "sources", &ret->sources, e) < 0 ||
        read_strings(job, "tables", &ret->tables, e) < 0 ||
        read_strings(job, "stop", &ret->stop, e) < 0 ||
        read_strings(job, "start", &ret->start, e) < 0 ||
        read_strings(job, "check", &ret->check, e) < 0)
        return -1;
    if (!str_is_name(ret->run))
        return err_set(e, ERR_INTERNAL, "\"%s\" is no name for a restore", ret->run);
    if (ret->tables.count > 0 && ret->mode == RESTORE_IN_PLACE)
        return err_set(e, ERR_USAGE,
                       "single tables go into a new database or into a file, never in place");
    return 0;
}

static const json_t *configured_source(const struct restore_plan *p, const char *name)
{
    const json_t *list = json_object_get(p->job, "configured"), *o;
    size_t i;

    json_array_foreach(list, i, o) if (str_equal(json_opt_string(o, "name", NULL), name)) return o;
    return NULL;
}

/* Keys, secrets and configuration first: what comes later may need them. The roles before the
 * databases that belong to them, those before the files that their rows point to. */
static int rank(const struct manifest_artifact *a)
{
    if (manifest_artifact_is_tree(a))
        return a->raw_bytes <= SMALL_TREE || json_opt_bool(a->details, "single", false) ? 0 : 3;
    return str_equal(a->kind, "globals") ? 1 : 2;
}

static bool is_wanted(const struct restore_plan *p, const struct manifest_artifact *a)
{
    if (p->sources.count > 0 && !strlist_contains(&p->sources, a->source))
        return false;
    if (p->tables.count > 0 && p->mode == RESTORE_TARGET)
        return rank(a) == 2 && str_equal(a->source_type, "postgresql");
    /* a new name is for databases; the roles come along so that its owners exist */
    return p->mode != RESTORE_DATABASE || str_equal(a->source_type, "postgresql");
}

/* The smaller of the small ones first; otherwise as in the set. */
static int compare_items(const void *a, const void *b)
{
    const struct manifest_artifact *x = ((const struct restore_item *)a)->artifact;
    const struct manifest_artifact *y = ((const struct restore_item *)b)->artifact;
    int difference = rank(x) - rank(y);

    if (difference == 0 && rank(x) == 0 && x->raw_bytes != y->raw_bytes)
        return x->raw_bytes < y->raw_bytes ? -1 : 1;
    if (difference == 0)
        return x < y ? -1 : x > y; /* places in the manifest's array */
    return difference;
}

static void choose(struct restore_plan *p, const struct manifest *m)
{
    p->items = mem_alloc((m->artifact_count + 1) * sizeof(*p->items));
    for (size_t i = 0; i < m->artifact_count; i++) {
        const struct manifest_artifact *a = &m->artifacts[i];
        if (is_wanted(p, a))
            p->items[p->count++] =
                (struct restore_item){.artifact = a, .kind = restore_item_kind(a, p->mode)};
    }
    if (p->count > 0)
        qsort(p->items, p->count, sizeof(*p->items), compare_items);
}

/* A new name can hold one database only. */
static int check_one_database(const struct restore_plan *p, struct err *e)
{
    size_t databases = 0;

    for (size_t i = 0; i < p->count; i++) {
        const struct manifest_artifact *a = p->items[i].artifact;
        databases += rank(a) == 2;
        if (p->tables.count > 0 && str_equal(a->kind, "sql"))
            return err_set(e, ERR_REFUSED,
                           "source \"%s\" was dumped as SQL text: single tables come out of a "
                           "custom dump only (dump_format = custom)",
                           a->source);
    }
    if (p->mode != RESTORE_DATABASE || databases == 1)
        return 0;
    return databases == 0
               ? err_set(e, ERR_NOT_FOUND, "the set holds no database to restore under a new name")
               : err_set(e, ERR_USAGE,
                         "the set holds %zu databases and a new name is for one: choose with "
                         "--source, or restore all as files with --target",
                         databases);
}

static bool has_several_sources(const struct restore_plan *p)
{
    for (size_t i = 1; i < p->count; i++)
        if (!str_equal(p->items[i].artifact->source, p->items[0].artifact->source))
            return true;
    return false;
}

static int plan_item(struct restore_plan *p, struct restore_item *item, struct worker *w,
                     struct set_reader *set, struct err *e)
{
    struct restore_request q = {
        .worker = w,
        .mode = p->mode,
        .artifact = item->artifact,
        .source = configured_source(p, item->artifact->source),
        .database = p->mode == RESTORE_DATABASE ? p->database : NULL,
        .uri = p->uri,
        .run = p->run,
        .state_dir = p->state_dir,
        .drop_first = p->replace,
        .tables = &p->tables,
        .set = set,
    };

    if (p->mode == RESTORE_TARGET)
        q.target = item->target = has_several_sources(p)
                                      ? mem_printf("%s/%s", p->target, item->artifact->source)
                                      : mem_strdup(p->target);
    if (restore_item_plan(item, &q, e) < 0)
        return err_wrap(e, "source \"%s\"", item->artifact->source);
    if (item->step.refusal != NULL)
        return err_set(e, ERR_REFUSED, "source \"%s\": %s", item->artifact->source,
                       item->step.refusal);
    p->replaces |= item->step.replaces != NULL;
    return 0;
}

/* What is named where several items share the room. */
static const char *place_of(const struct restore_plan *p, const struct restore_step *step)
{
    return p->target != NULL ? p->target : step->where;
}

/* Items that are staged on one file system share its room. */
static int check_room(const struct restore_plan *p, struct err *e)
{
    char need_text[16], free_text[16];

    for (size_t i = 0; i < p->count; i++) {
        const struct restore_step *step = &p->items[i].step;
        uint64_t need = 0;
        if (step->file_system == 0)
            continue;
        for (size_t k = 0; k < p->count; k++)
            if (p->items[k].step.file_system == step->file_system)
                need += p->items[k].step.need_bytes;
        if (need > step->free_bytes)
            return err_set(e, ERR_REFUSED, "no room: %s needed for %s, %s free%s",
                           str_bytes(need, need_text), place_of(p, step),
                           str_bytes(step->free_bytes, free_text),
                           p->replaces && !p->replace
                               ? " (--replace removes the present state first, after the whole "
                                 "set has been verified)"
                               : "");
    }
    return 0;
}

int restore_plan_make(struct restore_plan *p, struct worker *w, struct set_reader *set,
                      struct err *e)
{
    const struct manifest *m = &set->manifest;

    p->manifest = m;
    for (size_t i = 0; i < p->sources.count; i++)
        if (set_reader_check_source(m, p->sources.items[i], e) < 0)
            return -1;
    choose(p, m);
    if (p->count == 0)
        return err_set(e, ERR_NOT_FOUND, "set %s/%s holds nothing to restore", m->job, m->id);
    if (check_one_database(p, e) < 0)
        return -1;
    for (size_t i = 0; i < p->count; i++) {
        if (worker_cancelled(w))
            return err_set(e, ERR_CANCELLED, "cancelled, nothing was changed");
        if (plan_item(p, &p->items[i], w, set, e) < 0)
            return -1;
    }
    return check_room(p, e);
}

static void add_command(struct strlist *lines, const char *when, const struct strlist *argv)
{
    char text[400] = "";
    size_t len = 0;

    for (size_t i = 0; i < argv->count && len < sizeof(text) - 1; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "",
                                argv->items[i]);
    if (argv->count > 0)
        strlist_addf(lines, "%s: %s", when, text);
}

static void add_totals(const struct restore_plan *p, struct strlist *lines)
{
    uint64_t total = 0;
    char text[32], need[16], room[16];

    for (size_t i = 0; i < p->count; i++) {
        const struct restore_step *step = &p->items[i].step;
        bool told = step->file_system == 0;
        uint64_t sum = 0;
        total += p->items[i].artifact->raw_bytes;
        for (size_t k = 0; k < p->count; k++) {
            told |= k < i && p->items[k].step.file_system == step->file_system;
            if (p->items[k].step.file_system == step->file_system)
                sum += p->items[k].step.need_bytes;
        }
        if (!told)
            strlist_addf(lines, "Space: %s needed for %s, %s free", str_bytes(sum, need),
                         place_of(p, step), str_bytes(step->free_bytes, room));
    }
    strlist_addf(lines, "Time: about %s",
                 str_duration((int64_t)(total / BYTES_PER_SECOND) + 1, text));
}

char *restore_plan_text(const struct restore_plan *p)
{
    _cleanup_(strlist_deinit) struct strlist lines = {0};
    struct buf out = BUF_INIT(1 << 20);
    char when[32];

    strlist_addf(&lines, "Restore %s/%s, begun %s, %s", p->manifest->job, p->manifest->id,
                 clock_iso8601(p->manifest->started, when),
                 p->mode == RESTORE_TARGET     ? "into a folder"
                 : p->mode == RESTORE_IN_PLACE ? "in place"
                                               : "into a new database");
    if (p->manifest->incomplete)
        strlist_add(&lines,
                    "This set is INCOMPLETE: not everything could be read when it was made");
    for (size_t i = 0; i < p->count; i++) {
        const struct restore_step *step = &p->items[i].step;
        strlist_addf(&lines, "  %s: %s -> %s", p->items[i].artifact->source, step->what,
                     step->where);
        if (step->replaces != NULL)
            strlist_addf(&lines, "    replaces %s (%s)", step->replaces,
                         p->items[i].kind == RESTORE_KIND_COMMAND || p->replace
                             ? "which is gone then"
                             : "which is kept beside it, for restore --undo");
        for (size_t k = 0; k < 3; k++) {
            const char *more[] = {step->stays, step->resumes, step->note};
            if (more[k] != NULL)
                strlist_addf(&lines, "    %s", more[k]);
        }
    }
    add_totals(p, &lines);
    add_command(&lines, "Stops before", &p->stop);
    add_command(&lines, "Starts after", &p->start);
    add_command(&lines, "Checks with", &p->check);
    for (size_t i = 0; i < lines.count; i++) {
        _cleanup_free_ char *line = str_printable(lines.items[i], strlen(lines.items[i]));
        if (buf_printf(&out, NULL, "%s%s", i > 0 ? "\n" : "", line) < 0)
            break; /* a megabyte of plan is plan enough */
    }
    return buf_take_string(&out);
}

void restore_plan_deinit(struct restore_plan *p)
{
    for (size_t i = 0; i < p->count; i++)
        restore_item_deinit(&p->items[i]);
    free(p->items);
    strlist_deinit(&p->sources);
    strlist_deinit(&p->tables);
    strlist_deinit(&p->stop);
    strlist_deinit(&p->start);
    strlist_deinit(&p->check);
}
