/* cli.c — what the commands share: the connection, the configuration, JSON output. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/target.h"

enum { JSON_MAX = 1 << 30 };

const char *cli_config_file(const struct cli *c)
{
    const char *file = args_value(c->args, "--config");

    if (file == NULL)
        file = getenv("SYNBAK_CONFIG");
    return file != NULL ? file : CONFIG_FILE_DEFAULT;
}

int cli_load_config(struct cli *c, struct err *e)
{
    if (c->config != NULL)
        return 0;
    return config_load(cli_config_file(c), &c->config, NULL, e);
}

int cli_load_config_instead(struct cli *c, struct err *e)
{
    struct err why = {0};

    if (cli_load_config(c, &why) == 0)
        return 0;
    if (access(cli_config_file(c), R_OK) == 0) /* there is one, and it is wrong */
        *e = why;
    return -1;
}

/* --socket, $SYNBAK_SOCKET, what --config or the usual file says, the default. Owned. */
static char *socket_path(struct cli *c)
{
    const char *path = args_value(c->args, "--socket");

    if (path == NULL)
        path = getenv("SYNBAK_SOCKET");
    if (path == NULL && cli_load_config(c, NULL) == 0)
        path = c->config->socket_path;
    return mem_strdup(path != NULL ? path : SOCKET_DEFAULT);
}

int cli_connect(struct cli *c, struct err *e)
{
    if (c->client != NULL)
        return 0;
    _cleanup_free_ char *path = socket_path(c);
    return client_connect(path, &c->client, e);
}

int cli_connect_optional(struct cli *c, struct err *e)
{
    if (cli_connect(c, e) == 0)
        return 0;
    return e->code == ERR_NO_DAEMON ? 1 : -1;
}

int cli_call(struct cli *c, const char *method, json_t *params, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *kept = params != NULL ? params : json_object();

    if (cli_connect(c, e) < 0)
        return -1;
    if (client_call(c->client, (struct client_call){.method = method, .params = json_incref(kept)},
                    ret, e) == 0)
        return 0;
    return e->code == ERR_NOT_FOUND ? target_advise(c, kept, e) : -1;
}

int cli_list(struct cli *c, json_t *params, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *kept = params, *all = json_array();
    int rc;

    for (;;) {
        _cleanup_json_ json_t *page = NULL;
        rc = cli_call(c, "list", json_incref(kept), &page, e);
        if (rc < 0)
            break;
        (void)json_array_extend(all, json_object_get(page, "sets"));
        const json_t *next = json_object_get(page, "next");
        if (!json_is_object(next))
            break;
        (void)json_object_set_new(kept, "after", json_deep_copy(next));
    }
    if (rc == 0)
        *ret = json_pack("{s:O}", "sets", all);
    return rc;
}

bool cli_json(const struct cli *c, const json_t *value)
{
    struct buf out = BUF_INIT(JSON_MAX);

    if (!c->screen.json)
        return false;
    if (json_write(value, &out, NULL) == 0)
        (void)printf("%s\n", (const char *)out.data);
    buf_deinit(&out);
    return true;
}

json_t *cli_params(const struct cli *c)
{
    const char *reason = args_value(c->args, "--reason");
    json_t *params = json_object();

    if (reason != NULL)
        (void)json_object_set_new(params, "reason", json_printable(reason));
    return params;
}
