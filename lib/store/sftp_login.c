/* sftp_login.c — who we are: a private key, or an agent that holds one. Passwords are not offered: a
 * machine that logs in by itself has no use for one. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/sftp_ssh.h"

static enum err_code code_of(int rc)
{
    switch (rc) {
    case LIBSSH2_ERROR_AUTHENTICATION_FAILED:
    case LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED:
        return ERR_DENIED;
    case LIBSSH2_ERROR_TIMEOUT:
    case LIBSSH2_ERROR_SOCKET_TIMEOUT:
        return ERR_TIMEOUT;
    case LIBSSH2_ERROR_SOCKET_SEND:
    case LIBSSH2_ERROR_SOCKET_RECV:
    case LIBSSH2_ERROR_SOCKET_DISCONNECT:
        return ERR_UNAVAILABLE;
    default:
        return ERR_KEY;
    }
}

static int by_key(LIBSSH2_SESSION *session, const struct sftp_options *o, const char *place,
                  struct err *e)
{
    int rc = libssh2_userauth_publickey_frommemory(
        session, o->user, strlen(o->user), NULL, 0, o->key->text, o->key->len,
        o->passphrase != NULL ? o->passphrase->text : NULL);
    if (rc == 0)
        return 0;
    _cleanup_free_ char *why = sftp_ssh_reason(session);
    enum err_code code = code_of(rc);
    if (code == ERR_DENIED)
        return err_set(
            e, code,
            "%s: the server does not let user %s in with this key (add its public half to "
            "authorized_keys there; RSA keys are refused by today's servers: use ed25519)%s",
            place, o->user, why);
    if (code == ERR_KEY)
        return err_set(
            e, code,
            "%s: the private key cannot be used (is it a private key, and the passphrase "
            "right?)%s",
            place, why);
    return err_set(e, code, "%s: log in%s", place, why);
}

/* Each of the agent's keys in turn. 1: none was taken. */
static int try_identities(LIBSSH2_AGENT *agent, const struct sftp_options *o, int *ret_tried)
{
    struct libssh2_agent_publickey *key = NULL;

    for (*ret_tried = 0;; (*ret_tried)++) {
        int rc = libssh2_agent_get_identity(agent, &key, key);
        if (rc != 0)
            return rc;
        if (libssh2_agent_userauth(agent, o->user, key) == 0)
            return 0;
    }
}

static int by_agent(LIBSSH2_SESSION *session, const struct sftp_options *o, const char *place,
                    struct err *e)
{
    LIBSSH2_AGENT *agent = libssh2_agent_init(session);
    int tried = 0;

    if (agent == NULL)
        abort(); /* memory, as in mem.h */
    int rc = libssh2_agent_connect(agent);
    if (rc != 0)
        (void)err_set(e, ERR_KEY,
                      "%s: no agent answers at SSH_AUTH_SOCK (start ssh-agent there, or name a "
                      "private_key)",
                      place);
    else if ((rc = libssh2_agent_list_identities(agent)) != 0)
        (void)err_set(e, ERR_KEY, "%s: the agent does not show its keys", place);
    else if ((rc = try_identities(agent, o, &tried)) != 0)
        (void)err_set(
            e, ERR_DENIED,
            "%s: the server lets user %s in with none of the agent's %d keys (ssh-add the "
            "right one, and add its public half to authorized_keys there)",
            place, o->user, tried);
    (void)libssh2_agent_disconnect(agent);
    libssh2_agent_free(agent);
    return rc == 0 ? 0 : -1;
}

int sftp_login(LIBSSH2_SESSION *session, const struct sftp_options *o, const char *place,
               struct err *e)
{
    return o->key != NULL ? by_key(session, o, place, e) : by_agent(session, o, place, e);
}
