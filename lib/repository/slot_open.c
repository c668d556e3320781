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

/* 0: opened; 1: not by this one. */
static int try_slot(struct store *s, const char *slot, const struct secret *secret,
                    const uint8_t repository[REPOSITORY_ID_LEN], struct failures *f,
                    struct keys **ret, struct err *e)
{
    uint8_t stretched[SLOT_STRETCHED_LEN];
    struct slot_object o;
    struct err why;
    int rc = slot_object_read(s, slot, &o, &why);

    if (rc == 0)
        rc = slot_stretch(secret, o.says.scrypt_n, o.says.scrypt_p, o.salt, stretched, &why);
    if (rc == 0)
        rc = slot_unlock(&o, repository, stretched, ret, &why);
    if (rc == 0 && generations_read(s, *ret, &o, stretched + 64, &why) < 0) {
        keys_free(TAKE(*ret));
        rc = -1;
    } else if (rc == 1) {
        f->kinds[o.says.kind]++;
    } else if (rc < 0 && why.code == ERR_DAMAGED) {
        note_damage(f, &why, true);
        rc = 1;
    }
    seal_wipe(stretched, sizeof(stretched));
    slot_object_deinit(&o);
    if (rc < 0 && e != NULL)
        *e = why;
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

int slots_open(struct store *s, const struct secret *secret, struct keys **ret, char ret_slot[33],
               struct err *e)
{
    static const enum slot_kind order[] = {SLOT_OPERATION, SLOT_WRITE_ONLY, SLOT_RECOVERY,
                                           SLOT_PASSPHRASE};
    uint8_t repository[REPOSITORY_ID_LEN];
    struct failures f = {0};
    struct slot *slots;
    size_t count;
    char id[33];
    int rc = repository_probe(s, id, e);

    if (rc == 1)
        return err_set(e, ERR_NOT_FOUND, "%s: there is no repository", store_place(s));
    if (rc < 0 || object_hex_text(id, repository, sizeof(repository), e) < 0 ||
        slots_list(s, &slots, &count, e) < 0)
        return -1;
    rc = 1;
    for (size_t k = 0; k < ARRAY_LEN(order) && rc == 1; k++)
        for (size_t i = 0; i < count && rc == 1; i++) {
            if (slots[i].damaged || slots[i].kind != order[k])
                continue;
            rc = try_slot(s, slots[i].id, secret, repository, &f, ret, e);
            if (rc == 0 && ret_slot != NULL)
                memcpy(ret_slot, slots[i].id, sizeof(slots[i].id));
        }
    for (size_t i = 0; i < count; i++)
        if (slots[i].damaged)
            note_damage(&f, &(struct err){0}, false);
    free(slots);
    return rc == 1 ? none_fits(s, &f, e) : rc;
}
