/* sftp_known_hosts.c — is it the server that we know?
 *
 * The file is that of ssh(1): plain and hashed names, "[host]:port" where the port is not 22, and lines
 * marked @revoked. Certificate authorities (@cert-authority) are not followed. */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/base/buf.h"
#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/sftp_ssh.h"

enum { FILE_MAX = 4 * 1024 * 1024, SSH_PORT = 22 };

struct kind {
    int session, known; /* LIBSSH2_HOSTKEY_TYPE_*, LIBSSH2_KNOWNHOST_KEY_* */
    const char *name;   /* of the method, best first */
};

static const struct kind kinds[] = {
    {LIBSSH2_HOSTKEY_TYPE_ED25519, LIBSSH2_KNOWNHOST_KEY_ED25519, "ssh-ed25519"},
    {LIBSSH2_HOSTKEY_TYPE_ECDSA_256, LIBSSH2_KNOWNHOST_KEY_ECDSA_256, "ecdsa-sha2-nistp256"},
    {LIBSSH2_HOSTKEY_TYPE_ECDSA_384, LIBSSH2_KNOWNHOST_KEY_ECDSA_384, "ecdsa-sha2-nistp384"},
    {LIBSSH2_HOSTKEY_TYPE_ECDSA_521, LIBSSH2_KNOWNHOST_KEY_ECDSA_521, "ecdsa-sha2-nistp521"},
    {LIBSSH2_HOSTKEY_TYPE_RSA, LIBSSH2_KNOWNHOST_KEY_SSHRSA, "ssh-rsa"},
};

/* The host as the file writes it. Owned. */
static char *written_host(const struct sftp_options *o)
{
    return o->port == SSH_PORT ? mem_strdup(o->host) : mem_printf("[%s]:%d", o->host, o->port);
}

static char *keyscan(const struct sftp_options *o)
{
    _cleanup_free_ char *port =
        o->port == SSH_PORT ? mem_strdup("") : mem_printf("-p %d ", o->port);

    _cleanup_free_ char *host = str_shell_quote(o->host), *file = str_shell_quote(o->known_hosts);

    return mem_printf("ssh-keyscan %s%s >>%s", port, host, file);
}

static int read_file(const struct sftp_options *o, const char *place, struct buf *ret,
                     struct err *e)
{
    if (fs_read_file(-1, o->known_hosts, ret, e) == 0)
        return 0;
    if (e != NULL && e->code == ERR_NOT_FOUND) {
        _cleanup_free_ char *command = keyscan(o);
        return err_set(
            e, ERR_CONFIG,
            "%s: there is no %s, which would say whose host it is (make it with `%s` and "
            "compare the key with the server's own)",
            place, o->known_hosts, command);
    }
    return err_wrap(e, "%s: known hosts", place);
}

/* Call `line` with each line of the text, which is cut up. */
static LIBSSH2_KNOWNHOSTS *parse(LIBSSH2_SESSION *session, char *text)
{
    LIBSSH2_KNOWNHOSTS *hosts = libssh2_knownhost_init(session);
    char *save = NULL;

    if (hosts == NULL)
        abort(); /* memory, as in mem.h */
    /* A line that it cannot read knows no host; it must not hide the others. */
    for (char *line = strtok_r(text, "\r\n", &save); line != NULL;
         line = strtok_r(NULL, "\r\n", &save))
        if (line[0] != '#' && line[0] != '@')
            (void)libssh2_knownhost_readline(hosts, line, strlen(line),
                                             LIBSSH2_KNOWNHOST_FILE_OPENSSH);
    return hosts;
}

/* Does any line marked @revoked name this very key? For whatever host: nobody else has it either. */
static bool is_revoked(const char *text, const char *key, size_t len)
{
    _cleanup_free_ char *encoded = mem_alloc(4 * ((len + 2) / 3) + 1);

    (void)EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)key, (int)len);
    for (const char *at = text; (at = strstr(at, encoded)) != NULL; at++) {
        const char *line = at;
        while (line > text && line[-1] != '\n')
            line--;
        if (str_starts(line, "@revoked"))
            return true;
    }
    return false;
}

int sftp_known_host_prefer(LIBSSH2_SESSION *session, const struct sftp_options *o,
                           const char *place, struct err *e)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(FILE_MAX);
    _cleanup_(buf_deinit) struct buf order = BUF_INIT(1024);
    _cleanup_free_ char *host = written_host(o);

    if (read_file(o, place, &text, e) < 0)
        return -1;
    LIBSSH2_KNOWNHOSTS *hosts =
        parse(session, text.data == NULL ? (char[]){""} : (char *)text.data);
    int rc = 0;
    for (int known = 1; known >= 0 && rc == 0; known--)
        for (size_t i = 0; i < ARRAY_LEN(kinds) && rc == 0; i++) {
            /* No key is the single byte 0: that it does not match says that there is one. */
            int found = libssh2_knownhost_check(
                hosts, host, "", 1,
                LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW | kinds[i].known, NULL);
            if ((found == LIBSSH2_KNOWNHOST_CHECK_MISMATCH) == (known == 1))
                rc = buf_printf(&order, e, "%s%s", order.len > 0 ? "," : "", kinds[i].name);
        }
    libssh2_knownhost_free(hosts);
    if (rc == 0 &&
        libssh2_session_method_pref(session, LIBSSH2_METHOD_HOSTKEY, (const char *)order.data) != 0)
        rc = err_set(e, ERR_INTERNAL, "%s: the SSH library knows none of %s", place,
                     (const char *)order.data);
    return rc;
}

/* "SHA256:..." as ssh-keygen -l prints it. */
static void fingerprint(LIBSSH2_SESSION *session, char out[64])
{
    const char *hash = libssh2_hostkey_hash(session, LIBSSH2_HOSTKEY_HASH_SHA256);
    unsigned char encoded[48] = "unknown";

    if (hash != NULL)
        (void)EVP_EncodeBlock(encoded, (const unsigned char *)hash, 32);
    size_t len = strcspn((char *)encoded, "=");
    (void)snprintf(out, 64, "SHA256:%.*s", (int)len, (char *)encoded);
}

static int refuse(LIBSSH2_SESSION *session, int found, const struct sftp_options *o,
                  const char *place, struct err *e)
{
    _cleanup_free_ char *command = keyscan(o), *host = written_host(o);
    _cleanup_free_ char *quoted = str_shell_quote(host), *file = str_shell_quote(o->known_hosts);
    char print[64];

    fingerprint(session, print);
    if (found == LIBSSH2_KNOWNHOST_CHECK_NOTFOUND)
        return err_set(
            e, ERR_CONFIG,
            "%s: the host shows the key %s, and %s does not know it (if the server's own "
            "`ssh-keygen -l` says the same: %s)",
            place, print, o->known_hosts, command);
    if (found == LIBSSH2_KNOWNHOST_CHECK_MISMATCH)
        return err_set(
            e, ERR_REFUSED,
            "%s: the host key has CHANGED to %s: it is another server, or someone stands "
            "between (only if its administrator says why: ssh-keygen -R %s -f %s, then %s)",
            place, print, quoted, file, command);
    return err_set(e, ERR_INTERNAL, "%s: the host's key cannot be compared with %s", place,
                   o->known_hosts);
}

int sftp_known_host_check(LIBSSH2_SESSION *session, const struct sftp_options *o, const char *place,
                          struct err *e)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(FILE_MAX);
    _cleanup_free_ char *host = written_host(o);
    size_t len;
    int kind, known = LIBSSH2_KNOWNHOST_KEY_UNKNOWN;
    const char *key = libssh2_session_hostkey(session, &len, &kind);

    if (key == NULL)
        return err_set(e, ERR_UNAVAILABLE, "%s: the server showed no host key", place);
    if (read_file(o, place, &text, e) < 0)
        return -1;
    if (text.data != NULL && is_revoked((char *)text.data, key, len))
        return err_set(e, ERR_REFUSED, "%s: the host's key is marked @revoked in %s", place,
                       o->known_hosts);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].session == kind)
            known = kinds[i].known;
    LIBSSH2_KNOWNHOSTS *hosts =
        parse(session, text.data == NULL ? (char[]){""} : (char *)text.data);
    int found = libssh2_knownhost_check(
        hosts, host, key, len, LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW | known,
        NULL);
    libssh2_knownhost_free(hosts);
    return found == LIBSSH2_KNOWNHOST_CHECK_MATCH ? 0 : refuse(session, found, o, place, e);
}
