#include "daemon/worker/set_reader.h"

#include <string.h>

int set_reader_open(struct worker *w, const json_t *job, struct set_reader *ret, struct err *e)
{
    *ret = (struct set_reader){0};
    if (destination_open_set(job, &ret->from, &ret->job, &ret->id, e) < 0)
        return -1;
    store_stop_reads(ret->from.store, worker_is_stopped, w);
    ret->prefix = mem_printf("%s/%s", ret->job, ret->id);
    if (keyring_read(ret->from.ring, ret->from.store, ret->job, ret->id, NULL, &ret->manifest,
                     &ret->key, NULL, e) == 0)
        return 0;
    set_reader_close(ret);
    return -1;
}

struct artifact_source set_reader_source(struct set_reader *r, const struct manifest_artifact *a)
{
    return manifest_artifact_source(a, r->from.store, r->prefix, r->key);
}

void set_reader_close(struct set_reader *r)
{
    manifest_deinit(&r->manifest);
    destination_close(&r->from);
    free(r->job);
    free(r->id);
    free(r->prefix);
    *r = (struct set_reader){0};
}

int set_reader_read(void *artifact_reader, void *data, size_t len, size_t *ret_len, struct err *e)
{
    return artifact_read(artifact_reader, data, len, ret_len, e);
}

int set_reader_check_source(const struct manifest *m, const char *source, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist known = {0};

    for (size_t i = 0; i < m->artifact_count; i++)
        if (!strlist_contains(&known, m->artifacts[i].source))
            strlist_add(&known, m->artifacts[i].source);
    if (strlist_contains(&known, source))
        return 0;
    const char *near = str_nearest(source, (const char *const *)known.items, known.count);
    return err_set(e, ERR_NOT_FOUND, "set %s/%s holds no source \"%s\"%s%s%s", m->job, m->id,
                   source, near != NULL ? " (did you mean \"" : "", near != NULL ? near : "",
                   near != NULL ? "\"?)" : "");
}

char *set_reader_file_name(const struct manifest_artifact *a)
{
    _cleanup_free_ char *stored = manifest_artifact_base_name(a);
    const char *slash = strrchr(stored, '/');

    return mem_strdup(slash == NULL ? stored : slash + 1);
}
