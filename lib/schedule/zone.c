/* zone.c — time zones from TZif files (RFC 8536): the table of transitions, and behind its last
 * entry the footer's rule. Every count and index of the file is checked before it is used. */
#include "lib/schedule/zone.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"

enum {
    FILE_MAX = 1 << 20,
    HEADER_SIZE = 44,
    TYPE_SIZE = 6,
    OFFSET_MIN = -89999, /* RFC 8536: more than -25 h, less than 26 h */
    OFFSET_MAX = 93599,
};

struct zone_type {
    int32_t offset;
    uint8_t abbreviation; /* index into zone.abbreviations */
};

struct zone {
    int64_t *at;             /* ascending */
    uint8_t *type;           /* of the time from at[i] on */
    size_t count;            /* of transitions */
    struct zone_type *types; /* types[0] holds before the first transition */
    size_t type_count;       /* 1..256 */
    char *abbreviations;     /* owned; each ends in NUL */
    bool has_rule;
    struct zone_rule rule;
};

struct header {
    uint8_t version;
    size_t isut, isstd, leap, time, type, abbreviation; /* counts */
};

void zone_free(struct zone *z)
{
    if (z == NULL)
        return;
    free(z->at);
    free(z->type);
    free(z->types);
    free(z->abbreviations);
    free(z);
}

static void zone_freep(struct zone **z)
{
    zone_free(*z);
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static int header_read(const uint8_t *data, size_t len, struct header *ret, struct err *e)
{
    if (len < HEADER_SIZE || memcmp(data, "TZif", 4) != 0)
        return err_set(e, ERR_FORMAT, "it is no time zone file (TZif)");
    *ret = (struct header){
        .version = data[4],
        .isut = be32(data + 20),
        .isstd = be32(data + 24),
        .leap = be32(data + 28),
        .time = be32(data + 32),
        .type = be32(data + 36),
        .abbreviation = be32(data + 40),
    };
    /* No count can exceed the file; this also keeps the sums below from overflowing. */
    if (ret->isut > len || ret->isstd > len || ret->leap > len || ret->time > len ||
        ret->type > len || ret->abbreviation > len)
        return err_set(e, ERR_FORMAT, "the time zone file is cut short");
    if (ret->type == 0 || ret->type > 256 || ret->abbreviation == 0)
        return err_set(e, ERR_FORMAT, "the time zone file has no types of time");
    return 0;
}

static size_t body_size(const struct header *h, size_t time_size)
{
    return h->time * time_size + h->time + h->type * TYPE_SIZE + h->abbreviation +
           h->leap * (time_size + 4) + h->isstd + h->isut;
}

static int read_transitions(struct zone *z, const struct header *h, const uint8_t *p,
                            size_t time_size, struct err *e)
{
    const uint8_t *type = p + h->time * time_size;

    z->count = h->time;
    z->at = mem_alloc(h->time * sizeof(*z->at));
    z->type = mem_alloc(h->time);
    for (size_t i = 0; i < h->time; i++) {
        z->at[i] = time_size == 8 ? be64(p + i * 8) : (int32_t)be32(p + i * 4);
        z->type[i] = type[i];
        if (type[i] >= h->type)
            return err_set(e, ERR_FORMAT, "transition %zu names a type that is not there", i);
        if (i > 0 && z->at[i] <= z->at[i - 1])
            return err_set(e, ERR_FORMAT, "transition %zu is not later than the one before", i);
    }
    return 0;
}

static int read_types(struct zone *z, const struct header *h, const uint8_t *p, struct err *e)
{
    const uint8_t *names = p + h->type * TYPE_SIZE;

    if (names[h->abbreviation - 1] != '\0')
        return err_set(e, ERR_FORMAT, "an abbreviation has no end");
    z->abbreviations = mem_copy(names, h->abbreviation);
    z->type_count = h->type;
    z->types = mem_alloc(h->type * sizeof(*z->types));
    for (size_t i = 0; i < h->type; i++) {
        const uint8_t *t = p + i * TYPE_SIZE;
        z->types[i] = (struct zone_type){(int32_t)be32(t), t[5]};
        if (z->types[i].offset < OFFSET_MIN || z->types[i].offset > OFFSET_MAX)
            return err_set(e, ERR_FORMAT, "type %zu is more than a day away from UTC", i);
        if (t[5] >= h->abbreviation)
            return err_set(e, ERR_FORMAT, "type %zu has no abbreviation", i);
    }
    return 0;
}

static int read_footer(struct zone *z, const uint8_t *p, size_t len, struct err *e)
{
    const uint8_t *end = len >= 2 && p[0] == '\n' ? memchr(p + 1, '\n', len - 1) : NULL;
    char text[128];

    if (end == NULL)
        return err_set(e, ERR_FORMAT, "the time zone file is cut short");
    size_t n = (size_t)(end - p) - 1;
    if (n == 0)
        return 0; /* nothing is known behind the table: its last type goes on */
    if (n >= sizeof(text))
        return err_set(e, ERR_FORMAT, "the rule for the years to come is too long");
    memcpy(text, p + 1, n);
    text[n] = '\0';
    z->has_rule = true;
    return zone_rule_parse(text, &z->rule, e);
}

static int read_body(struct zone *z, const struct header *h, const uint8_t *p, size_t time_size,
                     struct err *e)
{
    if (h->leap > 0)
        return err_set(e, ERR_FORMAT,
                       "the zone counts leap seconds, the system's clock does not "
                       "(use the name without \"right/\")");
    if (read_transitions(z, h, p, time_size, e) < 0)
        return -1;
    return read_types(z, h, p + h->time * (time_size + 1), e);
}

int zone_parse(const void *data, size_t len, struct zone **ret, struct err *e)
{
    _cleanup_(zone_freep) struct zone *z = mem_alloc(sizeof(*z));
    const uint8_t *p = data;
    size_t time_size = 4;
    struct header h = {0};

    if (header_read(p, len, &h, e) < 0)
        return -1;
    if (h.version >= '2') { /* the first block is for readers of version 1 */
        size_t skip = HEADER_SIZE + body_size(&h, 4);
        if (skip > len)
            return err_set(e, ERR_FORMAT, "the time zone file is cut short");
        p += skip;
        len -= skip;
        time_size = 8;
        if (header_read(p, len, &h, e) < 0)
            return -1;
    }
    if (body_size(&h, time_size) > len - HEADER_SIZE)
        return err_set(e, ERR_FORMAT, "the time zone file is cut short");
    if (read_body(z, &h, p + HEADER_SIZE, time_size, e) < 0)
        return -1;
    size_t used = HEADER_SIZE + body_size(&h, time_size);
    if (time_size == 8 && read_footer(z, p + used, len - used, e) < 0)
        return -1;
    *ret = TAKE(z);
    return 0;
}

static bool is_zone_name(const char *name)
{
    return name[0] != '\0' && name[0] != '/' && strstr(name, "..") == NULL && strlen(name) < 128 &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/.") ==
               strlen(name);
}

static struct zone *new_utc(void)
{
    struct zone *z = mem_alloc(sizeof(*z));

    z->at = mem_alloc(0);
    z->type = mem_alloc(0);
    z->types = mem_alloc(sizeof(*z->types));
    z->type_count = 1;
    z->abbreviations = mem_strdup("UTC");
    return z;
}

/* 1: there is no such file. */
static int load_file(const char *path, struct zone **ret, struct err *e)
{
    _cleanup_(buf_deinit) struct buf data = BUF_INIT(FILE_MAX);
    struct err found = {0};

    if (fs_read_file(AT_FDCWD, path, &data, &found) == 0 &&
        zone_parse(data.data, data.len, ret, &found) == 0)
        return 0;
    if (found.code == ERR_NOT_FOUND)
        return 1;
    return err_set(e, ERR_CONFIG, "time zone %s: %s", path, found.text);
}

int zone_load_system(const char *path, struct zone **ret, struct err *e)
{
    int rc = load_file(path, ret, e);

    if (rc == 1)
        *ret = new_utc();
    return rc < 0 ? -1 : 0;
}

int zone_load(const char *name, struct zone **ret, struct err *e)
{
    const char *folder = getenv("TZDIR");

    if (name == NULL)
        return zone_load_system("/etc/localtime", ret, e);
    if (!is_zone_name(name))
        return err_set(e, ERR_CONFIG,
                       "\"%.128s\" is no name of a time zone (write one such as Europe/Berlin)",
                       name);
    if (folder == NULL || folder[0] != '/')
        folder = "/usr/share/zoneinfo";
    _cleanup_free_ char *path = mem_printf("%s/%s", folder, name);
    int rc = load_file(path, ret, e);
    if (rc == 1)
        return err_set(e, ERR_CONFIG,
                       "time zone %s: there is no file %s (is the package tzdata installed?)", name,
                       path);
    return rc;
}

struct zone_stretch zone_stretch(const struct zone *z, int64_t t)
{
    size_t low = 0, high = z->count; /* the first transition behind t lies in [low, high] */

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->at[middle] <= t)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == z->count && z->has_rule)
        return zone_rule_stretch(&z->rule, t);
    const struct zone_type *type = &z->types[low == 0 ? 0 : z->type[low - 1]];
    return (struct zone_stretch){
        .offset = type->offset,
        .end = low < z->count ? z->at[low] : INT64_MAX,
        .abbreviation = z->abbreviations + type->abbreviation,
    };
}

int64_t zone_first_at(const struct zone *z, int64_t local)
{
    int64_t t = local - 27LL * 3600; /* earlier than any zone shows `local` */

    for (;;) {
        struct zone_stretch s = zone_stretch(z, t);
        if (t + s.offset >= local) /* the change went over it */
            return t;
        if (local - s.offset < s.end)
            return local - s.offset;
        t = s.end;
    }
}

int64_t wall_seconds(struct wall t)
{
    return civil_floor_div(t.us, 1000000);
}

int zone_offset(const struct zone *z, struct wall t)
{
    return zone_stretch(z, wall_seconds(t)).offset;
}

int64_t zone_local_days(const struct zone *z, struct wall t)
{
    return civil_floor_div(wall_seconds(t) + zone_offset(z, t), DAY_S);
}

const char *zone_format(const struct zone *z, struct wall t, char out[48])
{
    struct zone_stretch s = zone_stretch(z, wall_seconds(t));
    int64_t local = wall_seconds(t) + s.offset;
    struct civil c = civil_from_days(civil_floor_div(local, DAY_S));
    int64_t minute = (local - civil_floor_div(local, DAY_S) * DAY_S) / 60;

    (void)snprintf(out, 48, "%04d-%02d-%02d %02d:%02d %.15s", c.year, c.month, c.day,
                   (int)(minute / 60), (int)(minute % 60), s.abbreviation);
    return out;
}
