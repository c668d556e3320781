/* notify.h — what the service manager is told. Source: sd_notify(3), sd_watchdog_enabled(3).
 *
 * Nothing happens without NOTIFY_SOCKET. The watchdog is answered by the loop's own tick, so a loop
 * that is stuck is noticed. */
#pragma once

#include <stdint.h>

void notify_ready(const char *status);
void notify_reloading(void);
void notify_status(const char *status);
void notify_stopping(void);
/* Milliseconds between answers that the service manager wants, half its limit; 0: no watchdog. */
int64_t notify_watchdog_ms(void);
void notify_watchdog(void);
