/* s3_sweep.c — uploads that never became objects: finding them, ending them. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/s3_store.h"

static int accept_uploads(void *arg, const struct s3_reply *r, struct err *e)
{
    return s3_xml_read_uploads(r->http.body.data, r->http.body.len, arg, e) < 0 ? 1 : 0;
}

static int fetch_page(struct s3 *s, const char *key_prefix, const char *key, const char *id,
                      struct s3_xml_uploads *ret, struct err *e)
{
    struct s3_request req = {
        .method = "GET", .what = "list unfinished uploads", .accept = accept_uploads, .arg = ret};
    struct s3_reply r;

    s3_pairs_set(&req.query, "uploads", "");
    s3_pairs_set(&req.query, "prefix", key_prefix);
    s3_pairs_set(&req.query, "key-marker", key);
    s3_pairs_set(&req.query, "upload-id-marker", id);
    int rc = s3_send(&s->service, &req, &r, e);
    s3_reply_deinit(&r);
    return rc;
}

int s3_each_upload(struct s3 *s, const char *key_prefix, s3_upload_cb *cb, void *arg, struct err *e)
{
    _cleanup_free_ char *key = NULL, *id = NULL;
    bool more = true;

    while (more) {
        struct s3_xml_uploads page;
        if (fetch_page(s, key_prefix, key, id, &page, e) < 0)
            return -1;
        int rc = 0;
        for (size_t i = 0; i < page.count && rc == 0; i++)
            if (str_starts(page.items[i].key, key_prefix))
                rc = cb(arg, &page.items[i], e);
        /* A page that leads nowhere further is the last, whatever it says. */
        more = page.truncated && page.next_key != NULL &&
               !(str_equal(key, page.next_key) && str_equal(id, page.next_id));
        free(key);
        free(id);
        key = TAKE(page.next_key);
        id = TAKE(page.next_id);
        s3_xml_uploads_deinit(&page);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int s3_abort_upload(struct s3 *s, const char *key, const char *id, struct err *e)
{
    _cleanup_free_ char *what = mem_printf("abort the upload of %s", key);
    struct s3_request req = {.method = "DELETE", .key = key, .what = what};
    struct s3_reply r;

    s3_pairs_set(&req.query, "uploadId", id);
    int rc = s3_send(&s->service, &req, &r, e);
    if (rc < 0 && r.http.status == 404 && strcmp(r.error.code, "NoSuchBucket") != 0)
        rc = 0; /* gone is gone */
    s3_reply_deinit(&r);
    return rc;
}

struct sweeping {
    struct s3 *s;
    struct wall before;
    size_t removed;
};

static int sweep_one(void *arg, const struct s3_xml_upload *u, struct err *e)
{
    struct sweeping *w = arg;

    if (u->initiated.us > w->before.us)
        return 0;
    if (s3_abort_upload(w->s, u->key, u->id, e) < 0)
        return -1;
    w->removed++;
    return 0;
}

int s3_sweep(struct store *base, int64_t age_s, size_t *ret_removed, struct err *e)
{
    struct s3 *s = s3_of(base);
    struct sweeping w = {.s = s, .before.us = clock_wall().us - age_s * 1000000};

    int rc = s3_each_upload(s, s->prefix, sweep_one, &w, e);
    *ret_removed = w.removed;
    return rc;
}
