/* sftp_env.h — an SFTP store as the environment describes it: SFTP_HOST, SFTP_PORT, SFTP_USER,
 * SFTP_PATH, SFTP_KNOWN_HOSTS and, when they are set, SFTP_KEY (the key itself; else the agent), SFTP_PASSPHRASE,
 * SFTP_PARALLEL, SFTP_CREATE. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "lib/store/sftp.h"

struct sftp_env {
    struct secret key, passphrase;
};

/* below: a folder below SFTP_PATH, "" for itself. */
static inline int sftp_env_open(struct sftp_env *env, const char *below, struct store **ret,
                                struct err *e)
{
    const char *key = getenv("SFTP_KEY"), *passphrase = getenv("SFTP_PASSPHRASE");
    const char *parallel = getenv("SFTP_PARALLEL");
    char path[512];

    if (key != NULL)
        env->key = secret_copy(key, strlen(key));
    if (passphrase != NULL)
        env->passphrase = secret_copy(passphrase, strlen(passphrase));
    (void)snprintf(path, sizeof(path), "%s%s", getenv("SFTP_PATH"), below);
    return store_open_sftp(
        &(struct sftp_options){.host = getenv("SFTP_HOST"),
                               .port = atoi(getenv("SFTP_PORT")),
                               .user = getenv("SFTP_USER"),
                               .path = path,
                               .key = key != NULL ? &env->key : NULL,
                               .passphrase = passphrase != NULL ? &env->passphrase : NULL,
                               .known_hosts = getenv("SFTP_KNOWN_HOSTS"),
                               .parallel = parallel != NULL ? atoi(parallel) : 4},
        below[0] != '\0' || getenv("SFTP_CREATE") != NULL, ret, e);
}

static inline void sftp_env_close(struct sftp_env *env, struct store *s)
{
    store_close(s);
    secret_deinit(&env->key);
    secret_deinit(&env->passphrase);
}
