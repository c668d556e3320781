/* s3_upload.c — the happy path is: an upload is begun, parts queue up, threads take them, check them against
 * their seals and send them; at the end the service joins them.
 *
 * Failure modes: the first part that fails ends it all; the rest of the queue is dropped. Memory:
 * what is queued or being sent stays below BUDGET, and one part beside it is being filled. */
#include "lib/store/s3_upload.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

enum {
    PARTS_MAX = 10000, /* of the service */
    THREADS_MAX = 16,
    QUEUE_MAX = 16,
    BUDGET = 80 * 1024 * 1024,
    COMPLETE_STALL_S = 100 /* joining thousands of parts takes the service its time */
};

struct sent_part {
    uint8_t md5[16];
    char etag[S3_ETAG_MAX];
};

struct job {
    struct s3_part *part; /* owned */
    int number;
};

struct s3_upload {
    struct s3 *s;
    char *name, *key, *id;
    struct s3_xml_part
        *found; /* of an earlier attempt, by number - 1; PARTS_MAX of them, or NULL */
    uint64_t size;
    bool resume, completed;
    atomic_bool stop;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct job queue[QUEUE_MAX];
    size_t queued, busy, bytes;
    struct sent_part *parts;
    size_t part_count;
    bool beginning, begun; /* once begun, `id` and `found` stay as they are */
    bool failed;
    struct err error;

    pthread_t threads[THREADS_MAX]; /* the caller's own */
    size_t thread_count;
};

size_t s3_upload_part_size(const struct s3_upload *u)
{
    const size_t base = 8 * 1024 * 1024;
    size_t count = u != NULL ? u->part_count : 0;

    /* Seals have up to 16 MiB: so 78 GiB in the first half, then more and more in each. */
    return count < PARTS_MAX / 2 ? base : count < PARTS_MAX * 4 / 5 ? 3 * base : 6 * base;
}

static int find_parts(struct s3_upload *u, struct err *e);

struct newest {
    const char *key;
    char *id;
    struct wall initiated;
};

static int keep_newest(void *arg, const struct s3_xml_upload *u, struct err *e)
{
    struct newest *n = arg;

    (void)e;
    if (strcmp(u->key, n->key) != 0 || (n->id != NULL && u->initiated.us <= n->initiated.us))
        return 0;
    free(n->id);
    n->id = mem_strdup(u->id);
    n->initiated = u->initiated;
    return 0;
}

static int find_unfinished(struct s3_upload *u, struct err *e)
{
    struct newest n = {.key = u->key};

    int rc = s3_each_upload(u->s, u->key, keep_newest, &n, e);
    u->id = n.id;
    if (rc < 0 || u->id == NULL)
        return rc;
    return find_parts(u, e);
}

static int accept_id(void *arg, const struct s3_reply *r, struct err *e)
{
    char **id = arg;

    return s3_xml_read_text(r->http.body.data, r->http.body.len,
                            "InitiateMultipartUploadResult/UploadId", id, e) < 0
               ? 1
               : 0;
}

static int begin(struct s3_upload *u, struct err *e)
{
    _cleanup_free_ char *what = mem_printf("begin the upload of %s", u->name);
    struct s3_request req = {
        .method = "POST", .key = u->key, .what = what, .accept = accept_id, .arg = &u->id};
    struct s3_reply r;

    s3_pairs_set(&req.query, "uploads", "");
    s3_object_headers(u->s, &req.headers);
    int rc = s3_send(&u->s->service, &req, &r, e);
    s3_reply_deinit(&r);
    return rc;
}

static int accept_parts(void *arg, const struct s3_reply *r, struct err *e)
{
    return s3_xml_read_parts(r->http.body.data, r->http.body.len, arg, e) < 0 ? 1 : 0;
}

static int find_parts(struct s3_upload *u, struct err *e)
{
    _cleanup_free_ char *what = mem_printf("list the parts of %s", u->name);
    int marker = 0;
    bool more = true;

    u->found = mem_alloc(PARTS_MAX * sizeof(*u->found));
    while (more) {
        struct s3_xml_parts page = {0};
        struct s3_request req = {
            .method = "GET", .key = u->key, .what = what, .accept = accept_parts, .arg = &page};
        struct s3_reply r;
        s3_pairs_set(&req.query, "uploadId", u->id);
        s3_pairs_setf(&req.query, "part-number-marker", "%d", marker);
        int rc = s3_send(&u->s->service, &req, &r, e);
        s3_reply_deinit(&r);
        if (rc < 0)
            return -1;
        for (size_t i = 0; i < page.count; i++)
            u->found[page.items[i].number - 1] = page.items[i];
        more = page.truncated && page.next > marker;
        marker = page.next;
        s3_xml_parts_deinit(&page);
    }
    return 0;
}

struct s3_upload *s3_upload_new(struct s3 *s, const char *name, bool resume)
{
    struct s3_upload *u = mem_alloc(sizeof(*u));

    u->s = s;
    u->resume = resume;
    u->name = mem_strdup(name);
    u->key = s3_key(s, name);
    if (pthread_mutex_init(&u->lock, NULL) != 0 || pthread_cond_init(&u->changed, NULL) != 0)
        abort(); /* memory, as in mem.h */
    return u;
}

struct sending {
    const struct s3 *s;
    const struct s3_part_digests *digests;
    struct sent_part *sent;
};

static int accept_part(void *arg, const struct s3_reply *r, struct err *e)
{
    struct sending *x = arg;
    _cleanup_free_ char *etag = s3_reply_etag(r);

    if (etag == NULL || strlen(etag) >= S3_ETAG_MAX || strpbrk(etag, "<>&\"") != NULL) {
        (void)err_set(e, ERR_UNAVAILABLE, "the service confirms no part");
        return 1;
    }
    if (s3_etag_differs(x->s, r, etag, x->digests->md5_hex)) {
        (void)err_set(e, ERR_DAMAGED, "the service confirmed other bytes than were sent");
        return 1;
    }
    memcpy(x->sent->etag, etag, strlen(etag) + 1);
    return 0;
}

static bool is_there(const struct s3_upload *u, const struct job *j,
                     const struct s3_part_digests *digests)
{
    const struct s3_xml_part *f = u->found != NULL ? &u->found[j->number - 1] : NULL;

    return f != NULL && f->number != 0 && f->size == j->part->bytes.len &&
           strcmp(f->etag, digests->md5_hex) == 0;
}

static int send_part(struct s3_upload *u, const struct job *j, struct sent_part *ret, struct err *e)
{
    struct s3_part_digests digests;
    struct sending sending = {u->s, &digests, ret};
    _cleanup_free_ char *what = mem_printf("put part %d of %s", j->number, u->name);
    struct s3_request req = {.method = "PUT",
                             .key = u->key,
                             .what = what,
                             .body = j->part->bytes.data,
                             .body_len = j->part->bytes.len,
                             .body_sha256 = digests.sha256_hex,
                             .stop = &u->stop,
                             .accept = accept_part,
                             .arg = &sending};
    struct s3_reply r;

    if (s3_part_digest(j->part, &digests, e) < 0)
        return err_wrap(e, "%s: %s", u->s->base.place, u->name);
    memcpy(ret->md5, digests.md5, sizeof(ret->md5));
    if (is_there(u, j, &digests)) {
        memcpy(ret->etag, digests.md5_hex, sizeof(digests.md5_hex));
        return 0;
    }
    s3_pairs_setf(&req.query, "partNumber", "%d", j->number);
    s3_pairs_set(&req.query, "uploadId", u->id);
    s3_pairs_set(&req.headers, "content-md5", digests.md5_base64);
    int rc = s3_send(&u->s->service, &req, &r, e);
    if (rc < 0 && e->code == ERR_NOT_FOUND)
        e->code = ERR_UNAVAILABLE; /* somebody swept the upload: the next attempt begins anew */
    s3_reply_deinit(&r);
    return rc;
}

/* Lock held. */
static void note_failure(struct s3_upload *u, const struct err *e)
{
    if (!u->failed)
        u->error = *e;
    u->failed = true;
    atomic_store(&u->stop, true); /* the others need not go on */
}

/* Lock held; let go of while the service is asked. The thread of the first part begins the upload, while
 * more parts are being filled; the others wait for it. */
static void make_begun(struct s3_upload *u)
{
    struct err e = {0};

    while (u->beginning)
        (void)pthread_cond_wait(&u->changed, &u->lock);
    if (u->begun || u->failed)
        return;
    u->beginning = true;
    (void)pthread_mutex_unlock(&u->lock);
    int rc = u->resume ? find_unfinished(u, &e) : 0;
    if (rc == 0 && u->id == NULL)
        rc = begin(u, &e);
    (void)pthread_mutex_lock(&u->lock);
    u->beginning = false;
    u->begun = rc == 0;
    if (rc < 0)
        note_failure(u, &e);
    (void)pthread_cond_broadcast(&u->changed);
}

/* Lock held. */
static void send_next(struct s3_upload *u)
{
    struct job j = u->queue[0];
    struct sent_part sent = {0};
    struct err e = {0};
    int rc = 0;

    u->queued--;
    memmove(u->queue, u->queue + 1, u->queued * sizeof(u->queue[0]));
    u->busy++;
    make_begun(u);
    bool go = !u->failed;
    (void)pthread_mutex_unlock(&u->lock);
    if (go)
        rc = send_part(u, &j, &sent, &e);
    size_t len = j.part->bytes.len;
    s3_part_free(j.part);
    (void)pthread_mutex_lock(&u->lock);
    u->busy--;
    u->bytes -= len;
    u->parts[j.number - 1] = sent;
    if (rc < 0)
        note_failure(u, &e);
    (void)pthread_cond_broadcast(&u->changed);
}

static void *thread_main(void *arg)
{
    struct s3_upload *u = arg;

    (void)pthread_mutex_lock(&u->lock);
    while (!atomic_load(&u->stop)) {
        if (u->queued > 0)
            send_next(u);
        else
            (void)pthread_cond_wait(&u->changed, &u->lock);
    }
    (void)pthread_mutex_unlock(&u->lock);
    return NULL;
}

/* Lock held. A thread for each part under way, as far as they may be; without any (none to be had)
 * the caller sends: slower, as safe. */
static void start_sending(struct s3_upload *u)
{
    if (u->thread_count < (size_t)u->s->parallel && u->busy + u->queued > u->thread_count &&
        pthread_create(&u->threads[u->thread_count], NULL, thread_main, u) == 0)
        u->thread_count++;
    if (u->thread_count == 0)
        send_next(u);
    (void)pthread_cond_broadcast(&u->changed);
}

/* Lock held. */
static int outcome(const struct s3_upload *u, struct err *e)
{
    if (!u->failed)
        return 0;
    if (e != NULL)
        *e = u->error;
    return -1;
}

int s3_upload_add(struct s3_upload *u, struct s3_part *part, struct err *e)
{
    size_t len = part->bytes.len;

    if (u->part_count == PARTS_MAX) {
        s3_part_free(part);
        return err_set(e, ERR_LIMIT, "%s: %s: more than %d parts (set `volume` to 256G or less)",
                       u->s->base.place, u->name, PARTS_MAX);
    }
    (void)pthread_mutex_lock(&u->lock);
    while (!u->failed && (u->queued == QUEUE_MAX || (u->bytes > 0 && u->bytes + len > BUDGET) ||
                          u->queued + u->busy >= (size_t)u->s->parallel))
        (void)pthread_cond_wait(&u->changed, &u->lock);
    int rc = outcome(u, e);
    if (rc == 0) {
        u->parts = mem_resize_array(u->parts, u->part_count + 1, sizeof(*u->parts));
        u->queue[u->queued++] = (struct job){TAKE(part), (int)++u->part_count};
        u->bytes += len;
        u->size += len;
        start_sending(u);
    }
    (void)pthread_mutex_unlock(&u->lock);
    s3_part_free(part);
    return rc;
}

struct completing {
    struct s3_upload *u;
    struct buf body;
    char *what;
    char etag[S3_ETAG_MAX];
};

static void describe(struct completing *c)
{
    struct s3_upload *u = c->u;
    uint8_t *md5s = mem_alloc(u->part_count * 16), whole[16];
    char hex[33];

    c->body = BUF_INIT(PARTS_MAX * 200);
    int rc = buf_printf(&c->body, NULL, "<CompleteMultipartUpload>");
    for (size_t i = 0; i < u->part_count && rc == 0; i++) {
        memcpy(md5s + i * 16, u->parts[i].md5, 16);
        rc = buf_printf(&c->body, NULL,
                        "<Part><PartNumber>%zu</PartNumber><ETag>\"%s\"</ETag></Part>", i + 1,
                        u->parts[i].etag);
    }
    if (rc < 0 || buf_printf(&c->body, NULL, "</CompleteMultipartUpload>") < 0 ||
        EVP_Digest(md5s, u->part_count * 16, whole, NULL, EVP_md5(), NULL) != 1)
        abort(); /* memory, as in mem.h: each ETag is shorter than its share */
    free(md5s);
    hex_encode(whole, sizeof(whole), hex);
    (void)snprintf(c->etag, sizeof(c->etag), "%s-%zu", hex, u->part_count);
}

static int accept_whole(void *arg, const struct s3_reply *r, struct err *e)
{
    struct completing *c = arg;
    _cleanup_free_ char *etag = NULL;

    if (s3_xml_read_text(r->http.body.data, r->http.body.len, "CompleteMultipartUploadResult/ETag",
                         &etag, e) < 0)
        return 1;
    if (s3_etag_differs(c->u->s, r, s3_xml_unquote(etag), c->etag)) {
        (void)err_set(e, ERR_DAMAGED, "the service joined other parts than were sent");
        return 1;
    }
    return 0;
}

static void build_complete(void *arg, struct s3_request *req)
{
    struct completing *c = arg;

    *req = (struct s3_request){.method = "POST",
                               .key = c->u->key,
                               .what = c->what,
                               .body = c->body.data,
                               .body_len = c->body.len,
                               .stall_s = COMPLETE_STALL_S,
                               .accept = accept_whole,
                               .arg = c};
    s3_pairs_set(&req->query, "uploadId", c->u->id);
}

int s3_upload_complete(struct s3_upload *u, enum store_commit how, const struct s3_seals *seals,
                       struct err *e)
{
    struct completing c = {.u = u};
    struct s3_placing placing = {build_complete, &c, c.etag, u->size, seals};

    (void)pthread_mutex_lock(&u->lock);
    while (!u->failed && u->queued + u->busy > 0)
        (void)pthread_cond_wait(&u->changed, &u->lock);
    int rc = outcome(u, e);
    (void)pthread_mutex_unlock(&u->lock);
    if (rc < 0)
        return -1;
    describe(&c);
    c.what = mem_printf("complete the upload of %s", u->name);
    rc = s3_place(u->s, u->name, how, &placing, e);
    u->completed = rc == 0;
    buf_deinit(&c.body);
    free(c.what);
    return rc;
}

void s3_upload_free(struct s3_upload *u, bool keep)
{
    if (u == NULL)
        return;
    (void)pthread_mutex_lock(&u->lock);
    atomic_store(&u->stop, true);
    (void)pthread_cond_broadcast(&u->changed);
    (void)pthread_mutex_unlock(&u->lock);
    for (size_t i = 0; i < u->thread_count; i++)
        (void)pthread_join(u->threads[i], NULL);
    for (size_t i = 0; i < u->queued; i++)
        s3_part_free(u->queue[i].part);
    if (!u->completed && !keep && u->id != NULL)
        (void)!s3_abort_upload(u->s, u->key, u->id, NULL); /* else sweep does it */
    (void)pthread_cond_destroy(&u->changed);
    (void)pthread_mutex_destroy(&u->lock);
    free(u->parts);
    free(u->found);
    free(u->name);
    free(u->key);
    free(u->id);
    free(u);
}
