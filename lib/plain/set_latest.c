#include "lib/plain/set_latest.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/listing.h"

static bool newer_good(struct store *s, struct keyring *ring, const struct manifest *m,
                       const char *id)
{
    struct manifest other;

    if (keyring_read(ring, s, m->job, id, NULL, &other, NULL, NULL, NULL) < 0)
        return false; /* nothing that a person should be led to */
    bool newer = other.sequence > m->sequence && manifest_is_good(&other);
    manifest_deinit(&other);
    return newer;
}

/* Ids are times, so newer ones come later in byte order, but for a clock that was set back. */
static int find_newer(struct store *s, struct keyring *ring, const struct manifest *m, bool *ret,
                      struct err *e)
{
    _cleanup_free_ char *prefix = mem_printf("%s/", m->job);
    _cleanup_(store_listing_deinit) struct store_listing list = {
        .store = s, .prefix = prefix, .fold = true};
    struct store_object *x;
    int rc = 0;

    *ret = false;
    (void)snprintf(list.after, sizeof(list.after), "%s/%s/", m->job, m->id);
    while (!*ret && (rc = store_listing_next(&list, &x, e)) == 0) {
        char *id = x->name + strlen(prefix);
        struct wall when;
        if (!str_ends(id, "/"))
            continue;
        id[strlen(id) - 1] = '\0';
        *ret = clock_parse_set_id(id, &when) == 0 && newer_good(s, ring, m, id);
    }
    return rc < 0 ? -1 : 0;
}

int set_latest_point(struct store *s, struct keyring *ring, const struct manifest *m, struct err *e)
{
    _cleanup_free_ char *latest = mem_printf("%s/latest", m->job);
    _cleanup_free_ char *path = store_local_path(s, latest);
    bool newer;

    if (path == NULL || !manifest_is_good(m))
        return 0;
    if (find_newer(s, ring, m, &newer, e) < 0)
        return -1;
    return newer ? 0 : store_point(s, latest, m->id, e);
}
