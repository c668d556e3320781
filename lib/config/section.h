/* section.h — the structs that sections are read into: made with every option at its fallback,
 * released option by option. */
#pragma once

#include "lib/config/option.h"

/* struct config for SECTION_DAEMON and SECTION_ACCESS. Owned; the name is copied. */
void *section_new(enum section_kind kind, const char *name);
void section_free(enum section_kind kind, void *base);
