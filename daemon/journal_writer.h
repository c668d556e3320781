/* journal_writer.h — appends to the journal from the loop: one batch at a time on the thread pool,
 * the effects afterwards.
 *
 * A record's callback runs on the loop once the record is durable, in the order of posting,
 * after history_note() has seen it. When an append fails nothing of it may be believed: the daemon
 * stops (daemon_fail), and no callback of the batch or of what waits behind it runs. */
#pragma once

#include "lib/journal/journal.h"

struct daemon;
struct journal_writer;

struct journal_writer *journal_writer_new(struct daemon *d, struct journal *j);
/* Takes the record. cb may be NULL. */
typedef void journal_durable_cb(void *arg);
void journal_writer_post(struct journal_writer *w, json_t *record, journal_durable_cb *cb,
                         void *arg);
/* cb when everything posted so far is durable. */
void journal_writer_after(struct journal_writer *w, journal_durable_cb *cb, void *arg);
bool journal_writer_idle(const struct journal_writer *w); /* nothing in flight, nothing waits */
void journal_writer_free(struct journal_writer *w);       /* idle or failed; closes the journal */
