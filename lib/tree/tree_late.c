#include "lib/tree/tree_late.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"

enum { NOTES_MAX = 20, SET_ID_BITS = 06000 };

void tree_late_deinit(struct tree_late *l)
{
    for (size_t i = 0; i < l->folder_count; i++) {
        free(l->folders[i].path);
        archive_entry_free(l->folders[i].meta.attributes);
    }
    for (size_t i = 0; i < l->link_count; i++) {
        free(l->links[i].path);
        free(l->links[i].target);
    }
    free(l->folders);
    free(l->links);
}

void tree_late_note(struct tree_late *l, const char *path, const char *fmt, ...)
{
    char why[200];
    va_list args;

    if (l->spec->note == NULL || l->notes++ >= NOTES_MAX)
        return;
    va_start(args, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    _cleanup_free_ char *shown = str_printable(path, strlen(path));
    _cleanup_free_ char *text = mem_printf("%s: %s", shown, why);
    l->spec->note(l->spec->arg, text);
}

struct tree_meta tree_late_meta(struct tree_late *l, const struct tree_untar_member *m)
{
    struct archive_entry *entry = m->entry;
    bool has = archive_entry_xattr_count(entry) > 0 ||
               archive_entry_acl_count(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS) > 0 ||
               archive_entry_acl_count(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT) > 0;
    struct tree_meta meta = {
        .mode = m->mode & 07777,
        .uid = tree_ids_user(&l->ids, archive_entry_uname(entry), archive_entry_uid(entry)),
        .gid = tree_ids_group(&l->ids, archive_entry_gname(entry), archive_entry_gid(entry)),
        .mtime = {.tv_sec = (time_t)m->mtime_s, .tv_nsec = m->mtime_ns},
        .attributes = has ? entry : NULL,
    };

    if (l->spec->privileged)
        return meta;
    if ((meta.mode & SET_ID_BITS) != 0) {
        tree_late_note(l, m->path, "set-user-ID and set-group-ID bits are left out without root");
        meta.mode &= (mode_t)~SET_ID_BITS;
    }
    if (meta.uid != geteuid() && !l->told_owner) {
        l->told_owner = true;
        tree_late_note(l, m->path,
                       "this and others belong to uid %u in the backup and to you now, "
                       "only root can give files away",
                       (unsigned)meta.uid);
    }
    return meta;
}

static void note_lost(struct tree_late *l, const char *path, const struct strlist *lost)
{
    for (size_t i = 0; i < lost->count; i++) {
        _cleanup_free_ char *name = str_printable(lost->items[i], strlen(lost->items[i]));
        tree_late_note(l, path, "attribute %.100s could not be set here", name);
    }
}

/* The owner first: a change of owner takes set-ID bits and capabilities away. The ACL last: its
 * mask is the group's part of the mode. */
int tree_late_apply(struct tree_late *l, int fd, const char *path, const struct tree_meta *meta,
                    struct err *e)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, meta->mtime};
    _cleanup_(strlist_deinit) struct strlist lost = {0};

    if (l->spec->privileged && io_chown(fd, "", meta->uid, meta->gid, AT_EMPTY_PATH) != 0)
        return err_sys(e, ERR_IO, errno, "owner");
    if (io_fchmod(fd, meta->mode) != 0)
        return err_sys(e, ERR_IO, errno, "permissions");
    if (meta->attributes != NULL) {
        tree_attr_apply(fd, meta->attributes, l->spec->privileged, &lost);
        note_lost(l, path, &lost);
    }
    if (io_utimens(fd, NULL, times, 0) != 0)
        return err_sys(e, ERR_IO, errno, "modification time");
    return 0;
}

int tree_late_apply_name(struct tree_late *l, int fd, const char *name,
                         const struct tree_meta *meta, struct err *e)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, meta->mtime};

    if (l->spec->privileged && io_chown(fd, name, meta->uid, meta->gid, AT_SYMLINK_NOFOLLOW) != 0)
        return err_sys(e, ERR_IO, errno, "owner");
    if (io_utimens(fd, name, times, AT_SYMLINK_NOFOLLOW) != 0)
        return err_sys(e, ERR_IO, errno, "modification time");
    return 0;
}

void tree_late_add_folder(struct tree_late *l, const char *path, const struct tree_meta *meta)
{
    if (l->folder_count == l->folder_cap) {
        l->folder_cap = l->folder_cap == 0 ? 64 : l->folder_cap * 2;
        l->folders = mem_resize_array(l->folders, l->folder_cap, sizeof(*l->folders));
    }
    struct late_folder *f = &l->folders[l->folder_count++];
    *f = (struct late_folder){.path = mem_strdup(path), .number = l->folder_count, .meta = *meta};
    if (meta->attributes != NULL)
        f->meta.attributes = archive_entry_clone(meta->attributes);
}

void tree_late_add_link(struct tree_late *l, const char *path, const char *target,
                        ino_t placeholder, const struct tree_meta *meta)
{
    if (l->link_count == l->link_cap) {
        l->link_cap = l->link_cap == 0 ? 64 : l->link_cap * 2;
        l->links = mem_resize_array(l->links, l->link_cap, sizeof(*l->links));
    }
    l->links[l->link_count++] = (struct late_link){
        .path = mem_strdup(path),
        .target = mem_strdup(target),
        .placeholder = placeholder,
        .meta = *meta,
    };
}

static struct late_link *find_link(const struct tree_late *l, const char *path)
{
    for (size_t i = 0; i < l->link_count; i++)
        if (l->links[i].target != NULL && strcmp(l->links[i].path, path) == 0)
            return &l->links[i];
    return NULL;
}

void tree_late_drop_link(struct tree_late *l, const char *path)
{
    struct late_link *link = find_link(l, path);

    if (link != NULL)
        free(TAKE(link->target));
}

bool tree_late_is_link(const struct tree_late *l, const char *path)
{
    return find_link(l, path) != NULL;
}

static int make_link(struct tree_late *l, struct tree_place *place, const struct late_link *link,
                     struct err *e)
{
    struct stat st;
    const char *name;
    int fd;

    if (tree_place_open(place, link->path, false, &fd, &name, e) < 0)
        return -1;
    if (io_stat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_ino != link->placeholder)
        return err_set(e, ERR_IO, "something else stands in its place now");
    if (io_unlink(fd, name, 0) != 0 || io_symlink(link->target, fd, name) != 0)
        return err_sys(e, ERR_IO, errno, "create the link");
    return tree_late_apply_name(l, fd, name, &link->meta, e);
}

static int finish_folder(struct tree_late *l, struct tree_place *place, const struct late_folder *f,
                         struct err *e)
{
    const char *name;
    int parent;

    if (f->path[0] == '\0')
        return tree_late_apply(l, place->root, ".", &f->meta, e);
    if (tree_place_open(place, f->path, false, &parent, &name, e) < 0)
        return -1;
    _cleanup_(fs_closep) int fd = io_open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "open");
    return tree_late_apply(l, fd, f->path, &f->meta, e);
}

/* By path, so that a folder comes before what lies in it; of one named twice the later last. */
static int compare_folders(const void *a, const void *b)
{
    const struct late_folder *x = a, *y = b;
    int order = strcmp(x->path, y->path);

    return order != 0 ? order : (x->number < y->number ? -1 : x->number > y->number);
}

int tree_late_finish(struct tree_late *l, struct tree_place *place, struct err *e)
{
    for (size_t i = 0; i < l->link_count; i++)
        if (l->links[i].target != NULL && make_link(l, place, &l->links[i], e) < 0)
            return err_wrap(e, "symbolic link %s", l->links[i].path);
    if (l->folder_count == 0)
        return 0;
    qsort(l->folders, l->folder_count, sizeof(*l->folders), compare_folders);
    /* from the end: without root, a folder that is closed to us must not be in the way */
    for (size_t i = l->folder_count; i-- > 0;) {
        const struct late_folder *f = &l->folders[i];
        bool is_named_later =
            i + 1 < l->folder_count && strcmp(f->path, l->folders[i + 1].path) == 0;
        if (!is_named_later && finish_folder(l, place, f, e) < 0)
            return err_wrap(e, "folder %s", f->path);
        tree_place_forget(place);
    }
    return 0;
}
