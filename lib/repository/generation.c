#include <stdio.h>
#include <string.h>

#include "lib/repository/keys_parts.h"
#include "lib/repository/object.h"
#include "lib/repository/signed.h"
#include "lib/repository/slot_parts.h"

static const char purpose[] = "synbak generation";
static const uint8_t zero_nonce[SEAL_NONCE_LEN];

enum { SEALED_LEN = 32 + 32 + SEAL_TAG_LEN, OBJECT_MAX = 64 << 10, NAME_SIZE = 48 };

static void name_of(int64_t number, char ret[NAME_SIZE])
{
    (void)snprintf(ret, NAME_SIZE, "generations/%lld.json", (long long)number);
}

/* The key that a reading key is sealed with for one slot. */
static int box_for(const uint8_t shared[32], const uint8_t ephemeral[32],
                   const uint8_t slot_public[32], struct seal_box **ret, struct err *e)
{
    uint8_t salt[64], key[SEAL_KEY_LEN];

    memcpy(salt, ephemeral, 32);
    memcpy(salt + 32, slot_public, 32);
    int rc = seal_hkdf(shared, 32, salt, sizeof(salt), "synbak generation", key, sizeof(key), e);
    if (rc == 0)
        rc = seal_box_open(key, ret, e);
    seal_wipe(key, sizeof(key));
    return rc;
}

enum { AAD_LEN = REPOSITORY_ID_LEN + 16 + 2 };
static void aad_of(const struct keys *k, const struct slot_object *o, unsigned number,
                   uint8_t ret[AAD_LEN])
{
    memcpy(ret, k->repository, REPOSITORY_ID_LEN);
    memcpy(ret + REPOSITORY_ID_LEN, o->id, sizeof(o->id));
    ret[AAD_LEN - 2] = (uint8_t)number;
    ret[AAD_LEN - 1] = (uint8_t)(number >> 8);
}

static int seal_for(const struct keys *k, const struct slot_object *o,
                    const struct keys_generation *g, uint8_t ret[SEALED_LEN], struct err *e)
{
    uint8_t secret[32], shared[32], aad[AAD_LEN];
    struct seal_box *b = NULL;
    int rc = seal_random(secret, sizeof(secret), e);

    aad_of(k, o, g->number, aad);
    if (rc == 0)
        rc = seal_x25519_public(secret, ret, e);
    if (rc == 0)
        rc = seal_x25519_shared(secret, o->public_key, shared, e);
    if (rc == 0)
        rc = box_for(shared, ret, o->public_key, &b, e);
    if (rc == 0)
        rc = seal_box_seal(b, zero_nonce, aad, sizeof(aad), g->reading, 32, ret + 32, e);
    seal_box_free(b);
    seal_wipe(secret, sizeof(secret));
    seal_wipe(shared, sizeof(shared));
    return rc;
}

static int unseal_from(const struct keys *k, const struct slot_object *o, const uint8_t secret[32],
                       const uint8_t sealed[SEALED_LEN], struct keys_generation *g, struct err *e)
{
    uint8_t shared[32], aad[AAD_LEN];
    struct seal_box *b = NULL;
    int rc = seal_x25519_shared(secret, sealed, shared, e);

    aad_of(k, o, g->number, aad);
    if (rc == 0)
        rc = box_for(shared, sealed, o->public_key, &b, e);
    if (rc == 0)
        rc = seal_box_unseal(b, zero_nonce, aad, sizeof(aad), sealed + 32, SEALED_LEN - 32,
                             g->reading, e);
    seal_box_free(b);
    seal_wipe(shared, sizeof(shared));
    return rc == 0 ? keys_derive_generation(k, g, e) : -1;
}

/* What one object says, for the holder of one slot. */
static int parse(const struct keys *k, const struct slot_object *slot, const uint8_t secret[32],
                 const json_t *o, int64_t number, struct keys_generation *ret, struct err *e)
{
    static const char *const members[] = {"version", "number",    "created", "public",
                                          "sealed",  "signature", NULL};
    uint8_t sealed[SEALED_LEN], public_key[32];
    int64_t version, says;
    json_t *slots;
    struct wall created;

    if (object_members(o, members, e) < 0 || signed_check(k, purpose, o, e) < 0 ||
        json_get_i64(o, "version", 1, 1, &version, e) < 0 ||
        json_get_i64(o, "number", 2, KEYS_GENERATIONS_MAX, &says, e) < 0 ||
        object_time(o, "created", &created, e) < 0 ||
        object_hex(o, "public", public_key, sizeof(public_key), e) < 0 ||
        json_get_object(o, "sealed", &slots, e) < 0)
        return -1;
    if (says != number)
        return err_set(e, ERR_DAMAGED, "it says that it is generation %lld", (long long)says);
    ret->number = (uint16_t)number;
    memcpy(ret->public_key, public_key, sizeof(public_key));
    if (k->write_only || json_object_get(slots, slot->says.id) == NULL)
        return 0; /* made before the slot was, or not for it */
    if (object_hex(slots, slot->says.id, sealed, sizeof(sealed), e) < 0 ||
        unseal_from(k, slot, secret, sealed, ret, e) < 0)
        return -1;
    return memcmp(public_key, ret->public_key, sizeof(public_key)) == 0
               ? 0
               : err_set(e, ERR_DAMAGED, "its keys do not belong together");
}

static int read_one(struct store *s, struct keys *k, const struct slot_object *slot,
                    const uint8_t secret[32], int64_t number, struct err *e)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(OBJECT_MAX);
    _cleanup_json_ json_t *o = NULL;
    struct keys_generation g = {0};
    char name[NAME_SIZE];

    name_of(number, name);
    if (store_get_bytes(s, name, &text, e) < 0)
        return -1;
    int rc = json_read(text.data, text.len, &o, e);
    if (rc == 0)
        rc = parse(k, slot, secret, o, number, &g, e);
    if (rc == 0) {
        const struct keys_generation *known = keys_find_generation(k, g.number);
        if (known == NULL)
            rc = keys_add_generation(k, &g, e);
        else if (memcmp(known->public_key, g.public_key, sizeof(g.public_key)) != 0)
            rc = err_set(e, ERR_DAMAGED, "its keys are not those that the slot holds");
    }
    seal_wipe(&g, sizeof(g));
    if (rc == 0)
        return 0;
    if (e != NULL && e->code == ERR_FORMAT)
        e->code = ERR_DAMAGED;
    return err_wrap(e, "%s: %s", store_place(s), name);
}

/* Those that lie there: present[number]. */
static int list_numbers(struct store *s, bool present[KEYS_GENERATIONS_MAX + 1], struct err *e)
{
    struct strlist names = {0};
    int rc = object_names(s, "generations/", 2 * KEYS_GENERATIONS_MAX, &names, e);

    for (size_t i = 0; i < names.count && rc == 0; i++) {
        char *dot = strchr(names.items[i], '.');
        if (dot == NULL || strcmp(dot, ".json") != 0)
            continue;
        *dot = '\0';
        int64_t number = object_number(names.items[i], 0);
        if (number >= 2 && number <= KEYS_GENERATIONS_MAX)
            present[number] = true;
    }
    strlist_deinit(&names);
    return rc;
}

int generations_read(struct store *s, struct keys *k, const struct slot_object *slot,
                     const uint8_t secret[32], struct err *e)
{
    bool present[KEYS_GENERATIONS_MAX + 1] = {false};

    if (list_numbers(s, present, e) < 0)
        return -1;
    for (int64_t n = 2; n <= KEYS_GENERATIONS_MAX; n++)
        if (present[n] && read_one(s, k, slot, secret, n, e) < 0)
            return -1;
    return 0;
}

/* Only slots that the pruner's key signed: a slot that somebody else put there gets nothing. */
static int seal_for_slots(struct store *s, const struct keys *k, const struct strlist *removed,
                          const struct keys_generation *g, json_t *sealed, struct err *e)
{
    struct strlist names = {0};
    int rc = slot_names(s, &names, e);

    for (size_t i = 0; i < names.count && rc == 0; i++) {
        struct slot_object o = {0};
        uint8_t bytes[SEALED_LEN];
        if (removed != NULL && strlist_contains(removed, names.items[i]))
            continue;
        rc = slot_object_read(s, names.items[i], &o, e);
        if (rc == 0 && signed_check(k, slot_purpose, o.json, e) < 0)
            rc = err_wrap(e, "%s: key slot %s was not made with this repository's keys",
                          store_place(s), names.items[i]);
        if (rc == 0 && o.says.kind != SLOT_WRITE_ONLY) {
            rc = seal_for(k, &o, g, bytes, e);
            (void)json_object_set_new(sealed, names.items[i],
                                      object_hex_json(bytes, sizeof(bytes)));
        }
        slot_object_deinit(&o);
    }
    strlist_deinit(&names);
    if (rc == 0 && json_object_size(sealed) == 0)
        rc = err_set(e, ERR_NOT_FOUND, "%s: no key slot may read", store_place(s));
    return rc;
}

static int put_generation(struct store *s, const struct keys *k, const struct strlist *removed,
                          const struct keys_generation *g, struct err *e)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(OBJECT_MAX);
    _cleanup_json_ json_t *sealed = json_object();
    char now[32], name[NAME_SIZE];

    if (seal_for_slots(s, k, removed, g, sealed, e) < 0)
        return -1;
    _cleanup_json_ json_t *o =
        json_pack("{s:i s:i s:s s:o s:O}", "version", 1, "number", (int)g->number, "created",
                  clock_iso8601(clock_wall(), now), "public",
                  object_hex_json(g->public_key, sizeof(g->public_key)), "sealed", sealed);
    if (o == NULL)
        return err_set(e, ERR_INTERNAL, "a generation that cannot be written down");
    name_of(g->number, name);
    if (signed_make(k, purpose, o, &text, e) < 0)
        return -1;
    return object_put(s, name, text.data, text.len, e);
}

int generation_add(struct store *s, struct keys *k, const struct strlist *removed, struct err *e)
{
    bool present[KEYS_GENERATIONS_MAX + 1] = {false};
    struct keys_generation g = {0};
    int number = keys_current(k)->number;

    if (k->write_only)
        return err_set(e, ERR_KEY, "a write-only key cannot make a new reading key");
    if (list_numbers(s, present, e) < 0)
        return -1;
    for (int n = number; n <= KEYS_GENERATIONS_MAX; n++)
        if (present[n])
            number = n;
    if (number == KEYS_GENERATIONS_MAX)
        return err_set(e, ERR_LIMIT, "there are %d generations of the reading key already", number);
    g.number = (uint16_t)(number + 1);
    int rc = seal_random(g.reading, sizeof(g.reading), e);
    if (rc == 0)
        rc = keys_derive_generation(k, &g, e);
    if (rc == 0)
        rc = put_generation(s, k, removed, &g, e);
    if (rc == 0)
        rc = keys_add_generation(k, &g, e);
    seal_wipe(&g, sizeof(g));
    return rc < 0 ? err_wrap(e, "new reading key") : 0;
}
