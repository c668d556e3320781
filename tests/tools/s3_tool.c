/* s3_tool — the verbs of store_tool.h on the S3 service that the environment names (s3_env.h), one for
 * each run, and two of its own. Says "ok ..." and exits 0, or "CODE: sentence" and exits 1.
 *
 *   s3_tool check NAME BYTES        the same bytes come back, in ranges of 16 MiB by read_ahead
 *   s3_tool examine */
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/read_ahead.h"
#include "tests/lib/store_tool.h"
#include "tests/tools/s3_env.h"

enum { MIB = 1024 * 1024, RANGE = 16 * MIB };

struct ranges {
    const char *name;
    uint64_t offset, size;
};

static int next_range(void *arg, struct store_range *ret)
{
    struct ranges *r = arg;

    if (r->offset >= r->size)
        return 1;
    *ret = (struct store_range){mem_strdup(r->name), r->offset, RANGE};
    r->offset += RANGE;
    return 0;
}

static int check(struct store *s, char **argv, struct err *e)
{
    struct ranges ranges = {argv[0], 0, strtoull(argv[1], NULL, 10)};
    struct read_ahead *r = read_ahead_new(s, RANGE, next_range, &ranges);
    _cleanup_free_ uint8_t *want = mem_alloc(RANGE);
    const uint8_t *data;
    uint64_t at = 0;
    size_t len;
    int rc;

    while ((rc = read_ahead_next(r, &data, &len, e)) == 0) {
        store_tool_bytes(argv[0], at, want, len);
        if (memcmp(data, want, len) != 0) {
            rc = err_set(e, ERR_DAMAGED, "other bytes behind %llu", (unsigned long long)at);
            break;
        }
        at += len;
    }
    read_ahead_free(r);
    if (rc == 1 && at != ranges.size)
        return err_set(e, ERR_DAMAGED, "only %llu bytes", (unsigned long long)at);
    return rc == 1 ? 0 : rc;
}

static int examine(struct store *s, struct err *e)
{
    static const char *const words[] = {"unknown", "no", "yes"};
    struct s3_report r;

    if (s3_examine(s, &r, e) < 0)
        return -1;
    printf("put %s\nget %s\nlist %s\ndelete %s\noverwrite %s\nconditional %s\n", words[r.can_put],
           words[r.can_get], words[r.can_list], words[r.can_delete], words[r.can_overwrite],
           words[r.conditional_put]);
    printf("versioning %s\nlock %s\nreplication %s\n", words[r.versioning], words[r.object_lock],
           words[r.replication]);
    printf("default %lld %s\nskew %lld\n", (long long)r.default_lock_days,
           r.lock_mode != NULL ? r.lock_mode : "none", (long long)r.clock_skew_s);
    for (size_t i = 0; i < r.expiry.count; i++)
        printf("%s\n", r.expiry.items[i]);
    s3_report_deinit(&r);
    return 0;
}

static int run(struct store *s, const char *verb, char **argv, struct err *e)
{
    if (strcmp(verb, "check") == 0)
        return check(s, argv, e);
    if (strcmp(verb, "examine") == 0)
        return examine(s, e);
    return store_tool_run(s, verb, argv, e);
}

int main(int argc, char **argv)
{
    struct s3_env env;
    struct store *s = NULL;
    struct err e;

    if (argc < 2)
        return 2;
    int rc = s3_env_open(&env, NULL, &s, &e);
    if (rc == 0)
        rc = run(s, argv[1], argv + 2, &e);
    s3_env_close(&env, s);
    if (rc == 0)
        printf("ok\n");
    else
        printf("%s: %s\n", err_word(e.code), e.text);
    return rc == 0 ? 0 : 1;
}
