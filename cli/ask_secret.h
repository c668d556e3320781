/* ask_secret.h — a secret that a person types, without showing it; from a pipe its first line. */
#pragma once

#include "lib/base/secret.h"

/* twice: it is a new one, and must be typed the same again. A recovery code may be typed in small letters and
 * with spaces for dashes. ERR_KEY: no line, or one that can be no key (secret_check_key); ERR_REFUSED: the two
 * differ. */
int must_check ask_secret(const char *what, bool twice, struct secret *ret, struct err *e);
