/* power_loss.h — what a disk may hold after the power went away: built from a write log (seam.h).
 *
 * The model is stricter than today's file systems. What fsync said is kept. Of the rest: a folder's
 * changes since its fsync may be lost from any point on; a file's writes since its fsync may be
 * lost, kept, cut at any sector, or be there in part with zeros between, whatever became of its
 * name. Only a rename is never half done. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct power_loss;

/* Policies: 0 all that was not synced is lost; 1 all names kept, no data; 2 everything kept;
 * 3 all data, no names; 4 and 5 names kept, data cut at 512 and 4096 bytes; 6 names kept, every
 * other block of data missing; from 7 on a random mixture of these, a different one each. */
enum { POWER_LOSS_POLICIES = 7 };

struct power_loss *power_loss_load(const char *log);
void power_loss_free(struct power_loss *p);
/* Cuts 0..count: cut n is before change n; the tree that lay there at the start is no change. */
size_t power_loss_cuts(const struct power_loss *p);
/* Write the state into `target`, a new folder. */
void power_loss_build(const struct power_loss *p, size_t cut, unsigned policy, const char *target);
/* The same, and a line "OLD NEW" to `map` for each file and folder: its inode number in the log and
 * that in target, for what has written such numbers down. */
void power_loss_build_mapped(const struct power_loss *p, size_t cut, unsigned policy,
                             const char *target, FILE *map);
/* Had seam_log_mark(text) been called before the cut? */
bool power_loss_has_mark(const struct power_loss *p, size_t cut, const char *text);
