/* segment.c — reading one segment.
 *
 * A torn tail and damage look alike: a line that does not fit. They differ in what follows. What
 * was appended in one batch was written at once and may be torn in any way, so behind a tear stand
 * at most remains of the same batch. A later, readable record of a later batch shows that the bad
 * line had been synced: it was damaged since. */
#include "lib/journal/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

const char *segment_name(int64_t first, char out[SEGMENT_NAME_LEN + 1])
{
    (void)snprintf(out, SEGMENT_NAME_LEN + 1, "%020lld.log", (long long)first);
    return out;
}

static int64_t first_from_name(const char *name)
{
    char digits[21], back[SEGMENT_NAME_LEN + 1];
    int64_t first;

    if (strlen(name) != SEGMENT_NAME_LEN)
        return -1;
    memcpy(digits, name, 20);
    digits[20] = '\0';
    if (str_to_i64(digits, 1, INT64_MAX, &first, NULL) < 0 ||
        strcmp(segment_name(first, back), name) != 0)
        return -1;
    return first;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

int segments_list(int dirfd, struct segments *ret, struct err *e)
{
    DIR *dir = io_opendir(dirfd, ".");
    struct dirent *entry;

    *ret = (struct segments){0};
    if (dir == NULL)
        return err_sys(e, ERR_IO, errno, "open the journal's folder");
    while ((entry = io_readdir(dir)) != NULL) {
        int64_t first = first_from_name(entry->d_name);
        if (first < 0)
            continue;
        ret->first = mem_resize_array(ret->first, ret->count + 1, sizeof(*ret->first));
        ret->first[ret->count++] = first;
    }
    int failure = errno;
    (void)io_closedir(dir);
    if (failure != 0) {
        segments_deinit(ret);
        return err_sys(e, ERR_IO, failure, "list the journal's folder");
    }
    if (ret->count > 1)
        qsort(ret->first, ret->count, sizeof(*ret->first), by_number);
    return 0;
}

void segments_deinit(struct segments *s)
{
    free(s->first);
    *s = (struct segments){0};
}

void chain_hash(const void *line, size_t len, char out[LINE_HASH_LEN + 1])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    (void)SHA256(line, len, digest);
    hex_encode(digest, sizeof(digest), out);
}

/* The batch that a record was appended in: its own number twice if it came alone. */
static int get_batch(const json_t *record, int64_t seq, int64_t *first, int64_t *last)
{
    const json_t *batch = json_object_get(record, "batch");

    *first = *last = seq;
    if (batch == NULL)
        return 0;
    if (!json_is_integer(json_array_get(batch, 0)) || !json_is_integer(json_array_get(batch, 1)) ||
        json_array_size(batch) != 2)
        return -1;
    *first = json_integer_value(json_array_get(batch, 0));
    *last = json_integer_value(json_array_get(batch, 1));
    return *first <= seq && seq <= *last ? 0 : -1;
}

struct line {
    json_t *record; /* owned */
    int64_t seq, batch_first, batch_last;
    struct wall time;
    char hash[LINE_HASH_LEN + 1];
};

static int line_read(const uint8_t *text, size_t len, struct line *ret, struct err *e)
{
    const char *time, *type;

    if (json_read(text, len, &ret->record, e) < 0)
        return -1;
    if (json_get_i64(ret->record, "seq", 1, INT64_MAX, &ret->seq, e) < 0 ||
        json_get_string(ret->record, "time", &time, e) < 0 ||
        json_get_string(ret->record, "type", &type, e) < 0)
        return -1;
    if (clock_parse_iso8601(time, &ret->time) < 0)
        return err_set(e, ERR_FORMAT, "\"time\" is not a time");
    if (get_batch(ret->record, ret->seq, &ret->batch_first, &ret->batch_last) < 0)
        return err_set(e, ERR_FORMAT, "\"batch\" does not hold the record");
    chain_hash(text, len, ret->hash);
    return 0;
}

/* Does it follow the record before? */
static int line_check(const struct line *line, const struct chain *chain, struct err *e)
{
    const char *prev;

    if (json_get_string(line->record, "prev", &prev, e) < 0)
        return -1;
    if (line->seq != chain->seq + 1)
        return err_set(e, ERR_FORMAT, "record %lld stands where %lld should", (long long)line->seq,
                       (long long)chain->seq + 1);
    if (chain->hash_known && strcmp(prev, chain->hash) != 0)
        return err_set(e, ERR_FORMAT, "the hash of the record before does not match");
    return 0;
}

static void line_deinit(struct line *line)
{
    json_decref(line->record);
    *line = (struct line){0};
}

/* Is there, from here on, a sound line of a batch that began after record `seq`? */
static bool holds_later_batch(const uint8_t *data, size_t len, int64_t seq)
{
    const uint8_t *newline;
    bool found = false;

    for (; !found && (newline = memchr(data, '\n', len)) != NULL;
         len -= (size_t)(newline + 1 - data), data = newline + 1) {
        struct line line = {0};
        found =
            line_read(data, (size_t)(newline - data), &line, NULL) == 0 && line.batch_first > seq;
        line_deinit(&line);
    }
    return found;
}

/* Hand over the records of a batch that is whole, the last of which is `last`. */
static int deliver(json_t *batch, int64_t last, int64_t after, journal_replay_cb *cb, void *arg,
                   struct err *e)
{
    int64_t seq = last - (int64_t)json_array_size(batch);
    json_t *record;
    size_t i;

    json_array_foreach(batch, i, record)
    {
        seq++;
        if (cb != NULL && seq > after && cb(arg, record, e) < 0)
            return -1;
    }
    (void)json_array_clear(batch);
    return 0;
}

static int damaged(const struct segment_text *text, size_t number, const struct err *why,
                   struct err *e)
{
    return err_set(e, ERR_DAMAGED,
                   "journal segment %s, line %zu: %s (bring the file back from a copy, or move the "
                   "journal folder away: the sets are found again at their destinations)",
                   text->name, number, why->text);
}

int segment_walk(const struct segment_text *text, struct chain *chain, int64_t after,
                 journal_replay_cb *cb, void *arg, size_t *ret_good, struct err *e)
{
    _cleanup_json_ json_t *batch = json_array(); /* records of one that is not yet whole */
    struct chain reached = *chain;               /* the end of the last whole batch is in *chain */
    size_t at = 0, number = 0;
    struct err why = {.text = "the line has no end"};
    const uint8_t *newline;
    bool is_record = false; /* the line that does not fit: no tear makes a whole record */
    int rc = 0;

    *ret_good = 0;
    while (rc == 0 && at < text->len &&
           (newline = memchr(text->data + at, '\n', text->len - at)) != NULL) {
        struct line line = {0};
        size_t len = (size_t)(newline - (text->data + at));
        number++;
        is_record = line_read(text->data + at, len, &line, &why) == 0;
        if (!is_record || line_check(&line, &reached, &why) < 0) {
            line_deinit(&line);
            number--;
            break;
        }
        is_record = false;
        reached = (struct chain){.seq = line.seq, .time = line.time, .hash_known = true};
        memcpy(reached.hash, line.hash, sizeof(reached.hash));
        if (json_array_append_new(batch, TAKE(line.record)) != 0)
            abort(); /* memory, as in mem.h */
        at += len + 1;
        if (line.seq == line.batch_last) {
            rc = deliver(batch, line.seq, after, cb, arg, e);
            *chain = reached;
            *ret_good = at;
        }
    }
    if (rc < 0 || (*ret_good == text->len && text->len > 0))
        return rc;
    /* The first line was made durable before its segment had a name: it cannot be torn. */
    if (text->is_last && *ret_good > 0 && !is_record &&
        !holds_later_batch(text->data + at, text->len - at, reached.seq + 1))
        return 0;
    return damaged(text, number + 1, &why, e);
}

int chain_before(int dirfd, const struct segments *s, size_t index, struct chain *ret,
                 struct err *e)
{
    char name[SEGMENT_NAME_LEN + 1];
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(SEGMENT_MAX);
    struct line line = {0};
    struct err why = {.text = "it is empty or its last line has no end"};

    *ret = (struct chain){.seq = s->first[index] - 1, .hash_known = s->first[index] == 1};
    memset(ret->hash, '0', LINE_HASH_LEN);
    if (index == 0)
        return 0;
    if (fs_read_file(dirfd, segment_name(s->first[index - 1], name), &text, e) < 0)
        return err_wrap(e, "journal");
    size_t start = text.len > 0 ? text.len - 1 : 0;
    while (start > 0 && text.data[start - 1] != '\n')
        start--;
    if (text.len == 0 || text.data[text.len - 1] != '\n' ||
        line_read(text.data + start, text.len - 1 - start, &line, &why) < 0 ||
        line.seq != ret->seq) {
        line_deinit(&line);
        return err_set(e, ERR_DAMAGED, "journal segment %s does not reach up to the next one: %s",
                       name, why.text);
    }
    memcpy(ret->hash, line.hash, sizeof(ret->hash));
    ret->time = line.time;
    ret->hash_known = true;
    line_deinit(&line);
    return 0;
}
