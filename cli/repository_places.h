/* repository_places.h — the destinations that hold one repository, for commands whose worker changes it there with
 * the caller's rights: keys and repair. */
#pragma once

#include "cli/cli.h"
#include "lib/config/config.h"

struct repository_places {
    const char *name;                 /* borrowed: the repository's, or the place */
    const struct destination **items; /* owned array, borrowed items */
    size_t count;
    struct destination *bare; /* owned, or NULL */
    json_t *stores;           /* [STORE], once a worker was run: a key is asked for once */
};

void repository_places_deinit(struct repository_places *p); /* safe on a zeroed one */
/* Those of the configuration (which is borrowed) that name this repository. */
void repository_places_of(const struct config *c, const char *name, struct repository_places *ret);
/* The replicas of the repository at this destination. ERR_USAGE: there is no such destination; ERR_REFUSED: it has the
 * plain format. */
int must_check repository_places_named(const struct config *c, const char *name,
                                       struct repository_places *ret, struct err *e);
/* Names of the configured repositories, each once. */
void repository_places_list(const struct config *c, struct strlist *ret);
/* The one that --destination names, a PLACE too, or the only one of the configuration. */
int must_check repository_places_find(struct cli *c, struct repository_places *ret, struct err *e);
/* p->stores; idempotent. Reads secrets, perhaps from the terminal. */
int must_check repository_places_open(struct cli *c, struct repository_places *p, struct err *e);
/* As root we would leave objects that the daemon cannot read: whom the folder belongs to. Owned, or NULL. */
char *repository_places_user(const struct repository_places *p);
