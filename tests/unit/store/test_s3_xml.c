#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/s3_lifecycle.h"
#include "lib/store/s3_xml.h"
#include "tests/lib/test.h"

static struct err e;

#define XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

TEST(a_page_of_objects)
{
    const char *xml =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<ListBucketResult" XMLNS "><IsTruncated>true</IsTruncated>"
        "<Contents><Key>h1/a%20b%2Bc+d%c3%bc</Key><LastModified>2026-11-20T14:30:00.123Z"
        "</LastModified><ETag>&quot;x&quot;</ETag><Size>42</Size></Contents>"
        "<EncodingType>url</EncodingType><NextContinuationToken>tok</NextContinuationToken>"
        "<CommonPrefixes><Prefix>h1/z/</Prefix></CommonPrefixes></ListBucketResult>";
    struct s3_xml_list l;

    ASSERT_OK(s3_xml_read_list(xml, strlen(xml), &l, &e), e);
    ASSERT_EQ(l.count, 2);
    ASSERT_STR(l.items[0].name, "h1/a b+c d\xc3\xbc");
    ASSERT_EQ(l.items[0].size, 42);
    ASSERT_EQ(l.items[0].modified.us, 1795185000000000);
    ASSERT_STR(l.items[1].name, "h1/z/");
    ASSERT(l.truncated);
    ASSERT_STR(l.token, "tok");
    s3_xml_list_deinit(&l);
}

TEST(names_that_are_not_encoded)
{
    const char *xml = "<ListBucketResult><IsTruncated>false</IsTruncated>"
                      "<Contents><Key>a+%41</Key></Contents></ListBucketResult>";
    struct s3_xml_list l;

    ASSERT_OK(s3_xml_read_list(xml, strlen(xml), &l, &e), e);
    ASSERT_STR(l.items[0].name, "a+%41");
    ASSERT(l.token == NULL && !l.truncated);
    s3_xml_list_deinit(&l);
}

/* Another document, or half of one, must not pass for a list with nothing in it. */
TEST(no_list_is_no_empty_list)
{
    const char *bad[] = {
        "",
        "<html>",
        "<html/>",
        "<Error><Code>SlowDown</Code></Error>",
        "<ListBucketResult><Contents><Key>a</Key></Contents>",
        "<ListBucketResult><Contents></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>perhaps</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%0</Key>"
        "</Contents></ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a%00b"
        "</Key></Contents></ListBucketResult>"};
    struct s3_xml_list l;
    struct s3_xml_uploads u;
    struct s3_xml_parts p;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ASSERT_ERR(s3_xml_read_list(bad[i], strlen(bad[i]), &l, &e), e, ERR_FORMAT);
        ASSERT_ERR(s3_xml_read_uploads(bad[i], strlen(bad[i]), &u, &e), e, ERR_FORMAT);
        ASSERT_ERR(s3_xml_read_parts(bad[i], strlen(bad[i]), &p, &e), e, ERR_FORMAT);
    }
}

TEST(a_page_of_uploads)
{
    const char *xml = "<ListMultipartUploadsResult" XMLNS "><NextKeyMarker>k</NextKeyMarker>"
                      "<NextUploadIdMarker>i</NextUploadIdMarker><IsTruncated>true</IsTruncated>"
                      "<Upload><Key>a&amp;b</Key><UploadId>1</UploadId><Initiated>"
                      "2026-11-20T14:30:00Z</Initiated><Owner><ID>x</ID></Owner></Upload>"
                      "</ListMultipartUploadsResult>";
    struct s3_xml_uploads u;

    ASSERT_OK(s3_xml_read_uploads(xml, strlen(xml), &u, &e), e);
    ASSERT_EQ(u.count, 1);
    ASSERT_STR(u.items[0].key, "a&b");
    ASSERT_STR(u.items[0].id, "1");
    ASSERT_STR(u.next_key, "k");
    ASSERT_STR(u.next_id, "i");
    ASSERT(u.truncated);
    s3_xml_uploads_deinit(&u);
}

TEST(a_page_of_parts)
{
    const char *xml = "<ListPartsResult><NextPartNumberMarker>2</NextPartNumberMarker>"
                      "<IsTruncated>false</IsTruncated><Part><PartNumber>2</PartNumber>"
                      "<ETag>\"0123\"</ETag><Size>5242880</Size></Part></ListPartsResult>";
    const char *zero = "<ListPartsResult><Part><Size>1</Size></Part></ListPartsResult>";
    const char *far =
        "<ListPartsResult><Part><PartNumber>10001</PartNumber></Part></ListPartsResult>";
    struct s3_xml_parts p;

    ASSERT_OK(s3_xml_read_parts(xml, strlen(xml), &p, &e), e);
    ASSERT_EQ(p.count, 1);
    ASSERT_EQ(p.items[0].number, 2);
    ASSERT_EQ(p.items[0].size, 5242880);
    ASSERT_STR(p.items[0].etag, "0123");
    ASSERT_EQ(p.next, 2);
    s3_xml_parts_deinit(&p);
    ASSERT_ERR(s3_xml_read_parts(zero, strlen(zero), &p, &e), e, ERR_FORMAT);
    ASSERT_ERR(s3_xml_read_parts(far, strlen(far), &p, &e), e, ERR_FORMAT);
}

TEST(errors)
{
    const char *xml = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
    const char *other = "<CompleteMultipartUploadResult/>";
    struct s3_xml_error x;

    ASSERT(s3_xml_read_error(xml, strlen(xml), &x));
    ASSERT_STR(x.code, "AccessDenied");
    ASSERT_STR(x.message, "no");
    ASSERT(!s3_xml_read_error(other, strlen(other), &x));
    ASSERT(!s3_xml_read_error(NULL, 0, &x));
    ASSERT(!s3_xml_read_error("<Error><Code>x</Code>", 21, &x));
}

TEST(texts_at_a_path)
{
    const char *xml = "<a><b>1</b><b>2</b></a>";
    char *text, etag[] = "\"abc\"", one[] = "\"";

    ASSERT_OK(s3_xml_read_text(xml, strlen(xml), "a/b", &text, &e), e);
    ASSERT_STR(text, "1");
    free(text);
    ASSERT_ERR(s3_xml_read_text(xml, strlen(xml), "a/c", &text, &e), e, ERR_FORMAT);
    ASSERT_STR(s3_xml_unquote(etag), "abc");
    ASSERT_STR(s3_xml_unquote(one), "\"");
}

/* Bounds: entities of its own, depth, length of a text. */
TEST(what_grows_without_bound_is_refused)
{
    const char *laughs = "<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;\">]><a>&y;</a>";
    struct buf deep = BUF_INIT(10000), long_text = BUF_INIT(100000);
    char *text;

    ASSERT_ERR(s3_xml_read_text(laughs, strlen(laughs), "a", &text, &e), e, ERR_FORMAT);
    for (int i = 0; i < 13; i++)
        ASSERT_OK(buf_printf(&deep, &e, "<a>"), e);
    ASSERT_ERR(s3_xml_read_text(deep.data, deep.len, "a", &text, &e), e, ERR_LIMIT);
    ASSERT_OK(buf_printf(&long_text, &e, "<a>"), e);
    for (int i = 0; i < 9000; i++)
        ASSERT_OK(buf_printf(&long_text, &e, "x"), e);
    ASSERT_OK(buf_printf(&long_text, &e, "</a>"), e);
    ASSERT_ERR(s3_xml_read_text(long_text.data, long_text.len, "a", &text, &e), e, ERR_LIMIT);
    buf_deinit(&deep);
    buf_deinit(&long_text);
}

TEST(lifecycle_rules_that_touch_the_prefix)
{
    const char *xml =
        "<LifecycleConfiguration>"
        "<Rule><ID>old</ID><Filter><Prefix>host1/</Prefix></Filter><Status>Enabled</Status>"
        "<Expiration><Days>30</Days></Expiration></Rule>"
        "<Rule><ID>off</ID><Prefix></Prefix><Status>Disabled</Status>"
        "<Expiration><Days>1</Days></Expiration></Rule>"
        "<Rule><ID>theirs</ID><Prefix>host2/</Prefix><Status>Enabled</Status>"
        "<Expiration><Days>1</Days></Expiration></Rule>"
        "<Rule><ID>all</ID><Prefix/><Status>Enabled</Status><Transition><Days>7</Days>"
        "<StorageClass>GLACIER</StorageClass></Transition><AbortIncompleteMultipartUpload>"
        "<DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
        "<NoncurrentVersionExpiration><NoncurrentDays>9</NoncurrentDays>"
        "</NoncurrentVersionExpiration></Rule></LifecycleConfiguration>";
    struct strlist said = {0};

    s3_lifecycle_describe(xml, strlen(xml), "host1/", &said);
    ASSERT_EQ(said.count, 4);
    ASSERT_STR(said.items[0], "rule \"old\" deletes objects 30 days after they were put");
    ASSERT_STR(said.items[1], "rule \"all\" deletes replaced and deleted versions after 9 days");
    ASSERT_STR(said.items[2],
               "rule \"all\" moves objects to the storage class GLACIER after 7 days");
    ASSERT_STR(said.items[3], "rule \"all\" ends unfinished uploads after 3 days");
    strlist_deinit(&said);
}
