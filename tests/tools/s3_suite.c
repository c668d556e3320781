/* s3_suite — the conformance suite of all stores against the S3 service that the environment names
 * (s3_env.h). Each case has a prefix of its own. */
#include <unistd.h>

#include "tests/lib/store_conformance.h"
#include "tests/tools/s3_env.h"

static struct s3_env env; /* outlives the store */

static struct store *make(void)
{
    struct store *s;
    struct err e;
    char prefix[64];

    (void)snprintf(prefix, sizeof(prefix), "suite/%d", (int)getpid());
    ASSERT_OK(s3_env_open(&env, prefix, &s, &e), e);
    return s;
}

STORE_CONFORMANCE(make)
