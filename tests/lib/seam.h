/* seam.h — what a test can do to the world through the seam (io.h, clock.h).
 *
 * Calls marked (C) in io.h are counted from 1. A test tells the faults by the functions below; a
 * program that links this seam (synbakd-fault, synbak-worker-fault) is told by its environment:
 *
 *   SYNBAK_FAULT=WHAT[,WHAT...]
 *     count:FILE         at exit append "PROGRAM PID CALLS" to FILE
 *     trace:FILE         append "N CALL PROGRAM" for each counted call
 *     kill:N             SIGKILL at call N (a write: after half of it)
 *     stop:N             SIGSTOP before call N, as when the machine sleeps; SIGCONT goes on
 *     fail:N:ERRNO       call N fails, once: fail:7:ENOSPC
 *     fail-from:N:ERRNO  call N and all after it fail
 *     deny:CALL:ERRNO    every call of that name: deny:openat2:ENOSYS
 *     space:BYTES        then the disk is full
 *     flip:N             one bit of what call N writes is wrong
 *     short, interrupt, lie
 *     log:FILE           the write log (power_loss.h)
 *   SYNBAK_FAULT_COUNTER=FILE       the count is one for all processes: 8 bytes, host order
 *   SYNBAK_FAULT_PROGRAM=NAME       only that program counts and fails
 *   SYNBAK_FAULT_ROOT=DIR           what lies there when the write log begins is recorded first
 *
 * Numbers are of that process alone unless there is a common counter. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* From here on the clocks stand still except for seam_clock_advance and clock_sleep_ms. */
void seam_clock_set(int64_t wall_us);
void seam_clock_advance(int64_t us);
void seam_clock_unsynchronised(bool on);

void seam_reset(void); /* no faults, the count at 0 */
uint64_t seam_count(void);
void seam_fail_once(uint64_t n, int errnum);
void seam_fail_from(uint64_t n, int errnum);
void seam_deny(const char *call, int errnum); /* also; "renameat2", ...; NULL ends all */
void seam_kill_at(uint64_t n);
void seam_space(uint64_t bytes); /* room for that many more; a write is cut short, then ENOSPC */
void seam_flip_at(uint64_t n);
void seam_short_counts(bool on);    /* reads and writes do about half of what they are asked */
void seam_interrupt(bool on);       /* every second read, write or flock fails with EINTR */
void seam_lie_about_fsync(bool on); /* fsync says yes and does nothing; the log knows */

/* Record every change from here on in `file`, beginning with what lies in `root`. The log is for
 * one file system: inode numbers are its identities. */
void seam_log_start(const char *file, const char *root);
void seam_log_mark(const char *text); /* "put a returned": power_loss_has_mark asks for it */
void seam_log_stop(void);
