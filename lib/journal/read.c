/* read.c — reading the journal beside the daemon that writes it: nothing is locked or changed. */
#include <errno.h>
#include <fcntl.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/journal/segment.h"

/* The segment that holds record after + 1, or the oldest there is. */
static size_t first_wanted(const struct segments *s, int64_t after)
{
    size_t i = s->count - 1;

    while (i > 0 && s->first[i] > after + 1)
        i--;
    return i;
}

/* 1: it has expired since it was listed. */
static int read_segment(int dirfd, const struct segments *s, size_t i, struct chain *chain,
                        int64_t after, journal_replay_cb *cb, void *arg, struct err *e)
{
    char name[SEGMENT_NAME_LEN + 1];
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(SEGMENT_MAX);
    struct err why = {0};
    size_t good;

    if (fs_read_file(dirfd, segment_name(s->first[i], name), &text, &why) < 0) {
        if (why.code == ERR_NOT_FOUND)
            return 1;
        if (e != NULL)
            *e = why;
        return -1;
    }
    struct segment_text whole = {
        .name = name, .data = text.data, .len = text.len, .is_last = i + 1 == s->count};
    return segment_walk(&whole, chain, after, cb, arg, &good, e);
}

int journal_tail(const char *state_dir, size_t segments, int64_t *ret_after, struct err *e)
{
    _cleanup_free_ char *path = mem_printf("%s/journal", state_dir);
    _cleanup_(fs_closep) int dir = -1;
    _cleanup_(segments_deinit) struct segments all = {0};

    *ret_after = 0;
    if (fs_open_dir(path, &dir, e) < 0 || segments_list(dir, &all, e) < 0)
        return err_wrap(e, "journal");
    if (segments < all.count)
        *ret_after = all.first[all.count - segments] - 1;
    return 0;
}

int journal_read(const char *state_dir, int64_t after, journal_replay_cb *cb, void *arg,
                 struct err *e)
{
    _cleanup_free_ char *path = mem_printf("%s/journal", state_dir);
    _cleanup_(fs_closep) int dir = -1;
    _cleanup_(segments_deinit) struct segments segments = {0};
    struct chain chain = {0};
    bool known = false;

    if (fs_open_dir(path, &dir, e) < 0 || segments_list(dir, &segments, e) < 0)
        return err_wrap(e, "journal");
    if (segments.count == 0)
        return 0;
    for (size_t i = first_wanted(&segments, after); i < segments.count; i++) {
        /* The one before may expire between listing and reading: then this one is the oldest. */
        if (!known && chain_before(dir, &segments, i, &chain, NULL) < 0)
            chain = (struct chain){.seq = segments.first[i] - 1};
        int rc = read_segment(dir, &segments, i, &chain, after, cb, arg, e);
        if (rc < 0)
            return err_wrap(e, "%s", path);
        known = rc == 0;
    }
    return 0;
}
