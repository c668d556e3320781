/* place.h — where a set is read from by a worker of our own, and how the reading is guarded.
 *
 * In this order: a file (an export, a set's folder); a --destination that is a place itself; the daemon,
 * which guards the set until place_release; the configuration, when no daemon answers. */
#pragma once

#include "cli/target.h"

struct place {
    json_t *store;   /* STORE with its key, or NULL: then file */
    char *file;      /* absolute */
    json_t *key;     /* of the file: string or null */
    char *job, *id;  /* NULL with a file */
    char *token;     /* of the daemon's guard, or NULL */
    bool configured; /* c->config is loaded and holds the job */
};

/* purpose: "restore", "ls", ... for the daemon's journal. t->job may still be NULL. */
int must_check place_find(struct cli *c, struct target *t, const char *purpose, struct place *ret,
                          struct err *e);
/* Tell the daemon that the reading is over: e is how it failed, or NULL; summary (borrowed, may be
 * NULL) goes to its journal. Keeps *e as it is. */
void place_release(struct cli *c, struct place *p, const struct err *e, json_t *summary);
/* {"verb", and the members that say where}. New reference. */
json_t *place_job(const struct place *p, const char *verb);

/* Say that a destination was passed over, why, and which comes next. */
void place_note_passed_over(const struct err *why, const char *next);

/* Say that a destination is left out, and why. */
void place_note_not_looked_at(const struct err *why);

/* --key ask, or none given by somebody who sits at a terminal: place_store_of_bare asks for it. */
bool place_key_is_asked(const struct cli *c);
/* The STORE of a --destination that names a place itself (bare_place.h). */
int must_check place_store_of_bare(struct cli *c, json_t **ret, struct err *e);
/* The STORE of a configured destination, its keys read with our own rights. */
int must_check place_store_of(const struct cli *c, const struct destination *d, json_t **ret,
                              struct err *e);
/* "file:PATH", "env:NAME", "command:...", "none", or a path; never the secret itself, nor "ask". */
int must_check place_parse_secret(const char *option, const char *text, struct secret_ref *ret,
                                  struct err *e);
char *place_absolute(const char *path); /* of this working folder; owned */
