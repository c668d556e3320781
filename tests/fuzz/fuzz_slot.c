/* Any bytes as a key slot: refused, or one whose scrypt is affordable and whose texts can be shown. Nothing is
 * computed from it before that. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/repository/slot_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct slot_object *o)
{
    const struct slot *s = &o->says;
    _cleanup_free_ char *shown = str_printable(s->label, strlen(s->label));

    if (s->scrypt_n < 1 << 15 || s->scrypt_n > 1 << 20 || (s->scrypt_n & (s->scrypt_n - 1)) != 0 ||
        s->scrypt_p < 1 || s->scrypt_p > 4)
        abort();
    if (strcmp(shown, s->label) != 0 || slot_kind_word(s->kind) == NULL || s->damaged)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t repository[REPOSITORY_ID_LEN], stretched[SLOT_STRETCHED_LEN];
    struct slot_object o;
    struct keys *k = NULL;

    if (slot_object_parse("00112233445566778899aabbccddeeff", data, size, &o, NULL) < 0)
        return 0;
    check(&o);
    if (slot_unlock(&o, repository, stretched, &k, NULL) == 0)
        abort(); /* nobody signed it */
    slot_object_deinit(&o);
    return 0;
}
