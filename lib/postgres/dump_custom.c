/* dump_custom.c — walking pg_dump's custom format.
 *
 *   header   "PGDMP", version (3 bytes), size of an int, size of an offset, format, compression,
 *            date (7 ints), three strings
 *   contents a count, then for each entry the fields of enum field, in that order
 *   blocks   kind (1 data, 3 large objects), id of the entry, then chunks (length, bytes) up to a
 *            length of 0; large objects: (oid, chunks, 0)* and an oid of 0
 *
 * An int is a sign byte and its absolute value, little end first; a string is its length (-1: none)
 * and its bytes. The walk is a machine that waits for `want` bytes of one item, or passes over
 * `skip` bytes, so it does not matter where the portions that it is fed begin and end. */
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/postgres/dump_walk.h"

enum {
    VERSION_OLDEST = 12, /* minor numbers: 1.12 is PostgreSQL 9.1 */
    VERSION_ACCESS_METHOD = 14,
    VERSION_COMPRESSION_BYTE = 15,
    VERSION_RELATION_KIND = 16,
    VERSION_NEWEST = 16,
    INT_BYTES = 5, /* sign and four bytes */
    ENTRIES_MAX = 20 * 1000 * 1000,
    BLOCK_DATA = 1,
    BLOCK_LARGE_OBJECTS = 3,
    BLOCK_ANY = 0,
};

enum field {
    FIELD_ID,
    FIELD_HAS_DATA,
    FIELD_TABLE_OID,
    FIELD_OID,
    FIELD_TAG,
    FIELD_DESC,
    FIELD_SECTION,
    FIELD_DEFINITION,
    FIELD_DROP,
    FIELD_COPY,
    FIELD_SCHEMA,
    FIELD_TABLESPACE,
    FIELD_ACCESS_METHOD, /* since 1.14 */
    FIELD_RELATION_KIND, /* since 1.16 */
    FIELD_OWNER,
    FIELD_WITH_OIDS,
    FIELD_DEPENDENCY, /* strings up to one that is none */
    FIELD_OFFSET,     /* a flag and an offset */
};

enum state {
    STATE_MAGIC,
    STATE_COMPRESSION,
    STATE_DATE,
    STATE_HEADER_STRINGS,
    STATE_COUNT,
    STATE_ENTRY,
    STATE_BLOCK,
    STATE_CHUNK,
    STATE_LARGE_OBJECT,
};

struct entry { /* one that has data */
    int32_t id;
    uint8_t block; /* kind expected */
    bool seen;
    char *name; /* owned, for messages */
};

struct custom_walk {
    struct dump_info *info;
    enum state state;
    uint64_t offset;  /* bytes taken */
    uint8_t item[16]; /* what is being waited for */
    size_t have, want;
    uint64_t skip;
    char *capture; /* where the bytes passed over go too, as far as they fit, or NULL */
    size_t capture_len, capture_max;

    int version;
    size_t offset_bytes;
    int counter; /* of dates and strings of the header */
    uint32_t entries_left;
    enum field field;
    int32_t id;
    bool has_data;
    char tag[96], desc[32], schema[96];

    struct entry *entries; /* sorted by id once the contents are read */
    size_t entry_count, entry_room, missing;
    const struct entry *open; /* whose block is being walked */
    uint8_t block;
};

struct custom_walk *custom_walk_new(struct dump_info *info)
{
    struct custom_walk *w = mem_alloc(sizeof(*w));

    w->info = info;
    w->want = 11; /* up to the format byte */
    return w;
}

static int bad(const struct custom_walk *w, struct err *e, const char *what)
{
    return err_set(e, ERR_SOURCE, "the dump is malformed at byte %llu: %s",
                   (unsigned long long)w->offset, what);
}

/* 0 and the value, or -1 if the five bytes are no int. */
static int decode_int(const uint8_t *p, int64_t *ret)
{
    int64_t v = (int64_t)((uint32_t)p[1] | (uint32_t)p[2] << 8 | (uint32_t)p[3] << 16 |
                          (uint32_t)p[4] << 24);

    if (p[0] > 1 || v > INT32_MAX)
        return -1;
    *ret = p[0] == 1 ? -v : v;
    return 0;
}

static void capture_into(struct custom_walk *w, char *out, size_t size)
{
    w->capture = out;
    w->capture_len = 0;
    w->capture_max = size - 1;
    if (out != NULL)
        out[0] = '\0';
}

/* Pass over a string whose length came; its bytes go to out (may be NULL). */
static int begin_string(struct custom_walk *w, int64_t len, char *out, size_t size, struct err *e)
{
    if (len < -1)
        return bad(w, e, "a string of negative length");
    capture_into(w, out, size);
    w->skip = len > 0 ? (uint64_t)len : 0;
    return 0;
}

static int take_magic(struct custom_walk *w, struct err *e)
{
    const uint8_t *p = w->item;

    if (memcmp(p, "PGDMP", 5) != 0)
        return bad(w, e, "it does not begin as a custom dump does");
    w->version = p[6];
    if (p[5] != 1 || w->version < VERSION_OLDEST || w->version > VERSION_NEWEST)
        return err_set(e, ERR_SOURCE,
                       "archive version %d.%d is not known to this version of synbak, which cannot "
                       "check such a dump: update synbak, or set format = plain",
                       p[5], p[6]);
    if (p[8] != INT_BYTES - 1 || (p[9] != 4 && p[9] != 8) || p[10] != 1)
        return bad(w, e, "sizes or format that pg_dump does not write to a pipe");
    w->offset_bytes = p[9];
    w->state = STATE_COMPRESSION;
    w->want = w->version >= VERSION_COMPRESSION_BYTE ? 1 : INT_BYTES;
    return 0;
}

static int take_header_string(struct custom_walk *w, int64_t len, struct err *e)
{
    struct dump_info *i = w->info;
    char *const outs[] = {i->database, i->server_version, i->dump_version};
    char *out = outs[w->counter];

    if (++w->counter == 3)
        w->state = STATE_COUNT;
    return begin_string(w, len, out, sizeof(i->database), e);
}

static int compare_entries(const void *a, const void *b)
{
    int32_t x = ((const struct entry *)a)->id, y = ((const struct entry *)b)->id;

    return x < y ? -1 : x > y;
}

static int end_contents(struct custom_walk *w, struct err *e)
{
    if (w->entry_count > 0)
        qsort(w->entries, w->entry_count, sizeof(*w->entries), compare_entries);
    for (size_t i = 1; i < w->entry_count; i++)
        if (w->entries[i].id == w->entries[i - 1].id)
            return bad(w, e, "two entries with the same id");
    w->missing = w->entry_count;
    w->state = STATE_BLOCK;
    w->want = 1 + INT_BYTES;
    return 0;
}

static void add_entry(struct custom_walk *w)
{
    if (w->entry_count == w->entry_room) {
        w->entry_room = w->entry_room == 0 ? 64 : w->entry_room * 2;
        w->entries = mem_resize_array(w->entries, w->entry_room, sizeof(*w->entries));
    }
    struct entry *n = &w->entries[w->entry_count++];
    bool table = strcmp(w->desc, "TABLE DATA") == 0, lo = strcmp(w->desc, "BLOBS") == 0;
    _cleanup_free_ char *name =
        mem_printf("%s %s%s%s", w->desc, w->schema, w->schema[0] != '\0' ? "." : "", w->tag);
    *n = (struct entry){.id = w->id,
                        .block = table ? BLOCK_DATA
                                 : lo  ? BLOCK_LARGE_OBJECTS
                                       : BLOCK_ANY,
                        .name = str_printable(name, strlen(name))};
    w->info->tables += table;
    w->info->lo_blocks += lo;
}

static void begin_entry(struct custom_walk *w)
{
    w->field = FIELD_ID;
    w->tag[0] = w->desc[0] = w->schema[0] = '\0';
    w->want = INT_BYTES;
}

static int next_field(struct custom_walk *w, struct err *e)
{
    if (w->field == FIELD_OFFSET) {
        if (w->has_data)
            add_entry(w);
        if (--w->entries_left == 0)
            return end_contents(w, e);
        begin_entry(w);
        return 0;
    }
    w->field++;
    if (w->field == FIELD_ACCESS_METHOD && w->version < VERSION_ACCESS_METHOD)
        w->field++;
    if (w->field == FIELD_RELATION_KIND && w->version < VERSION_RELATION_KIND)
        w->field++;
    w->want = w->field == FIELD_OFFSET ? 1 + w->offset_bytes : INT_BYTES;
    return 0;
}

static int take_entry_string(struct custom_walk *w, int64_t len, struct err *e)
{
    char *out = NULL;
    size_t size = 1;

    if (w->field == FIELD_TAG)
        out = w->tag, size = sizeof(w->tag);
    else if (w->field == FIELD_DESC)
        out = w->desc, size = sizeof(w->desc);
    else if (w->field == FIELD_SCHEMA)
        out = w->schema, size = sizeof(w->schema);
    if (begin_string(w, len, out, size, e) < 0)
        return -1;
    return w->field == FIELD_DEPENDENCY && len >= 0 ? 0 : next_field(w, e);
}

static int take_field(struct custom_walk *w, struct err *e)
{
    int64_t v = 0;

    if (w->field == FIELD_OFFSET) {
        if (w->item[0] < 1 || w->item[0] > 3)
            return bad(w, e, "an unknown kind of offset");
        return next_field(w, e);
    }
    if (decode_int(w->item, &v) < 0)
        return bad(w, e, "no number in the table of contents where one must be");
    switch (w->field) {
    case FIELD_ID:
        w->id = (int32_t)v;
        return next_field(w, e);
    case FIELD_HAS_DATA:
        if (v < 0 || v > 1)
            return bad(w, e, "an entry that neither has data nor has none");
        w->has_data = v == 1;
        return next_field(w, e);
    case FIELD_SECTION:
    case FIELD_RELATION_KIND:
        return next_field(w, e);
    default:
        return take_entry_string(w, v, e);
    }
}

static int take_count(struct custom_walk *w, int64_t v, struct err *e)
{
    if (v < 0 || v > ENTRIES_MAX)
        return bad(w, e, "an impossible number of entries");
    w->info->entries = w->entries_left = (uint32_t)v;
    if (v == 0)
        return end_contents(w, e);
    w->state = STATE_ENTRY;
    begin_entry(w);
    return 0;
}

static int take_block(struct custom_walk *w, struct err *e)
{
    struct entry key = {0}, *found;
    int64_t id = 0;

    if (decode_int(w->item + 1, &id) < 0)
        return bad(w, e, "a block without an id");
    key.id = (int32_t)id;
    found = w->entry_count == 0
                ? NULL
                : bsearch(&key, w->entries, w->entry_count, sizeof(key), compare_entries);
    if (found == NULL)
        return bad(w, e, "a block that the table of contents does not name");
    if (found->seen)
        return bad(w, e, "a second block for the same entry");
    w->block = w->item[0];
    if ((w->block != BLOCK_DATA && w->block != BLOCK_LARGE_OBJECTS) ||
        (found->block != BLOCK_ANY && found->block != w->block))
        return bad(w, e, "a block of the wrong kind");
    found->seen = true;
    w->open = found;
    w->state = w->block == BLOCK_DATA ? STATE_CHUNK : STATE_LARGE_OBJECT;
    w->want = INT_BYTES;
    return 0;
}

static void end_block(struct custom_walk *w)
{
    w->open = NULL;
    w->missing--;
    w->state = STATE_BLOCK;
    w->want = 1 + INT_BYTES;
}

static int take_chunk(struct custom_walk *w, int64_t len, struct err *e)
{
    if (len < 0)
        return bad(w, e, "a chunk of negative length");
    w->skip = (uint64_t)len;
    if (len > 0)
        return 0;
    if (w->block == BLOCK_DATA)
        end_block(w);
    else
        w->state = STATE_LARGE_OBJECT;
    return 0;
}

static void take_large_object(struct custom_walk *w, bool last)
{
    if (last)
        end_block(w);
    else
        w->state = STATE_CHUNK;
}

/* One item is there: what it means, and what comes next. */
static int take_item(struct custom_walk *w, struct err *e)
{
    int64_t v = 0;

    switch (w->state) {
    case STATE_MAGIC:
        return take_magic(w, e);
    case STATE_COMPRESSION: /* chunks are framed alike whatever is in them */
        w->state = STATE_DATE;
        w->want = INT_BYTES;
        return 0;
    case STATE_ENTRY:
        return take_field(w, e);
    case STATE_BLOCK:
        return take_block(w, e);
    case STATE_LARGE_OBJECT: /* an oid: 32 bits without a sign, so no int of ours */
        take_large_object(w, memcmp(w->item + 1, "\0\0\0\0", 4) == 0);
        return 0;
    default:
        break;
    }
    if (decode_int(w->item, &v) < 0)
        return bad(w, e, "no number where one must be");
    switch (w->state) {
    case STATE_DATE:
        if (++w->counter == 7) {
            w->counter = 0;
            w->state = STATE_HEADER_STRINGS;
        }
        return 0;
    case STATE_HEADER_STRINGS:
        return take_header_string(w, v, e);
    case STATE_COUNT:
        return take_count(w, v, e);
    default:
        return take_chunk(w, v, e);
    }
}

static size_t pass_over(struct custom_walk *w, const uint8_t *data, size_t len)
{
    size_t n = w->skip < len ? (size_t)w->skip : len;

    if (w->capture != NULL && w->state < STATE_BLOCK) {
        size_t room = w->capture_max - w->capture_len, take = n < room ? n : room;
        memcpy(w->capture + w->capture_len, data, take);
        w->capture_len += take;
        w->capture[w->capture_len] = '\0';
    }
    w->skip -= n;
    return n;
}

/* Whole rows: a length and the bytes it announces, both in this portion. It is where nearly all of
 * a dump goes by. Returns how many bytes were walked. */
static size_t walk_rows(const uint8_t *data, size_t len)
{
    size_t at = 0;

    while (len - at > INT_BYTES) {
        int64_t row;
        if (decode_int(data + at, &row) < 0 || row <= 0 || (size_t)row > len - at - INT_BYTES)
            break;
        at += INT_BYTES + (size_t)row;
    }
    return at;
}

int custom_walk_feed(struct custom_walk *w, const uint8_t *data, size_t len, struct err *e)
{
    while (len > 0) {
        size_t n;
        if (w->skip > 0) {
            n = pass_over(w, data, len);
        } else if (w->state == STATE_CHUNK && w->have == 0 && (n = walk_rows(data, len)) > 0) {
            ; /* walked */
        } else if (w->state == STATE_BLOCK && w->missing == 0) {
            return bad(w, e, "bytes follow the last block");
        } else {
            n = w->want - w->have < len ? w->want - w->have : len;
            memcpy(w->item + w->have, data, n);
            w->have += n;
        }
        data += n;
        len -= n;
        w->offset += n;
        if (w->skip == 0 && w->have == w->want) {
            w->have = 0;
            if (take_item(w, e) < 0)
                return -1;
        }
    }
    return 0;
}

int custom_walk_end(const struct custom_walk *w, struct err *e)
{
    unsigned long long at = w->offset;

    if (w->state < STATE_BLOCK)
        return err_set(e, ERR_SOURCE,
                       "the dump stops early: after %llu bytes, inside its table of contents", at);
    if (w->open != NULL)
        return err_set(e, ERR_SOURCE, "the dump stops early: after %llu bytes, inside %s", at,
                       w->open->name);
    for (size_t i = 0; i < w->entry_count; i++)
        if (!w->entries[i].seen)
            return err_set(e, ERR_SOURCE,
                           "the dump stops early: after %llu bytes, %zu of its %zu blocks of data "
                           "are missing, the first is %s",
                           at, w->missing, w->entry_count, w->entries[i].name);
    return 0;
}

void custom_walk_free(struct custom_walk *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->entry_count; i++)
        free(w->entries[i].name);
    free(w->entries);
    free(w);
}
