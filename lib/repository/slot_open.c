#include <stdio.h>
#include <string.h>

#include "lib/repository/object.h"
#include "lib/repository/repository.h"
#include "lib/repository/slot_parts.h"

/* What became of the slots that did not open. */
struct failures {
    int kinds[SLOT_WRITE_ONLY + 1]; /* not this secret's */
    int damaged;
    struct err why; /* of a damaged one; the secret's own if that is known */
    bool own;       /* the secret is that of the damaged one */
};

static void note_damage(struct failures *f, const struct err *why, bool own)
{
    if (f->damaged == 0 || (own && !f->own))
        f->why = *why;
    f->damaged++;
    f->own |= own;
}

struct opening {
    struct store *store;
    const struct secret *secret;
    uint8_t repository[REPOSITORY_ID_LEN];
    const struct slot *slots;
    size_t count;
    uint8_t *stretched; /* SLOT_STRETCHED_LEN; of the slot that was tried last */
    bool known;         /* it is what the secret was stretched to before, for one of the slots */
    struct failures failures;
};

/* 0: opened; 1: not by this one. */
static int try_slot(struct opening *x, const char *slot, struct keys **ret, struct err *e)
{
    struct slot_object o;
    struct err why;
    int rc = slot_object_read(x->store, slot, &o, &why);

    if (rc == 0 && !x->known)
        rc = slot_stretch(x->secret, o.says.scrypt_n, o.says.scrypt_p, o.salt, x->stretched, &why);
    if (rc == 0)
        rc = slot_unlock(&o, x->repository, x->stretched, ret, &why);
    if (rc == 0 && generations_read(x->store, *ret, &o, x->stretched + 64, &why) < 0) {
        keys_free(TAKE(*ret));
        rc = -1;
    } else if (rc == 1) {
        x->failures.kinds[o.says.kind]++;
    } else if (rc < 0 && why.code == ERR_DAMAGED) {
        note_damage(&x->failures, &why, true);
        rc = 1;
    }
    slot_object_deinit(&o);
    if (rc < 0 && e != NULL)
        *e = why;
    return rc;
}

/* As try_slot, whichever fits. */
static int try_slots(struct opening *x, struct keys **ret, char ret_slot[33], struct err *e)
{
    static const enum slot_kind order[] = {SLOT_OPERATION, SLOT_WRITE_ONLY, SLOT_RECOVERY,
                                           SLOT_PASSPHRASE};
    int rc = 1;

    x->failures = (struct failures){0};
    for (size_t k = 0; k < ARRAY_LEN(order) && rc == 1; k++)
        for (size_t i = 0; i < x->count && rc == 1; i++) {
            if (x->slots[i].damaged || x->slots[i].kind != order[k])
                continue;
            rc = try_slot(x, x->slots[i].id, ret, e);
            if (rc == 0 && ret_slot != NULL)
                memcpy(ret_slot, x->slots[i].id, sizeof(x->slots[i].id));
        }
    return rc;
}

static int none_fits(const struct store *s, const struct failures *f, struct err *e)
{
    char kinds[128] = "";
    int count = 0;

    if (f->own) {
        if (e != NULL)
            *e = f->why;
        return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(f->kinds); i++) {
        size_t len = strlen(kinds);
        if (f->kinds[i] > 0)
            (void)snprintf(kinds + len, sizeof(kinds) - len, "%s%d %s", len > 0 ? ", " : "",
                           f->kinds[i], slot_kind_word((enum slot_kind)i));
        count += f->kinds[i];
    }
    if (f->damaged > 0)
        return err_set(
            e, ERR_DAMAGED,
            "%s: the key opens none of the %d key slots that can be read (%s), and its own "
            "may be one of %d that are damaged",
            store_place(s), count, count > 0 ? kinds : "none", f->damaged);
    if (count == 0)
        return err_set(e, ERR_NOT_FOUND, "%s: the repository has no key slots", store_place(s));
    return err_set(
        e, ERR_KEY,
        "%s: the key opens none of the %d key slots of the repository (%s): give the key "
        "that it was made with, or a recovery code",
        store_place(s), count, kinds);
}

/* Without the price of stretching first, where that was paid before. */
static int open_any(struct opening *x, struct secret *stretched, struct keys **ret,
                    char ret_slot[33], struct err *e)
{
    int rc = 1;

    x->known = stretched != NULL && stretched->text != NULL &&
               stretched->len == (size_t)2 * SLOT_STRETCHED_LEN &&
               hex_decode(stretched->text, x->stretched, SLOT_STRETCHED_LEN) == 0;
    if (x->known)
        rc = try_slots(x, ret, ret_slot, e);
    if (rc != 1)
        return rc;
    x->known = false;
    rc = try_slots(x, ret, ret_slot, e);
    if (rc == 0 && stretched != NULL) {
        char *hex = secret_alloc(2 * SLOT_STRETCHED_LEN + 1);
        hex_encode(x->stretched, SLOT_STRETCHED_LEN, hex);
        secret_deinit(stretched);
        *stretched = secret_copy(hex, (size_t)2 * SLOT_STRETCHED_LEN);
        secret_free(hex, 2 * SLOT_STRETCHED_LEN + 1);
    }
    return rc;
}

int slots_open(struct store *s, const struct secret *secret, struct secret *stretched,
               struct keys **ret, char ret_slot[33], struct err *e)
{
    struct opening x = {.store = s, .secret = secret};
    struct slot *slots;
    char id[33];
    int rc = repository_probe(s, id, e);

    if (rc == 1)
        return err_set(e, ERR_NOT_FOUND, "%s: there is no repository", store_place(s));
    if (rc < 0 || object_hex_text(id, x.repository, sizeof(x.repository), e) < 0 ||
        slots_list(s, &slots, &x.count, e) < 0)
        return -1;
    x.slots = slots;
    x.stretched = secret_alloc(SLOT_STRETCHED_LEN);
    rc = open_any(&x, stretched, ret, ret_slot, e);
    secret_free(x.stretched, SLOT_STRETCHED_LEN);
    for (size_t i = 0; i < x.count; i++)
        if (slots[i].damaged)
            note_damage(&x.failures, &(struct err){0}, false);
    free(slots);
    return rc == 1 ? none_fits(s, &x.failures, e) : rc;
}
