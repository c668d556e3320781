/* sftp_tool — the verbs of store_tool.h on the SFTP server that the environment names (sftp_env.h), one
 * for each run. Says "ok" and exits 0, or "CODE: sentence" and exits 1. */
#include <stdio.h>

#include "tests/lib/store_tool.h"
#include "tests/tools/sftp_env.h"

int main(int argc, char **argv)
{
    struct sftp_env env = {0};
    struct store *s = NULL;
    struct err e;

    if (argc < 2)
        return 2;
    int rc = sftp_env_open(&env, "", &s, &e);
    if (rc == 0)
        rc = store_tool_run(s, argv[1], argv + 2, &e);
    sftp_env_close(&env, s);
    if (rc == 0)
        printf("ok\n");
    else
        printf("%s: %s\n", err_word(e.code), e.text);
    return rc == 0 ? 0 : 1;
}
