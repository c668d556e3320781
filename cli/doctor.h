/* doctor.h — the parts of `synbakctl doctor`. Each looks and adds findings; none changes anything.
 */
#pragma once

#include "cli/cli.h"

#define DAEMON_USER "synbak" /* as systemd/synbak.sysusers makes it */

enum severity { NOTE, WARNING, ERROR };

/* One finding: what is so, and what to do (may be ""). */
void finding(json_t *findings, enum severity severity, const char *action, const char *fmt, ...)
    printf_like(4, 5);

void doctor_config(struct cli *c, json_t *findings);       /* doctor_config.c: modes, owners */
void doctor_keys(struct cli *c, json_t *findings);         /* doctor_keys.c */
void doctor_destinations(struct cli *c, json_t *findings); /* doctor_places.c */
void doctor_tools(struct cli *c, json_t *findings);        /* doctor_places.c */
void doctor_sandbox(struct cli *c, json_t *findings);      /* doctor_unit.c */
void doctor_rights(struct cli *c, json_t *findings);       /* doctor_rights.c: a worker looks */
/* The go-live list: [{"ok":B,"what","do"}]. New reference. */
json_t *doctor_ready(struct cli *c, const json_t *findings);
