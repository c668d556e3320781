/* pump.h — bytes that a thread of its own makes, some ahead of whoever uses them: one decrypts and
 * decompresses while the other writes. */
#pragma once

#include <stddef.h>

#include "lib/base/err.h"

struct pump;

/* Bytes in order; *ret_len 0 is the end. */
typedef int pump_read_cb(void *arg, void *data, size_t len, size_t *ret_len, struct err *e);

/* read is called by one thread, from now on until it fails, the end comes or the pump goes; arg is borrowed. */
struct pump *pump_new(pump_read_cb *read, void *arg);
/* A pump_read_cb itself, `pump` being a struct pump. An error of `read` shows after the bytes before it. */
int must_check pump_read(void *pump, void *data, size_t len, size_t *ret_len, struct err *e);
void pump_free(struct pump *p); /* waits for the read that is under way; NULL-safe; wipes */
