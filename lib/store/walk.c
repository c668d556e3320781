#include "lib/store/walk.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/folder.h"
#include "lib/store/ops.h"

struct walk {
    walk_read_cb *read;
    void *arg;
    const char *prefix, *after;
    bool fold;
    struct store_object *out;
    size_t max, count;

    struct walk_entry *entries; /* of the folder that is being read */
    size_t entry_count, entry_room;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct walk_entry *)a)->name, ((const struct walk_entry *)b)->name);
}

/* Can the folder, or anything below it, be on this page? */
static bool wants_folder(const struct walk *w, const char *name)
{
    if (!str_starts(name, w->prefix) && !str_starts(w->prefix, name))
        return false;
    return strcmp(name, w->after) >= 0 || str_starts(w->after, name);
}

static bool wants_file(const struct walk *w, const char *name)
{
    return str_starts(name, w->prefix) && strcmp(name, w->after) > 0;
}

struct walk_entry *walk_add(struct walk *w, const char *path, const char *base, bool is_folder)
{
    if (strcmp(base, ".") == 0 || strcmp(base, "..") == 0 || base[0] == '\0' ||
        strchr(base, '/') != NULL || (path[0] == '\0' && strcmp(base, INCOMING_DIR) == 0) ||
        strlen(path) + strlen(base) >= STORE_NAME_MAX)
        return NULL;
    char *name = mem_printf("%s%s%s", path, base, is_folder ? "/" : "");
    if (is_folder ? !wants_folder(w, name) : !wants_file(w, name)) {
        free(name);
        return NULL;
    }
    if (w->entry_count == w->entry_room) {
        w->entry_room = w->entry_room == 0 ? 64 : 2 * w->entry_room;
        w->entries = mem_resize_array(w->entries, w->entry_room, sizeof(*w->entries));
    }
    struct walk_entry *entry = &w->entries[w->entry_count++];
    *entry = (struct walk_entry){.name = name};
    return entry;
}

void walk_drop(struct walk *w)
{
    free(w->entries[--w->entry_count].name);
}

static int enter(struct walk *w, const char *path, struct err *e);

/* Is there any object below? A folder that a crash left empty is not a prefix of anything. */
static int holds_objects(const struct walk *w, const char *path, bool *ret, struct err *e)
{
    struct store_object one;
    struct walk probe = {
        .read = w->read, .arg = w->arg, .prefix = "", .after = "", .out = &one, .max = 1};

    if (enter(&probe, path, e) < 0)
        return -1;
    *ret = probe.count > 0;
    return 0;
}

static void put_out(struct walk *w, const struct walk_entry *entry)
{
    struct store_object *o = &w->out[w->count++];

    (void)snprintf(o->name, sizeof(o->name), "%s", entry->name);
    o->size = entry->size;
    o->modified = entry->modified;
}

static int take_folder(struct walk *w, const struct walk_entry *entry, struct err *e)
{
    bool any;

    if (!w->fold || !str_starts(entry->name, w->prefix) || strcmp(entry->name, w->prefix) == 0)
        return enter(w, entry->name, e);
    if (strcmp(entry->name, w->after) <= 0)
        return 0;
    if (holds_objects(w, entry->name, &any, e) < 0)
        return -1;
    if (any)
        put_out(w, entry);
    return 0;
}

static int enter(struct walk *w, const char *path, struct err *e)
{
    w->entries = NULL;
    w->entry_count = w->entry_room = 0;
    int rc = w->read(w->arg, w, path, e);
    struct walk_entry *entries = w->entries;
    size_t count = w->entry_count;

    rc = rc > 0 ? 0 : rc;
    if (count > 1)
        qsort(entries, count, sizeof(*entries), by_name);
    for (size_t i = 0; i < count && rc == 0 && w->count < w->max; i++) {
        if (str_ends(entries[i].name, "/"))
            rc = take_folder(w, &entries[i], e);
        else
            put_out(w, &entries[i]);
    }
    for (size_t i = 0; i < count; i++)
        free(entries[i].name);
    free(entries);
    return rc;
}

/* The folder that holds all names with the prefix: "" or with '/' behind. Owned. */
static char *folder_of(const char *prefix)
{
    const char *slash = strrchr(prefix, '/');
    _cleanup_free_ char *folder =
        slash == NULL ? NULL : mem_strndup(prefix, (size_t)(slash - prefix));

    if (folder == NULL || !store_is_name(folder) || strcmp(folder, INCOMING_DIR) == 0 ||
        str_starts(folder, INCOMING_DIR "/"))
        return mem_strdup("");
    return mem_printf("%s/", folder);
}

int walk_list(walk_read_cb *read, void *arg, const char *prefix, bool fold, const char *after,
              struct store_object *out, size_t max, size_t *ret_count, struct err *e)
{
    struct walk w = {.read = read,
                     .arg = arg,
                     .prefix = prefix,
                     .after = after,
                     .fold = fold,
                     .out = out,
                     .max = max};

    _cleanup_free_ char *folder = folder_of(prefix);

    if (enter(&w, folder, e) < 0)
        return -1;
    *ret_count = w.count;
    return 0;
}
