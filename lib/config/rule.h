/* rule.h — the texts of tier rules: what fires is split from what is kept. Pure.
 *
 *   TIER   = [WHEN][, keep N]    "at 02:00, keep 30"   "cron 0 2 * * 1,3"   "keep 24"   ""
 *   VERIFY = TIERWORD [WHEN] | WHEN    "weekly"   "weekly at Sun 05:00"   "on Sun *-*-* 05:00"
 *   WHEN   = at TIME | cron FIELDS | on CALENDAR
 *
 * Only a `, keep N` at the very end is split off, because cron fields have commas of their own.
 * Whether TIME, FIELDS and CALENDAR mean something is lib/schedule's to say. */
#pragma once

#include "lib/base/buf.h"
#include "lib/config/config.h"

/* Over an initialised rule; sets on, when and keep. ERR_CONFIG. */
int must_check rule_parse_tier(const char *text, struct tier_rule *rule, struct err *e);
int must_check rule_parse_verify(const char *text, struct tier_rule *rule, struct err *e);
/* "keep N". */
int must_check rule_parse_keep(const char *text, int *ret, struct err *e);
/* As rule_parse_* read it; nothing if the rule is off. */
int must_check rule_print(const struct tier_rule *rule, struct buf *out, struct err *e);
