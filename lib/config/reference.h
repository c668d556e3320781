/* reference.h — the documentation of all options, made from options.def: the same rows that the
 * checker reads. */
#pragma once

#include "lib/base/buf.h"

enum reference_form {
    REFERENCE_TEXT, /* for a terminal: sections, and one line or two for each option */
    REFERENCE_MAN   /* mdoc: what docs/man/synbak.conf.5 holds between its two marks */
};

int must_check config_reference(enum reference_form form, struct buf *out, struct err *e);
