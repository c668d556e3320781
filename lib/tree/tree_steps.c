#include "lib/tree/tree_steps.h"

#include <errno.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/tree/tree_untar.h"

enum { PLAN_MAX = 256 << 20, VERSION = 1 };

static const char *const state_words[] = {"planned", "done", "undone"};

static void folder_deinit(struct tree_step_folder *f)
{
    free(f->path);
    json_decref(f->old.attributes);
    json_decref(f->new.attributes);
}

void tree_steps_deinit(struct tree_steps *p)
{
    for (size_t i = 0; i < p->step_count; i++)
        free(p->steps[i].path);
    for (size_t i = 0; i < p->folder_count; i++)
        folder_deinit(&p->folders[i]);
    free(p->steps);
    free(p->folders);
    *p = (struct tree_steps){0};
}

void tree_steps_add(struct tree_steps *p, const char *path, uint64_t old_inode, uint64_t new_inode)
{
    if (p->step_count == p->step_room) {
        p->step_room = p->step_room == 0 ? 16 : p->step_room * 2;
        p->steps = mem_resize_array(p->steps, p->step_room, sizeof(*p->steps));
    }
    p->steps[p->step_count++] = (struct tree_step){mem_strdup(path), old_inode, new_inode};
}

void tree_steps_cut(struct tree_steps *p, size_t step_count, size_t folder_count)
{
    while (p->step_count > step_count)
        free(p->steps[--p->step_count].path);
    while (p->folder_count > folder_count)
        folder_deinit(&p->folders[--p->folder_count]);
}

bool tree_step_meta_equal(const struct tree_step_meta *a, const struct tree_step_meta *b)
{
    return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->mtime_s == b->mtime_s &&
           a->mtime_ns == b->mtime_ns && json_equal(a->attributes, b->attributes);
}

static int meta_of(int fd, struct tree_step_meta *ret, struct err *e)
{
    struct stat st;

    if (io_fstat(fd, &st) != 0)
        return err_sys(e, ERR_IO, errno, "stat");
    *ret = (struct tree_step_meta){
        .mode = st.st_mode & 07777,
        .uid = st.st_uid,
        .gid = st.st_gid,
        .mtime_s = st.st_mtim.tv_sec,
        .mtime_ns = st.st_mtim.tv_nsec,
    };
    return tree_step_attr_read(fd, &ret->attributes, e);
}

static void add_folder(struct tree_steps *p, const struct tree_step_folder *f)
{
    p->folders = mem_resize_array(p->folders, p->folder_count + 1, sizeof(*p->folders));
    p->folders[p->folder_count++] = *f;
}

int tree_steps_add_folder(struct tree_steps *p, const char *path, int old, int new, struct err *e)
{
    struct tree_step_folder f = {.path = mem_strdup(path)};

    if (meta_of(old, &f.old, e) < 0 || meta_of(new, &f.new, e) < 0) {
        folder_deinit(&f);
        return err_wrap(e, "folder %s", path);
    }
    add_folder(p, &f);
    return 0;
}

/* JSON holds no arbitrary bytes: a path that is not UTF-8 goes in as hexadecimal. */
static void set_path(json_t *o, const char *path)
{
    size_t len = strlen(path);

    if (str_is_utf8(path, len)) {
        (void)json_object_set_new(o, "path", json_string(path));
        return;
    }
    _cleanup_free_ char *hex = mem_alloc(len * 2 + 1);
    hex_encode((const uint8_t *)path, len, hex);
    (void)json_object_set_new(o, "path_hex", json_string(hex));
}

static int get_path(const json_t *o, char **ret, struct err *e)
{
    const char *hex = json_opt_string(o, "path_hex", NULL), *path;

    if (hex != NULL) {
        size_t len = strlen(hex) / 2;
        _cleanup_free_ char *bytes = mem_alloc(len + 1);
        if (hex_decode(hex, (uint8_t *)bytes, len) < 0)
            return err_set(e, ERR_FORMAT, "path_hex is not hexadecimal");
        return tree_path_clean(bytes, "step", ret, e);
    }
    if (json_get_string(o, "path", &path, e) < 0)
        return -1;
    if (path[0] == '\0') {
        *ret = mem_strdup("");
        return 0;
    }
    return tree_path_clean(path, "step", ret, e);
}

static json_t *meta_to_json(const struct tree_step_meta *m)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:O?}", "mode", (json_int_t)m->mode, "uid",
                     (json_int_t)m->uid, "gid", (json_int_t)m->gid, "mtime", (json_int_t)m->mtime_s,
                     "mtime_ns", (json_int_t)m->mtime_ns, "attributes", m->attributes);
}

static int meta_from_json(const json_t *o, const char *key, struct tree_step_meta *ret,
                          struct err *e)
{
    json_t *m;
    int64_t mode, uid, gid;

    if (json_get_object(o, key, &m, e) < 0 || json_get_i64(m, "mode", 0, 07777, &mode, e) < 0 ||
        json_get_i64(m, "uid", 0, UINT32_MAX, &uid, e) < 0 ||
        json_get_i64(m, "gid", 0, UINT32_MAX, &gid, e) < 0 ||
        json_get_i64(m, "mtime", INT64_MIN, INT64_MAX, &ret->mtime_s, e) < 0 ||
        json_get_i64(m, "mtime_ns", 0, 999999999, &ret->mtime_ns, e) < 0)
        return -1;
    ret->mode = (uint32_t)mode;
    ret->uid = (uint32_t)uid;
    ret->gid = (uint32_t)gid;
    ret->attributes = json_incref(json_object_get(m, "attributes"));
    return 0;
}

int tree_steps_write(const struct tree_steps *p, int staging, struct err *e)
{
    _cleanup_json_ json_t *o = json_pack("{s:i, s:s, s:[], s:[]}", "version", VERSION, "state",
                                         state_words[p->state], "steps", "folders");
    struct buf out = BUF_INIT(PLAN_MAX);

    for (size_t i = 0; i < p->step_count; i++) {
        json_t *step = json_pack("{s:I, s:I}", "old", (json_int_t)p->steps[i].old_inode, "new",
                                 (json_int_t)p->steps[i].new_inode);
        set_path(step, p->steps[i].path);
        (void)json_array_append_new(json_object_get(o, "steps"), step);
    }
    for (size_t i = 0; i < p->folder_count; i++) {
        json_t *folder = json_pack("{s:o, s:o}", "old", meta_to_json(&p->folders[i].old), "new",
                                   meta_to_json(&p->folders[i].new));
        set_path(folder, p->folders[i].path);
        (void)json_array_append_new(json_object_get(o, "folders"), folder);
    }
    int rc = json_write(o, &out, e);
    if (rc == 0)
        rc = fs_replace_file(staging, "plan.json", out.data, out.len, 0600, e);
    buf_deinit(&out);
    return rc;
}

static int read_steps(const json_t *array, struct tree_steps *p, struct err *e)
{
    const json_t *o;
    size_t i;

    json_array_foreach(array, i, o)
    {
        _cleanup_free_ char *path = NULL;
        int64_t old, new;
        if (get_path(o, &path, e) < 0 ||
            json_get_i64(o, "old", INT64_MIN, INT64_MAX, &old, e) < 0 ||
            json_get_i64(o, "new", INT64_MIN, INT64_MAX, &new, e) < 0)
            return -1;
        tree_steps_add(p, path, (uint64_t)old, (uint64_t) new);
    }
    return 0;
}

static int read_folders(const json_t *array, struct tree_steps *p, struct err *e)
{
    const json_t *o;
    size_t i;

    json_array_foreach(array, i, o)
    {
        struct tree_step_folder f = {0};
        if (get_path(o, &f.path, e) < 0 || meta_from_json(o, "old", &f.old, e) < 0 ||
            meta_from_json(o, "new", &f.new, e) < 0) {
            folder_deinit(&f);
            return -1;
        }
        add_folder(p, &f);
    }
    return 0;
}

static int read_plan(const json_t *o, struct tree_steps *p, struct err *e)
{
    json_t *steps, *folders;
    const char *state;
    int64_t version;

    if (json_get_i64(o, "version", VERSION, VERSION, &version, e) < 0 ||
        json_get_string(o, "state", &state, e) < 0 || json_get_array(o, "steps", &steps, e) < 0 ||
        json_get_array(o, "folders", &folders, e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(state_words); i++)
        if (strcmp(state, state_words[i]) == 0) {
            p->state = (enum tree_steps_state)i;
            return read_steps(steps, p, e) < 0 || read_folders(folders, p, e) < 0 ? -1 : 0;
        }
    return err_set(e, ERR_FORMAT, "state \"%s\" is not known", state);
}

int tree_steps_read(int staging, struct tree_steps *ret, struct err *e)
{
    struct buf text = BUF_INIT(PLAN_MAX);
    _cleanup_json_ json_t *o = NULL;

    *ret = (struct tree_steps){0};
    int rc = fs_read_file(staging, "plan.json", &text, e);
    if (rc == 0)
        rc = json_read(text.data, text.len, &o, e);
    if (rc == 0)
        rc = read_plan(o, ret, e);
    buf_deinit(&text);
    if (rc < 0)
        tree_steps_deinit(ret);
    return rc < 0 ? err_wrap(e, "plan.json") : 0;
}
