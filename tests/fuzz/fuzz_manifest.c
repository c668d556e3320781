/* Any bytes as manifest.json: refused, or a manifest whose names stay inside the set and which
 * survives being written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/plain/manifest.h"
#include "lib/store/ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_names(const struct manifest *m)
{
    for (size_t i = 0; i < m->artifact_count; i++) {
        const struct manifest_artifact *a = &m->artifacts[i];
        size_t n = strlen(a->source);
        for (size_t v = 0; v <= a->volume_count; v++) {
            const char *name = v < a->volume_count ? a->volumes[v].name : a->segments.name;
            if (!store_is_name(name) || strncmp(name, a->source, n) != 0 || name[n] != '/' ||
                strchr(name + n + 1, '/') != NULL)
                abort();
        }
    }
}

static void check_again(const struct manifest *m)
{
    json_t *o = manifest_to_json(m), *again;
    struct manifest copy;
    struct buf text = BUF_INIT(64 << 20);

    if (manifest_from_json(o, &copy, NULL) < 0)
        abort();
    again = manifest_to_json(&copy);
    if (!json_equal(o, again))
        abort();
    /* what people read is made from the same strings */
    if (manifest_text_write(m, "file:/k", &text, NULL) < 0)
        abort();
    manifest_deinit(&copy);
    json_decref(o);
    json_decref(again);
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest_peek says;
    struct manifest m;
    json_t *o = NULL;

    (void)!manifest_peek_bytes(data, size, &says, NULL);
    if (json_read(data, size, &o, NULL) < 0)
        return 0;
    if (manifest_from_json(o, &m, NULL) == 0) {
        check_names(&m);
        check_again(&m);
        manifest_deinit(&m);
    }
    json_decref(o);
    return 0;
}
