#include "daemon/ping_store.h"

#include <errno.h>
#include <fcntl.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"

#define FILE_NAME "pings.json"

enum { FILE_MAX = 16 << 20 };

struct ping_store {
    struct daemon *daemon;
    json_t *next; /* to be saved when the present one is; or NULL */
    bool saving, failed;
};

struct saving { /* belongs to the pool while it works */
    struct ping_store *store;
    char *folder;
    json_t *pings;
    struct err error;
    int rc;
};

struct ping_store *ping_store_new(struct daemon *d)
{
    struct ping_store *s = mem_alloc(sizeof(*s));

    s->daemon = d;
    return s;
}

void ping_store_free(struct ping_store *s)
{
    if (s == NULL)
        return;
    json_decref(s->next);
    free(s);
}

static int replace(int folder, json_t *pings, struct err *e)
{
    _cleanup_json_ json_t *o = json_pack("{s:i,s:O}", "version", 1, "pings", pings);
    struct buf text = BUF_INIT(FILE_MAX);

    int rc = json_write(o, &text, e);
    if (rc == 0)
        rc = fs_replace_file(folder, FILE_NAME, text.data, text.len, 0600, e);
    buf_deinit(&text);
    return rc;
}

static void write_file(void *arg)
{
    struct saving *s = arg;
    _cleanup_(fs_closep) int folder = -1;

    s->rc = fs_open_dir(s->folder, &folder, &s->error);
    if (s->rc == 0 && json_array_size(s->pings) > 0)
        s->rc = replace(folder, s->pings, &s->error);
    else if (s->rc == 0 && io_unlink(folder, FILE_NAME, 0) != 0 && errno != ENOENT)
        s->rc = err_sys(&s->error, ERR_IO, errno, "remove " FILE_NAME);
}

static void on_saved(void *arg)
{
    struct saving *s = arg;
    struct ping_store *store = s->store;
    struct daemon *d = store->daemon;

    if (s->rc < 0 && !store->failed)
        log_warning(d->log, "pings that wait would not outlive a stop: %s", s->error.text);
    store->failed = s->rc < 0;
    store->saving = false;
    json_decref(s->pings);
    free(s->folder);
    free(s);
    if (store->next != NULL)
        ping_store_save(store, TAKE(store->next));
    daemon_operation_ended(d);
}

void ping_store_save(struct ping_store *s, json_t *pings)
{
    if (s->saving) {
        json_decref(s->next);
        s->next = pings;
        return;
    }
    struct saving *work = mem_alloc(sizeof(*work));
    *work = (struct saving){
        .store = s, .folder = mem_strdup(s->daemon->config->state_dir), .pings = pings};
    s->saving = true;
    s->daemon->operations++;
    loop_run_task(&s->daemon->loop, write_file, on_saved, work);
}

json_t *ping_store_load(struct daemon *d)
{
    _cleanup_free_ char *path = mem_printf("%s/" FILE_NAME, d->config->state_dir);
    struct buf text = BUF_INIT(FILE_MAX);
    _cleanup_json_ json_t *o = NULL;
    json_t *pings = NULL;
    struct err e = {0};

    int rc = fs_read_file(AT_FDCWD, path, &text, &e);
    if (rc == 0)
        rc = json_read(text.data, text.len, &o, &e);
    if (rc == 0)
        rc = json_get_array(o, "pings", &pings, &e);
    if (rc < 0 && e.code != ERR_NOT_FOUND)
        log_warning(d->log, "pings that waited are lost: %s: %s", path, e.text);
    buf_deinit(&text);
    return rc == 0 ? json_incref(pings) : json_array();
}
