/* restore_record.h — what a restore did, durable before it does it: STATE_DIR/restores/RUN.json.
 *
 *   {"version":1,"run","job","id","time","state":"staging"|"planned"|"done"|"undone",
 *    "items":[RECORD of each kind],"kept":[{"source","place","bytes","remove"}]}
 *
 * staging: written before anything is made, nothing is replaced yet; planned: all is staged, the
 * swaps follow. Beside it lies RUN.lock, locked (flock) for as long as a worker is at it, so that
 * one that was cut off is told from one that is under way. The daemon reads both to list what is
 * kept and what was left behind; undo reads the record to go back. The files belong to whoever the
 * state folder belongs to. */
#pragma once

#include "lib/base/json.h"

/* Replace or create it. */
int must_check restore_record_write(const char *state_dir, const char *run, const json_t *record,
                                    struct err *e);
/* ERR_NOT_FOUND names the nearest. New reference. */
int must_check restore_record_read(const char *state_dir, const char *run, json_t **ret,
                                   struct err *e);
/* The restore did nothing, or nothing is left of it. A missing one is fine. */
int must_check restore_record_remove(const char *state_dir, const char *run, struct err *e);
/* Say that we are at it until the descriptor is closed, or we die. ERR_REFUSED: another worker is. */
int must_check restore_record_lock(const char *state_dir, const char *run, int *ret_fd,
                                   struct err *e);
/* The lock file goes; sets *fd to -1. */
void restore_record_unlock(const char *state_dir, const char *run, int *fd);
/* The runs of restores that were cut off: what cannot be read is left out. */
void restore_record_cut_off(const char *state_dir, struct strlist *ret_runs);
