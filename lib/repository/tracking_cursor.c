#include "lib/repository/tracking_cursor.h"

#include "lib/base/fs.h"
#include "lib/base/mem.h"

enum { PIECE = 64 << 10 };

struct tracking_cursor {
    int fd;
    int64_t at;
    struct list_parser *parser;
    struct list_record record;
    bool has_record, ended;
    struct err failed; /* ERR_NONE: not yet */
    uint8_t piece[PIECE];
};

struct tracking_cursor *tracking_cursor_new(int fd)
{
    struct tracking_cursor *c = mem_alloc(sizeof(*c));

    c->fd = fd;
    c->parser = list_parser_new();
    return c;
}

void tracking_cursor_free(struct tracking_cursor *c)
{
    if (c == NULL)
        return;
    list_parser_free(c->parser);
    free(c);
}

/* 0: the parser got more; 1: there is no more, and that is as it should be. */
static int feed(struct tracking_cursor *c, struct err *e)
{
    size_t got;

    if (fs_pread_full(c->fd, c->piece, PIECE, c->at, &got, e) < 0)
        return -1;
    c->at += (int64_t)got;
    if (got > 0)
        return list_parser_feed(c->parser, c->piece, got, e);
    return list_parser_finish(c->parser, e) < 0 ? -1 : 1;
}

static int advance(struct tracking_cursor *c, struct err *e)
{
    for (;;) {
        int rc = list_parser_next(c->parser, &c->record, e);
        if (rc <= 0)
            return rc;
        rc = feed(c, e);
        if (rc != 0)
            return rc;
    }
}

int tracking_cursor_peek(struct tracking_cursor *c, const struct list_record **ret, struct err *e)
{
    if (c->failed.code == ERR_NONE && !c->has_record && !c->ended) {
        int rc = advance(c, &c->failed);
        c->has_record = rc == 0;
        c->ended = rc == 1;
    }
    if (c->failed.code != ERR_NONE) {
        if (e != NULL)
            *e = c->failed;
        return -1;
    }
    *ret = &c->record;
    return c->ended ? 1 : 0;
}

void tracking_cursor_take(struct tracking_cursor *c)
{
    c->has_record = false;
}

int tracking_cursor_peek_entry(struct tracking_cursor *c, const struct list_entry **ret,
                               struct err *e)
{
    const struct list_record *record;
    int rc;

    while ((rc = tracking_cursor_peek(c, &record, e)) == 0 && record->type != LIST_ENTRY)
        tracking_cursor_take(c);
    if (rc == 0)
        *ret = &record->entry;
    return rc;
}
