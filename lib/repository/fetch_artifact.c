#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/fetch_parts.h"

enum { BUDGET = 24 << 20, OUT_MAX = 64 << 20 };

struct fetch_artifact {
    uint64_t done;

    struct fetch_tree *tree; /* NULL: a stream */
    struct buf out;          /* of the tree: what was made and not yet read */
    size_t out_at;

    struct list_reader *reader; /* of the stream */
    struct fetch_ahead *ahead;
    const struct chunk_ref *refs;
    size_t ref_count;
    const uint8_t *data;
    size_t data_len;
    struct fetcher *fetcher;
    const struct fetch_present *present; /* borrowed; until all that is passed over was */
    struct fetch_local *local;           /* owned; of it */
};

/* The next reference; as fetch_next_cb. */
static int next_ref(struct fetch_artifact *x, struct chunk_ref *ret, struct err *e)
{
    struct list_record r;

    while (x->ref_count == 0) {
        int rc = list_reader_next(x->reader, &r, e);
        if (rc != 0)
            return rc;
        if (r.type == LIST_ENTRY)
            return err_set(e, ERR_DAMAGED,
                           "list stream: entries of a tree where a stream should be");
        if (r.type == LIST_CONTENT) {
            x->refs = r.refs;
            x->ref_count = r.ref_count;
        }
    }
    *ret = *x->refs++;
    x->ref_count--;
    return 0;
}

/* The chunks of a stream, for fetch_ahead: the first that is not present, and all that follow. */
static int next_chunk(void *arg, struct chunk_ref *ret, struct err *e)
{
    struct fetch_artifact *x = arg;
    int rc = next_ref(x, ret, e), passed = 0;

    if (x->present == NULL)
        return rc;
    while (rc == 0 && (passed = fetch_local_pass(x->local, ret, e)) == 0)
        rc = next_ref(x, ret, e);
    if (rc < 0 || passed < 0)
        return -1;
    x->present->pass(x->present->arg, fetch_local_bytes(x->local));
    x->present = NULL;
    return rc;
}

int fetch_artifact_open(struct fetcher *f, const struct chunk_ref *list, size_t count, bool tree,
                        const struct strlist *only, struct fetch_artifact **ret, struct err *e)
{
    struct fetch_artifact *x = mem_alloc(sizeof(*x));
    int parallel = store_get_parallel(f->repository->store);

    x->out = BUF_INIT(OUT_MAX);
    x->fetcher = f;
    int rc = tree ? fetch_tree_open(f, list, count, only, &x->tree, e)
                  : list_reader_open(f, list, count, &x->reader, e);
    if (rc < 0) {
        fetch_artifact_close(x);
        return -1;
    }
    if (!tree)
        x->ahead = fetch_ahead_new(f, CHUNK_DATA, parallel > f->threads ? parallel : f->threads,
                                   BUDGET, next_chunk, x);
    *ret = x;
    return 0;
}

static int read_tree(struct fetch_artifact *x, void *data, size_t len, size_t *ret_len,
                     struct err *e)
{
    if (x->out_at == x->out.len) {
        buf_clear(&x->out);
        x->out_at = 0;
        if (fetch_tree_step(x->tree, &x->out, &x->done, e) < 0)
            return -1;
    }
    *ret_len = x->out.len - x->out_at < len ? x->out.len - x->out_at : len;
    if (*ret_len > 0)
        memcpy(data, x->out.data + x->out_at, *ret_len);
    x->out_at += *ret_len;
    return 0;
}

int fetch_artifact_read(void *fetch_artifact, void *data, size_t len, size_t *ret_len,
                        struct err *e)
{
    struct fetch_artifact *x = fetch_artifact;

    if (x->tree != NULL)
        return read_tree(x, data, len, ret_len, e);
    *ret_len = 0;
    if (x->data_len == 0) {
        int rc = fetch_ahead_next(x->ahead, &x->data, &x->data_len, e);
        if (rc != 0) /* the end was verified when the list was read to it */
            return rc < 0 ? -1 : 0;
    }
    *ret_len = x->data_len < len ? x->data_len : len;
    memcpy(data, x->data, *ret_len);
    x->data += *ret_len;
    x->data_len -= *ret_len;
    x->done += *ret_len;
    return 0;
}

void fetch_artifact_use(struct fetch_artifact *x, const struct fetch_present *p)
{
    if (x->tree != NULL) {
        fetch_tree_use(x->tree, p);
        return;
    }
    x->present = p;
    x->local = fetch_local_new(x->fetcher, p);
}

uint64_t fetch_artifact_present(const struct fetch_artifact *x)
{
    if (x->tree != NULL)
        return fetch_tree_present(x->tree);
    return x->local == NULL ? 0 : fetch_local_bytes(x->local);
}

uint64_t fetch_artifact_done(const struct fetch_artifact *x)
{
    return x->done;
}

void fetch_artifact_close(struct fetch_artifact *x)
{
    if (x == NULL)
        return;
    fetch_ahead_free(x->ahead);
    list_reader_close(x->reader);
    fetch_tree_close(x->tree);
    fetch_local_free(x->local);
    buf_deinit(&x->out);
    free(x);
}
