/* value_text.h — the values that stay text: paths, addresses, lists of words. For value.c. */
#pragma once

#include "lib/config/option.h"

/* OPTION_TEXT, _PATH, _PLACE, _PREFIX, _TOKEN, _URI, _URL, _ENDPOINT, _ZONE; quotes are off already.
 * Replaces *field. */
int must_check value_parse_text(const struct config_option *o, const char *s, char **field,
                                struct err *e);
/* OPTION_WORDS, _COMMAND, _PEOPLE, raw. *field is empty before, and after a failure. */
int must_check value_parse_words(const struct config_option *o, const char *raw,
                                 struct strlist *field, struct err *e);
