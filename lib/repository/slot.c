#include "lib/repository/slot.h"

#include <stdio.h>
#include <string.h>

#include "lib/repository/object.h"
#include "lib/repository/slot_parts.h"

const char slot_purpose[] = "synbak slot";

static const char *const kind_words[] = {[SLOT_OPERATION] = "operation",
                                         [SLOT_RECOVERY] = "recovery",
                                         [SLOT_PASSPHRASE] = "passphrase",
                                         [SLOT_WRITE_ONLY] = "write-only"};

const char *slot_kind_word(enum slot_kind k)
{
    return kind_words[k];
}

void slot_object_deinit(struct slot_object *o)
{
    free(o->sealed);
    json_decref(o->json);
    *o = (struct slot_object){0};
}

void slot_object_name(const char *slot, char ret[SLOT_NAME_SIZE])
{
    (void)snprintf(ret, SLOT_NAME_SIZE, "keys/%s.json", slot);
}

static int parse_kind(const json_t *o, enum slot_kind *ret, struct err *e)
{
    const char *word;

    if (json_get_string(o, "kind", &word, e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(kind_words); i++)
        if (strcmp(word, kind_words[i]) == 0) {
            *ret = (enum slot_kind)i;
            return 0;
        }
    return err_set(e, ERR_FORMAT, "a slot of a kind that is not known here");
}

static int parse_label(const json_t *o, char ret[128], struct err *e)
{
    const char *label;

    if (json_get_string(o, "label", &label, e) < 0)
        return -1;
    _cleanup_free_ char *shown = str_printable(label, strlen(label));
    if (strlen(label) >= 128 || strcmp(shown, label) != 0)
        return err_set(e, ERR_FORMAT, "\"label\" is too long or not printable");
    memcpy(ret, label, strlen(label) + 1);
    return 0;
}

/* Refused before anything is computed: a forged slot costs no hours and no memory. */
static int parse_scrypt(const json_t *o, struct slot_object *ret, struct err *e)
{
    static const char *const members[] = {"n", "r", "p", "salt", NULL};
    json_t *x;
    int64_t n, r, p;

    if (json_get_object(o, "scrypt", &x, e) < 0 || object_members(x, members, e) < 0 ||
        json_get_i64(x, "n", 1 << 15, 1 << 20, &n, e) < 0 ||
        json_get_i64(x, "r", 8, 8, &r, e) < 0 || json_get_i64(x, "p", 1, 4, &p, e) < 0)
        return -1;
    if ((n & (n - 1)) != 0)
        return err_set(e, ERR_FORMAT, "\"n\" is not a power of two");
    ret->says.scrypt_n = (uint32_t)n;
    ret->says.scrypt_p = (uint32_t)p;
    return object_hex(x, "salt", ret->salt, sizeof(ret->salt), e);
}

static int parse_sealed(const json_t *o, struct slot_object *ret, struct err *e)
{
    const char *text;

    if (json_get_string(o, "sealed", &text, e) < 0)
        return -1;
    ret->sealed_len = strlen(text) / 2;
    ret->sealed = mem_alloc(ret->sealed_len);
    return object_hex(o, "sealed", ret->sealed, ret->sealed_len, e);
}

static int parse(const char *slot, struct slot_object *ret, struct err *e)
{
    static const char *const members[] = {"version", "slot",      "kind",  "label",
                                          "created", "scrypt",    "check", "public",
                                          "sealed",  "signature", NULL};
    const json_t *o = ret->json;
    const char *id;
    int64_t version;

    if (object_members(o, members, e) < 0 || json_get_i64(o, "version", 1, 1, &version, e) < 0 ||
        json_get_string(o, "slot", &id, e) < 0 || parse_kind(o, &ret->says.kind, e) < 0 ||
        parse_label(o, ret->says.label, e) < 0 ||
        object_time(o, "created", &ret->says.created, e) < 0 || parse_scrypt(o, ret, e) < 0 ||
        object_hex(o, "check", ret->check, sizeof(ret->check), e) < 0 ||
        object_hex(o, "public", ret->public_key, sizeof(ret->public_key), e) < 0 ||
        parse_sealed(o, ret, e) < 0)
        return -1;
    return strcmp(id, slot) == 0 ? 0 : err_set(e, ERR_DAMAGED, "it says that it is another slot");
}

int slot_object_parse(const char *slot, const void *text, size_t len, struct slot_object *ret,
                      struct err *e)
{
    *ret = (struct slot_object){0};
    (void)snprintf(ret->says.id, sizeof(ret->says.id), "%s", slot);
    if (object_hex_text(slot, ret->id, sizeof(ret->id), e) == 0 &&
        json_read(text, len, &ret->json, e) == 0 && parse(slot, ret, e) == 0)
        return 0;
    slot_object_deinit(ret);
    return -1;
}

int slot_object_read(struct store *s, const char *slot, struct slot_object *ret, struct err *e)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(SLOT_OBJECT_MAX);
    char name[SLOT_NAME_SIZE];

    *ret = (struct slot_object){0};
    slot_object_name(slot, name);
    int rc = store_get_bytes(s, name, &text, e);
    if (rc == 0 && slot_object_parse(slot, text.data, text.len, ret, e) == 0)
        return 0;
    if (e != NULL && (e->code == ERR_FORMAT || e->code == ERR_LIMIT))
        e->code = ERR_DAMAGED;
    return rc < 0 ? -1 : err_wrap(e, "%s: %s", store_place(s), name);
}

int slot_names(struct store *s, struct strlist *ret, struct err *e)
{
    enum { MOST = 4096 }; /* objects that are looked through for slots */
    struct strlist names = {0};
    uint8_t id[16];

    if (object_names(s, "keys/", MOST, &names, e) < 0) {
        strlist_deinit(&names);
        return -1;
    }
    for (size_t i = 0; i < names.count && ret->count < SLOTS_MAX; i++) {
        char *dot = strchr(names.items[i], '.');
        if (dot == NULL || strcmp(dot, ".json") != 0)
            continue;
        *dot = '\0';
        if (object_hex_text(names.items[i], id, sizeof(id), NULL) == 0)
            strlist_add(ret, names.items[i]);
    }
    strlist_deinit(&names);
    return 0;
}

static int by_creation(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;

    if (x->created.us != y->created.us)
        return x->created.us < y->created.us ? -1 : 1;
    return strcmp(x->id, y->id);
}

int slots_list(struct store *s, struct slot **ret, size_t *ret_count, struct err *e)
{
    struct strlist names = {0};
    int rc = slot_names(s, &names, e);

    *ret_count = 0;
    *ret = mem_alloc(SLOTS_MAX * sizeof(**ret));
    for (size_t i = 0; i < names.count && rc == 0; i++) {
        struct slot *x = &(*ret)[*ret_count];
        struct slot_object o;
        struct err why;
        if (slot_object_read(s, names.items[i], &o, &why) == 0) {
            *x = o.says;
            slot_object_deinit(&o);
        } else if (why.code == ERR_DAMAGED) {
            *x = (struct slot){.damaged = true};
            memcpy(x->id, names.items[i], sizeof(x->id));
        } else if (why.code == ERR_NOT_FOUND) { /* removed meanwhile */
            continue;
        } else {
            if (e != NULL)
                *e = why;
            rc = -1;
        }
        (*ret_count)++;
    }
    strlist_deinit(&names);
    if (rc < 0)
        free(TAKE(*ret));
    else
        qsort(*ret, *ret_count, sizeof(**ret), by_creation);
    return rc;
}
