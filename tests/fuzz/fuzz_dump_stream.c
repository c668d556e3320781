/* The first byte chooses the kind of dump and how it is cut into portions; the rest is the dump. */
#include "lib/postgres/dump_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    size_t portion = 1 + (size_t)(data[0] >> 2) * 37;
    enum dump_kind kind = (enum dump_kind)((data[0] & 3) % 3);
    struct dump_stream *s = dump_stream_new(kind);
    int rc = 0;
    for (size_t at = 1; at < len && rc == 0; at += portion)
        rc = dump_stream_feed(s, data + at, len - at < portion ? len - at : portion, NULL);
    if (rc == 0 && dump_stream_end(s, NULL) != 0)
        rc = -1;
    dump_stream_free(s);
    return 0;
}
