/* s3_sign.c — the four steps of the signature: canonical request, string to sign, signing key,
 * signature. What held the secret key, or a key made from it, is wiped. */
#include "lib/store/s3_sign.h"

#include <ctype.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { DIGEST = 32, CANONICAL_MAX = 64 * 1024 };

const char *s3_sign_date(struct wall when, char out[32])
{
    char iso[32];
    const char *in = clock_iso8601(when, iso);
    char *o = out;

    for (; *in != '\0'; in++)
        if (*in != '-' && *in != ':')
            *o++ = *in;
    *o = '\0';
    return out;
}

char *s3_sign_encode(const char *text, bool keep_slashes)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = mem_alloc(3 * strlen(text) + 1), *o = out;

    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        bool plain = (*c < 0x80 && isalnum(*c)) || strchr("-._~", *c) != NULL;
        if (plain || (keep_slashes && *c == '/')) {
            *o++ = (char)*c;
        } else {
            *o++ = '%';
            *o++ = digits[*c >> 4];
            *o++ = digits[*c & 15];
        }
    }
    return out;
}

/* Our own text, bounded by what a request may hold: it always fits. */
__attribute__((format(printf, 2, 3))) static void add(struct buf *b, const char *fmt, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0 || buf_append(b, text, (size_t)n, NULL) < 0)
        abort(); /* memory, as in mem.h */
    free(text);
}

char *s3_sign_query(const struct s3_pairs *query)
{
    struct s3_pairs sorted = {0};
    struct buf out = BUF_INIT(CANONICAL_MAX);

    s3_pairs_copy(&sorted, query);
    s3_pairs_sort(&sorted);
    for (size_t i = 0; i < sorted.count; i++) {
        _cleanup_free_ char *name = s3_sign_encode(sorted.items[i].name, false);
        _cleanup_free_ char *value = s3_sign_encode(sorted.items[i].value, false);
        add(&out, "%s%s=%s", i > 0 ? "&" : "", name, value);
    }
    s3_pairs_deinit(&sorted);
    return buf_take_string(&out);
}

/* "name:value\n": no blanks at the ends, runs of them inside made one. */
static void add_header(struct buf *b, const struct s3_pair *h)
{
    add(b, "%s:", h->name);
    const char *v = h->value + strspn(h->value, " \t");
    while (*v != '\0') {
        size_t word = strcspn(v, " \t"), blanks = strspn(v + word, " \t");
        add(b, "%.*s%s", (int)word, v, v[word] != '\0' && v[word + blanks] != '\0' ? " " : "");
        v += word + blanks;
    }
    add(b, "\n");
}

static char *signed_names(const struct s3_pairs *sorted)
{
    struct buf out = BUF_INIT(CANONICAL_MAX);

    for (size_t i = 0; i < sorted->count; i++)
        add(&out, "%s%s", i > 0 ? ";" : "", sorted->items[i].name);
    return buf_take_string(&out);
}

static void canonical_request(struct buf *b, const struct s3_sign_request *r,
                              const struct s3_pairs *headers, const char *names)
{
    _cleanup_free_ char *query = s3_sign_query(r->query);

    add(b, "%s\n%s\n%s\n", r->method, r->path, query);
    for (size_t i = 0; i < headers->count; i++)
        add_header(b, &headers->items[i]);
    add(b, "\n%s\n%s", names, r->payload_sha256);
}

static void hmac(const void *key, size_t key_len, const char *text, uint8_t out[DIGEST])
{
    unsigned len = DIGEST;

    if (HMAC(EVP_sha256(), key, (int)key_len, (const uint8_t *)text, strlen(text), out, &len) ==
        NULL)
        abort(); /* memory, as in mem.h */
}

static void signing_key(const struct secret *secret, const char *day, const char *region,
                        const char *service, uint8_t out[DIGEST])
{
    char *first = mem_printf("AWS4%s", secret->text);
    uint8_t a[DIGEST], b[DIGEST];

    hmac(first, strlen(first), day, a);
    hmac(a, DIGEST, region, b);
    hmac(b, DIGEST, service, a);
    hmac(a, DIGEST, "aws4_request", out);
    mem_wipe(first, strlen(first));
    mem_wipe(a, sizeof(a));
    mem_wipe(b, sizeof(b));
    free(first);
}

char *s3_sign_authorization(const struct s3_sign_request *r, const struct secret *access_key,
                            const struct secret *secret_key)
{
    struct s3_pairs headers = {0};
    struct buf request = BUF_INIT(CANONICAL_MAX);
    uint8_t digest[DIGEST], key[DIGEST];
    char hex[2 * DIGEST + 1], date[32];

    s3_pairs_copy(&headers, r->headers);
    s3_pairs_sort(&headers);
    _cleanup_free_ char *names = signed_names(&headers);
    canonical_request(&request, r, &headers, names);
    if (EVP_Digest(request.data, request.len, digest, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* memory, as in mem.h */
    hex_encode(digest, DIGEST, hex);
    (void)s3_sign_date(r->when, date);
    _cleanup_free_ char *scope = mem_printf("%.8s/%s/%s/aws4_request", date, r->region, r->service);
    _cleanup_free_ char *to_sign = mem_printf("AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, hex);
    date[8] = '\0';
    signing_key(secret_key, date, r->region, r->service, key);
    hmac(key, DIGEST, to_sign, digest);
    mem_wipe(key, sizeof(key));
    hex_encode(digest, DIGEST, hex);
    buf_wipe(&request); /* the session token is in it */
    s3_pairs_deinit(&headers);
    return mem_printf("AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s",
                      access_key->text, scope, names, hex);
}
