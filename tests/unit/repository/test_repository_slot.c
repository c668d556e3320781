/* Key slots and generations: which secret opens what, what is damaged or forged, what a crash leaves. */
#include "lib/base/str.h"
#include "lib/repository/object.h"
#include "lib/repository/slot_parts.h"
#include "repository_fixture.h"

static struct err e;

static int try_open(struct store *s, const char *key, struct keys **ret, char slot[33])
{
    struct secret secret = secret_of(key);
    int rc = slots_open(s, &secret, NULL, ret, slot, &e);

    secret_deinit(&secret);
    return rc;
}

static void add(struct repository *r, enum slot_kind kind, const char *key, char slot[33])
{
    struct secret secret = secret_of(key);

    ASSERT_OK(repository_add_slot(r, &us, kind, slot_kind_word(kind), &secret, slot, &e), e);
    secret_deinit(&secret);
}

static void read_slot(struct store *s, const char *slot, struct buf *ret)
{
    char name[SLOT_NAME_SIZE];

    slot_object_name(slot, name);
    buf_clear(ret);
    ASSERT_OK(store_get_bytes(s, name, ret, &e), e);
}

static void put_slot(struct store *s, const char *slot, const void *text, size_t len)
{
    char name[SLOT_NAME_SIZE];

    slot_object_name(slot, name);
    ASSERT_OK(store_put_bytes(s, name, text, len, STORE_REPLACE, &e), e);
}

/* What a secret was stretched to opens its slot, as long as that is there, and no other. */
TEST(stretched_once_is_enough)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    struct secret secret = secret_of("another key of operation"),
                  other = secret_of("no key at all");
    struct secret stretched = {0}, kept;
    char made[33], opened[33];
    struct keys *k;

    add(r, SLOT_OPERATION, secret.text, made);
    ASSERT_OK(slots_open(s, &secret, &stretched, &k, opened, &e), e);
    keys_free(k);
    ASSERT_STR(opened, made);
    kept = secret_copy(stretched.text, stretched.len);
    ASSERT_OK(slots_open(s, &other, &stretched, &k, opened, &e),
              e); /* the other is not looked at */
    keys_free(k);
    ASSERT_STR(opened, made);
    ASSERT(secret_equal(&stretched, &kept));
    ASSERT_OK(repository_remove_slot(r, &us, made, &e), e);
    ASSERT_ERR(slots_open(s, &other, &stretched, &k, opened, &e), e, ERR_KEY);
    ASSERT_ERR(slots_open(s, &secret, &stretched, &k, opened, &e), e, ERR_KEY);
    add(r, SLOT_OPERATION, secret.text, made); /* the same secret, another salt */
    ASSERT_OK(slots_open(s, &secret, &stretched, &k, opened, &e), e);
    keys_free(k);
    ASSERT_STR(opened, made);
    ASSERT(!secret_equal(&stretched, &kept));
    secret_deinit(&stretched);
    stretched = secret_copy("nonsense", 8);
    ASSERT_OK(slots_open(s, &secret, &stretched, &k, opened, &e), e);
    keys_free(k);
    ASSERT_EQ(stretched.len, 192);
    secret_deinit(&stretched);
    secret_deinit(&kept);
    secret_deinit(&secret);
    secret_deinit(&other);
    repository_close(r);
    store_close(s);
}

TEST(each_kind_opens)
{
    static const struct {
        enum slot_kind kind;
        const char *key;
    } slots[] = {{SLOT_RECOVERY, "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ-2345-6789"},
                 {SLOT_PASSPHRASE, "correct horse battery staple"},
                 {SLOT_WRITE_ONLY, "only for writing, this one"}};
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    struct slot *list;
    char made[33], opened[33];
    struct keys *k;
    size_t count;

    for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
        add(r, slots[i].kind, slots[i].key, made);
        ASSERT_OK(try_open(s, slots[i].key, &k, opened), e);
        ASSERT_STR(opened, made);
        ASSERT_EQ(k->write_only, slots[i].kind == SLOT_WRITE_ONLY);
        ASSERT(memcmp(k->adding, r->keys->adding, 32) == 0);
        ASSERT(memcmp(k->chunk_id, r->keys->chunk_id, 32) == 0);
        ASSERT(memcmp(k->pruner_public, r->keys->pruner_public, 32) == 0);
        keys_free(k);
    }
    ASSERT_ERR(try_open(s, "none of them, whatever it is", &k, opened), e, ERR_KEY);
    ASSERT_CONTAINS(e.text, "1 operation, 1 recovery, 1 passphrase, 1 write-only");
    ASSERT_OK(slots_list(s, &list, &count, &e), e);
    ASSERT_EQ(count, 4);
    for (size_t i = 0; i < count; i++)
        ASSERT(!list[i].damaged && list[i].scrypt_p == 1 &&
               list[i].scrypt_n == (list[i].kind == SLOT_PASSPHRASE ? 1 << 17 : 1 << 15));
    free(list);
    repository_close(r);
    store_close(s);
}

/* What opens with the stretched secret, however one byte of the slot differs? */
TEST(every_byte_counts)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    struct secret secret = secret_of(KEY);
    struct buf text = BUF_INIT(1 << 16);
    uint8_t stretched[SLOT_STRETCHED_LEN];
    struct slot_object o;
    struct keys *k;
    size_t tried = 0, refused = 0;

    read_slot(s, r->slot, &text);
    ASSERT_OK(slot_object_parse(r->slot, text.data, text.len, &o, &e), e);
    ASSERT_OK(slot_stretch(&secret, o.says.scrypt_n, o.says.scrypt_p, o.salt, stretched, &e), e);
    ASSERT_EQ(slot_unlock(&o, r->keys->repository, stretched, &k, &e), 0);
    keys_free(k);
    slot_object_deinit(&o);
    for (size_t at = 0; at < text.len; at++)
        for (int bit = 0; bit < 8; bit++, tried++) {
            text.data[at] ^= (uint8_t)(1 << bit);
            int rc = slot_object_parse(r->slot, text.data, text.len, &o, &e);
            if (rc == 0)
                rc = slot_unlock(&o, r->keys->repository, stretched, &k, &e);
            if (rc == 0)
                test_fail(__FILE__, __LINE__, "bit %d of byte %zu makes no difference", bit, at);
            slot_object_deinit(&o);
            refused++;
            text.data[at] ^= (uint8_t)(1 << bit);
        }
    for (size_t len = 0; len < text.len; len++, tried++) {
        ASSERT(slot_object_parse(r->slot, text.data, len, &o, &e) < 0);
        refused++;
    }
    ASSERT_EQ(tried, refused);
    test_note("%zu damaged slots", tried);
    buf_deinit(&text);
    secret_deinit(&secret);
    repository_close(r);
    store_close(s);
}

static void expect_refused_scrypt(const char *slot, const char *text, const char *instead)
{
    const char *at = strstr(text, "\"n\":");
    const char *end = strchr(at, ',');
    struct slot_object o;
    _cleanup_free_ char *other = mem_printf("%.*s\"n\":%s%s", (int)(at - text), text, instead, end);

    ASSERT_ERR(slot_object_parse(slot, other, strlen(other), &o, &e), e, ERR_FORMAT);
}

TEST(absurd_scrypt_is_refused_before_it_runs)
{
    static const char *const bad[] = {"1",       "16384",   "32769",      "65535",
                                      "2097152", "1048577", "1073741824", "-32768",
                                      "0",       "1e9",     "\"32768\"",  "99999999999999999999"};
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    struct buf text = BUF_INIT(1 << 16);
    struct slot_object o;
    struct keys *k;

    read_slot(s, r->slot, &text);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_refused_scrypt(r->slot, (char *)text.data, bad[i]);
    char *p = strstr((char *)text.data, "\"p\":1");
    p[4] = '5';
    ASSERT_ERR(slot_object_parse(r->slot, text.data, text.len, &o, &e), e, ERR_FORMAT);
    put_slot(s, r->slot, text.data, text.len);
    ASSERT_ERR(try_open(s, KEY, &k, NULL), e, ERR_DAMAGED);
    p[4] = '1';
    p = strstr((char *)text.data, "\"r\":8");
    p[4] = '9';
    ASSERT_ERR(slot_object_parse(r->slot, text.data, text.len, &o, &e), e, ERR_FORMAT);
    buf_deinit(&text);
    repository_close(r);
    store_close(s);
}

TEST(a_damaged_slot_and_another_that_opens)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    char other[33], opened[33], name[SLOT_NAME_SIZE];
    struct keys *k;

    add(r, SLOT_RECOVERY, "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ-2345-6789", other);
    slot_object_name(r->slot, name);
    memory_store_damage(s, name, 0);
    ASSERT_ERR(try_open(s, KEY, &k, opened), e, ERR_DAMAGED);
    ASSERT_OK(try_open(s, "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ-2345-6789", &k, opened), e);
    ASSERT_STR(opened, other);
    keys_free(k);
    ASSERT_ERR(slot_remove(s, other, &e), e, ERR_REFUSED); /* the damaged one opens nothing */
    ASSERT_OK(slot_remove(s, r->slot, &e), e);
    repository_close(r);
    store_close(s);
}

TEST(the_last_slot_stays)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    char write_only[33], other[33];
    struct keys *k;

    add(r, SLOT_WRITE_ONLY, "only for writing, this one", write_only);
    ASSERT_ERR(repository_remove_slot(r, &us, r->slot, &e), e, ERR_REFUSED);
    add(r, SLOT_RECOVERY, "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ-2345-6789", other);
    ASSERT_OK(repository_remove_slot(r, &us, r->slot, &e), e);
    ASSERT_ERR(try_open(s, KEY, &k, NULL), e, ERR_KEY);
    ASSERT_OK(try_open(s, "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ-2345-6789", &k, NULL), e);
    keys_free(k);
    repository_close(r);
    store_close(s);
}

/* Sealed by one who may write alone, read by one who may read, and by nobody else: a generation that a key never heard of
 * is damage to it. */
static void expect_object(const struct keys *writer, const struct keys *reader, bool readable)
{
    uint8_t header[OBJECT_HEADER_LEN], key[SEAL_KEY_LEN], found[SEAL_KEY_LEN];
    enum object_class class;

    ASSERT_OK(keys_object_new(writer, "SYNBAKP1", OBJECT_LISTS, header, key, &e), e);
    if (!readable) {
        const bool known = keys_find_generation(reader, keys_current(writer)->number) != NULL;
        ASSERT_ERR(keys_object_open(reader, "SYNBAKP1", header, &class, found, &e), e,
                   known || reader->write_only ? ERR_KEY : ERR_DAMAGED);
        return;
    }
    ASSERT_OK(keys_object_open(reader, "SYNBAKP1", header, &class, found, &e), e);
    ASSERT(class == OBJECT_LISTS && memcmp(key, found, sizeof(key)) == 0);
    ASSERT_ERR(keys_object_open(reader, "SYNBAKI1", header, &class, found, &e), e, ERR_FORMAT);
    for (size_t at = 0; at < 8 * sizeof(header); at++) {
        header[at / 8] ^= (uint8_t)(1 << at % 8);
        ASSERT(keys_object_open(reader, "SYNBAKP1", header, &class, found, &e) < 0);
        header[at / 8] ^= (uint8_t)(1 << at % 8);
    }
}

TEST(generations)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s), *again;
    struct keys *before, *after, *small;
    char slot[33], gone[33];

    add(r, SLOT_WRITE_ONLY, "only for writing, this one", slot);
    add(r, SLOT_RECOVERY, "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ-2345-6789", slot);
    add(r, SLOT_PASSPHRASE, "correct horse battery staple", gone);
    ASSERT_OK(try_open(s, "correct horse battery staple", &before, NULL), e);
    struct buf removed = BUF_INIT(1 << 16);
    read_slot(s, gone, &removed);
    ASSERT_OK(repository_remove_slot(r, &us, gone, &e), e);
    put_slot(s, gone, removed.data, removed.len); /* somebody puts it back */
    ASSERT_OK(repository_rotate(r, &us, &e), e);
    ASSERT_OK(repository_rotate(r, &us, &e), e);
    ASSERT_EQ(r->keys->generation_count, 3);
    again = open_with(s, KEY);
    ASSERT_EQ(keys_current(again->keys)->number, 3);
    ASSERT(keys_current(again->keys)->may_read);
    ASSERT_OK(try_open(s, "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ-2345-6789", &after, NULL), e);
    ASSERT_OK(try_open(s, "only for writing, this one", &small, NULL), e);
    ASSERT(small->write_only && keys_current(small)->number == 3);
    expect_object(r->keys, after, true);
    expect_object(again->keys, r->keys, true);
    expect_object(small, after, true);
    expect_object(small, small, false);
    expect_object(before, after, true);  /* of the generation before */
    expect_object(after, before, false); /* whose copy of the keys ends there */
    keys_free(before);
    ASSERT_OK(try_open(s, "correct horse battery staple", &before, NULL), e);
    ASSERT(!keys_current(before)->may_read);
    expect_object(after, before, false);
    keys_free(before);
    keys_free(after);
    keys_free(small);
    buf_deinit(&removed);
    repository_close(again);
    /* a generation that somebody takes away */
    ASSERT_OK(store_delete(s, "generations/3.json", &e), e);
    struct secret secret = secret_of(KEY);
    struct repository_spec spec = {.store = s, .secret = &secret};
    ASSERT_ERR(repository_open(&spec, &again, &e), e, ERR_TAMPERED);
    ASSERT_CONTAINS(e.text, "generation 3");
    secret_deinit(&secret);
    repository_close(r);
    store_close(s);
}

/* Who may only write takes the public key from there, and would seal for a key that nobody looks for. */
TEST(a_generation_under_another_number)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    struct buf third = BUF_INIT(1 << 16);
    char slot[33];
    struct keys *k;

    add(r, SLOT_WRITE_ONLY, "only for writing, this one", slot);
    ASSERT_OK(repository_rotate(r, &us, &e), e);
    ASSERT_OK(repository_rotate(r, &us, &e), e);
    ASSERT_OK(store_get_bytes(s, "generations/3.json", &third, &e), e);
    ASSERT_OK(store_put_bytes(s, "generations/2.json", third.data, third.len, STORE_REPLACE, &e),
              e);
    ASSERT_ERR(try_open(s, "only for writing, this one", &k, NULL), e, ERR_DAMAGED);
    ASSERT_CONTAINS(e.text, "it says that it is generation 3");
    buf_deinit(&third);
    repository_close(r);
    store_close(s);
}

TEST(a_forged_slot_gets_no_new_key)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    struct secret secret = secret_of("of somebody who can put objects");
    struct keys *own;

    ASSERT_OK(keys_create_for(r->keys->repository, &own, &e), e);
    char slot[33];
    ASSERT_OK(slot_add(s, own, SLOT_RECOVERY, "mine", &secret, slot, &e), e);
    ASSERT_ERR(repository_rotate(r, &us, &e), e, ERR_DAMAGED);
    ASSERT_CONTAINS(e.text, slot);
    ASSERT_EQ(r->keys->generation_count, 1);
    ASSERT_OK(slot_remove(s, slot, &e), e);
    ASSERT_OK(repository_rotate(r, &us, &e), e);
    keys_free(own);
    secret_deinit(&secret);
    repository_close(r);
    store_close(s);
}

TEST(every_byte_of_a_generation_counts)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    struct buf text = BUF_INIT(1 << 16);
    struct secret secret = secret_of(KEY);
    uint8_t stretched[SLOT_STRETCHED_LEN];
    struct slot_object o;
    size_t tried = 0;

    ASSERT_OK(repository_rotate(r, &us, &e), e);
    ASSERT_OK(slot_object_read(s, r->slot, &o, &e), e);
    ASSERT_OK(slot_stretch(&secret, o.says.scrypt_n, o.says.scrypt_p, o.salt, stretched, &e), e);
    ASSERT_OK(store_get_bytes(s, "generations/2.json", &text, &e), e);
    struct keys *k = NULL;
    for (size_t at = 0; at <= text.len; at++, tried++) {
        if (at < text.len)
            text.data[at] ^= (uint8_t)(1 << at % 8);
        ASSERT_OK(store_put_bytes(s, "generations/2.json", text.data, text.len, STORE_REPLACE, &e),
                  e);
        ASSERT_EQ(slot_unlock(&o, r->keys->repository, stretched, &k, &e), 0);
        if (at == text.len)
            ASSERT_OK(generations_read(s, k, &o, stretched + 64, &e), e);
        else if (generations_read(s, k, &o, stretched + 64, &e) == 0)
            test_fail(__FILE__, __LINE__, "byte %zu makes no difference", at);
        if (at < text.len) {
            ASSERT_EQ(e.code, ERR_DAMAGED);
            text.data[at] ^= (uint8_t)(1 << at % 8);
        }
        keys_free(k);
    }
    test_note("%zu damaged generations", tried - 1);
    slot_object_deinit(&o);
    buf_deinit(&text);
    secret_deinit(&secret);
    repository_close(r);
    store_close(s);
}

TEST(recovery_codes)
{
    struct secret a, b;

    ASSERT_OK(slot_recovery_code(&a, &e), e);
    ASSERT_OK(slot_recovery_code(&b, &e), e);
    ASSERT_EQ(a.len, 39);
    ASSERT(!secret_equal(&a, &b));
    for (size_t i = 0; i < a.len; i++)
        ASSERT(i % 5 == 4 ? a.text[i] == '-'
                          : strchr("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", a.text[i]) != NULL);
    secret_deinit(&a);
    secret_deinit(&b);
}

TEST(write_only_keys_give_no_access)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    char slot[33];

    add(r, SLOT_WRITE_ONLY, "only for writing, this one", slot);
    struct repository *small = open_with(s, "only for writing, this one");
    struct secret secret = secret_of("another one that is to be let in");
    ASSERT_ERR(slot_add(s, small->keys, SLOT_RECOVERY, "x", &secret, slot, &e), e, ERR_KEY);
    ASSERT_ERR(slot_add(s, small->keys, SLOT_WRITE_ONLY, "x", &secret, slot, &e), e, ERR_KEY);
    ASSERT_ERR(repository_add_slot(small, &us, SLOT_WRITE_ONLY, "x", &secret, slot, &e), e,
               ERR_KEY);
    ASSERT_ERR(repository_rotate(small, &us, &e), e, ERR_KEY);
    ASSERT_ERR(generation_add(s, small->keys, NULL, &e), e, ERR_KEY);
    secret_deinit(&secret);
    repository_close(small);
    repository_close(r);
    store_close(s);
}
