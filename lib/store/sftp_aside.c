/* sftp_aside.c — replacing an object where the server has no posix-rename@openssh.com.
 *
 * The rename of version 3 never replaces. So the old object goes aside, to a place in INCOMING_DIR that
 * follows from its name, the new one takes its name, and the old one is removed. Who crashes in between
 * leaves an object aside whose name is free: whoever asks for that name brings it back. So it is
 * always either of the two. No sweep touches what is aside. */
#include <string.h>

#include <openssl/sha.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/sftp_store.h"

static char *aside_path(const struct sftp_store *s, const char *name)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char text[sizeof(SFTP_ASIDE) + 32] = SFTP_ASIDE;

    (void)SHA256((const uint8_t *)name, strlen(name), digest);
    hex_encode(digest, 16, text + strlen(SFTP_ASIDE));
    return sftp_incoming_path(s, text);
}

static int ask_rename(struct sftp_link *l, const char *from, const char *to, uint32_t *ret_status,
                      struct err *e)
{
    return sftp_ask_status(l, sftp_frame_new(FXP_RENAME, "ss", from, to), ret_status, e);
}

int sftp_bring_back(struct sftp_store *s, struct sftp_link *l, const char *name, struct err *e)
{
    _cleanup_free_ char *aside = aside_path(s, name), *path = sftp_path(s, name);
    uint32_t status = FX_OK;

    if (sftp_link_extensions(l)->posix_rename)
        return 0;
    if (ask_rename(l, aside, path, &status, e) < 0)
        return -1;
    return status == FX_OK;
}

void sftp_drop_aside(struct sftp_store *s, struct sftp_link *l, const char *name)
{
    _cleanup_free_ char *aside = aside_path(s, name);

    if (!sftp_link_extensions(l)->posix_rename)
        sftp_link_forget(l, sftp_frame_new(FXP_REMOVE, "s", aside));
}

int sftp_replace(struct sftp_store *s, struct sftp_link *l, const char *temporary, const char *name,
                 uint32_t *ret_status, struct err *e)
{
    _cleanup_free_ char *aside = aside_path(s, name), *path = sftp_path(s, name);
    uint32_t unused;

    sftp_drop_aside(s, l, name); /* the name is taken: what is aside was left by a crash */
    if (ask_rename(l, path, aside, ret_status, e) < 0)
        return -1;
    if (*ret_status != FX_OK)
        return 0;
    if (ask_rename(l, temporary, path, ret_status, e) < 0)
        return -1;
    if (*ret_status != FX_OK)
        return ask_rename(l, aside, path, &unused, e);
    sftp_drop_aside(s, l, name);
    return 0;
}
