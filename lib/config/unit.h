/* unit.h — spans of time and sizes in their shortest exact form: "90min", "64G". */
#pragma once

#include <stdint.h>

#include "lib/base/buf.h"

int must_check unit_print_span(int64_t seconds, struct buf *out, struct err *e);
int must_check unit_print_size(int64_t bytes, struct buf *out, struct err *e);
