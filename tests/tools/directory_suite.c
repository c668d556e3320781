/* directory_suite — the conformance suite of all stores on a folder of a real file system: that of
 * DIRECTORY_PATH. Each case has a folder of its own. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/store_conformance.h"

static struct store *make(void)
{
    struct store *s;
    struct err e;
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%d", getenv("DIRECTORY_PATH"), (int)getpid());
    ASSERT_EQ(mkdir(path, 0700), 0);
    ASSERT_OK(store_open_directory(path, false, &s, &e), e);
    return s;
}

STORE_CONFORMANCE(make)
