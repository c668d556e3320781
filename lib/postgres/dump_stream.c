#include "lib/postgres/dump_stream.h"

#include "lib/base/mem.h"
#include "lib/postgres/dump_walk.h"

struct dump_stream {
    enum dump_kind kind;
    uint64_t bytes;
    struct dump_info info;
    struct custom_walk *custom; /* one of the two */
    struct text_walk *text;
};

struct dump_stream *dump_stream_new(enum dump_kind kind)
{
    struct dump_stream *s = mem_alloc(sizeof(*s));

    s->kind = kind;
    if (kind == DUMP_KIND_CUSTOM)
        s->custom = custom_walk_new(&s->info);
    else
        s->text = text_walk_new(kind == DUMP_KIND_GLOBALS, &s->info);
    return s;
}

int dump_stream_feed(struct dump_stream *s, const void *data, size_t len, struct err *e)
{
    s->bytes += len;
    if (s->custom != NULL)
        return custom_walk_feed(s->custom, data, len, e);
    text_walk_feed(s->text, data, len);
    return 0;
}

int dump_stream_end(struct dump_stream *s, struct err *e)
{
    if (s->bytes == 0)
        return err_set(e, ERR_SOURCE, "the dump is empty");
    return s->custom != NULL ? custom_walk_end(s->custom, e) : text_walk_end(s->text, e);
}

const struct dump_info *dump_stream_info(const struct dump_stream *s)
{
    return &s->info;
}

uint64_t dump_stream_bytes(const struct dump_stream *s)
{
    return s->bytes;
}

void dump_stream_free(struct dump_stream *s)
{
    if (s == NULL)
        return;
    custom_walk_free(s->custom);
    text_walk_free(s->text);
    free(s);
}
