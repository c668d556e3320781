#include "lib/plain/keyring.h"

#include <string.h>

#include "lib/base/mem.h"

struct derived { /* what one secret becomes with one salt */
    const struct secret *key;
    char salt[33];
    struct mac_key mac;
};

struct keyring {
    const struct secret *key;  /* NULL: none */
    const struct secret **old; /* owned array of borrowed */
    size_t old_count;
    bool none_allowed;
    struct mac_key none;
    struct derived **cache; /* owned, each owned: pointers into it stay */
    size_t cache_count;
};

struct keyring *keyring_new(const struct secret *key)
{
    struct keyring *r = mem_alloc(sizeof(*r));

    r->key = key;
    r->none.none = true;
    r->none_allowed = key == NULL;
    return r;
}

void keyring_add_old(struct keyring *r, const struct secret *key)
{
    if (key == NULL) {
        r->none_allowed = true;
        return;
    }
    r->old = mem_resize_array(r->old, r->old_count + 1, sizeof(*r->old));
    r->old[r->old_count++] = key;
}

void keyring_free(struct keyring *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->cache_count; i++) {
        mac_key_deinit(&r->cache[i]->mac);
        free(r->cache[i]);
    }
    free(r->cache);
    free(r->old);
    free(r);
}

static int derive(struct keyring *r, const struct secret *key, const char salt_hex[33],
                  const struct mac_key **ret, struct err *e)
{
    for (size_t i = 0; i < r->cache_count; i++) {
        if (r->cache[i]->key == key && strcmp(r->cache[i]->salt, salt_hex) == 0) {
            *ret = &r->cache[i]->mac;
            return 0;
        }
    }
    struct derived *d = mem_alloc(sizeof(*d));
    if (mac_key_derive(key, salt_hex, &d->mac, e) < 0) {
        free(d);
        return -1;
    }
    d->key = key;
    memcpy(d->salt, salt_hex, sizeof(d->salt));
    r->cache = mem_resize_array(r->cache, r->cache_count + 1, sizeof(*r->cache));
    r->cache[r->cache_count++] = d;
    *ret = &d->mac;
    return 0;
}

int keyring_mac_key(struct keyring *r, const char salt_hex[33], const struct mac_key **ret,
                    struct err *e)
{
    if (r->key != NULL)
        return derive(r, r->key, salt_hex, ret, e);
    *ret = &r->none;
    return 0;
}

static int choose_none(struct keyring *r, const struct mac_key **ret, struct err *e)
{
    if (!r->none_allowed)
        return err_set(e, ERR_KEY,
                       "it was made without a key, and is not accepted where a key is configured");
    *ret = &r->none;
    return 0;
}

/* Stretching is slow, so the hostile salt of a forged manifest costs us time, but no more than one
 * derivation for each secret. */
static int choose(struct keyring *r, const struct manifest_peek *says, const struct secret **key,
                  const struct mac_key **ret, struct err *e)
{
    *key = NULL;
    *ret = NULL;
    if (says->key_id[0] == '\0')
        return choose_none(r, ret, e);
    for (size_t i = 0; i <= r->old_count; i++) {
        const struct secret *candidate = i == 0 ? r->key : r->old[i - 1];
        if (candidate == NULL)
            continue;
        if (derive(r, candidate, says->salt, ret, e) < 0)
            return -1;
        if (strcmp((*ret)->id, says->key_id) == 0) {
            *key = candidate;
            return 0;
        }
    }
    if (*ret == NULL)
        return err_set(e, ERR_KEY, "it is encrypted with the key %s, and no key was given",
                       says->key_id);
    /* the derived id depends on the salt too, and no MAC can be checked without the key */
    return err_set(
        e, ERR_KEY,
        "its manifest names the key %s, and the one at hand is %s: it was made with "
        "another key (give that one, or name it in old_keys), or the salt or the key_id in its "
        "manifest.json is damaged",
        says->key_id, (*ret)->id);
}

static int peek(const struct manifest_bytes *b, const char *job, const char *id,
                struct manifest_peek *ret, struct err *e)
{
    if (manifest_peek_bytes(b->manifest.data, b->manifest.len, ret, e) == 0)
        return 0;
    if (e != NULL && (e->code == ERR_FORMAT || e->code == ERR_LIMIT))
        e->code = ERR_DAMAGED; /* it was not written so */
    return err_wrap(e, "%s/%s: manifest.json", job, id);
}

int keyring_open(struct keyring *r, const struct manifest_bytes *b, const char *job, const char *id,
                 const char *destination_id, struct manifest *ret, const struct secret **ret_key,
                 const struct mac_key **ret_mac, struct err *e)
{
    struct manifest_peek says;
    const struct secret *key;
    const struct mac_key *mac;

    if (peek(b, job, id, &says, e) < 0)
        return -1;
    if (choose(r, &says, &key, &mac, e) < 0)
        return err_wrap(e, "%s/%s", job, id);
    if (manifest_open(b, job, id, mac, ret, e) < 0)
        return -1;
    if (destination_id != NULL && strcmp(ret->destination_id, destination_id) != 0) {
        manifest_deinit(ret);
        return err_set(e, ERR_DAMAGED,
                       "%s/%s: manifest.json: it was written for another destination", job, id);
    }
    if (ret_key != NULL)
        *ret_key = key;
    if (ret_mac != NULL)
        *ret_mac = mac;
    return 0;
}

int keyring_read(struct keyring *r, struct store *s, const char *job, const char *id,
                 const char *destination_id, struct manifest *ret, const struct secret **ret_key,
                 const struct mac_key **ret_mac, struct err *e)
{
    struct manifest_bytes b;
    int rc = manifest_fetch(s, job, id, &b, e);

    if (rc == 0)
        rc = keyring_open(r, &b, job, id, destination_id, ret, ret_key, ret_mac, e);
    manifest_bytes_deinit(&b);
    return rc;
}
