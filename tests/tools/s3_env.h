/* s3_env.h — an S3 store as the environment describes it: S3_ENDPOINT, S3_BUCKET, S3_ACCESS_KEY,
 * S3_SECRET_KEY and, when they are set, S3_TOKEN, S3_PREFIX, S3_REGION, S3_CA_FILE, S3_CLASS,
 * S3_ENCRYPTION, S3_LOCK (seconds), S3_PARALLEL, and S3_VIRTUAL, S3_GOVERNANCE, S3_FULL if not
 * empty. http:// is allowed. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "lib/base/secret.h"
#include "lib/store/s3.h"

struct s3_env {
    struct secret access_key, secret_key, token;
};

static inline const char *s3_env_text(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static inline struct secret s3_env_secret(const char *name)
{
    const char *value = s3_env_text(name);

    return value != NULL ? secret_copy(value, strlen(value)) : (struct secret){0};
}

/* prefix: NULL for that of the environment. */
static inline int s3_env_open(struct s3_env *env, const char *prefix, struct store **ret,
                              struct err *e)
{
    const char *lock = s3_env_text("S3_LOCK"), *parallel = s3_env_text("S3_PARALLEL");
    const char *region = s3_env_text("S3_REGION");

    env->access_key = s3_env_secret("S3_ACCESS_KEY");
    env->secret_key = s3_env_secret("S3_SECRET_KEY");
    env->token = s3_env_secret("S3_TOKEN");
    return store_open_s3(
        &(struct s3_options){.endpoint = getenv("S3_ENDPOINT"),
                             .region = region != NULL ? region : "us-east-1",
                             .bucket = getenv("S3_BUCKET"),
                             .prefix = prefix != NULL ? prefix : s3_env_text("S3_PREFIX"),
                             .virtual_host = s3_env_text("S3_VIRTUAL") != NULL,
                             .access_key = &env->access_key,
                             .secret_key = &env->secret_key,
                             .session_token = env->token.text != NULL ? &env->token : NULL,
                             .ca_file = s3_env_text("S3_CA_FILE"),
                             .insecure = true,
                             .storage_class = s3_env_text("S3_CLASS"),
                             .encryption = s3_env_text("S3_ENCRYPTION"),
                             .lock_s = lock != NULL ? atoll(lock) : 0,
                             .lock_governance = s3_env_text("S3_GOVERNANCE") != NULL,
                             .parallel = parallel != NULL ? atoi(parallel) : 4,
                             .full_readback = s3_env_text("S3_FULL") != NULL},
        ret, e);
}

static inline void s3_env_close(struct s3_env *env, struct store *s)
{
    store_close(s);
    secret_deinit(&env->access_key);
    secret_deinit(&env->secret_key);
    secret_deinit(&env->token);
}
