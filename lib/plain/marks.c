#include "lib/plain/marks.h"

#include <ctype.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/store/listing.h"

enum { MARK_MAX = 16 << 10, NUMBER_MAX = 9999, REASON_MAX = 4096, TRIES = 8 };

static const char format[] = "synbak-mark";

struct mark {
    char kind[8];
    char *reason; /* owned */
    struct wall until, time;
};

void marks_deinit(struct marks *m)
{
    free(m->pin_reason);
    *m = (struct marks){0};
}

static char *folder_of(const char *job, const char *id)
{
    return mem_printf("%s/%s.marks/", job, id);
}

static int check_set(const char *job, const char *id, struct err *e)
{
    struct wall when;

    return str_is_name(job) && clock_parse_set_id(id, &when) == 0
               ? 0
               : err_set(e, ERR_NOT_FOUND, "there is no such set");
}

/* "NNNN.json" -> NNNN, or -1 when it is something else, which is nobody's mark. */
static int number_of(const char *file)
{
    int n = 0;

    for (int i = 0; i < 4; i++) {
        if (!isdigit((unsigned char)file[i]))
            return -1;
        n = n * 10 + (file[i] - '0');
    }
    return strcmp(file + 4, ".json") == 0 ? n : -1;
}

/* --- reading --- */

static int parse_mark(const json_t *o, const char *job, const char *id, int number,
                      struct mark *ret, struct err *e)
{
    const char *kind, *reason, *until = json_opt_string(o, "until", NULL);
    const char *time = json_opt_string(o, "time", "");
    int64_t says;

    if (strcmp(json_opt_string(o, "format", ""), format) != 0 ||
        strcmp(json_opt_string(o, "job", ""), job) != 0 ||
        strcmp(json_opt_string(o, "id", ""), id) != 0)
        return err_set(e, ERR_DAMAGED, "it belongs to another set");
    if (json_get_i64(o, "number", 1, NUMBER_MAX, &says, e) < 0 ||
        json_get_string(o, "kind", &kind, e) < 0 || json_get_string(o, "reason", &reason, e) < 0)
        return -1;
    if (says != number)
        return err_set(e, ERR_DAMAGED, "it is mark %lld under another number", (long long)says);
    if (strlen(kind) >= sizeof(ret->kind) || strlen(reason) > REASON_MAX ||
        (until != NULL && clock_parse_iso8601(until, &ret->until) < 0) ||
        clock_parse_iso8601(time, &ret->time) < 0)
        return err_set(e, ERR_FORMAT, "a member has an impossible value");
    memcpy(ret->kind, kind, strlen(kind) + 1);
    ret->reason = mem_strdup(reason);
    return 0;
}

/* Line one is the mark, line two its MAC. */
static int open_mark(const struct buf *bytes, const struct mac_key *k, json_t **ret, struct err *e)
{
    const char *text = (const char *)bytes->data;
    const char *end = bytes->len > 0 ? memchr(text, '\n', bytes->len) : NULL;
    char hex[65];

    if (end == NULL || bytes->len - (size_t)(end - text) != 66 || text[bytes->len - 1] != '\n')
        return err_set(e, ERR_DAMAGED, "it is not two lines");
    size_t len = (size_t)(end - text);
    _cleanup_free_ char *mac = mem_strndup(end + 1, 64);
    mac_compute(k, text, len, hex);
    if (!mac_equal(mac, hex))
        return err_set(e, ERR_DAMAGED, "it is not what was written (its MAC does not fit)");
    return json_read(text, len, ret, e);
}

static int read_mark(struct store *s, const char *name, const char *job, const char *id, int number,
                     const struct mac_key *k, struct mark *ret, struct err *e)
{
    struct buf bytes = BUF_INIT(MARK_MAX);
    _cleanup_json_ json_t *o = NULL;
    int rc = store_get_bytes(s, name, &bytes, e);

    *ret = (struct mark){0};
    if (rc == 0)
        rc = open_mark(&bytes, k, &o, e);
    if (rc == 0)
        rc = parse_mark(o, job, id, number, ret, e);
    buf_deinit(&bytes);
    if (rc < 0 && e != NULL && (e->code == ERR_FORMAT || e->code == ERR_LIMIT))
        e->code = ERR_DAMAGED;
    return rc < 0 ? err_wrap(e, "%s", name) : 0;
}

/* Marks come in the order of their numbers: the later one wins. */
static void apply(struct marks *m, struct mark *mark)
{
    if (strcmp(mark->kind, "accept") == 0) {
        m->accepted = true;
        m->accept_time = mark->time;
    }
    if (strcmp(mark->kind, "pin") == 0 || strcmp(mark->kind, "unpin") == 0) {
        m->pinned = mark->kind[0] == 'p';
        m->pin_until = mark->until;
        m->pin_time = mark->time;
        free(m->pin_reason);
        m->pin_reason = TAKE(mark->reason);
    }
    free(mark->reason);
}

int marks_read(struct store *s, const char *job, const char *id, const struct mac_key *k,
               struct marks *ret, struct err *e)
{
    struct store_object *x;
    int rc;

    *ret = (struct marks){0};
    if (check_set(job, id, e) < 0)
        return -1;
    _cleanup_free_ char *folder = folder_of(job, id);
    _cleanup_(store_listing_deinit) struct store_listing list = {.store = s, .prefix = folder};
    while ((rc = store_listing_next(&list, &x, e)) == 0) {
        int number = number_of(x->name + strlen(folder));
        struct mark mark;
        if (number < 0)
            continue;
        rc = read_mark(s, x->name, job, id, number, k, &mark, e);
        if (rc < 0)
            break;
        apply(ret, &mark);
    }
    if (rc < 0)
        marks_deinit(ret);
    return rc < 0 ? -1 : 0;
}

/* --- adding --- */

static int highest(struct store *s, const char *folder, int *ret, struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing list = {.store = s, .prefix = folder};
    struct store_object *x;
    int rc;

    *ret = 0;
    while ((rc = store_listing_next(&list, &x, e)) == 0) {
        int number = number_of(x->name + strlen(folder));
        if (number > *ret)
            *ret = number;
    }
    return rc < 0 ? -1 : 0;
}

static json_t *mark_json(const char *job, const char *id, int number, const char *kind,
                         const char *reason, struct wall until, struct wall now)
{
    char time[32], end[32];
    json_t *why = json_printable(reason), *last = json_null();

    if (until.us != 0)
        last = json_string(clock_iso8601(until, end));
    return json_pack("{s:s,s:i,s:s,s:s,s:i,s:s,s:o,s:o,s:s}", "format", format, "version", 1, "job",
                     job, "id", id, "number", number, "kind", kind, "reason", why, "until", last,
                     "time", clock_iso8601(now, time));
}

static int put_mark(struct store *s, const char *folder, int number, const json_t *o,
                    const struct mac_key *k, struct err *e)
{
    struct buf bytes = BUF_INIT(MARK_MAX);
    _cleanup_free_ char *name = mem_printf("%s%04d.json", folder, number);
    char hex[65];
    int rc = json_write(o, &bytes, e);

    if (rc == 0) {
        mac_compute(k, bytes.data, bytes.len, hex);
        rc = buf_printf(&bytes, e, "\n%s\n", hex);
    }
    if (rc == 0)
        rc = store_put_bytes(s, name, bytes.data, bytes.len, STORE_FAIL_IF_EXISTS, e);
    buf_deinit(&bytes);
    return rc;
}

int marks_exist(struct store *s, const char *job, const char *id, bool *ret, struct err *e)
{
    _cleanup_free_ char *prefix = folder_of(job, id);
    struct store_object o;
    size_t n;

    if (store_list(s, prefix, false, "", &o, 1, &n, e) < 0)
        return -1;
    *ret = n > 0;
    return 0;
}

int marks_add(struct store *s, const char *job, const char *id, const struct mac_key *k,
              const char *kind, const char *reason, struct wall until, struct wall now,
              struct err *e)
{
    int number, rc = -1;

    if (check_set(job, id, e) < 0)
        return -1;
    if (strlen(reason) > REASON_MAX)
        return err_set(e, ERR_USAGE, "the reason is longer than %d bytes", REASON_MAX);
    _cleanup_free_ char *folder = folder_of(job, id);
    for (int i = 0; i < TRIES; i++) {
        struct err why = {0};
        if (highest(s, folder, &number, e) < 0)
            return -1;
        if (number == NUMBER_MAX)
            return err_set(e, ERR_LIMIT, "%s/%s has %d marks already", job, id, number);
        _cleanup_json_ json_t *o = mark_json(job, id, number + 1, kind, reason, until, now);
        rc = put_mark(s, folder, number + 1, o, k, &why);
        if (rc == 0)
            return 0;
        (void)err_set(e, why.code, "%s", why.text);
        if (why.code != ERR_EXISTS)
            break; /* else somebody else marked it just now: take the next number */
    }
    return rc;
}

/* --- copying --- */

static bool same_pin(const struct marks *a, const struct marks *b)
{
    return a->pinned == b->pinned && (!a->pinned || (a->pin_until.us == b->pin_until.us &&
                                                     str_equal(a->pin_reason, b->pin_reason)));
}

int marks_copy(const struct marks *from, struct store *to, const char *job, const char *id,
               const struct mac_key *to_key, struct err *e)
{
    struct marks there;
    int rc = 0;

    if (marks_read(to, job, id, to_key, &there, e) < 0)
        return -1;
    if (from->pin_time.us != 0 && from->pin_time.us >= there.pin_time.us && !same_pin(from, &there))
        rc = marks_add(to, job, id, to_key, from->pinned ? "pin" : "unpin",
                       from->pin_reason != NULL ? from->pin_reason : "", from->pin_until,
                       from->pin_time, e);
    if (rc == 0 && from->accepted && !there.accepted)
        rc = marks_add(to, job, id, to_key, "accept", "", (struct wall){0}, from->accept_time, e);
    marks_deinit(&there);
    return rc;
}
