/* properties.h — what belongs to a database but is not inside it, so that a dump lacks it and a
 * rename leaves it behind: connection limit, rights, comment, settings. */
#pragma once

#include "lib/base/json.h"
#include "lib/postgres/connect.h"

/* {"connection_limit":N,"comment":S|null,
 *  "rights":null | [{"grantee":S|null,"privilege":S,"grantable":B}],     null: the default ones
 *  "settings":[{"role":S|null,"name":S,"value":S}]}                      new reference */
int must_check pg_properties_read(struct pg *p, const char *database, json_t **ret, struct err *e);

/* Give them to another database. o is hostile. What cannot be given (a role that is not there, a
 * right that we lack) is added to problems as a sentence, the rest goes on; fails only when the
 * connection does or o is malformed. */
int must_check pg_properties_apply(struct pg *p, const char *database, const json_t *o,
                                   struct strlist *problems, struct err *e);
