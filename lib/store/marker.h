/* marker.h — the object that says whose a destination is: `synbak-destination.json` at its root.
 *
 *   {"version":1, "id":HEX32, "owner":HEX32, "salt":HEX32, "created":ISO8601}
 *
 * `id` names the destination for ever, `owner` the installation that writes and prunes there,
 * `salt` is the PBKDF2 salt of the MAC key of every set (docs/plain-format.md). The first run
 * writes it. */
#pragma once

#include "lib/store/store.h"

#define MARKER_NAME "synbak-destination.json"

struct marker {
    char id[33], owner[33], salt[33];
    struct wall created;
};

/* From the object's bytes; ERR_FORMAT. Does not block. */
int must_check marker_parse(const void *data, size_t len, struct marker *ret, struct err *e);
/* ERR_NOT_FOUND if there is none. ERR_FORMAT if it is not one. */
int must_check marker_read(struct store *s, struct marker *ret, struct err *e);
/* As marker_read, and ERR_FOREIGN unless the owner is ours ("synbakctl adopt DESTINATION"). With
 * known_id (the id the journal remembers, or NULL): a missing marker is ERR_NOT_MOUNTED, another id
 * too. Without: a missing marker is written, if the store holds no sets. */
int must_check marker_claim(struct store *s, const char *owner, const char *known_id,
                            struct marker *ret, struct err *e);
/* Make `owner` the owner, whoever it was. Where the marker is lost, it is made again with the id and
 * the salt of `lost` (as the sets that lie there name them), or with new ones if that is NULL. */
int must_check marker_adopt(struct store *s, const char *owner, const struct marker *lost,
                            struct marker *ret, struct err *e);
