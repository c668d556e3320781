#include <string.h>

#include "lib/repository/object.h"
#include "lib/repository/signed.h"
#include "lib/repository/slot_parts.h"

/* A key of 20 characters or more cannot be guessed; what a person chose is made dearer to try. */
enum { SCRYPT_N = 1 << 15, SCRYPT_N_PASSPHRASE = 1 << 17, SCRYPT_P = 1 };
enum { BUNDLE_MAX = 128 << 10 };

static const uint8_t zero_nonce[SEAL_NONCE_LEN];

static int seal_bundle(const struct keys *k, struct slot_object *o, const uint8_t key[SEAL_KEY_LEN],
                       struct err *e)
{
    const struct slot_aad aad = slot_aad(o, k->repository);
    _cleanup_(buf_wipe) struct buf bundle = BUF_INIT(BUNDLE_MAX);
    struct seal_box *b;

    if (keys_to_bundle(k, o->says.kind == SLOT_WRITE_ONLY, &bundle, e) < 0 ||
        seal_box_open(key, &b, e) < 0)
        return -1;
    o->sealed_len = bundle.len + SEAL_TAG_LEN;
    o->sealed = mem_alloc(o->sealed_len);
    int rc =
        seal_box_seal(b, zero_nonce, aad.bytes, aad.len, bundle.data, bundle.len, o->sealed, e);
    seal_box_free(b);
    return rc;
}

static int to_json(const struct keys *k, struct slot_object *o, struct buf *ret, struct err *e)
{
    char created[32];

    o->json = json_pack("{s:i s:s s:s s:s s:s s:{s:i s:i s:i s:o} s:o s:o s:o}", "version", 1,
                        "slot", o->says.id, "kind", slot_kind_word(o->says.kind), "label",
                        o->says.label, "created", clock_iso8601(o->says.created, created), "scrypt",
                        "n", (int)o->says.scrypt_n, "r", 8, "p", (int)o->says.scrypt_p, "salt",
                        object_hex_json(o->salt, sizeof(o->salt)), "check",
                        object_hex_json(o->check, sizeof(o->check)), "public",
                        object_hex_json(o->public_key, sizeof(o->public_key)), "sealed",
                        object_hex_json(o->sealed, o->sealed_len));
    if (o->json == NULL)
        return err_set(e, ERR_USAGE, "a label that is not UTF-8");
    return signed_make(k, slot_purpose, o->json, ret, e);
}

static int make(const struct keys *k, struct slot_object *o, const struct secret *secret,
                struct buf *ret, struct err *e)
{
    uint8_t stretched[SLOT_STRETCHED_LEN];
    int rc = seal_random(o->salt, sizeof(o->salt), e);

    if (rc == 0)
        rc = slot_stretch(secret, o->says.scrypt_n, o->says.scrypt_p, o->salt, stretched, e);
    if (rc == 0)
        rc = seal_x25519_public(stretched + 64, o->public_key, e);
    if (rc == 0) {
        memcpy(o->check, stretched + 32, sizeof(o->check));
        rc = seal_bundle(k, o, stretched, e);
    }
    if (rc == 0)
        rc = to_json(k, o, ret, e);
    seal_wipe(stretched, sizeof(stretched));
    return rc;
}

/* Read again and opened as anybody would. */
static int try_it(struct store *s, const struct keys *k, const struct slot_object *made,
                  const struct secret *secret, struct err *e)
{
    uint8_t stretched[SLOT_STRETCHED_LEN];
    struct slot_object o;
    struct keys *opened = NULL;
    int rc = slot_object_read(s, made->says.id, &o, e);

    if (rc < 0)
        return -1;
    rc = slot_stretch(secret, o.says.scrypt_n, o.says.scrypt_p, o.salt, stretched, e);
    if (rc == 0)
        rc = slot_unlock(&o, k->repository, stretched, &opened, e);
    if (rc == 1 || (rc == 0 && memcmp(opened->adding, k->adding, sizeof(k->adding)) != 0))
        rc = err_set(e, ERR_DAMAGED, "%s: the new slot %s is not opened by its key", store_place(s),
                     o.says.id);
    seal_wipe(stretched, sizeof(stretched));
    keys_free(opened);
    slot_object_deinit(&o);
    return rc;
}

static int check_label(const char *label, struct err *e)
{
    _cleanup_free_ char *shown = str_printable(label, strlen(label));

    if (strlen(label) < sizeof(((struct slot *)NULL)->label) && strcmp(shown, label) == 0)
        return 0;
    return err_set(e, ERR_USAGE, "a label has at most 127 bytes, all printable");
}

int slot_add_as(struct store *s, const struct keys *k, const char *slot, enum slot_kind kind,
                const char *label, const struct secret *secret, struct err *e)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(SLOT_OBJECT_MAX);
    _cleanup_(slot_object_deinit) struct slot_object o = {
        .says = {.kind = kind,
                 .created = clock_wall(),
                 .scrypt_n = kind == SLOT_PASSPHRASE ? SCRYPT_N_PASSPHRASE : SCRYPT_N,
                 .scrypt_p = SCRYPT_P}};
    char name[SLOT_NAME_SIZE];

    if (check_label(label, e) < 0 || object_hex_text(slot, o.id, sizeof(o.id), e) < 0)
        return -1;
    memcpy(o.says.label, label, strlen(label) + 1);
    memcpy(o.says.id, slot, sizeof(o.says.id));
    slot_object_name(slot, name);
    if (make(k, &o, secret, &text, e) < 0 || object_put(s, name, text.data, text.len, e) < 0)
        return err_wrap(e, "new key slot");
    return try_it(s, k, &o, secret, e);
}

int slot_add(struct store *s, const struct keys *k, enum slot_kind kind, const char *label,
             const struct secret *secret, char ret_slot[33], struct err *e)
{
    struct strlist names = {0};
    uint8_t id[16];
    char slot[33];
    int rc = slot_names(s, &names, e);

    if (rc == 0 && names.count >= SLOTS_MAX)
        rc = err_set(e, ERR_LIMIT, "%s: there are %d key slots already: remove one first",
                     store_place(s), SLOTS_MAX);
    strlist_deinit(&names);
    if (rc < 0 || seal_random(id, sizeof(id), e) < 0)
        return -1;
    hex_encode(id, sizeof(id), slot);
    if (slot_add_as(s, k, slot, kind, label, secret, e) < 0)
        return -1;
    memcpy(ret_slot, slot, sizeof(slot));
    return 0;
}

int slot_may_go(struct store *s, const char *slot, struct err *e)
{
    struct slot *slots;
    size_t count, others = 0;

    if (slots_list(s, &slots, &count, e) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        others +=
            !slots[i].damaged && slots[i].kind != SLOT_WRITE_ONLY && strcmp(slots[i].id, slot) != 0;
    free(slots);
    return others > 0 ? 0
                      : err_set(e, ERR_REFUSED,
                                "%s: slot %s is the last that may read: without it nothing could "
                                "ever be restored",
                                store_place(s), slot);
}

int slot_remove(struct store *s, const char *slot, struct err *e)
{
    char name[SLOT_NAME_SIZE];

    if (slot_may_go(s, slot, e) < 0)
        return -1;
    slot_object_name(slot, name);
    return store_delete(s, name, e);
}

int slot_recovery_code(struct secret *ret, struct err *e)
{
    static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    enum { CHARACTERS = 32, GROUP = 4, LEN = CHARACTERS + CHARACTERS / GROUP - 1 };
    uint8_t random[CHARACTERS];
    char code[LEN];
    size_t at = 0;

    if (seal_random(random, sizeof(random), e) < 0)
        return -1;
    for (size_t i = 0; i < CHARACTERS; i++) {
        if (i > 0 && i % GROUP == 0)
            code[at++] = '-';
        code[at++] = alphabet[random[i] % CHARACTERS];
    }
    *ret = secret_copy(code, LEN);
    seal_wipe(code, sizeof(code));
    seal_wipe(random, sizeof(random));
    return 0;
}
