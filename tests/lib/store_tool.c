#include "tests/lib/store_tool.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/marker.h"

enum { MIB = 1024 * 1024, THREADS_MAX = 16 };

static bool has(char **argv, const char *word)
{
    for (; *argv != NULL; argv++)
        if (strcmp(*argv, word) == 0)
            return true;
    return false;
}

static size_t number(char **argv, const char *key, size_t fallback)
{
    for (; *argv != NULL; argv++)
        if (str_starts(*argv, key))
            return strtoul(*argv + strlen(key), NULL, 10);
    return fallback;
}

void store_tool_bytes(const char *name, uint64_t offset, uint8_t *out, size_t len)
{
    uint64_t seed = 1469598103934665603u;

    for (; *name != '\0'; name++)
        seed = (seed ^ (uint8_t)*name) * 1099511628211u;
    for (size_t i = 0; i < len; i++) {
        uint64_t word = (seed + (offset + i) / 8) * 0x9e3779b97f4a7c15u;
        out[i] = (uint8_t)(word >> 8 * (1 + (offset + i) % 7));
    }
}

static int put(struct store *s, char **argv, bool commit, struct err *e)
{
    const char *name = argv[0];
    uint64_t size = strtoull(argv[1], NULL, 10);
    size_t seal = number(argv, "seal=", 16 * MIB);
    _cleanup_free_ uint8_t *data = mem_alloc(seal);
    uint8_t digest[STORE_DIGEST_LEN];
    struct store_put *p;

    if (store_put_begin(s, has(argv, "unnamed") ? NULL : name,
                        has(argv, "resume") ? STORE_RESUME : STORE_AFRESH, &p, e) < 0)
        return -1;
    for (uint64_t at = 0; at < size;) {
        size_t len = size - at < seal ? (size_t)(size - at) : seal;
        store_tool_bytes(name, at, data, len);
        (void)SHA256(data, len, digest);
        if (store_put_write(p, data, len, e) < 0 || store_put_seal(p, digest, e) < 0) {
            store_put_abort(p);
            return -1;
        }
        at += len;
    }
    if (!commit) {
        store_put_abort(p);
        return 0;
    }
    return store_put_commit(p, name, has(argv, "replace") ? STORE_REPLACE : STORE_FAIL_IF_EXISTS,
                            e);
}

struct checking {
    struct store *store;
    const char *name;
    uint64_t size, first, step;
    int rc;
    struct err e;
};

static int check_ranges(struct checking *c, uint8_t *data, uint8_t *want, struct err *e)
{
    size_t got;

    for (uint64_t at = c->first; at < c->size || at == 0; at += c->step) {
        size_t len = c->size - at < MIB ? (size_t)(c->size - at) : MIB;
        store_tool_bytes(c->name, at, want, len);
        if (store_get(c->store, c->name, at, data, MIB, &got, e) < 0)
            return -1;
        if (got != len || memcmp(data, want, len) != 0)
            return err_set(e, ERR_DAMAGED, "other bytes behind %llu", (unsigned long long)at);
    }
    return 0;
}

static void *check_main(void *arg)
{
    struct checking *c = arg;
    _cleanup_free_ uint8_t *data = mem_alloc(MIB), *want = mem_alloc(MIB);

    c->rc = check_ranges(c, data, want, &c->e);
    return NULL;
}

static int check(struct store *s, char **argv, struct err *e)
{
    size_t threads = number(argv, "threads=", 1);
    struct checking c[THREADS_MAX];
    pthread_t ids[THREADS_MAX];
    int rc = 0;

    for (size_t i = 0; i < threads && i < THREADS_MAX; i++) {
        c[i] = (struct checking){s, argv[0], strtoull(argv[1], NULL, 10), i * MIB, threads * MIB,
                                 0, {0}};
        if (pthread_create(&ids[i], NULL, check_main, &c[i]) != 0)
            abort();
    }
    for (size_t i = 0; i < threads && i < THREADS_MAX; i++) {
        (void)pthread_join(ids[i], NULL);
        if (c[i].rc < 0 && rc == 0) {
            *e = c[i].e;
            rc = -1;
        }
    }
    return rc;
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

static int tell(struct store *s, const char *verb, char **argv, struct err *e)
{
    struct store_object o;
    struct store_space space;
    size_t removed;

    if (strcmp(verb, "stat") == 0) {
        if (store_stat(s, argv[0], &o, e) < 0)
            return -1;
        printf("%llu\n", (unsigned long long)o.size);
    } else if (strcmp(verb, "sweep") == 0) {
        if (store_sweep(s, atoll(argv[0]), &removed, e) < 0)
            return -1;
        printf("%zu\n", removed);
    } else if (strcmp(verb, "space") == 0) {
        if (store_space(s, &space, e) < 0)
            return -1;
        printf("%d %llu %llu\n", space.known, (unsigned long long)space.total_bytes,
               (unsigned long long)space.free_bytes);
    } else if (strcmp(verb, "readback") == 0) {
        printf("%s\n", store_readback(s));
    } else {
        return err_set(e, ERR_USAGE, "no such verb");
    }
    return 0;
}

int store_tool_run(struct store *s, const char *verb, char **argv, struct err *e)
{
    struct marker m;

    if (strcmp(verb, "put") == 0 || strcmp(verb, "abort") == 0)
        return put(s, argv, strcmp(verb, "put") == 0, e);
    if (strcmp(verb, "check") == 0)
        return check(s, argv, e);
    if (strcmp(verb, "get") == 0)
        return get(s, argv, e);
    if (strcmp(verb, "list") == 0)
        return list(s, argv, e);
    if (strcmp(verb, "delete") == 0)
        return store_delete(s, argv[0], e);
    if (strcmp(verb, "marker") == 0)
        return marker_claim(s, argv[0], NULL, &m, e);
    if (strcmp(verb, "adopt") == 0)
        return marker_adopt(s, argv[0], NULL, &m, e);
    return tell(s, verb, argv, e);
}
