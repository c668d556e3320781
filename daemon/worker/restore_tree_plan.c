/* restore_tree_plan.c — the look before a file tree is restored: where to, what is there, and what of it may stay or
 * was made by a restore of the same that was cut off. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/worker/restore_tree.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/repository/seal.h"

/* Where it goes in place: as configured now, or else where it came from. */
static int find_place(struct restore_tree *t, const struct restore_request *q, struct err *e)
{
    const json_t *details = q->artifact->details;
    const char *path = json_opt_string(details, "path", NULL);

    if (q->source != NULL)
        path = json_opt_string(q->source, "path", path);
    if (path == NULL || path[0] != '/')
        return err_set(e, ERR_CONFIG,
                       "where source \"%s\" belongs is not known: name a configuration that has it "
                       "(--config), or restore with --target",
                       t->source);
    t->target = mem_strdup(path);
    if (!json_opt_bool(details, "single", false))
        return 0;
    char *slash = strrchr(t->target, '/');
    t->single = mem_strdup(slash + 1);
    slash[slash == t->target] = '\0'; /* "/file" lies in "/" */
    return 0;
}

static int read_rules(struct restore_tree *t, const json_t *details, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist include = {0}, exclude = {0};

    if (json_get_strings(details, "include", &include, e) < 0 ||
        json_get_strings(details, "exclude", &exclude, e) < 0)
        return err_wrap(e, "manifest: source \"%s\"", t->source);
    return tree_rules_create(&include, &exclude, &t->rules, e);
}

/* One text for each thing that can be restored: the set, the source, and all chunks of its list. */
static char *content_of(const struct restore_request *q)
{
    const struct manifest_artifact *a = q->artifact;
    uint8_t hash[SEAL_HASH_LEN];
    char hex[2 * SEAL_HASH_LEN + 1];
    struct buf all = BUF_INIT(MANIFEST_MAX); /* it stands in one */

    for (size_t i = 0; i < a->list.count; i++)
        if (buf_printf(&all, NULL, "%s\n", a->list.items[i]) < 0)
            break;
    seal_sha256(all.data, all.len, hash);
    buf_deinit(&all);
    hex_encode(hash, sizeof(hash), hex);
    return mem_printf("set %s, source %s, %s\n", q->set->prefix, a->source, hex);
}

static void tell_recovered(const struct restore_tree *t, struct restore_step *step, long long files)
{
    if (t->recovered.runs.count > 0)
        step->resumes =
            mem_printf("goes on with the restore that was cut off: %llu of %lld file%s "
                       "there already, which are checked",
                       (unsigned long long)t->recovered.files, files, files == 1 ? " is" : "s are");
}

/* What is in place now and may stay. */
static int look(struct restore_tree *t, const struct restore_request *q, struct restore_step *step,
                struct err *e)
{
    _cleanup_(fs_closep) int target = -1;
    char same[16], rest[16];

    if (fs_open_dir(t->target, &target, e) < 0)
        return -1;
    t->look = mem_alloc(sizeof(*t->look));
    if (restore_look(t->worker, q->set, q->artifact, target, t->look, e) < 0)
        return -1;
    const uint64_t bytes = t->look->bytes < t->total ? t->look->bytes : t->total;
    step->stays =
        mem_printf("what is the same stays as it is: %llu file%s so, %s; about %s "
                   "is written",
                   (unsigned long long)t->look->files, t->look->files == 1 ? " looks" : "s look",
                   str_bytes(bytes, same), str_bytes(t->total - bytes, rest));
    return 0;
}

static int plan_in_place(struct restore_tree *t, const struct restore_request *q,
                         struct restore_step *step, struct err *e)
{
    const struct tree_swap_spec spec = restore_tree_spec(t);
    uint64_t entries = 0, bytes = 0;
    struct err why = {0};
    struct stat st;
    char size[16];

    if (io_stat(AT_FDCWD, t->target, &st, 0) != 0)
        return errno == ENOENT ? 0 : err_sys(e, ERR_IO, errno, "%s", t->target);
    if (!S_ISDIR(st.st_mode)) {
        step->refusal = mem_printf("%s is not a folder", t->target);
        return 0;
    }
    if (restore_step_recover(t->worker, t->target, t->content, &t->recovered, &why) < 0) {
        step->refusal = mem_strdup(why.text);
        return 0;
    }
    if (tree_swap_measure(&spec, &entries, &bytes, e) < 0)
        return -1;
    if (entries > 0 && !tree_swap_is_atomic(t->target, t->run))
        step->note = mem_strdup("not atomic here: this file system cannot exchange two entries, so "
                                "each is absent for a moment");
    if (entries > 0)
        step->replaces = mem_printf("%llu entr%s there, %s", (unsigned long long)entries,
                                    entries == 1 ? "y" : "ies", str_bytes(bytes, size));
    if (t->drop_first)
        t->drop_first = entries > 0;
    return entries > 0 && t->content != NULL && !t->drop_first ? look(t, q, step, e) : 0;
}

/* What is there already needs no room, nor does what is removed before. */
static uint64_t room_needed(const struct restore_tree *t)
{
    uint64_t there = t->recovered.bytes + (t->look != NULL ? t->look->bytes : 0);

    return t->drop_first || there >= t->total ? 0 : t->total - there;
}

static int plan(struct restore_tree *t, const struct restore_request *q, struct restore_step *step,
                struct err *e)
{
    const struct manifest_artifact *a = q->artifact;
    long long files = (long long)json_opt_i64(a->details, "files", 0);
    char size[16];

    step->what =
        mem_printf("%lld file%s, %s", files, files == 1 ? "" : "s", str_bytes(a->raw_bytes, size));
    if (q->mode == RESTORE_TARGET) {
        t->target = mem_strdup(q->target);
        if (restore_step_check_empty(t->worker, step, t->target, t->content, 0, &t->recovered, e) <
            0)
            return -1;
    } else if (find_place(t, q, e) < 0 || read_rules(t, a->details, e) < 0 ||
               plan_in_place(t, q, step, e) < 0) {
        return -1;
    }
    tell_recovered(t, step, files);
    step->where = t->single != NULL ? mem_printf("%s%s%s", t->target,
                                                 str_ends(t->target, "/") ? "" : "/", t->single)
                                    : mem_strdup(t->target);
    restore_step_space(step, t->target, room_needed(t));
    return 0;
}

int restore_tree_plan(const struct restore_request *q, struct restore_step *step,
                      struct restore_tree **ret, struct err *e)
{
    struct restore_tree *t = mem_alloc(sizeof(*t));

    t->worker = q->worker;
    t->source = mem_strdup(q->artifact->source);
    t->run = mem_strdup(q->run);
    t->step = mem_printf("restore %s", t->source);
    t->in_place = q->mode != RESTORE_TARGET;
    t->drop_first = t->in_place && q->drop_first;
    t->total = q->artifact->raw_bytes;
    t->recorded = t->in_place && q->state_dir != NULL;
    if (q->set->from.repository)
        t->content = content_of(q);
    if (plan(t, q, step, e) < 0) {
        restore_tree_free(t);
        return -1;
    }
    *ret = t;
    return 0;
}
