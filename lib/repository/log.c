#include "lib/repository/log_parts.h"

#include <stdio.h>
#include <string.h>

#include "lib/repository/object.h"

const char *log_role_word(enum log_role role)
{
    return role == LOG_WRITER ? "writer" : "pruner";
}

void log_object_name(enum log_role role, uint64_t number, char ret[LOG_NAME_SIZE])
{
    (void)snprintf(ret, LOG_NAME_SIZE, "log/%s/%012llu", log_role_word(role),
                   (unsigned long long)number);
}

size_t log_count(const struct log *l)
{
    return l->count;
}

struct log_record log_at(const struct log *l, size_t i)
{
    return l->entries[i].says;
}

struct log_head log_head(const struct log *l)
{
    return l->count == 0 ? (struct log_head){0} : l->entries[l->count - 1].says.head;
}

const char *log_holder(const struct log *l, const char **ret_host, struct wall *ret_since)
{
    if (l->count == 0)
        return NULL;
    const struct log_record *r = &l->entries[l->epoch].says;
    if (ret_host != NULL)
        *ret_host = r->host;
    if (ret_since != NULL)
        *ret_since = r->time;
    return r->installation;
}

bool log_begins(const struct log *l, const struct log *longer)
{
    const size_t count = l->count;

    return count == 0 || (count <= longer->count &&
                          memcmp(l->entries[count - 1].says.head.hash,
                                 longer->entries[count - 1].says.head.hash, SEAL_HASH_LEN) == 0);
}

char *log_head_text(const struct log_head *h)
{
    char hex[2 * SEAL_HASH_LEN + 1];

    hex_encode(h->hash, sizeof(h->hash), hex);
    return mem_printf("%llu:%s", (unsigned long long)h->number, hex);
}

int log_head_parse(const char *text, struct log_head *ret, struct err *e)
{
    const char *colon = strchr(text, ':');
    _cleanup_free_ char *number = mem_strndup(text, colon == NULL ? 0 : (size_t)(colon - text));
    int64_t n = object_number(number, 0);

    if (n < 0 && strcmp(number, "0") == 0)
        n = 0;
    if (n < 0 || object_hex_text(colon + 1, ret->hash, sizeof(ret->hash), e) < 0)
        return err_set(e, ERR_FORMAT, "not the head of a log (NUMBER:HASH)");
    ret->number = (uint64_t)n;
    return 0;
}

/* Objects repeat the records of their group alone: older ones are not needed as bytes. */
static void forget_raw_group(struct log *l)
{
    for (size_t i = l->count - LOG_GROUP; i < l->count; i++) {
        free(l->entries[i].raw);
        l->entries[i].raw = NULL;
    }
}

static int add_record(struct log *l, const uint8_t *raw, size_t len, struct err *e)
{
    struct log_entry x = {0};
    const struct log_head previous = log_head(l);
    const char *holder = log_holder(l, NULL, NULL);

    if (log_record_read(l->keys, l->role, &previous, raw, len, &x.says, e) < 0)
        return -1;
    bool epoch = strcmp(x.says.kind, "epoch") == 0;
    if (!epoch && (holder == NULL || strcmp(holder, x.says.installation) != 0)) {
        json_decref(x.says.body);
        return err_set(e, ERR_FORMAT, "an installation appended it that did not hold the role");
    }
    if (l->count > 0 && l->count % LOG_GROUP == 0)
        forget_raw_group(l);
    x.raw = mem_copy(raw, len);
    x.raw_len = len;
    l->entries = mem_resize_array(l->entries, l->count + 1, sizeof(*l->entries));
    l->entries[l->count] = x;
    if (epoch)
        l->epoch = l->count;
    l->count++;
    return 0;
}

static int same_record(const struct log_entry *x, const uint8_t *raw, size_t len, struct err *e)
{
    uint8_t hash[SEAL_HASH_LEN];

    seal_sha256(raw, len, hash);
    if (memcmp(hash, x->says.head.hash, sizeof(hash)) == 0)
        return 0;
    return err_set(e, ERR_TAMPERED, "it is another one than lay there before");
}

/* One after the other; a length leads each. */
static int absorb_each(struct log *l, uint64_t first, uint64_t number, const struct buf *object,
                       struct err *e)
{
    size_t at = 0;

    for (uint64_t n = first; n <= number; n++) {
        if (object->len - at < 4)
            return err_set(e, ERR_DAMAGED, "it is cut off before record %llu",
                           (unsigned long long)n);
        const uint8_t *p = object->data + at;
        size_t len = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
        if (object->len - at - 4 < len)
            return err_set(e, ERR_DAMAGED, "it is cut off in record %llu", (unsigned long long)n);
        int rc = n <= l->count ? same_record(&l->entries[n - 1], p + 4, len, e)
                               : add_record(l, p + 4, len, e);
        if (rc < 0)
            return err_wrap(e, "record %llu", (unsigned long long)n);
        at += 4 + len;
    }
    return at == object->len ? 0 : err_set(e, ERR_DAMAGED, "there is more behind its last record");
}

int log_absorb(struct log *l, uint64_t number, const struct buf *object, struct err *e)
{
    char name[LOG_NAME_SIZE];
    uint64_t first = (number - 1) / LOG_GROUP * LOG_GROUP + 1;

    log_object_name(l->role, number, name);
    if (first > l->count + 1)
        return err_set(e, ERR_INTERNAL, "%s: the groups are read out of order", name);
    if (absorb_each(l, first, number, object, e) == 0)
        return 0;
    return err_wrap(e, "%s: %s", store_place(l->store), name);
}

bool log_holds(const struct log *l, uint64_t number, const struct buf *object)
{
    uint64_t first = (number - 1) / LOG_GROUP * LOG_GROUP + 1;

    /* nothing is added: all of them are known */
    return number <= l->count &&
           absorb_each((struct log *)(uintptr_t)l, first, number, object, NULL) == 0;
}

void log_close(struct log *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->count; i++) {
        json_decref(l->entries[i].says.body);
        free(l->entries[i].raw);
    }
    free(l->entries);
    free(l->cache_dir);
    free(l);
}
