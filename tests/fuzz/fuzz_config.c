/* Any bytes as a configuration: refused with an error, or a model whose printed form parses to the
 * same printed form. The redacted form never holds what the password option hid. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/config/config.h"
#include "lib/config/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PRINTED_MAX = 16 << 20 };

static struct buf print(const struct config *c)
{
    struct buf out = BUF_INIT(PRINTED_MAX);

    if (config_print_secret(c, &out, NULL) < 0)
        abort();
    return out;
}

static void check_round_trip(const struct config *c)
{
    struct buf once = print(c), shown = BUF_INIT(PRINTED_MAX);
    struct config *again = NULL;

    if (config_parse("printed", once.data, once.len, &again, NULL, NULL) < 0)
        abort();
    struct buf twice = print(again);
    if (once.len != twice.len || (once.len > 0 && memcmp(once.data, twice.data, once.len) != 0))
        abort();
    if (config_print(c, &shown, NULL) < 0)
        abort();
    buf_wipe(&once);
    buf_wipe(&twice);
    buf_wipe(&shown);
    config_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *c = NULL;
    struct strlist errors = {0};
    struct err e = {0};
    int r = config_parse("fuzz", data, size, &c, &errors, &e);

    /* A printed configuration may be longer than a file may be: only then it is not read again. */
    if (r == 0 && size < 300000)
        check_round_trip(c);
    if ((r < 0) != (errors.count > 0) || (r < 0 && e.code != ERR_CONFIG))
        abort();
    config_unref(c);
    strlist_deinit(&errors);
    return 0;
}
