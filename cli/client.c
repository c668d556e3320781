#include "cli/client.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/protocol/control_msg.h"

enum { GREETING_MS = 10000, CALL_MS = 60000 };

struct client {
    struct channel channel;
    char *path;
    json_int_t last_id;
};

static int open_socket(const char *path, int *ret_fd, struct err *e)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(addr.sun_path))
        return err_set(e, ERR_USAGE, "socket %s: the path is longer than %zu characters", path,
                       sizeof(addr.sun_path) - 1);
    memcpy(addr.sun_path, path, strlen(path) + 1);
    *ret_fd = io_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*ret_fd < 0)
        return err_sys(e, ERR_IO, errno, "socket");
    if (io_connect(*ret_fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
        return 0;
    int why = errno;
    fs_closep(ret_fd);
    if (why == EACCES || why == EPERM)
        return err_set(e, ERR_DENIED,
                       "%s may not be opened by you: ask for a role in [access], or use sudo",
                       path);
    return err_set(e, ERR_NO_DAEMON,
                   "synbakd does not answer on %s: %s (systemctl start synbakd, or --socket PATH)",
                   path, strerror(why));
}

static int read_greeting(struct client *c, struct err *e)
{
    _cleanup_json_ json_t *greeting = NULL;
    int rc = channel_receive(&c->channel, NULL, GREETING_MS, &greeting, e);

    if (rc == CHANNEL_TIMEOUT)
        return err_set(e, ERR_NO_DAEMON,
                       "synbakd took the connection on %s but said nothing for 10 s "
                       "(systemctl status synbakd)",
                       c->path);
    if (rc != CHANNEL_OBJECT)
        return err_set(e, ERR_NO_DAEMON, "what answers on %s is not synbakd, or it is just ending",
                       c->path);
    int64_t protocol = json_opt_i64(greeting, "protocol", 0);
    if (protocol != CONTROL_PROTOCOL)
        return err_set(e, ERR_NO_DAEMON,
                       "synbakd on %s speaks protocol %lld, this synbakctl %d: install the same "
                       "version of both and restart synbakd",
                       c->path, (long long)protocol, CONTROL_PROTOCOL);
    return 0;
}

int client_connect(const char *path, struct client **ret, struct err *e)
{
    int fd = -1;

    if (open_socket(path, &fd, e) < 0)
        return -1;
    struct client *c = mem_alloc(sizeof(*c));
    channel_init(&c->channel, fd, CONTROL_REPLY_MAX);
    c->path = mem_strdup(path);
    if (read_greeting(c, e) < 0) {
        client_close(c);
        return -1;
    }
    *ret = c;
    return 0;
}

void client_close(struct client *c)
{
    if (c == NULL)
        return;
    channel_deinit(&c->channel);
    free(c->path);
    free(c);
}

static int lost(const struct client *c, const char *method, struct err *e)
{
    return err_set(e, ERR_NO_DAEMON,
                   "synbakd on %s ended the connection during \"%s\" (journalctl -u synbakd)",
                   c->path, method);
}

/* The daemon's own sentence and code, made ours. */
static int from_error(const json_t *error, struct err *e)
{
    const char *word = json_opt_string(json_object_get(error, "data"), "code", "internal");
    const char *message = json_opt_string(error, "message", "it gave no reason");

    return err_set(e, err_from_word(word), "%s", message);
}

/* 0: the reply to this call; 1: something else, read on. */
static int take_message(json_t *message, const struct client_call *call, json_int_t id,
                        json_t **ret, struct err *e)
{
    if (json_object_get(message, "method") != NULL) {
        if (call->progress != NULL && str_equal(json_opt_string(message, "method", ""), "progress"))
            call->progress(call->arg, json_object_get(message, "params"));
        return 1;
    }
    const json_t *error = json_object_get(message, "error");
    if (error != NULL && (json_opt_i64(message, "id", id) == id))
        return from_error(error, e);
    if (json_opt_i64(message, "id", -1) != id)
        return 1; /* the reply to a call that was given up */
    *ret = json_incref(json_object_get(message, "result"));
    if (!json_is_object(*ret))
        return err_set(e, ERR_FORMAT, "synbakd answered \"%s\" with nonsense", call->method);
    return 0;
}

int client_call(struct client *c, struct client_call call, json_t **ret, struct err *e)
{
    json_int_t id = ++c->last_id;
    _cleanup_json_ json_t *request =
        json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id", id, "method", call.method,
                  "params", call.params != NULL ? call.params : json_object());
    int timeout = call.timeout_ms == 0 ? CALL_MS : call.timeout_ms;

    if (frame_send(c->channel.fd, request, CONTROL_REQUEST_MAX, e) < 0)
        return e->code == ERR_LIMIT ? -1 : lost(c, call.method, e);
    for (;;) {
        _cleanup_json_ json_t *message = NULL;
        int rc = channel_receive(&c->channel, call.interrupt, timeout, &message, e);
        if (rc == CHANNEL_INTERRUPTED)
            return 1;
        if (rc == CHANNEL_TIMEOUT)
            return err_set(e, ERR_NO_DAEMON, "synbakd on %s did not answer \"%s\" in time", c->path,
                           call.method);
        if (rc != CHANNEL_OBJECT)
            return lost(c, call.method, e);
        rc = take_message(message, &call, id, ret, e);
        if (rc <= 0)
            return rc;
    }
}
