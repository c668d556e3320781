/* Any bytes as what an SFTP server answers: read to the end, and never past it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store/sftp_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct sftp_reader *r, const uint8_t *data, size_t size)
{
    if (r->at < data || r->at + r->left > data + size)
        abort();
    if (r->bad && r->left != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sftp_reader r = {.at = data, .left = size};
    struct sftp_attrs a;
    size_t len;

    for (uint32_t count = sftp_read_u32(&r); count > 0 && !r.bad; count--) {
        char *name = sftp_read_name(&r, &a);
        check(&r, data, size);
        if (name != NULL && strlen(name) > size)
            abort();
        free(name);
    }
    r = (struct sftp_reader){.at = data, .left = size};
    while (r.left > 0 && !r.bad) { /* the pairs of VERSION */
        const uint8_t *bytes = sftp_read_bytes(&r, &len);
        check(&r, data, size);
        if (len > 0 && (bytes < data || bytes + len > data + size))
            abort();
    }
    r = (struct sftp_reader){.at = data, .left = size};
    (void)sftp_read_u64(&r);
    check(&r, data, size);
    return 0;
}
