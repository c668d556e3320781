#include "lib/repository/add_cursor.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/repository/list.h"

enum {
    FAR = 4096,     /* how far off a known chunk is looked for, to either side */
    FAR_LISTS = 64, /* in a list: each must be cut and hashed first */
    KEPT = 2 * FAR,
    PIECE = 256 << 10 /* of the file; the longest chunk of a list */
};

struct add_cursor {
    int fd;
    int64_t offset; /* read so far */
    uint8_t *data;  /* PIECE bytes */
    size_t begin, end;

    struct list_parser *parser;   /* of content */
    const struct chunk_ref *refs; /* the parser's, not looked at yet */
    size_t ref_count;
    const struct cutter *cutter; /* of the list itself */
    struct chunk_coder *coder;

    struct chunk_id chunks[KEPT]; /* number i at i % KEPT */
    uint64_t at, loaded;          /* numbers */
    size_t far;
    bool ended;
};

static struct add_cursor *cursor_new(int fd, size_t far)
{
    struct add_cursor *c = mem_alloc(sizeof(*c));

    c->fd = fd;
    c->data = mem_alloc(PIECE);
    c->far = far;
    return c;
}

struct add_cursor *add_cursor_of_content(int fd)
{
    struct add_cursor *c = cursor_new(fd, FAR);

    c->parser = list_parser_new();
    return c;
}

struct add_cursor *add_cursor_of_list(int fd, const struct keys *k, const struct cutter *cutter)
{
    struct add_cursor *c = cursor_new(fd, FAR_LISTS);

    c->cutter = cutter;
    if (chunk_coder_new(k, &c->coder, NULL) < 0)
        c->ended = true;
    return c;
}

void add_cursor_free(struct add_cursor *c)
{
    if (c == NULL)
        return;
    list_parser_free(c->parser);
    chunk_coder_free(c->coder);
    free(c->data);
    free(c);
}

/* More bytes behind those that are left. 1: there are no more. */
static int read_more(struct add_cursor *c)
{
    size_t n = 0;

    memmove(c->data, c->data + c->begin, c->end - c->begin);
    c->end -= c->begin;
    c->begin = 0;
    if (fs_pread_full(c->fd, c->data + c->end, PIECE - c->end, c->offset, &n, NULL) < 0)
        return -1;
    c->offset += (int64_t)n;
    c->end += n;
    return n == 0;
}

static bool next_content(struct add_cursor *c, struct chunk_id *ret)
{
    struct list_record r;
    int rc;

    while (c->ref_count == 0) {
        while ((rc = list_parser_next(c->parser, &r, NULL)) == 1) {
            if (read_more(c) != 0 || list_parser_feed(c->parser, c->data, c->end, NULL) < 0)
                return false;
            c->begin = c->end;
        }
        if (rc < 0 || r.type == LIST_END)
            return false;
        c->refs = r.type == LIST_ENTRY ? r.entry.refs : r.refs;
        c->ref_count = r.type == LIST_ENTRY ? r.entry.ref_count : r.ref_count;
    }
    *ret = c->refs->id;
    c->refs++;
    c->ref_count--;
    return true;
}

static bool next_of_list(struct add_cursor *c, struct chunk_id *ret)
{
    if (c->end - c->begin < c->cutter->sizes.max && read_more(c) < 0)
        return false;
    size_t left = c->end - c->begin, len = cutter_find(c->cutter, c->data + c->begin, left);
    if (len == 0)
        len = left; /* the last */
    if (len == 0)
        return false;
    chunk_coder_id(c->coder, CHUNK_LIST, c->data + c->begin, len, ret);
    c->begin += len;
    return true;
}

/* Is number i there? */
static bool load(struct add_cursor *c, uint64_t i)
{
    while (!c->ended && c->loaded <= i) {
        struct chunk_id *id = &c->chunks[c->loaded % KEPT];
        if (c->parser != NULL ? next_content(c, id) : next_of_list(c, id))
            c->loaded++;
        else
            c->ended = true;
    }
    return i < c->loaded;
}

static bool is_at(const struct add_cursor *c, uint64_t i, const struct chunk_id *id)
{
    return c->loaded <= i + KEPT && chunk_id_equal(&c->chunks[i % KEPT], id);
}

/* The nearest, ahead or behind: what was inserted has taken predecessors that were not its own, and
 * so moved the cursor too far. */
void add_cursor_known(struct add_cursor *c, const struct chunk_id *id)
{
    for (size_t off = 0; off < c->far; off++) {
        if (load(c, c->at + off) && is_at(c, c->at + off, id)) {
            c->at += off + 1;
            return;
        }
        if (off < c->at && is_at(c, c->at - 1 - off, id)) {
            c->at -= off;
            return;
        }
    }
}

bool add_cursor_next(struct add_cursor *c, struct chunk_id *ret)
{
    if (!load(c, c->at))
        return false;
    *ret = c->chunks[c->at++ % KEPT];
    return true;
}
