#include <string.h>

#include "lib/repository/add_parts.h"

enum { DELTA_WORTH = 256 }; /* stored bytes that are worth a look at the base */

/* The delta in the place of the whole form; 1: the whole form stays. */
static int try_delta(struct add_worker *w, struct add_slot *s, const void **stored, size_t *len,
                     struct err *e)
{
    const uint8_t *base;
    const void *delta;
    size_t base_len, delta_len;

    int rc = add_base_read(w->base, w->coder, s, &s->entry.base, &base, &base_len);
    if (rc == 0)
        rc = chunk_encode_delta(w->coder, s->data, s->entry.length, base, base_len, *len, &delta,
                                &delta_len, e);
    if (rc != 0)
        return rc;
    s->entry.codec = CHUNK_DELTA;
    *stored = delta;
    *len = delta_len;
    return 0;
}

int add_encode(struct add_worker *w, struct add_slot *s, struct err *e)
{
    const void *stored;
    size_t len;

    if (chunk_encode(w->coder, s->data, s->entry.length, &stored, &len, &s->entry.codec, e) < 0)
        return -1;
    if (s->has_predecessor && len > DELTA_WORTH && try_delta(w, s, &stored, &len, e) < 0)
        return -1;
    /* Its plain bytes have served: what is stored takes their place. */
    if (stored != s->data)
        memcpy(s->data, stored, len);
    s->entry.stored = (uint32_t)len;
    chunk_coder_trim(w->coder);
    add_base_trim(w->base);
    return 0;
}
