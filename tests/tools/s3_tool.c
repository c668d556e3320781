/* s3_tool — the calls of store.h on the S3 service that the environment names (s3_env.h), one for
 * each run. Says "ok ..." and exits 0, or "CODE: sentence" and exits 1.
 *
 *   s3_tool put NAME BYTES [replace] [resume] [unnamed] [seal=BYTES]   bytes made from NAME
 *   s3_tool check NAME BYTES        the same bytes come back, in ranges of 16 MiB by read_ahead
 *   s3_tool get NAME OFFSET LEN     as hex
 *   s3_tool list PREFIX [fold]      s3_tool stat|delete NAME
 *   s3_tool sweep AGE_S             s3_tool examine */
#include <stdio.h>

#include <openssl/sha.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/read_ahead.h"
#include "tests/tools/s3_env.h"

enum { MIB = 1024 * 1024, RANGE = 16 * MIB };

static bool has(char **argv, const char *word)
{
    for (; *argv != NULL; argv++)
        if (strcmp(*argv, word) == 0)
            return true;
    return false;
}

static size_t seal_size(char **argv)
{
    for (; *argv != NULL; argv++)
        if (str_starts(*argv, "seal="))
            return strtoul(*argv + 5, NULL, 10);
    return RANGE;
}

/* Every 8 bytes differ from all others, and objects from each other. */
static void make_bytes(const char *name, uint64_t offset, uint8_t *out, size_t len)
{
    uint64_t seed = 1469598103934665603u;

    for (; *name != '\0'; name++)
        seed = (seed ^ (uint8_t)*name) * 1099511628211u;
    for (size_t i = 0; i < len; i++) {
        uint64_t word = (seed + (offset + i) / 8) * 0x9e3779b97f4a7c15u;
        out[i] = (uint8_t)(word >> 8 * (1 + (offset + i) % 7));
    }
}

static int put(struct store *s, char **argv, struct err *e)
{
    const char *name = argv[0];
    uint64_t size = strtoull(argv[1], NULL, 10);
    size_t seal = seal_size(argv);
    _cleanup_free_ uint8_t *data = mem_alloc(seal);
    uint8_t digest[STORE_DIGEST_LEN];
    struct store_put *p;

    if (store_put_begin(s, has(argv, "unnamed") ? NULL : name,
                        has(argv, "resume") ? STORE_RESUME : STORE_AFRESH, &p, e) < 0)
        return -1;
    for (uint64_t at = 0; at < size;) {
        size_t len = size - at < seal ? (size_t)(size - at) : seal;
        make_bytes(name, at, data, len);
        (void)SHA256(data, len, digest);
        if (store_put_write(p, data, len, e) < 0 || store_put_seal(p, digest, e) < 0) {
            store_put_abort(p);
            return -1;
        }
        at += len;
    }
    return store_put_commit(p, name, has(argv, "replace") ? STORE_REPLACE : STORE_FAIL_IF_EXISTS,
                            e);
}

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
        make_bytes(argv[0], at, want, len);
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

static int get(struct store *s, char **argv, struct err *e)
{
    size_t len = strtoul(argv[2], NULL, 10), got;
    _cleanup_free_ uint8_t *data = mem_alloc(len);
    _cleanup_free_ char *hex = mem_alloc(2 * len + 1);

    if (store_get(s, argv[0], strtoull(argv[1], NULL, 10), data, len, &got, e) < 0)
        return -1;
    hex_encode(data, got, hex);
    printf("%s\n", hex);
    return 0;
}

static int list(struct store *s, char **argv, struct err *e)
{
    enum { PAGE = 100 };
    _cleanup_free_ struct store_object *o = mem_alloc(PAGE * sizeof(*o));
    char after[STORE_NAME_MAX + 1] = "";
    size_t n;

    do {
        if (store_list(s, argv[0], has(argv, "fold"), after, o, PAGE, &n, e) < 0)
            return -1;
        for (size_t i = 0; i < n; i++)
            printf("%s %llu\n", o[i].name, (unsigned long long)o[i].size);
        if (n > 0)
            memcpy(after, o[n - 1].name, sizeof(after));
    } while (n == PAGE);
    return 0;
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
    struct store_object o;
    size_t removed;

    if (strcmp(verb, "put") == 0)
        return put(s, argv, e);
    if (strcmp(verb, "check") == 0)
        return check(s, argv, e);
    if (strcmp(verb, "get") == 0)
        return get(s, argv, e);
    if (strcmp(verb, "list") == 0)
        return list(s, argv, e);
    if (strcmp(verb, "delete") == 0)
        return store_delete(s, argv[0], e);
    if (strcmp(verb, "stat") == 0) {
        if (store_stat(s, argv[0], &o, e) < 0)
            return -1;
        printf("%llu\n", (unsigned long long)o.size);
        return 0;
    }
    if (strcmp(verb, "sweep") == 0) {
        if (store_sweep(s, atoll(argv[0]), &removed, e) < 0)
            return -1;
        printf("%zu\n", removed);
        return 0;
    }
    if (strcmp(verb, "examine") == 0)
        return examine(s, e);
    return err_set(e, ERR_USAGE, "no such verb");
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
