/* s3_xml_pages.c — the pages that list objects, uploads and parts. */
#include <stdio.h>
#include <ctype.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/s3_xml.h"

static int too_many(struct err *e)
{
    return err_set(e, ERR_LIMIT, "XML: a page of more than %d entries", S3_XML_ITEMS_MAX);
}

static int take_flag(const char *text, bool *ret, struct err *e)
{
    *ret = strcmp(text, "true") == 0;
    if (!*ret && strcmp(text, "false") != 0)
        return err_set(e, ERR_FORMAT, "XML: neither true nor false");
    return 0;
}

static int take_size(const char *text, uint64_t *ret, struct err *e)
{
    int64_t size;

    if (str_to_i64(text, 0, INT64_MAX, &size, e) < 0)
        return -1;
    *ret = (uint64_t)size;
    return 0;
}

/* "2026-11-20T14:30:00.123Z" with or without the fraction. */
static int take_time(const char *text, struct wall *ret, struct err *e)
{
    char iso[32];

    (void)snprintf(iso, sizeof(iso), "%.19sZ", text);
    if (clock_parse_iso8601(iso, ret) != 0)
        return err_set(e, ERR_FORMAT, "XML: not a time");
    return 0;
}

/* As encoding-type=url writes names. Owned; NULL if malformed or with a zero byte. */
static char *decode(const char *text)
{
    char *out = mem_alloc(strlen(text) + 1), *o = out;

    for (; *text != '\0'; text++) {
        uint8_t byte = *text == '+' ? ' ' : (uint8_t)*text;
        if (*text == '%') {
            char digits[3] = "";
            for (size_t i = 0; i < 2 && text[1 + i] != '\0'; i++)
                digits[i] = (char)tolower((unsigned char)text[1 + i]);
            if (hex_decode(digits, &byte, 1) != 0 || byte == 0) {
                free(out);
                return NULL;
            }
            text += 2;
        }
        *o++ = (char)byte;
    }
    return out;
}

struct list_reading {
    struct s3_xml_list *list;
    struct store_object next;
    bool encoded, whole;
};

/* Anything else that is well formed must not pass for a list without entries. */
static int check_root(bool whole, struct err *e)
{
    return whole ? 0 : err_set(e, ERR_FORMAT, "XML: another document than was asked for");
}

static int take_key(struct list_reading *r, const char *text, struct err *e)
{
    /* <EncodingType> may stand before or behind the entries; it is always asked for. */
    _cleanup_free_ char *key = r->encoded ? decode(text) : mem_strdup(text);

    if (key == NULL || strlen(key) > STORE_NAME_MAX)
        return err_set(e, ERR_FORMAT, "XML: a name that cannot be");
    memcpy(r->next.name, key, strlen(key) + 1);
    return 0;
}

static int take_entry(struct list_reading *r, struct err *e)
{
    struct s3_xml_list *l = r->list;

    if (r->next.name[0] == '\0')
        return err_set(e, ERR_FORMAT, "XML: an entry without a name");
    if (l->count == S3_XML_ITEMS_MAX)
        return too_many(e);
    l->items = mem_resize_array(l->items, l->count + 1, sizeof(*l->items));
    l->items[l->count++] = r->next;
    r->next = (struct store_object){0};
    return 0;
}

static int take_list(void *arg, const char *path, const char *text, struct err *e)
{
    struct list_reading *r = arg;
    const char *p = path;

    if (!str_starts(p, "ListBucketResult/"))
        return 0;
    p += strlen("ListBucketResult/");
    if (strcmp(p, "IsTruncated") == 0)
        return take_flag(text, &r->list->truncated, e);
    if (strcmp(p, "NextContinuationToken") == 0 && r->list->token == NULL)
        r->list->token = mem_strdup(text);
    else if (strcmp(p, "Contents/Key") == 0 || strcmp(p, "CommonPrefixes/Prefix") == 0)
        return take_key(r, text, e);
    else if (strcmp(p, "Contents/Size") == 0)
        return take_size(text, &r->next.size, e);
    else if (strcmp(p, "Contents/LastModified") == 0)
        return take_time(text, &r->next.modified, e);
    else if (strcmp(p, "Contents") == 0 || strcmp(p, "CommonPrefixes") == 0)
        return take_entry(r, e);
    return 0;
}

static int find_root(void *arg, const char *path, const char *text, struct err *e)
{
    struct list_reading *r = arg;

    (void)e;
    if (strcmp(path, "ListBucketResult/EncodingType") == 0)
        r->encoded = strcmp(text, "url") == 0;
    r->whole = r->whole || strcmp(path, "ListBucketResult") == 0;
    return 0;
}

int s3_xml_read_list(const void *data, size_t len, struct s3_xml_list *ret, struct err *e)
{
    struct list_reading r = {.list = ret};

    *ret = (struct s3_xml_list){0};
    if (s3_xml_parse(data, len, find_root, &r, e) < 0 || check_root(r.whole, e) < 0 ||
        s3_xml_parse(data, len, take_list, &r, e) < 0) {
        s3_xml_list_deinit(ret);
        return -1;
    }
    return 0;
}

void s3_xml_list_deinit(struct s3_xml_list *l)
{
    free(l->items);
    free(l->token);
    *l = (struct s3_xml_list){0};
}

struct uploads_reading {
    struct s3_xml_uploads *uploads;
    struct s3_xml_upload next;
    bool whole;
};

static void take_string(char **to, const char *text)
{
    free(*to);
    *to = mem_strdup(text);
}

static int take_upload(struct uploads_reading *r, struct err *e)
{
    struct s3_xml_uploads *u = r->uploads;

    if (r->next.key == NULL || r->next.id == NULL)
        return err_set(e, ERR_FORMAT, "XML: an upload without a name or an id");
    if (u->count == S3_XML_ITEMS_MAX)
        return too_many(e);
    u->items = mem_resize_array(u->items, u->count + 1, sizeof(*u->items));
    u->items[u->count++] = r->next;
    r->next = (struct s3_xml_upload){0};
    return 0;
}

static int take_uploads(void *arg, const char *path, const char *text, struct err *e)
{
    struct uploads_reading *r = arg;
    const char *p = path;

    r->whole = r->whole || strcmp(p, "ListMultipartUploadsResult") == 0;
    if (!str_starts(p, "ListMultipartUploadsResult/"))
        return 0;
    p += strlen("ListMultipartUploadsResult/");
    if (strcmp(p, "IsTruncated") == 0)
        return take_flag(text, &r->uploads->truncated, e);
    if (strcmp(p, "NextKeyMarker") == 0)
        take_string(&r->uploads->next_key, text);
    else if (strcmp(p, "NextUploadIdMarker") == 0)
        take_string(&r->uploads->next_id, text);
    else if (strcmp(p, "Upload/Key") == 0)
        take_string(&r->next.key, text);
    else if (strcmp(p, "Upload/UploadId") == 0)
        take_string(&r->next.id, text);
    else if (strcmp(p, "Upload/Initiated") == 0)
        return take_time(text, &r->next.initiated, e);
    else if (strcmp(p, "Upload") == 0)
        return take_upload(r, e);
    return 0;
}

int s3_xml_read_uploads(const void *data, size_t len, struct s3_xml_uploads *ret, struct err *e)
{
    struct uploads_reading r = {.uploads = ret};

    *ret = (struct s3_xml_uploads){0};
    int rc = s3_xml_parse(data, len, take_uploads, &r, e);
    if (rc == 0)
        rc = check_root(r.whole, e);
    free(r.next.key);
    free(r.next.id);
    if (rc < 0)
        s3_xml_uploads_deinit(ret);
    return rc;
}

void s3_xml_uploads_deinit(struct s3_xml_uploads *u)
{
    for (size_t i = 0; i < u->count; i++) {
        free(u->items[i].key);
        free(u->items[i].id);
    }
    free(u->items);
    free(u->next_key);
    free(u->next_id);
    *u = (struct s3_xml_uploads){0};
}

struct parts_reading {
    struct s3_xml_parts *parts;
    struct s3_xml_part next;
    bool whole;
};

static int take_number(const char *text, int *ret, struct err *e)
{
    int64_t number;

    if (str_to_i64(text, 0, 10000, &number, e) < 0)
        return -1;
    *ret = (int)number;
    return 0;
}

static int take_part(struct parts_reading *r, struct err *e)
{
    struct s3_xml_parts *l = r->parts;

    if (r->next.number == 0)
        return err_set(e, ERR_FORMAT, "XML: a part without a number");
    if (l->count == S3_XML_ITEMS_MAX)
        return too_many(e);
    l->items = mem_resize_array(l->items, l->count + 1, sizeof(*l->items));
    l->items[l->count++] = r->next;
    r->next = (struct s3_xml_part){0};
    return 0;
}

static int take_parts(void *arg, const char *path, const char *text, struct err *e)
{
    struct parts_reading *r = arg;
    const char *p = path;

    r->whole = r->whole || strcmp(p, "ListPartsResult") == 0;
    if (!str_starts(p, "ListPartsResult/"))
        return 0;
    p += strlen("ListPartsResult/");
    if (strcmp(p, "IsTruncated") == 0)
        return take_flag(text, &r->parts->truncated, e);
    if (strcmp(p, "NextPartNumberMarker") == 0)
        return take_number(text, &r->parts->next, e);
    if (strcmp(p, "Part/PartNumber") == 0)
        return take_number(text, &r->next.number, e);
    if (strcmp(p, "Part/Size") == 0)
        return take_size(text, &r->next.size, e);
    if (strcmp(p, "Part/ETag") == 0) {
        (void)snprintf(r->next.etag, sizeof(r->next.etag), "%s", text);
        (void)s3_xml_unquote(r->next.etag);
    } else if (strcmp(p, "Part") == 0) {
        return take_part(r, e);
    }
    return 0;
}

int s3_xml_read_parts(const void *data, size_t len, struct s3_xml_parts *ret, struct err *e)
{
    struct parts_reading r = {.parts = ret};

    *ret = (struct s3_xml_parts){0};
    if (s3_xml_parse(data, len, take_parts, &r, e) < 0 || check_root(r.whole, e) < 0) {
        s3_xml_parts_deinit(ret);
        return -1;
    }
    return 0;
}

void s3_xml_parts_deinit(struct s3_xml_parts *p)
{
    free(p->items);
    *p = (struct s3_xml_parts){0};
}
