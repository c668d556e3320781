/* sftp_tool — the verbs of store_tool.h on the SFTP server that the environment names (sftp_env.h), one
 * after the other with "," between. Says "ok" and exits 0, or "CODE: sentence" and exits 1. */
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
    for (char **verb = argv + 1; rc == 0 && *verb != NULL;) {
        char **end = verb;
        while (*end != NULL && strcmp(*end, ",") != 0)
            end++;
        bool more = *end != NULL;
        *end = NULL;
        rc = store_tool_run(s, verb[0], verb + 1, &e);
        verb = more ? end + 1 : end;
    }
    sftp_env_close(&env, s);
    if (rc == 0)
        printf("ok\n");
    else
        printf("%s: %s\n", err_word(e.code), e.text);
    return rc == 0 ? 0 : 1;
}
