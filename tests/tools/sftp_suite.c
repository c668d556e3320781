/* sftp_suite — the conformance suite of all stores against the SFTP server that the environment names
 * (sftp_env.h). Each case has a folder of its own. */
#include <unistd.h>

#include "tests/lib/store_conformance.h"
#include "tests/tools/sftp_env.h"

static struct sftp_env env; /* outlives the store */

static struct store *make(void)
{
    struct store *s;
    struct err e;
    char below[64];

    (void)snprintf(below, sizeof(below), "/suite/%d", (int)getpid());
    ASSERT_OK(sftp_env_open(&env, below, &s, &e), e);
    return s;
}

STORE_CONFORMANCE(make)
