#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/journal/journal.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

#define FIRST_SEGMENT "journal/00000000000000000001.log"

static const struct wall noon = {1795262400000000};

struct seen {
    int count;
    int64_t first, last;
    char types[512];
};

static int note_record(void *arg, const json_t *record, struct err *e)
{
    struct seen *seen = arg;
    int64_t seq = json_opt_i64(record, "seq", 0);

    if (seen->count++ == 0)
        seen->first = seq;
    seen->last = seq;
    (void)strncat(seen->types, json_opt_string(record, "type", "?"), 20);
    (void)strncat(seen->types, " ", 2);
    if (strcmp(json_opt_string(record, "type", ""), "stop-here") == 0)
        return err_set(e, ERR_INTERNAL, "stopped");
    return 0;
}

static struct journal *open_seen(struct seen *seen)
{
    struct journal *j;
    struct err e;

    *seen = (struct seen){0};
    ASSERT_OK(journal_open(test_dir(), &j, note_record, seen, &e), e);
    return j;
}

static int append(struct journal *j, const char *type, struct wall now, struct err *e)
{
    _cleanup_json_ json_t *record = json_pack("{s:s}", "type", type);

    return journal_append(j, &record, 1, now, e);
}

static void append_many(struct journal *j, const char *type, size_t count)
{
    json_t *records[16];
    struct err e;

    for (size_t i = 0; i < count; i++)
        records[i] = json_pack("{s:s s:i}", "type", type, "index", (int)i);
    ASSERT_OK(journal_append(j, records, count, noon, &e), e);
    for (size_t i = 0; i < count; i++)
        json_decref(records[i]);
}

static void read_text(const char *name, struct buf *out)
{
    struct err e;
    int dir = open(test_dir(), O_RDONLY);

    ASSERT_OK(fs_read_file(dir, name, out, &e), e);
    (void)close(dir);
}

static void write_text(const char *name, const void *data, size_t len)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
    FILE *f = fopen(path, "w");
    ASSERT(f != NULL && fwrite(data, 1, len, f) == len && fclose(f) == 0);
}

TEST(what_is_appended_is_replayed)
{
    struct seen seen;
    struct err e;
    struct journal *j = open_seen(&seen);

    ASSERT_EQ(journal_sequence(j), 0);
    ASSERT_EQ(journal_last_time(j).us, 0);
    ASSERT_OK(append(j, "one", noon, &e), e);
    append_many(j, "many", 3);
    ASSERT_EQ(journal_sequence(j), 4);
    ASSERT_EQ(journal_last_time(j).us, noon.us);
    journal_close(j);

    j = open_seen(&seen);
    ASSERT_STR(seen.types, "one many many many ");
    ASSERT_EQ(journal_sequence(j), 4);
    ASSERT_EQ(journal_last_time(j).us, noon.us);
    ASSERT(journal_note(j) == NULL);
    journal_close(j);
}

TEST(replay_begins_at_the_newest_checkpoint)
{
    struct seen seen;
    struct err e;
    struct journal *j = open_seen(&seen);
    _cleanup_json_ json_t *state = json_pack("{s:s s:i}", "type", "checkpoint", "runs", 7);

    append_many(j, "old", 4);
    ASSERT_OK(journal_checkpoint(j, state, noon, &e), e);
    ASSERT_OK(append(j, "new", noon, &e), e);
    journal_close(j);

    j = open_seen(&seen);
    ASSERT_STR(seen.types, "checkpoint new ");
    ASSERT_EQ(seen.first, 5);
    journal_close(j);

    seen = (struct seen){0};
    ASSERT_OK(journal_read(test_dir(), 0, note_record, &seen, &e), e);
    ASSERT_STR(seen.types, "old old old old checkpoint new ");
    seen = (struct seen){0};
    ASSERT_OK(journal_read(test_dir(), 3, note_record, &seen, &e), e);
    ASSERT_STR(seen.types, "old checkpoint new ");
    seen = (struct seen){0};
    ASSERT_OK(journal_read(test_dir(), 6, note_record, &seen, &e), e);
    ASSERT_EQ(seen.count, 0);
}

TEST(a_torn_tail_is_cut_at_any_length)
{
    struct seen seen;
    struct buf whole = BUF_INIT(100000);
    struct journal *j = open_seen(&seen);
    struct err e;

    append_many(j, "kept", 2);
    journal_close(j);
    read_text(FIRST_SEGMENT, &whole);
    size_t kept = whole.len;
    j = open_seen(&seen);
    append_many(j, "torn", 3);
    journal_close(j);
    buf_clear(&whole);
    read_text(FIRST_SEGMENT, &whole);
    for (size_t len = kept + 1; len < whole.len; len++) {
        write_text(FIRST_SEGMENT, whole.data, len);
        j = open_seen(&seen);
        ASSERT_EQ(seen.count, 2); /* a batch counts whole or not at all */
        ASSERT(journal_note(j) != NULL);
        ASSERT_OK(append(j, "after", noon, &e), e);
        journal_close(j);
        seen = (struct seen){0};
        ASSERT_OK(journal_read(test_dir(), 0, note_record, &seen, &e), e);
        ASSERT_STR(seen.types, "kept kept after ");
    }
    test_note("%zu lengths", whole.len - kept - 1);
    buf_deinit(&whole);
}

TEST(a_torn_batch_may_have_lost_its_beginning)
{
    struct seen seen;
    struct buf whole = BUF_INIT(100000);
    struct journal *j = open_seen(&seen);

    append_many(j, "kept", 1);
    journal_close(j);
    read_text(FIRST_SEGMENT, &whole);
    size_t kept = whole.len;
    j = open_seen(&seen);
    append_many(j, "torn", 4);
    journal_close(j);
    buf_clear(&whole);
    read_text(FIRST_SEGMENT, &whole);
    memset(whole.data + kept, 0, 40); /* a block that was never written, later ones were */
    write_text(FIRST_SEGMENT, whole.data, whole.len);
    j = open_seen(&seen);
    ASSERT_STR(seen.types, "kept ");
    ASSERT_EQ(journal_sequence(j), 1);
    journal_close(j);
    buf_deinit(&whole);
}

TEST(damage_before_the_end_is_told_with_segment_and_line)
{
    struct seen seen;
    struct buf whole = BUF_INIT(100000);
    struct journal *j = open_seen(&seen);
    struct err e;
    size_t flips = 0;

    for (int i = 0; i < 4; i++)
        ASSERT_OK(append(j, "x", noon, &e), e);
    journal_close(j);
    read_text(FIRST_SEGMENT, &whole);
    uint8_t *last = memrchr(whole.data, '\n', whole.len - 1);
    for (size_t i = 0; i < (size_t)(last - whole.data); i += 3) {
        whole.data[i] ^= 1;
        write_text(FIRST_SEGMENT, whole.data, whole.len);
        ASSERT_ERR(journal_open(test_dir(), &j, NULL, NULL, &e), e, ERR_DAMAGED);
        ASSERT_CONTAINS(e.text, "00000000000000000001.log, line ");
        ASSERT_ERR(journal_read(test_dir(), 0, note_record, &seen, &e), e, ERR_DAMAGED);
        whole.data[i] ^= 1;
        flips++;
    }
    test_note("%zu flipped bits", flips);
    buf_deinit(&whole);
}

TEST(an_empty_or_missing_segment_is_damage)
{
    struct seen seen;
    struct journal *j = open_seen(&seen);
    _cleanup_json_ json_t *state = json_pack("{s:s}", "type", "checkpoint");
    struct err e;
    char path[256];

    append_many(j, "a", 3);
    ASSERT_OK(journal_checkpoint(j, state, noon, &e), e);
    ASSERT_OK(journal_checkpoint(j, state, noon, &e), e);
    journal_close(j);
    (void)snprintf(path, sizeof(path), "%s/journal/00000000000000000004.log", test_dir());
    ASSERT_EQ(unlink(path), 0);
    ASSERT_ERR(journal_open(test_dir(), &j, NULL, NULL, &e), e, ERR_DAMAGED);
    ASSERT_ERR(journal_read(test_dir(), 0, note_record, &seen, &e), e, ERR_DAMAGED);
    write_text("journal/00000000000000000005.log", "", 0);
    ASSERT_ERR(journal_open(test_dir(), &j, NULL, NULL, &e), e, ERR_DAMAGED);
}

TEST(two_daemons_on_one_state_directory)
{
    struct seen seen;
    struct journal *j = open_seen(&seen), *other;
    struct err e;

    ASSERT_ERR(journal_open(test_dir(), &other, NULL, NULL, &e), e, ERR_REFUSED);
    ASSERT_CONTAINS(e.text, "another synbakd uses /tmp/");
    journal_close(j);
    journal_close(open_seen(&seen));
}

TEST(a_missing_state_directory_is_named)
{
    struct journal *j;
    struct err e;

    ASSERT_ERR(journal_open("/nonexistent/state", &j, NULL, NULL, &e), e, ERR_NOT_FOUND);
    ASSERT_CONTAINS(e.text, "/nonexistent/state");
}

TEST(a_failed_write_or_fsync_ends_the_journal)
{
    struct seen seen;
    struct err e;
    uint64_t calls;
    int failures = 0;

    for (uint64_t n = 1;; n++) {
        struct journal *j = open_seen(&seen);
        int before = seen.count;
        seam_reset();
        seam_fail_once(n, n % 2 ? EIO : ENOSPC);
        int rc = append(j, "x", noon, &e);
        calls = seam_count();
        seam_reset();
        if (rc < 0) {
            ASSERT(e.code == ERR_IO || e.code == ERR_NO_SPACE);
            ASSERT_ERR(append(j, "y", noon, &e), e, ERR_IO);
            failures++;
        }
        journal_close(j);
        j = open_seen(&seen);
        if (rc == 0)
            ASSERT_EQ(seen.count, before + 1);
        else
            ASSERT(strstr(seen.types, "y") == NULL);
        journal_close(j);
        if (n > calls)
            break;
    }
    ASSERT(failures >= 2);
}

TEST(short_counts_and_signals_change_nothing)
{
    struct seen seen;
    struct err e;

    seam_short_counts(true);
    seam_interrupt(true);
    struct journal *j = open_seen(&seen);
    append_many(j, "many", 5);
    journal_close(j);
    j = open_seen(&seen);
    ASSERT_EQ(seen.count, 5);
    journal_close(j);
    seen = (struct seen){0};
    ASSERT_OK(journal_read(test_dir(), 2, note_record, &seen, &e), e);
    ASSERT_EQ(seen.count, 3);
}

TEST(checkpoints_are_due_by_size_and_by_age)
{
    struct seen seen;
    struct err e;
    struct journal *j = open_seen(&seen);
    char *text = mem_alloc(300001);
    memset(text, 'a', 300000);
    _cleanup_json_ json_t *big = json_pack("{s:s s:s}", "type", "big", "text", text);
    struct wall later = {noon.us + 25LL * 3600 * 1000000};

    ASSERT(!journal_wants_checkpoint(j));
    ASSERT_OK(append(j, "x", noon, &e), e);
    ASSERT(!journal_wants_checkpoint(j));
    ASSERT_OK(append(j, "x", later, &e), e);
    ASSERT(journal_wants_checkpoint(j));
    ASSERT_OK(journal_checkpoint(j, big, later, &e), e);
    ASSERT(!journal_wants_checkpoint(j));
    for (int i = 0; i < 4; i++)
        ASSERT_OK(journal_append(j, &big, 1, later, &e), e);
    ASSERT(journal_wants_checkpoint(j));
    journal_close(j);
    free(text);
}

TEST(segments_older_than_a_year_expire)
{
    struct seen seen;
    struct err e;
    struct journal *j = open_seen(&seen);
    const int64_t month = 30LL * 24 * 3600 * 1000000;
    struct wall now = noon;

    for (int i = 0; i < 24; i++, now.us += month) {
        _cleanup_json_ json_t *state = json_pack("{s:s}", "type", "checkpoint");
        ASSERT_OK(append(j, "x", now, &e), e);
        ASSERT_OK(journal_checkpoint(j, state, now, &e), e);
    }
    ASSERT_OK(journal_expire(j, now, &e), e);
    journal_close(j);
    seen = (struct seen){0};
    ASSERT_OK(journal_read(test_dir(), 0, note_record, &seen, &e), e);
    ASSERT(seen.count >= 2 * 12 && seen.count <= 2 * 14);
    ASSERT_EQ(seen.last, 48);
}

TEST(reading_stops_when_told)
{
    struct seen seen;
    struct err e;
    struct journal *j = open_seen(&seen);

    append_many(j, "a", 2);
    append_many(j, "stop-here", 1);
    append_many(j, "b", 2);
    journal_close(j);
    seen = (struct seen){0};
    ASSERT_ERR(journal_read(test_dir(), 0, note_record, &seen, &e), e, ERR_INTERNAL);
    ASSERT_EQ(seen.count, 3);
}

TEST(files_are_private_whatever_the_umask)
{
    struct seen seen;
    struct stat st;
    char path[256];

    (void)umask(0);
    struct journal *j = open_seen(&seen);
    append_many(j, "a", 1);
    journal_close(j);
    (void)snprintf(path, sizeof(path), "%s/%s", test_dir(), FIRST_SEGMENT);
    ASSERT_EQ(stat(path, &st), 0);
    ASSERT_EQ(st.st_mode & 0777, 0600);
    (void)snprintf(path, sizeof(path), "%s/journal", test_dir());
    ASSERT_EQ(stat(path, &st), 0);
    ASSERT_EQ(st.st_mode & 0777, 0700);
}
