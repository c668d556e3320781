/* The journal, broken off at every point: each record whose append returned 0 is there, a batch is
 * there whole or not at all, and the chain is sound. */
#include <errno.h>

#include "lib/journal/journal.h"
#include "tests/lib/campaign.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

static struct err e;
static const struct wall noon = {1795262400000000};

/* The steps: how many records each appends, 0 for a checkpoint, -1 for close and open. */
static const int steps[] = {1, 3, 2, -1, 4, 0, 2, 1, -1, 0, 5, 1};
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static int64_t seq_after(unsigned done)
{
    int64_t seq = 1; /* prepare's */

    for (unsigned i = 0; i < done; i++)
        seq += steps[i] > 0 ? steps[i] : steps[i] == 0;
    return seq;
}

static json_t *record(const char *type, int64_t seq)
{
    /* long enough that a batch is more than a sector or a page */
    char text[700];

    memset(text, 'a' + (int)(seq % 26), sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    return json_pack("{s:s s:I s:s}", "type", type, "number", (json_int_t)seq, "text", text);
}

static int append(struct journal *j, int count)
{
    json_t *records[8];
    int64_t seq = journal_sequence(j);

    for (int i = 0; i < count; i++)
        records[i] = record("event", seq + 1 + i);
    int rc = journal_append(j, records, (size_t)count, noon, &e);
    for (int i = 0; i < count; i++)
        json_decref(records[i]);
    return rc;
}

static void prepare(const char *dir)
{
    struct journal *j;

    ASSERT_OK(journal_open(dir, &j, NULL, NULL, &e), e);
    ASSERT_OK(append(j, 1), e);
    journal_close(j);
}

static int step(struct journal **j, const char *dir, int what)
{
    if (what > 0)
        return append(*j, what);
    if (what == 0) {
        _cleanup_json_ json_t *state = record("checkpoint", journal_sequence(*j) + 1);
        return journal_checkpoint(*j, state, noon, &e);
    }
    journal_close(*j);
    *j = NULL;
    return journal_open(dir, j, NULL, NULL, &e);
}

static void work(const char *dir)
{
    struct journal *j;

    if (journal_open(dir, &j, NULL, NULL, &e) < 0)
        return;
    for (unsigned i = 0; i < STEPS; i++) {
        if (step(&j, dir, steps[i]) < 0)
            break;
        campaign_done(i + 1);
    }
    journal_close(j);
}

static int check_record(void *arg, const json_t *r, struct err *why)
{
    int64_t *last = arg;

    (void)why;
    ASSERT_EQ(json_opt_i64(r, "seq", 0), *last + 1);
    ASSERT_EQ(json_opt_i64(r, "number", 0), *last + 1);
    const char *text = json_opt_string(r, "text", "");
    ASSERT_EQ(strlen(text), 699);
    ASSERT_EQ(text[0], 'a' + (*last + 1) % 26);
    (*last)++;
    return 0;
}

static void check(const char *dir, unsigned done)
{
    struct journal *j;
    int64_t read = 0, least = seq_after(done);
    int64_t most = done < STEPS ? seq_after(done + 1) : least;

    ASSERT_OK(journal_open(dir, &j, NULL, NULL, &e), e);
    int64_t seq = journal_sequence(j);
    if (seq != least && seq != most)
        test_fail(__FILE__, __LINE__, "after step %u the journal ends at %lld", done,
                  (long long)seq);
    ASSERT_OK(journal_read(dir, 0, check_record, &read, &e), e);
    ASSERT_EQ(read, seq);
    ASSERT_OK(append(j, 2), e);
    journal_close(j);
    ASSERT_OK(journal_read(dir, seq, check_record, &seq, &e), e);
    ASSERT_EQ(seq, read + 2);
}

static const struct campaign campaign = {prepare, work, check};

TEST(journal_killed_at_every_call)
{
    campaign_kill(&campaign);
}

TEST(journal_no_space_at_every_call)
{
    campaign_fail(&campaign, ENOSPC);
}

TEST(journal_io_error_at_every_call)
{
    campaign_fail(&campaign, EIO);
}

TEST(journal_on_a_disk_that_fills_up)
{
    campaign_fill(&campaign, test_long() ? 1 : 211, 30000);
}

TEST(journal_power_loss_at_every_change)
{
    campaign_cut_power(&campaign, test_long() ? 300 : 5);
}
