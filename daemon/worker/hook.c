/* hook.c — run one hook: an argument vector, no shell, no capabilities, a small environment. */
#include <stdlib.h>

#include "daemon/worker/worker.h"
#include "lib/base/child.h"
#include "lib/base/mem.h"

enum { OUTPUT_MAX = 64 << 10, TIMEOUT_MAX_S = 7 * 86400 };

/* The job's variables over a fixed base; nothing of the daemon's own environment goes along. */
static void build_environment(const json_t *job, struct strlist *env)
{
    const char *name;
    json_t *value;
    const char *path = getenv("PATH");

    strlist_addf(env, "PATH=%s", path != NULL ? path : "/usr/local/bin:/usr/bin:/bin");
    strlist_add(env, "LANG=C.UTF-8");
    json_object_foreach(json_object_get(job, "env"), name, value) if (json_is_string(value))
        strlist_addf(env, "%s=%s", name, json_string_value(value));
}

static int run_hook(const struct strlist *argv, const struct strlist *env, int64_t timeout_s,
                    struct buf *out, struct err *e)
{
    const struct child_spec spec = {.argv = (const char *const *)argv->items,
                                    .env = (const char *const *)env->items,
                                    .pass_fd = -1,
                                    .timeout_ms = timeout_s * 1000};

    return child_run(&spec, out, e);
}

static json_t *output_of(const struct buf *out)
{
    _cleanup_free_ char *text =
        str_printable(out->len > 0 ? (const char *)out->data : "", out->len);

    return json_pack("{s:s}", "output", text);
}

int verb_hook(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct strlist argv = {0}, env = {0};
    struct buf out = BUF_INIT(OUTPUT_MAX);
    int64_t timeout_s;
    int rc = -1;

    if (json_get_strings(job, "argv", &argv, e) < 0 ||
        json_get_i64(job, "timeout_s", 1, TIMEOUT_MAX_S, &timeout_s, e) < 0)
        goto out;
    if (argv.count == 0) {
        (void)err_set(e, ERR_FORMAT, "the hook is empty");
        goto out;
    }
    build_environment(job, &env);
    worker_progress(w, argv.items[0], 0, 0);
    if (run_hook(&argv, &env, timeout_s, &out, e) < 0) {
        if (e != NULL && e->code == ERR_CHILD)
            e->code = ERR_HOOK;
        goto out;
    }
    *ret_result = output_of(&out);
    rc = 0;
out:
    strlist_deinit(&argv);
    strlist_deinit(&env);
    buf_deinit(&out);
    return rc;
}
