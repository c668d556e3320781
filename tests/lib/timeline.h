/* timeline.h — the planner driven by a script of text, its actions written down as a timeline.
 *
 * One command a line; times are local to the zone ("2026-03-29 02:30", or "2026-03-29T01:00:00Z"):
 *
 *   zone NAME                         of all jobs; default UTC
 *   parallel N
 *   job NAME [KEY=VALUE]...           KEY: a tier, verify, priority, retry (count), jitter,
 *                                     queue_alarm (seconds), catch_up; a VALUE with blanks in
 * quotes unjob NAME                        takes effect with the next `reload` start TIME
 * configuration and EVENT_STARTED to TIME                           time passes: timers fire, runs
 * end run NAME DURATION OUTCOME         how the next run of the job goes; else 5 minutes, good jump
 * TIME                         the wall clock is set, nothing passes (also: suspend) reload trigger
 * NAME [TIER]    fragment NAME    verify NAME    pre-restore NAME pause NAME [TIME]      resume
 * NAME      cancel RUN     stop restart TIME                      the process was killed; a new one
 * replays and starts
 *
 * The result is owned by the caller. A script that cannot be read fails the test. */
#pragma once

char *timeline_run(const char *script);
/* Run it and compare; on a difference both are printed. */
void timeline_expect(const char *file, int line, const char *script, const char *expected);
#define EXPECT_TIMELINE(script, expected) timeline_expect(__FILE__, __LINE__, (script), (expected))
