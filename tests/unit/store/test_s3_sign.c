#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/s3_sign.h"
#include "tests/lib/test.h"

/* The examples of "Signature Calculations for the Authorization Header" in the S3 API reference:
 * key AKIAIOSFODNN7EXAMPLE, bucket examplebucket, 2013-05-24. */
static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct example {
    struct s3_pairs query, headers;
};

static char *sign(struct example *x, const char *method, const char *path, const char *sha256)
{
    struct secret id = secret_copy("AKIAIOSFODNN7EXAMPLE", 20);
    struct secret key = secret_copy("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 40);
    struct wall when;

    ASSERT_EQ(clock_parse_iso8601("2013-05-24T00:00:00Z", &when), 0);
    s3_pairs_set(&x->headers, "host", "examplebucket.s3.amazonaws.com");
    s3_pairs_set(&x->headers, "x-amz-content-sha256", sha256);
    s3_pairs_set(&x->headers, "x-amz-date", "20130524T000000Z");
    char *value = s3_sign_authorization(&(struct s3_sign_request){.method = method,
                                                                  .path = path,
                                                                  .query = &x->query,
                                                                  .headers = &x->headers,
                                                                  .payload_sha256 = sha256,
                                                                  .region = "us-east-1",
                                                                  .service = "s3",
                                                                  .when = when},
                                        &id, &key);
    secret_deinit(&id);
    secret_deinit(&key);
    s3_pairs_deinit(&x->query);
    s3_pairs_deinit(&x->headers);
    return value;
}

TEST(get_of_a_range)
{
    struct example x = {0};

    s3_pairs_set(&x.headers, "range", "bytes=0-9");
    _cleanup_free_ char *value = sign(&x, "GET", "/test.txt", empty);
    ASSERT_STR(value, "AWS4-HMAC-SHA256 "
                      "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                      "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature="
                      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(put_of_a_name_that_is_encoded)
{
    struct example x = {0};
    _cleanup_free_ char *path = s3_sign_encode("/test$file.text", true);

    ASSERT_STR(path, "/test%24file.text");
    s3_pairs_set(&x.headers, "date", "Fri, 24 May 2013 00:00:00 GMT");
    s3_pairs_set(&x.headers, "x-amz-storage-class", "REDUCED_REDUNDANCY");
    _cleanup_free_ char *value =
        sign(&x, "PUT", path, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
    ASSERT(str_ends(value, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(a_query_without_a_value)
{
    struct example x = {0};

    s3_pairs_set(&x.query, "lifecycle", "");
    _cleanup_free_ char *value = sign(&x, "GET", "/", empty);
    ASSERT(str_ends(value, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST(a_query_out_of_order)
{
    struct example x = {0};

    s3_pairs_set(&x.query, "prefix", "J");
    s3_pairs_set(&x.query, "max-keys", "2");
    _cleanup_free_ char *value = sign(&x, "GET", "/", empty);
    ASSERT(str_ends(value, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

/* "get-vanilla" and "get-header-value-trim" of the Signature Version 4 test suite. */
static char *sign_suite(struct s3_pairs *headers)
{
    struct secret id = secret_copy("AKIDEXAMPLE", 11);
    struct secret key = secret_copy("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40);
    struct wall when;

    ASSERT_EQ(clock_parse_iso8601("2015-08-30T12:36:00Z", &when), 0);
    s3_pairs_set(headers, "host", "example.amazonaws.com");
    s3_pairs_set(headers, "x-amz-date", "20150830T123600Z");
    char *value =
        s3_sign_authorization(&(struct s3_sign_request){.method = "GET",
                                                        .path = "/",
                                                        .query = &(struct s3_pairs){.count = 0},
                                                        .headers = headers,
                                                        .payload_sha256 = empty,
                                                        .region = "us-east-1",
                                                        .service = "service",
                                                        .when = when},
                              &id, &key);
    secret_deinit(&id);
    secret_deinit(&key);
    s3_pairs_deinit(headers);
    return value;
}

TEST(the_suite_of_the_signature)
{
    struct s3_pairs headers = {0};
    _cleanup_free_ char *vanilla = sign_suite(&headers);

    ASSERT(str_ends(vanilla, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
    s3_pairs_set(&headers, "my-header1", " value1");
    s3_pairs_set(&headers, "my-header2", " \"a   b   c\"");
    _cleanup_free_ char *trimmed = sign_suite(&headers);
    ASSERT(str_ends(trimmed, "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"));
}

TEST(encoding)
{
    _cleanup_free_ char *kept = s3_sign_encode("a b/\xc3\xbc+~-_.%", true);
    _cleanup_free_ char *all = s3_sign_encode("a/b", false);
    char date[32];

    ASSERT_STR(kept, "a%20b/%C3%BC%2B~-_.%25");
    ASSERT_STR(all, "a%2Fb");
    ASSERT_STR(s3_sign_date((struct wall){1369353600000000}, date), "20130524T000000Z");
}

TEST(pairs_replace_and_skip)
{
    struct s3_pairs p = {0};

    s3_pairs_set(&p, "a", "1");
    s3_pairs_set(&p, "b", NULL);
    s3_pairs_setf(&p, "a", "%d", 2);
    ASSERT_EQ(p.count, 1);
    ASSERT_STR(s3_pairs_get(&p, "a"), "2");
    ASSERT(s3_pairs_get(&p, "b") == NULL);
    s3_pairs_deinit(&p);
}
