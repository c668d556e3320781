/* set_json.h — sets as messages: SET from a worker (worker_msg.h), SETSTATUS to a client
 * (control_msg.h), and words for tiers. */
#pragma once

#include "lib/base/json.h"
#include "lib/schedule/set.h"

struct config;
struct destination;

/* Strict: the destination may hold anything. *ret is owned by the caller. */
int must_check set_from_json(const json_t *o, const char *destination, struct set *ret,
                             struct err *e);
/* Where people find it; in a repository no file has its name. Owned. */
char *set_place(const struct destination *d, const char *job, const char *id);
json_t *set_to_status(const struct set *s, const char *job, const struct config *config);
json_t *tiers_to_json(unsigned tiers);
unsigned tiers_from_json(const json_t *array);                /* unknown words are left out */
json_t *time_to_json(struct wall t);                          /* us == 0 or INT64_MAX: null */
struct wall time_from_json(const json_t *o, const char *key); /* us == 0 if it is not there */
uint64_t set_bytes(const struct set *s);                      /* stored */
uint64_t set_raw_bytes(const struct set *s);                  /* that it brings back */
