/* methods.h — what the files methods_*.c share: finding what a request names, with an error that
 * names the nearest. */
#pragma once

#include "daemon/control.h"
#include "daemon/daemon.h"

/* The job that "job" names, or the only one if there is just one. NULL: the request was failed. */
const struct job *method_job(struct request *r);
/* As method_job; 1: the request names none, which is fine. */
int method_optional_job(struct request *r, const struct job **ret);
/* The sets that "job" and "id" name ("latest" and absence mean the newest good one, at
 * "destination" if given). NULL: the request was failed. */
const struct set *method_set(struct request *r, const struct job **ret_job);
/* There is no such destination. */
void method_fail_destination(struct request *r, const char *name);
/* The same, at this destination (NULL: any) whatever the request's "destination" is for. */
const struct set *method_set_at(struct request *r, const char *destination,
                                const struct job **ret_job);
/* An instant from a member "until"; us == 0 if there is none. -1: the request was failed. */
int method_until(struct request *r, struct wall *ret);

/* Journal it and answer with this once it is durable (both references are taken). */
void method_reply_after(struct request *r, json_t *record, json_t *result);
/* Merge the caller's uid and reason into a record. */
json_t *method_record(const struct request *r, json_t *record);

/* Queue a run (kind is filled in) and answer with its number. details are borrowed. */
void method_queue_run(struct request *r, struct event event, const json_t *details);
bool method_has_source(const struct job *job, const char *name);
void method_copy(struct request *r);
void method_pin(struct request *r);
void method_unpin(struct request *r);
void method_accept(struct request *r);
