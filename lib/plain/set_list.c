#include "lib/plain/set_list.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/listing.h"

int set_list_jobs(struct store *s, struct strlist *ret, struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing list = {
        .store = s, .prefix = "", .fold = true};
    struct store_object *x;
    int rc;

    while ((rc = store_listing_next(&list, &x, e)) == 0) {
        size_t len = strlen(x->name);
        if (len < 2 || x->name[len - 1] != '/')
            continue;
        x->name[len - 1] = '\0';
        if (str_is_name(x->name))
            strlist_add(ret, x->name);
    }
    return rc < 0 ? -1 : 0;
}

struct collected {
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

/* id: what follows the job's name; cut to the id. */
static void add_set(struct collected *c, char *id)
{
    const bool marks = str_ends(id, ".marks/");
    struct wall when;

    if (!str_ends(id, "/"))
        return;
    id[strlen(id) - (marks ? strlen(".marks/") : 1)] = '\0';
    if (clock_parse_set_id(id, &when) < 0)
        return;
    if (marks)
        entry_of(c, id)->marked = true;
    else
        entry_of(c, id)->folder = true;
}

int set_list(struct store *s, const char *job, struct set_entry **ret, size_t *ret_count,
             struct err *e)
{
    _cleanup_free_ char *prefix = mem_printf("%s/", job);
    _cleanup_(store_listing_deinit) struct store_listing list = {
        .store = s, .prefix = prefix, .fold = true};
    struct collected c = {0};
    struct store_object *x;
    int rc;

    *ret = NULL;
    *ret_count = 0;
    while ((rc = store_listing_next(&list, &x, e)) == 0)
        add_set(&c, x->name + strlen(prefix));
    if (rc < 0) {
        free(c.entries);
        return -1;
    }
    *ret = c.entries;
    *ret_count = c.count;
    return 0;
}

int set_list_newest(struct store *s, const char *prefix, struct wall *ret, struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing list = {.store = s, .prefix = prefix};
    struct store_object *x;
    int rc;

    *ret = (struct wall){0};
    while ((rc = store_listing_next(&list, &x, e)) == 0)
        if (x->modified.us > ret->us)
            *ret = x->modified;
    return rc < 0 ? -1 : 0;
}
