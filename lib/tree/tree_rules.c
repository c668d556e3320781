#include "lib/tree/tree_rules.h"

#include <string.h>

#include "lib/base/mem.h"

struct pattern {
    struct strlist parts; /* one: a name at any depth, unless anchored */
    bool anchored, folders_only;
};

struct patterns {
    struct pattern *items;
    size_t count;
};

struct tree_rules {
    struct patterns include, exclude;
};

static int pattern_parse(const char *text, struct pattern *p, struct err *e)
{
    _cleanup_free_ char *copy = mem_strdup(text);
    size_t len = strlen(copy);
    char *rest = copy, *save = NULL;

    if (len > 0 && copy[len - 1] == '/') {
        p->folders_only = true;
        copy[--len] = '\0';
    }
    p->anchored = strchr(copy, '/') != NULL;
    for (char *part = strtok_r(rest, "/", &save); part != NULL; part = strtok_r(NULL, "/", &save)) {
        if (strcmp(part, ".") == 0 || strcmp(part, "..") == 0)
            return err_set(
                e, ERR_CONFIG,
                "pattern \"%s\": \"%s\" has no meaning, paths begin at the source's root", text,
                part);
        strlist_add(&p->parts, part);
    }
    if (p->parts.count == 0)
        return err_set(e, ERR_CONFIG, "pattern \"%s\" names nothing", text);
    return 0;
}

static int patterns_parse(const struct strlist *texts, struct patterns *ret, struct err *e)
{
    size_t count = texts == NULL ? 0 : texts->count;

    ret->items = mem_alloc(count * sizeof(*ret->items));
    for (size_t i = 0; i < count; i++) {
        ret->count++;
        if (pattern_parse(texts->items[i], &ret->items[i], e) < 0)
            return -1;
    }
    return 0;
}

static void patterns_deinit(struct patterns *p)
{
    for (size_t i = 0; i < p->count; i++)
        strlist_deinit(&p->items[i].parts);
    free(p->items);
}

int tree_rules_create(const struct strlist *include, const struct strlist *exclude,
                      struct tree_rules **ret, struct err *e)
{
    struct tree_rules *r = mem_alloc(sizeof(*r));

    if (patterns_parse(include, &r->include, e) < 0 ||
        patterns_parse(exclude, &r->exclude, e) < 0) {
        tree_rules_free(r);
        return -1;
    }
    *ret = r;
    return 0;
}

void tree_rules_free(struct tree_rules *r)
{
    if (r == NULL)
        return;
    patterns_deinit(&r->include);
    patterns_deinit(&r->exclude);
    free(r);
}

/* The path's first name against one part of a pattern; *rest is what follows, or NULL. */
static bool match_name(const char *part, const char *path, const char **rest)
{
    const char *slash = strchr(path, '/');
    size_t len = slash == NULL ? strlen(path) : (size_t)(slash - path);
    _cleanup_free_ char *name = mem_strndup(path, len);

    *rest = slash == NULL ? NULL : slash + 1;
    return str_match(part, name);
}

static bool match_parts(char *const *parts, const char *path)
{
    const char *rest;

    for (; *parts != NULL; parts++, path = rest) {
        if (strcmp(*parts, "**") == 0) {
            if (parts[1] == NULL)
                return path != NULL;
            for (; path != NULL; path = rest) {
                if (match_parts(parts + 1, path))
                    return true;
                const char *slash = strchr(path, '/');
                rest = slash == NULL ? NULL : slash + 1;
            }
            return false;
        }
        if (path == NULL || !match_name(*parts, path, &rest))
            return false;
    }
    return path == NULL;
}

static bool patterns_match(const struct patterns *p, const char *path, bool is_folder)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;

    for (size_t i = 0; i < p->count; i++) {
        const struct pattern *one = &p->items[i];
        if (one->folders_only && !is_folder)
            continue;
        if (one->anchored ? match_parts(one->parts.items, path)
                          : str_match(one->parts.items[0], name))
            return true;
    }
    return false;
}

enum tree_verdict tree_rules_judge(const struct tree_rules *r, const char *path, bool is_folder,
                                   bool inside)
{
    const char *slash = strrchr(path, '/');

    if (str_starts(slash == NULL ? path : slash + 1, TREE_STAGING_PREFIX) ||
        patterns_match(&r->exclude, path, is_folder))
        return TREE_SKIP;
    if (inside || r->include.count == 0 || patterns_match(&r->include, path, is_folder))
        return TREE_TAKE;
    return is_folder ? TREE_PASS : TREE_SKIP;
}

bool tree_rules_has_include(const struct tree_rules *r)
{
    return r->include.count > 0;
}
