#include "cli/unit.h"

#include <string.h>

#include "cli/sandbox.h"
#include "lib/base/child.h"

enum { OUTPUT_MAX = 1 << 18, TIMEOUT_MS = 10000 };

json_t *unit_properties(void)
{
    static const char *const argv[] = {
        "systemctl", "show", "synbakd.service",
        ("--property=LoadState,ActiveState,ProtectHome,PrivateTmp,ProtectSystem,LoadCredential,"
         "ReadWritePaths,ReadOnlyPaths,BindPaths,BindReadOnlyPaths,InaccessiblePaths,"
         "TemporaryFileSystem"), /* one word of many pieces */
        NULL};
    const struct child_spec spec = {.argv = argv, .pass_fd = -1, .timeout_ms = TIMEOUT_MS};
    struct buf out = BUF_INIT(OUTPUT_MAX);
    json_t *unit = json_object();

    if (child_run(&spec, &out, NULL) == 0 && out.data != NULL)
        for (char *line = (char *)out.data; *line != '\0';) {
            size_t len = strcspn(line, "\n");
            char *next = line + len + (line[len] == '\n'), *equals = memchr(line, '=', len);
            line[len] = '\0';
            if (equals != NULL) {
                *equals = '\0';
                (void)json_object_set_new(unit, line, json_printable(equals + 1));
            }
            line = next;
        }
    buf_deinit(&out);
    if (!str_equal(json_opt_string(unit, "LoadState", ""), "loaded"))
        (void)json_object_clear(unit);
    return unit;
}

bool unit_lists_path(const json_t *unit, const char *property, const char *path)
{
    const char *p = json_opt_string(unit, property, "");

    while (*p != '\0') {
        size_t len = strcspn(p, " ");
        _cleanup_free_ char *word = mem_strndup(p, len);
        /* "-/path", "+/path", "/from:/to:options" */
        char *folder = word + strspn(word, "-+"), *colon = strchr(folder, ':');
        if (colon != NULL)
            *colon = '\0';
        if (folder[0] == '/' && path_inside(path, folder))
            return true;
        p += len + (p[len] == ' ');
    }
    return false;
}
