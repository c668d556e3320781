#include "daemon/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"

enum { RECORD_MAX = 1 << 20, STALE_US = 60 * 1000000 };

struct kept {
    struct daemon *daemon;
    json_t *list;
    struct mono read;
    bool reading, again;
};

struct reading { /* belongs to the pool while it works */
    struct kept *kept;
    char *folder;
    json_t *list;
};

struct kept *kept_new(struct daemon *d)
{
    struct kept *k = mem_alloc(sizeof(*k));

    k->daemon = d;
    k->list = json_array();
    return k;
}

void kept_free(struct kept *k)
{
    if (k == NULL)
        return;
    json_decref(k->list);
    free(k);
}

/* A tree that was removed by hand is not kept any more; of a database only its server knows. */
static bool is_gone(const char *place)
{
    struct stat st;

    return place[0] == '/' && io_stat(AT_FDCWD, place, &st, AT_SYMLINK_NOFOLLOW) != 0 &&
           errno == ENOENT;
}

static void add(json_t *list, const char *file, const json_t *record, const json_t *kept)
{
    const char *place = json_opt_string(kept, "place", "");
    const char *command = json_opt_string(kept, "remove", "");

    if (place[0] == '\0' || is_gone(place))
        return;
    /* nobody can see from here that a database is gone: its record goes with it */
    char *remove = place[0] == '/' ? mem_strdup(command) : mem_printf("%s && rm %s", command, file);
    char *what = mem_printf("restore %s, source \"%s\": %s", json_opt_string(record, "run", "?"),
                            json_opt_string(kept, "source", "?"), place);
    (void)json_array_append_new(list, json_pack("{s:o,s:I,s:o}", "what", json_printable(what),
                                                "bytes", (json_int_t)json_opt_i64(kept, "bytes", 0),
                                                "command", json_printable(remove)));
    free(what);
    free(remove);
}

/* Its worker holds the lock for as long as it lives. */
static bool is_under_way(const char *file)
{
    _cleanup_free_ char *lock =
        mem_printf("%.*s.lock", (int)(strlen(file) - strlen(".json")), file);
    _cleanup_(fs_closep) int fd = io_open(AT_FDCWD, lock, O_RDONLY | O_NOFOLLOW, 0);

    return fd >= 0 && io_flock(fd, LOCK_SH | LOCK_NB) != 0;
}

/* Killed half-way: what it has made lies there still, under names that only its record knows. */
static void add_cut_off(json_t *list, const json_t *record)
{
    const char *run = json_opt_string(record, "run", "?");
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(record, "items"), i, item)
    {
        const char *place = json_opt_string(item, "staged", "?");
        if (is_gone(place))
            continue;
        char *what = mem_printf("restore %s, source \"%s\", was cut off: what it made of %s \"%s\"",
                                run, json_opt_string(item, "source", "?"),
                                json_opt_string(item, "kind", "?"), place);
        char *undo = mem_printf("synbakctl restore --undo %s", run);
        (void)json_array_append_new(list, json_pack("{s:o,s:I,s:o}", "what", json_printable(what),
                                                    "bytes", (json_int_t)0, "command",
                                                    json_printable(undo)));
        free(what);
        free(undo);
    }
}

static void read_record(json_t *list, const char *file)
{
    struct buf text = BUF_INIT(RECORD_MAX);
    _cleanup_json_ json_t *record = NULL;
    json_t *kept;
    size_t i;

    /* one that cannot be read is undo's to report, when somebody wants it */
    if (fs_read_file(AT_FDCWD, file, &text, NULL) == 0 &&
        json_read(text.data, text.len, &record, NULL) == 0) {
        const char *state = json_opt_string(record, "state", "");
        if (str_equal(state, "done") || str_equal(state, "undone"))
            json_array_foreach(json_object_get(record, "kept"), i, kept)
                add(list, file, record, kept);
        else if (!is_under_way(file))
            add_cut_off(list, record);
    }
    buf_deinit(&text);
}

static void read_all(void *arg)
{
    struct reading *r = arg;
    DIR *dir = io_opendir(AT_FDCWD, r->folder);
    struct dirent *entry;

    if (dir == NULL)
        return;
    while ((entry = io_readdir(dir)) != NULL) {
        _cleanup_free_ char *file = mem_printf("%s/%s", r->folder, entry->d_name);
        if (entry->d_name[0] != '.' && str_ends(entry->d_name, ".json"))
            read_record(r->list, file);
    }
    (void)io_closedir(dir);
}

static void on_read(void *arg)
{
    struct reading *r = arg;
    struct kept *k = r->kept;

    json_decref(k->list);
    k->list = r->list;
    k->read = clock_mono();
    k->reading = false;
    free(r->folder);
    free(r);
    if (k->again && !k->daemon->stopping)
        kept_refresh(k);
    daemon_operation_ended(k->daemon);
}

void kept_refresh(struct kept *k)
{
    if (k->reading) {
        k->again = true;
        return;
    }
    struct reading *r = mem_alloc(sizeof(*r));
    *r = (struct reading){.kept = k,
                          .folder = mem_printf("%s/restores", k->daemon->config->state_dir),
                          .list = json_array()};
    k->reading = true;
    k->again = false;
    k->daemon->operations++;
    loop_run_task(&k->daemon->loop, read_all, on_read, r);
}

json_t *kept_list(struct kept *k)
{
    if (!k->daemon->stopping && clock_mono().us - k->read.us > STALE_US)
        kept_refresh(k);
    return k->list;
}
