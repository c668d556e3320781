#include "lib/plain/set_latest.h"

#include <string.h>

#include "lib/base/mem.h"

enum { PAGE = 32 };

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
    _cleanup_free_ struct store_object *page = mem_alloc(PAGE * sizeof(*page));
    _cleanup_free_ char *prefix = mem_printf("%s/", m->job);
    char after[STORE_NAME_MAX + 1];
    size_t n = PAGE;

    *ret = false;
    (void)snprintf(after, sizeof(after), "%s/%s/", m->job, m->id);
    while (n == PAGE && !*ret) {
        if (store_list(s, prefix, true, after, page, PAGE, &n, e) < 0)
            return -1;
        for (size_t i = 0; i < n && !*ret; i++) {
            char *id = page[i].name + strlen(prefix);
            struct wall when;
            if (!str_ends(id, "/"))
                continue;
            id[strlen(id) - 1] = '\0';
            *ret = clock_parse_set_id(id, &when) == 0 && newer_good(s, ring, m, id);
            id[strlen(id)] = '/';
        }
        if (n > 0)
            memcpy(after, page[n - 1].name, sizeof(after));
    }
    return 0;
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
