/* check_parts.h — what the files check*.c share. */
#pragma once

#include "lib/repository/check.h"
#include "lib/repository/set_lists.h"

/* object, why->text and chunks are copied. */
void check_add_damage(struct check_result *r, const char *object, bool missing,
                      const struct err *why, const struct chunk_id *chunks, size_t count);
/* Is it something about what is stored, or a reason to stop looking? */
bool check_is_finding(const struct err *why);
int check_id_compare(const void *a, const void *b); /* struct chunk_id, for qsort */
int must_check check_progress(const struct check_spec *spec, uint64_t bytes, uint64_t total,
                              struct err *e);

/* Packs as the index has them, in the order of names. */
struct check_packs {
    struct index_pack *items; /* owned */
    size_t count;
};
int must_check check_list_packs(const struct check_spec *spec, struct check_packs *ret,
                                struct err *e);
int must_check check_forget_deleted(const struct check_spec *spec, struct check_result *r,
                                    struct err *e);
/* What is lost with packs of which nothing could be told: all that the index places in them. */
int must_check check_name_chunks(const struct check_spec *spec, struct check_result *ret,
                                 struct err *e);
