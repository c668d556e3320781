/* journal_writer.c — see journal_writer.h.
 *
 * The happy path is: post, take all that waits as one batch, append and fsync on the pool, note
 * each record, call each callback; then, when due, a checkpoint.
 * Possible failure modes: the append or the checkpoint fails (full or broken disk): fatal.
 * On close: freed only when nothing is in flight. */
#include "daemon/journal_writer.h"

#include "daemon/daemon.h"
#include "daemon/history.h"
#include "daemon/loop.h"

struct entry {
    json_t *record;
    journal_durable_cb *cb;
    void *arg;
};

struct batch {
    struct entry *items;
    size_t count;
};

struct journal_writer {
    struct daemon *daemon;
    struct journal *journal;
    struct batch waiting, writing;
    json_t *checkpoint; /* being written */
    bool busy, failed;
    struct err error;
};

struct journal_writer *journal_writer_new(struct daemon *d, struct journal *j)
{
    struct journal_writer *w = mem_alloc(sizeof(*w));

    w->daemon = d;
    w->journal = j;
    return w;
}

static void batch_clear(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        json_decref(b->items[i].record);
    free(b->items);
    *b = (struct batch){0};
}

static void write_batch(void *arg)
{
    struct journal_writer *w = arg;
    json_t **records = mem_alloc(w->writing.count * sizeof(*records));
    size_t count = 0;

    for (size_t i = 0; i < w->writing.count; i++)
        if (w->writing.items[i].record != NULL)
            records[count++] = w->writing.items[i].record;
    w->failed =
        count > 0 && journal_append(w->journal, records, count, clock_wall(), &w->error) < 0;
    free(records);
}

static void write_checkpoint(void *arg)
{
    struct journal_writer *w = arg;

    w->failed = journal_checkpoint(w->journal, w->checkpoint, clock_wall(), &w->error) < 0 ||
                journal_expire(w->journal, clock_wall(), &w->error) < 0;
}

static void pump(struct journal_writer *w);

static void on_batch_written(void *arg)
{
    struct journal_writer *w = arg;
    struct batch done = w->writing;

    w->writing = (struct batch){0};
    /* still busy: what the callbacks post must not bring a checkpoint that lacks the records behind
     * theirs, which are in the journal and not yet in the history */
    for (size_t i = 0; i < done.count && !w->failed; i++) {
        if (done.items[i].record != NULL)
            history_note(w->daemon->history, done.items[i].record);
        if (done.items[i].cb != NULL)
            done.items[i].cb(done.items[i].arg);
    }
    w->busy = false;
    if (w->failed)
        daemon_fail(w->daemon, &w->error);
    else
        pump(w);
    batch_clear(&done);
    daemon_maybe_stopped(w->daemon);
}

static void on_checkpoint_written(void *arg)
{
    struct journal_writer *w = arg;

    json_decref(w->checkpoint);
    w->checkpoint = NULL;
    w->busy = false;
    if (w->failed)
        daemon_fail(w->daemon, &w->error);
    else
        pump(w);
    daemon_maybe_stopped(w->daemon);
}

/* Start what is to be written next. A checkpoint goes between batches: then the history has noted
 * everything that the journal holds. */
static void pump(struct journal_writer *w)
{
    if (w->busy || w->failed)
        return;
    if (journal_wants_checkpoint(w->journal)) {
        w->busy = true;
        w->checkpoint = history_checkpoint(w->daemon->history);
        loop_run_task(&w->daemon->loop, write_checkpoint, on_checkpoint_written, w);
    } else if (w->waiting.count > 0) {
        w->busy = true;
        w->writing = w->waiting;
        w->waiting = (struct batch){0};
        loop_run_task(&w->daemon->loop, write_batch, on_batch_written, w);
    }
}

static void add(struct journal_writer *w, json_t *record, journal_durable_cb *cb, void *arg)
{
    w->waiting.items =
        mem_resize_array(w->waiting.items, w->waiting.count + 1, sizeof(*w->waiting.items));
    w->waiting.items[w->waiting.count++] = (struct entry){record, cb, arg};
    pump(w);
}

void journal_writer_post(struct journal_writer *w, json_t *record, journal_durable_cb *cb,
                         void *arg)
{
    if (record == NULL)
        abort(); /* a pack format of our own is wrong, or memory is exhausted */
    add(w, record, cb, arg);
}

void journal_writer_after(struct journal_writer *w, journal_durable_cb *cb, void *arg)
{
    add(w, NULL, cb, arg);
}

bool journal_writer_idle(const struct journal_writer *w)
{
    return !w->busy && (w->failed || w->waiting.count == 0);
}

void journal_writer_free(struct journal_writer *w)
{
    if (w == NULL)
        return;
    batch_clear(&w->waiting);
    journal_close(w->journal);
    free(w);
}
