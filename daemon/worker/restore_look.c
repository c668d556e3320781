#include "daemon/worker/restore_look.h"

#include <string.h>

#include "lib/tree/tree_present.h"

static int compare_links(const void *a, const void *b)
{
    const struct restore_link *x = a, *y = b;
    int order = strcmp(x->file, y->file);

    return order != 0 ? order : strcmp(x->name, y->name);
}

static void add_link(struct restore_look *l, const struct list_entry *x)
{
    if ((l->link_count & (l->link_count - 1)) == 0) /* at every power of two */
        l->links = mem_resize_array(l->links, l->link_count == 0 ? 1 : l->link_count * 2,
                                    sizeof(*l->links));
    l->links[l->link_count++] = (struct restore_link){mem_strdup(x->link), mem_strdup(x->path)};
}

static void look_at(struct restore_look *l, const struct list_entry *x, int target)
{
    struct stat st;

    if (x->type == 'h')
        add_link(l, x);
    if (x->type != 'f' || !tree_present_stat(target, x->path, &st) ||
        (uint64_t)st.st_size != x->size || st.st_mtim.tv_sec != x->mtime_s ||
        st.st_mtim.tv_nsec != x->mtime_ns)
        return;
    l->files++;
    l->bytes += x->size;
}

int restore_look(struct worker *w, struct set_reader *set, const struct manifest_artifact *a,
                 int target, struct restore_look *ret, struct err *e)
{
    struct list_reader *reader;
    struct list_record r;
    int rc;

    *ret = (struct restore_look){0};
    if (set_artifact_list(set, a, &reader, e) < 0)
        return -1;
    while ((rc = list_reader_next(reader, &r, e)) == 0) {
        if (r.type == LIST_ENTRY)
            look_at(ret, &r.entry, target);
        if (worker_cancelled(w)) {
            rc = err_set(e, ERR_CANCELLED, "cancelled, nothing was changed");
            break;
        }
    }
    list_reader_close(reader);
    if (ret->link_count > 1)
        qsort(ret->links, ret->link_count, sizeof(*ret->links), compare_links);
    if (rc < 0)
        restore_look_deinit(ret);
    return rc < 0 ? -1 : 0;
}

void restore_look_links(const struct restore_look *l, const char *file, size_t *ret,
                        size_t *ret_count)
{
    size_t low = 0, high = l->link_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(l->links[middle].file, file) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret = low;
    while (low < l->link_count && strcmp(l->links[low].file, file) == 0)
        low++;
    *ret_count = low - *ret;
}

void restore_look_deinit(struct restore_look *l)
{
    for (size_t i = 0; i < l->link_count; i++) {
        free(l->links[i].file);
        free(l->links[i].name);
    }
    free(l->links);
    *l = (struct restore_look){0};
}
