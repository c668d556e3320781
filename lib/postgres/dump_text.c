/* dump_text.c — the end of an SQL dump.
 *
 * Only the first and the last few kilobytes are kept. A table may hold rows that look like the end
 * of a dump, so a copy cut off behind such a row would pass; the \restrict key, a random word that
 * pg_dump chooses for each dump, closes that hole where pg_dump writes one. */
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/postgres/dump_walk.h"

enum { HEAD_MAX = 2048, TAIL_MAX = 2048, KEY_MAX = 128 };

struct text_walk {
    bool globals;
    struct dump_info *info;
    size_t head_len, tail_len;
    char head[HEAD_MAX + 1], tail[TAIL_MAX + 1];
};

struct text_walk *text_walk_new(bool globals, struct dump_info *info)
{
    struct text_walk *w = mem_alloc(sizeof(*w));

    w->globals = globals;
    w->info = info;
    return w;
}

void text_walk_feed(struct text_walk *w, const uint8_t *data, size_t len)
{
    if (len == 0)
        return;
    size_t room = HEAD_MAX - w->head_len, take = len < room ? len : room;

    memcpy(w->head + w->head_len, data, take);
    w->head_len += take;
    if (len >= TAIL_MAX) {
        memcpy(w->tail, data + len - TAIL_MAX, TAIL_MAX);
        w->tail_len = TAIL_MAX;
        return;
    }
    size_t keep = w->tail_len + len > TAIL_MAX ? TAIL_MAX - len : w->tail_len;
    memmove(w->tail, w->tail + w->tail_len - keep, keep);
    memcpy(w->tail + keep, data, len);
    w->tail_len = keep + len;
}

/* The word of the \restrict line at the top into key; "" if there is none. */
static void find_key(const struct text_walk *w, char key[KEY_MAX])
{
    static const char mark[] = "\n\\restrict ";
    const char *at = memmem(w->head, w->head_len, mark, strlen(mark));

    key[0] = '\0';
    if (at == NULL)
        return;
    at += strlen(mark);
    size_t room = (size_t)(w->head + w->head_len - at), len = 0;
    while (len < room && len < KEY_MAX - 1 && at[len] != '\n')
        len++;
    memcpy(key, at, len);
    key[len] = '\0';
}

/* Take `ending` off the end of the text; false if it does not end so. */
static bool strip(const char *text, size_t *len, const char *ending)
{
    size_t n = strlen(ending);

    if (*len < n || memcmp(text + *len - n, ending, n) != 0)
        return false;
    *len -= n;
    return true;
}

static void strip_blank_lines(const char *text, size_t *len)
{
    while (*len >= 2 && text[*len - 1] == '\n' && text[*len - 2] == '\n')
        (*len)--;
}

int text_walk_end(struct text_walk *w, struct err *e)
{
    const char *what = w->globals ? "database cluster" : "database";
    char key[KEY_MAX], unrestrict[KEY_MAX + 16], comment[96];
    size_t len = w->tail_len;

    find_key(w, key);
    (void)snprintf(unrestrict, sizeof(unrestrict), "\n\\unrestrict %s\n", key);
    (void)snprintf(comment, sizeof(comment), "\n--\n-- PostgreSQL %s dump complete\n--\n", what);
    strip_blank_lines(w->tail, &len);
    /* pg_dump closes the restriction behind the comment, pg_dumpall before it */
    if (key[0] != '\0' && !w->globals) {
        if (!strip(w->tail, &len, unrestrict))
            return err_set(e, ERR_SOURCE,
                           "the SQL text stops early: its last line is not the "
                           "\\unrestrict that matches its first lines");
        w->tail[len++] = '\n'; /* the one that began the line ends the one before */
        strip_blank_lines(w->tail, &len);
    }
    if (!strip(w->tail, &len, comment))
        return err_set(e, ERR_SOURCE,
                       "the SQL text stops early: the comment \"PostgreSQL %s dump complete\" is "
                       "not at its end",
                       what);
    if (key[0] != '\0' && w->globals) {
        w->tail[len++] = '\n';
        strip_blank_lines(w->tail, &len);
        if (!strip(w->tail, &len, unrestrict))
            return err_set(e, ERR_SOURCE,
                           "the SQL text of the globals lacks the \\unrestrict line that matches "
                           "its first lines");
    }
    w->info->restricted = key[0] != '\0';
    return 0;
}

void text_walk_free(struct text_walk *w)
{
    free(w);
}
