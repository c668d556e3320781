/* restore_record.h — what a restore did, durable before it does it: STATE_DIR/restores/RUN.json.
 *
 *   {"version":1,"run","job","id","time","state":"planned"|"done"|"undone",
 *    "items":[RECORD of each kind],"kept":[{"source","place","bytes","remove"}]}
 *
 * The daemon reads it to list what is kept; undo reads it to go back. The file belongs to whoever
 * the state folder belongs to. */
#pragma once

#include "lib/base/json.h"

/* Replace or create it. */
int must_check restore_record_write(const char *state_dir, const char *run, const json_t *record,
                                    struct err *e);
/* ERR_NOT_FOUND names the nearest. New reference. */
int must_check restore_record_read(const char *state_dir, const char *run, json_t **ret,
                                   struct err *e);
