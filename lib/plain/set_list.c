#include "lib/plain/set_list.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"

enum { PAGE = 1000 }; /* as many as object stores give at once */

/* Ask for page after page; `each` returns -1 to stop. */
static int list_all(struct store *s, const char *prefix, bool fold,
                    int (*each)(void *arg, const struct store_object *o, struct err *e), void *arg,
                    struct err *e)
{
    _cleanup_free_ struct store_object *page = mem_alloc(PAGE * sizeof(*page));
    char after[STORE_NAME_MAX + 1] = "";
    size_t n = PAGE;

    while (n == PAGE) {
        if (store_list(s, prefix, fold, after, page, PAGE, &n, e) < 0)
            return -1;
        for (size_t i = 0; i < n; i++)
            if (each(arg, &page[i], e) < 0)
                return -1;
        if (n > 0)
            memcpy(after, page[n - 1].name, sizeof(after));
    }
    return 0;
}

static int add_job(void *arg, const struct store_object *o, struct err *e)
{
    size_t len = strlen(o->name);

    (void)e;
    if (len < 2 || o->name[len - 1] != '/')
        return 0;
    _cleanup_free_ char *name = mem_strndup(o->name, len - 1);
    if (str_is_name(name))
        strlist_add(arg, name);
    return 0;
}

int set_list_jobs(struct store *s, struct strlist *ret, struct err *e)
{
    return list_all(s, "", true, add_job, ret, e);
}

struct collected {
    const char *prefix;
    struct set_entry *entries;
    size_t count;
};

/* Names come in byte order: "ID.marks/" directly before or after "ID/". */
static struct set_entry *entry_of(struct collected *c, const char *id)
{
    if (c->count > 0 && strcmp(c->entries[c->count - 1].id, id) == 0)
        return &c->entries[c->count - 1];
    c->entries = mem_resize_array(c->entries, c->count + 1, sizeof(*c->entries));
    struct set_entry *entry = &c->entries[c->count++];
    *entry = (struct set_entry){0};
    (void)snprintf(entry->id, sizeof(entry->id), "%s", id);
    return entry;
}

static int add_set(void *arg, const struct store_object *o, struct err *e)
{
    struct collected *c = arg;
    _cleanup_free_ char *id = mem_strdup(o->name + strlen(c->prefix));
    struct wall when;

    (void)e;
    if (str_ends(id, ".marks/")) {
        id[strlen(id) - strlen(".marks/")] = '\0';
        if (clock_parse_set_id(id, &when) == 0)
            entry_of(c, id)->marked = true;
        return 0;
    }
    if (!str_ends(id, "/"))
        return 0;
    id[strlen(id) - 1] = '\0';
    if (clock_parse_set_id(id, &when) < 0)
        return 0;
    entry_of(c, id)->folder = true;
    return 0;
}

int set_list(struct store *s, const char *job, struct set_entry **ret, size_t *ret_count,
             struct err *e)
{
    _cleanup_free_ char *prefix = mem_printf("%s/", job);
    struct collected c = {.prefix = prefix};

    *ret = NULL;
    *ret_count = 0;
    if (list_all(s, prefix, true, add_set, &c, e) < 0) {
        free(c.entries);
        return -1;
    }
    *ret = c.entries;
    *ret_count = c.count;
    return 0;
}

static int take_newest(void *arg, const struct store_object *o, struct err *e)
{
    struct wall *newest = arg;

    (void)e;
    if (o->modified.us > newest->us)
        *newest = o->modified;
    return 0;
}

int set_list_newest(struct store *s, const char *prefix, struct wall *ret, struct err *e)
{
    *ret = (struct wall){0};
    return list_all(s, prefix, false, take_newest, ret, e);
}
