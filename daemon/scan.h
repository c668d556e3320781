/* scan.h — listing destinations: what sets lie there, how much room is left, what can be swept.
 *
 * One scan of a destination at a time; who asks meanwhile waits for the one that is running.
 * Results go into the catalog. Loop thread only. */
#pragma once

#include "daemon/operation.h"

struct scans;

struct scans *scans_new(struct daemon *d);
void scans_free(struct scans *s);
/* done(arg) once the destination has been tried; look into the catalog for how it went. */
typedef void scan_done_cb(void *arg);
void scan_start(struct daemon *d, const char *destination, scan_done_cb *done, void *arg);
/* The same, but one that is running already does not count: it may have looked before something changed. */
void scan_anew(struct daemon *d, const char *destination, scan_done_cb *done, void *arg);
void scan_all(struct daemon *d); /* every configured destination */
void scan_refresh(struct daemon *d,
                  const char *destination); /* if the last one is older than 10 min */
void scan_retry(struct daemon *d);          /* what could not be listed, once in 10 min */
bool scan_goes_on(const struct scans *s, const char *destination);
void scans_cancel(struct scans *s);
bool scans_idle(const struct scans *s);
