/* value.h — values of options: text to field and back. Pure.
 *
 * `base` is the struct of the option's section (struct config for [daemon] and [access]). */
#pragma once

#include "lib/base/buf.h"
#include "lib/config/option.h"

/* Set the field to what it is when the option is left out. Cannot fail: a test reads every
 * fallback of the table. */
void value_init(const struct config_option *o, void *base);
/* Read a raw value (ini.h) over the present one. ERR_CONFIG in one sentence without the key's name;
 * the field is then as value_init leaves it. Not for OPTION_SOURCES and OPTION_DESTINATIONS. */
int must_check value_parse(const struct config_option *o, const char *raw, void *base,
                           struct err *e);
/* Append the value as value_parse reads it; nothing when there is none. `redact`: passwords in
 * connection strings become ***. */
int must_check value_print(const struct config_option *o, const void *base, bool redact,
                           struct buf *out, struct err *e);
void value_free(const struct config_option *o, void *base);
