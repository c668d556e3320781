#include "lib/base/mem.h"
#include "lib/store/s3_refusal.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

static struct err e;

/* What a service at bucket "b", region "us-east-1" is understood to mean; the result is the call's. */
static int explain(long status, const char *headers, const char *code, const char *message)
{
    struct s3_service s = {.bucket = (char *)"b", .region = (char *)"us-east-1"};
    struct s3_reply r = {.http = {.status = status, .headers = BUF_INIT(10000)}};

    ASSERT_OK(buf_append(&r.http.headers, headers, strlen(headers), &e), e);
    (void)snprintf(r.error.code, sizeof(r.error.code), "%s", code);
    (void)snprintf(r.error.message, sizeof(r.error.message), "%s", message);
    int rc = s3_refusal_explain(&s, &r, &e);
    buf_deinit(&r.http.headers);
    return rc;
}

static void expect(long status, const char *code, int rc, enum err_code want, const char *part)
{
    ASSERT_EQ(explain(status, "", code, ""), rc);
    ASSERT_EQ(e.code, want);
    ASSERT_CONTAINS(e.text, part);
}

TEST(codes_have_a_meaning)
{
    expect(403, "AccessDenied", -1, ERR_DENIED, "policy");
    expect(403, "SignatureDoesNotMatch", -1, ERR_DENIED, "region");
    expect(400, "ExpiredToken", -1, ERR_DENIED, "renew");
    expect(404, "NoSuchKey", -1, ERR_NOT_FOUND, "no such object");
    expect(404, "NoSuchBucket", -1, ERR_CONFIG, "no bucket \"b\"");
    expect(403, "QuotaExceeded", -1, ERR_NO_SPACE, "quota");
    expect(412, "PreconditionFailed", -1, ERR_EXISTS, "exists");
    expect(400, "BadDigest", 1, ERR_UNAVAILABLE, "on their way");
    expect(503, "SlowDown", 1, ERR_UNAVAILABLE, "slow down");
    expect(200, "InternalError", 1, ERR_UNAVAILABLE, "failed");
}

TEST(codes_that_nobody_knows)
{
    expect(500, "", 1, ERR_UNAVAILABLE, "answered 500");
    expect(429, "", 1, ERR_UNAVAILABLE, "answered 429");
    expect(501, "NotImplemented", -1, ERR_UNAVAILABLE, "501 NotImplemented");
    expect(507, "", -1, ERR_NO_SPACE, "507");
    expect(404, "", -1, ERR_NOT_FOUND, "404");
    expect(418, "Teapot", -1, ERR_REFUSED, "418 Teapot");
    expect(423, "", -1, ERR_REFUSED, "answered 423");
    ASSERT_EQ(explain(400, "", "Odd", "line\nline"), -1);
    ASSERT_CONTAINS(e.text, "400 Odd: line\\x0aline");
}

/* 2026-11-20 14:30:00 here. */
TEST(clocks_that_differ)
{
    seam_clock_set(1795185000000000);
    ASSERT_EQ(explain(403, "Date: Fri, 20 Nov 2026 15:35:00 GMT\r\n", "RequestTimeTooSkewed", ""),
              -1);
    ASSERT_STR(e.text, "this machine's clock is 1 h 05 min behind the service's (set it, by NTP)");
    ASSERT_EQ(explain(403, "date: Fri, 20 Nov 2026 12:00:00 GMT\r\n", "RequestTimeTooSkewed", ""),
              -1);
    ASSERT_STR(e.text,
               "this machine's clock is 2 h 30 min ahead of the service's (set it, by NTP)");
    ASSERT_EQ(explain(403, "", "RequestTimeTooSkewed", ""), -1);
    ASSERT_CONTAINS(e.text, "clocks differ");
}

TEST(buckets_elsewhere)
{
    ASSERT_EQ(explain(301, "x-amz-bucket-region: eu-central-1\r\n", "PermanentRedirect", ""), -1);
    ASSERT_EQ(e.code, ERR_CONFIG);
    ASSERT_CONTAINS(e.text, "set region = eu-central-1");
    ASSERT_EQ(explain(307, "Location: https://elsewhere/\r\n", "", ""), -1);
    ASSERT_CONTAINS(e.text, "endpoint");
    ASSERT_EQ(explain(400, "", "AuthorizationHeaderMalformed", ""), -1);
    ASSERT_CONTAINS(e.text, "region");
}
