/* artifact_anew.c — an artifact decoded and written anew, where key, compression or the size of
 * volumes differ. */
#include "lib/base/mem.h"
#include "lib/plain/artifact_copy.h"

enum { PIECE = 1 << 20 };

static int pump(struct artifact_copy *c, struct artifact_reader *r, struct artifact_writer *w,
                struct err *e)
{
    _cleanup_free_ uint8_t *data = mem_alloc(PIECE);
    size_t len;

    do {
        if (artifact_read(r, data, PIECE, &len, e) < 0 || artifact_write(w, data, len, e) < 0)
            return -1;
        if (c->progress != NULL && !c->progress(c->arg, artifact_read_stored(r)))
            return err_set(e, ERR_CANCELLED, "cancelled");
    } while (len > 0);
    return 0;
}

static int finish(struct artifact_copy *c, struct artifact_writer *w, uint64_t raw_bytes,
                  struct artifact_result *ret, struct err *e)
{
    if (artifact_raw_bytes(w) != raw_bytes) {
        uint64_t found = artifact_raw_bytes(w);
        artifact_abort(w);
        return err_set(e, ERR_DAMAGED, "it holds %llu bytes, %llu were written",
                       (unsigned long long)found, (unsigned long long)raw_bytes);
    }
    *ret = (struct artifact_result){0};
    if (artifact_finish(w, ret, e) < 0) {
        artifact_result_deinit(ret);
        return -1;
    }
    c->sent += ret->stored_bytes + ret->segments.size;
    return 0;
}

int artifact_copy_anew(struct artifact_copy *c, const struct artifact_source *from,
                       const char *base_name, uint64_t raw_bytes, int threads,
                       struct artifact_result *ret, struct err *e)
{
    struct artifact_reader *r = NULL;
    struct artifact_writer *w = NULL;

    if (artifact_open(&r, from, e) < 0)
        return -1;
    int rc = artifact_create(&w, base_name, c->to, 1, threads, e);
    if (rc == 0 && (rc = pump(c, r, w, e)) < 0)
        artifact_abort(w);
    artifact_close(r);
    if (rc == 0)
        rc = finish(c, w, raw_bytes, ret, e);
    return rc < 0 ? err_wrap(e, "%s", base_name) : 0;
}
