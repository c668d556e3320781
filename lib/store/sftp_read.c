/* sftp_read.c — ranges of a file, asked for in pieces that are under way together.
 *
 * A server may answer a piece with fewer bytes than asked for; then the rest of the piece is asked for
 * again. Only the status EOF is the end. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/sftp_store.h"

struct piece {
    struct sftp_call call;
    size_t begin, len, have; /* begin counts from the start of the range */
};

struct reading {
    struct sftp_link *link;
    const struct sftp_handle *handle;
    uint64_t offset;
    uint8_t *data;
    size_t len;

    struct piece pieces[SFTP_IN_FLIGHT];
    size_t first, under_way; /* a ring */
    size_t asked;            /* bytes from the start of the range */
};

static void ask(struct reading *r, struct piece *p)
{
    sftp_link_send(r->link,
                   sftp_frame_new(FXP_READ, "bUu", r->handle->bytes, r->handle->len,
                                  (uint64_t)(r->offset + p->begin + p->have),
                                  (uint32_t)(p->len - p->have)),
                   &p->call);
}

static void ask_ahead(struct reading *r)
{
    while (r->under_way < SFTP_IN_FLIGHT && r->asked < r->len) {
        struct piece *p = &r->pieces[(r->first + r->under_way) % SFTP_IN_FLIGHT];
        size_t len = r->len - r->asked < SFTP_PIECE ? r->len - r->asked : SFTP_PIECE;
        *p = (struct piece){.begin = r->asked, .len = len};
        ask(r, p);
        r->asked += len;
        r->under_way++;
    }
}

/* The oldest piece's answer. 1: a status, in *ret_status. */
static int take(struct reading *r, struct piece *p, uint32_t *ret_status, struct err *e)
{
    if (sftp_link_wait(r->link, &p->call, e) < 0)
        return -1;
    struct sftp_reader in = {.at = p->call.body, .left = p->call.len};
    size_t n;
    *ret_status = sftp_status(&p->call);
    if (p->call.type == FXP_STATUS && *ret_status != FX_OK)
        return 1;
    const uint8_t *bytes = sftp_read_bytes(&in, &n);
    if (p->call.type != FXP_DATA || in.bad || n == 0 || n > p->len - p->have)
        return sftp_wrong_answer(sftp_link_place(r->link), "read", e);
    memcpy(r->data + p->begin + p->have, bytes, n);
    p->have += n;
    return 0;
}

int sftp_read(struct sftp_link *l, const struct sftp_handle *h, uint64_t offset, void *data,
              size_t len, size_t *ret_len, uint32_t *ret_status, struct err *e)
{
    _cleanup_free_ struct reading *r = mem_alloc(sizeof(*r));
    int rc = 0;

    *r = (struct reading){.link = l, .handle = h, .offset = offset, .data = data, .len = len};
    *ret_len = 0;
    ask_ahead(r);
    while (r->under_way > 0) {
        struct piece *p = &r->pieces[r->first];
        rc = take(r, p, ret_status, e);
        sftp_call_done(&p->call);
        *ret_len = p->begin + p->have;
        if (rc == 0 && p->have < p->len) {
            ask(r, p);
            continue;
        }
        r->first = (r->first + 1) % SFTP_IN_FLIGHT;
        r->under_way--;
        if (rc != 0)
            break;
        ask_ahead(r);
    }
    for (; r->under_way > 0; r->under_way--) {
        sftp_link_discard(l, &r->pieces[r->first].call);
        r->first = (r->first + 1) % SFTP_IN_FLIGHT;
    }
    return rc == 1 && *ret_status == FX_EOF ? 0 : rc;
}
