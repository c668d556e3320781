/* slot.h — key slots and generations: how a secret opens a repository (docs/repository-format.md).
 *
 * All calls block: scrypt takes 0.1 s or more, and objects are put and read. */
#pragma once

#include "lib/base/clock.h"
#include "lib/base/secret.h"
#include "lib/base/str.h"
#include "lib/repository/keys.h"
#include "lib/store/store.h"

enum slot_kind { SLOT_OPERATION, SLOT_RECOVERY, SLOT_PASSPHRASE, SLOT_WRITE_ONLY };
const char *slot_kind_word(enum slot_kind k);

enum { SLOTS_MAX = 32 };

struct slot { /* what a slot says of itself, before it is opened */
    char id[33];
    enum slot_kind kind;
    char label[128]; /* printable */
    struct wall created;
    uint32_t scrypt_n, scrypt_p;
    bool damaged; /* cannot be read as a slot; id is from its name */
};

/* Every slot at s, by creation; at most SLOTS_MAX. *ret owned (free). */
int must_check slots_list(struct store *s, struct slot **ret, size_t *ret_count, struct err *e);
/* Open with whichever slot fits the secret; kinds are tried in the order operation, write-only,
 * recovery, passphrase. Generations written since are added, their signatures checked.
 * ERR_KEY: no slot is opened by it (says how many there are and of what kind); ERR_DAMAGED: its slot is
 * damaged and no other fits; ERR_NOT_FOUND: no slots. ret_slot may be NULL.
 * stretched: NULL, or what this gave before for the same secret (it may be unset): then opening costs
 * nothing. It is as secret as the secret, and opens nothing once its slot is gone. */
int must_check slots_open(struct store *s, const struct secret *secret, struct secret *stretched,
                          struct keys **ret, char ret_slot[33], struct err *e);
/* A new slot for `secret`, made, read back and opened before it returns. Not from write-only keys
 * (ERR_KEY). A secret that is a person's choice wants SLOT_PASSPHRASE: its scrypt is the dearer. */
int must_check slot_add(struct store *s, const struct keys *k, enum slot_kind kind,
                        const char *label, const struct secret *secret, char ret_slot[33],
                        struct err *e);
/* ERR_REFUSED for the last slot that may read. */
int must_check slot_may_go(struct store *s, const char *slot, struct err *e);
/* After slot_may_go. ERR_NOT_FOUND. */
int must_check slot_remove(struct store *s, const char *slot, struct err *e);
/* A new generation of the reading key, sealed to every slot that may read, those of `removed` (may be
 * NULL) left out, should somebody have put them back; k gains it. ERR_DAMAGED names a slot that is damaged
 * or that the pruner's key did not sign. Made again after a crash it is the next number: what was half
 * done is a generation that nothing used. repository.h has the form that also keeps the log. */
int must_check generation_add(struct store *s, struct keys *k, const struct strlist *removed,
                              struct err *e);
/* A recovery code: 32 characters in groups of four, 160 bits. */
int must_check slot_recovery_code(struct secret *ret, struct err *e);
