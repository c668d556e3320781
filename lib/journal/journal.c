/* journal.c — the happy path is: lock, read the newest segment, write it anew, then append.
 *
 * The newest segment is written anew at each open, because its tail may stand in memory only: a
 * failed fsync marks pages as clean that never reached the disk, and a second fsync then says yes.
 * That is also how a torn tail goes.
 *
 * Failure modes: a write or fsync fails: the journal is dead until it is opened again, and the tail
 * is taken back as far as the disk still lets us. */
#include "lib/journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/journal/segment.h"

#define YEAR_US (366LL * 24 * 3600 * 1000000)
#define DAY_US  (24LL * 3600 * 1000000)

enum { SEGMENT_GROWTH = 1024 * 1024, FILE_MODE = 0600, DIR_MODE = 0700 };

struct journal {
    char *path; /* STATE/journal, for messages */
    int lock_fd, dir_fd, fd;
    struct chain chain;
    size_t len, first_len; /* of the segment, and of the record that began it */
    struct wall began;
    bool failed;
    char *note;
};

static int take_lock(struct journal *j, const char *state_dir, struct err *e)
{
    _cleanup_(fs_closep) int state = -1;

    if (fs_open_dir(state_dir, &state, e) < 0)
        return err_wrap(e, "state directory %s (create it, owned by the daemon's user)", state_dir);
    j->lock_fd = io_open(state, "lock", O_RDWR | O_CREAT | O_NOFOLLOW, FILE_MODE);
    if (j->lock_fd < 0)
        return err_sys(e, ERR_IO, errno, "open %s/lock", state_dir);
    int rc;
    do
        rc = io_flock(j->lock_fd, LOCK_EX | LOCK_NB);
    while (rc != 0 && errno == EINTR);
    if (rc != 0 && errno == EWOULDBLOCK)
        return err_set(e, ERR_REFUSED,
                       "another synbakd uses %s (stop it, or give this one its own state_dir)",
                       state_dir);
    if (rc != 0)
        return err_sys(e, ERR_IO, errno, "lock %s/lock", state_dir);
    if (fs_make_dirs(state, "journal", DIR_MODE, e) < 0)
        return err_wrap(e, "%s", state_dir);
    j->dir_fd = io_open(state, "journal", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (j->dir_fd < 0)
        return err_sys(e, ERR_IO, errno, "open %s", j->path);
    /* fs_make_dirs syncs only what it made itself; an earlier start may have died before that */
    return fs_sync_dir(state, ".", e);
}

/* Temporaries of segments whose writing was cut off. */
static int remove_leftovers(const struct journal *j, struct err *e)
{
    DIR *dir = io_opendir(j->dir_fd, ".");
    struct dirent *entry;
    int rc = 0;

    if (dir == NULL)
        return err_sys(e, ERR_IO, errno, "list %s", j->path);
    while (rc == 0 && (entry = io_readdir(dir)) != NULL)
        if (entry->d_name[0] == '.' && strstr(entry->d_name, ".log.") != NULL &&
            io_unlink(j->dir_fd, entry->d_name, 0) != 0)
            rc = err_sys(e, ERR_IO, errno, "remove %s/%s", j->path, entry->d_name);
    (void)io_closedir(dir);
    return rc;
}

/* Write a whole segment under its name, and stand ready to append to it. */
static int begin_segment(struct journal *j, int64_t first, const void *data, size_t len,
                         struct err *e)
{
    char name[SEGMENT_NAME_LEN + 1];

    fs_closep(&j->fd);
    if (fs_replace_file(j->dir_fd, segment_name(first, name), data, len, FILE_MODE, e) < 0)
        return err_wrap(e, "%s", j->path);
    j->fd = io_open(j->dir_fd, name, O_WRONLY | O_APPEND | O_NOFOLLOW, 0);
    if (j->fd < 0)
        return err_sys(e, ERR_IO, errno, "open %s/%s", j->path, name);
    j->len = len;
    const uint8_t *newline = memchr(data, '\n', len);
    j->first_len = newline == NULL ? len : (size_t)(newline - (const uint8_t *)data) + 1;
    return 0;
}

struct replay {
    struct journal *journal;
    journal_replay_cb *cb;
    void *arg;
};

static int replay_one(void *arg, const json_t *record, struct err *e)
{
    struct replay *r = arg;

    if (r->journal->began.us == 0)
        (void)clock_parse_iso8601(json_opt_string(record, "time", ""), &r->journal->began);
    return r->cb == NULL ? 0 : r->cb(r->arg, record, e);
}

static int replay_newest(struct journal *j, struct replay *replay, struct err *e)
{
    char name[SEGMENT_NAME_LEN + 1];
    _cleanup_(segments_deinit) struct segments segments = {0};
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(SEGMENT_MAX);
    size_t good;

    memset(j->chain.hash, '0', LINE_HASH_LEN);
    j->chain.hash_known = true;
    if (segments_list(j->dir_fd, &segments, e) < 0)
        return -1;
    if (segments.count == 0)
        return 0;
    size_t newest = segments.count - 1;
    if (chain_before(j->dir_fd, &segments, newest, &j->chain, e) < 0 ||
        fs_read_file(j->dir_fd, segment_name(segments.first[newest], name), &text, e) < 0)
        return err_wrap(e, "%s", j->path);
    struct segment_text whole = {.name = name, .data = text.data, .len = text.len, .is_last = true};
    if (segment_walk(&whole, &j->chain, 0, replay_one, replay, &good, e) < 0)
        return err_wrap(e, "%s", j->path);
    if (good < text.len)
        j->note = mem_printf("%s: the last write was cut off; %zu bytes after record %lld were "
                             "dropped",
                             j->path, text.len - good, (long long)j->chain.seq);
    return begin_segment(j, segments.first[newest], text.data, good, e);
}

int journal_open(const char *state_dir, struct journal **ret, journal_replay_cb *cb, void *arg,
                 struct err *e)
{
    struct journal *j = mem_alloc(sizeof(*j));
    struct replay replay = {.journal = j, .cb = cb, .arg = arg};

    *j = (struct journal){.lock_fd = -1, .dir_fd = -1, .fd = -1};
    j->path = mem_printf("%s/journal", state_dir);
    if (take_lock(j, state_dir, e) < 0 || remove_leftovers(j, e) < 0 ||
        replay_newest(j, &replay, e) < 0) {
        journal_close(j);
        return -1;
    }
    *ret = j;
    return 0;
}

void journal_close(struct journal *j)
{
    if (j == NULL)
        return;
    fs_closep(&j->fd);
    fs_closep(&j->dir_fd);
    fs_closep(&j->lock_fd); /* last: who gets the lock finds nobody writing */
    free(j->path);
    free(j->note);
    free(j);
}

int64_t journal_sequence(const struct journal *j)
{
    return j->chain.seq;
}

struct wall journal_last_time(const struct journal *j)
{
    return j->chain.time;
}

const char *journal_note(const struct journal *j)
{
    return j->note;
}

/* Give one record its place in the chain, and its line to `out`. */
static int add_line(json_t *record, struct chain *chain, int64_t first, int64_t last,
                    struct wall now, struct buf *out, struct err *e)
{
    char time[32];
    size_t start = out->len;
    json_t *batch = first == last ? NULL : json_pack("[I,I]", (json_int_t)first, (json_int_t)last);

    if (!json_is_string(json_object_get(record, "type")) || (first != last && batch == NULL))
        return err_set(e, ERR_INTERNAL, "a journal record without a type");
    (void)json_object_del(record, "batch");
    if ((batch != NULL && json_object_set_new(record, "batch", batch) != 0) ||
        json_object_set_new(record, "seq", json_integer(chain->seq + 1)) != 0 ||
        json_object_set_new(record, "time", json_string(clock_iso8601(now, time))) != 0 ||
        json_object_set_new(record, "prev", json_string(chain->hash)) != 0)
        return err_set(e, ERR_INTERNAL, "a journal record that is no object");
    if (json_write(record, out, e) < 0)
        return err_wrap(e, "journal record");
    chain_hash(out->data + start, out->len - start, chain->hash);
    chain->hash_known = true;
    chain->seq++;
    (void)clock_parse_iso8601(time, &chain->time); /* as a replay will have it */
    return buf_append(out, "\n", 1, e);
}

static int usable(const struct journal *j, struct err *e)
{
    if (!j->failed)
        return 0;
    return err_set(e, ERR_IO, "%s: a write failed before; it must be opened again", j->path);
}

static int write_lines(struct journal *j, const struct buf *lines, struct err *e)
{
    if (j->fd < 0) {
        if (begin_segment(j, j->chain.seq + 1, lines->data, lines->len, e) < 0)
            return -1;
        return 0;
    }
    int rc = fs_write_all(j->fd, lines->data, lines->len, e);
    if (rc == 0 && io_fsync(j->fd) != 0)
        rc = err_sys(e, ERR_IO, errno, "fsync");
    if (rc < 0) {
        (void)io_truncate(j->fd, (off_t)j->len); /* the next open sees to it in any case */
        return err_wrap(e, "%s", j->path);
    }
    j->len += lines->len;
    return 0;
}

int journal_append(struct journal *j, json_t *const *records, size_t count, struct wall now,
                   struct err *e)
{
    _cleanup_(buf_deinit) struct buf lines = BUF_INIT(SEGMENT_MAX);
    struct chain reached = j->chain;
    int64_t first = reached.seq + 1, last = reached.seq + (int64_t)count;

    if (usable(j, e) < 0)
        return -1;
    if (count == 0)
        return 0;
    j->failed = true;
    for (size_t i = 0; i < count; i++)
        if (add_line(records[i], &reached, first, last, now, &lines, e) < 0)
            return -1;
    if (write_lines(j, &lines, e) < 0)
        return -1;
    if (j->began.us == 0)
        j->began = reached.time;
    j->chain = reached;
    j->failed = false;
    return 0;
}

int journal_checkpoint(struct journal *j, json_t *state, struct wall now, struct err *e)
{
    _cleanup_(buf_deinit) struct buf line = BUF_INIT(SEGMENT_MAX);
    struct chain reached = j->chain;
    int64_t seq = reached.seq + 1;

    if (usable(j, e) < 0)
        return -1;
    j->failed = true;
    if (add_line(state, &reached, seq, seq, now, &line, e) < 0 ||
        begin_segment(j, seq, line.data, line.len, e) < 0)
        return -1;
    j->chain = reached;
    j->began = reached.time;
    j->failed = false;
    return 0;
}

bool journal_wants_checkpoint(const struct journal *j)
{
    /* A checkpoint may itself be larger than the bound: then a segment may double it. */
    size_t bound = j->first_len > SEGMENT_GROWTH ? j->first_len : SEGMENT_GROWTH;

    if (j->fd < 0 || j->len == j->first_len)
        return false;
    return j->len - j->first_len > bound || j->chain.time.us - j->began.us > DAY_US;
}

/* The time of a segment's first record; a segment that cannot be read is kept. */
static bool begins_before(int dirfd, int64_t first, struct wall limit)
{
    char name[SEGMENT_NAME_LEN + 1];
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(SEGMENT_MAX);
    _cleanup_json_ json_t *record = NULL;
    struct wall time;

    if (fs_read_file(dirfd, segment_name(first, name), &text, NULL) < 0)
        return false;
    const uint8_t *newline = text.len == 0 ? NULL : memchr(text.data, '\n', text.len);
    if (newline == NULL || json_read(text.data, (size_t)(newline - text.data), &record, NULL) < 0)
        return false;
    return clock_parse_iso8601(json_opt_string(record, "time", ""), &time) == 0 &&
           time.us < limit.us;
}

int journal_expire(struct journal *j, struct wall now, struct err *e)
{
    _cleanup_(segments_deinit) struct segments segments = {0};
    struct wall limit = {now.us - YEAR_US};
    char name[SEGMENT_NAME_LEN + 1];
    bool any = false;

    if (segments_list(j->dir_fd, &segments, e) < 0)
        return err_wrap(e, "%s", j->path);
    /* A segment is old when the one behind it is: then all of its records are. */
    for (size_t i = 0; i + 1 < segments.count; i++) {
        if (!begins_before(j->dir_fd, segments.first[i + 1], limit))
            break;
        if (io_unlink(j->dir_fd, segment_name(segments.first[i], name), 0) != 0)
            return err_sys(e, ERR_IO, errno, "remove %s/%s", j->path, name);
        any = true;
    }
    if (any && io_fsync(j->dir_fd) != 0)
        return err_sys(e, ERR_IO, errno, "fsync of %s", j->path);
    return 0;
}
