#include "lib/store/s3_refusal.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"

/* "%s" in advice: what stands in the column `about`. */
enum about { NOTHING, BUCKET };

static const struct refusal {
    const char *code;
    enum err_code err;
    int rc;
    enum about about;
    const char *advice;
} refusals[] = {
    {"AccessDenied", ERR_DENIED, -1, NOTHING,
     "access denied (the credentials do not allow it, or a policy of the bucket forbids it)"},
    {"AllAccessDisabled", ERR_DENIED, -1, NOTHING, "the service has disabled all access"},
    {"UserSuspended", ERR_DENIED, -1, NOTHING,
     "the service has suspended the owner of the credentials (ask its operator)"},
    {"InvalidAccessKeyId", ERR_DENIED, -1, NOTHING,
     "the service does not know the access key (check the first line of credentials)"},
    {"SignatureDoesNotMatch", ERR_DENIED, -1, NOTHING,
     "the signature does not match (check the second line of credentials, the region, and that no "
     "proxy changes requests)"},
    {"ExpiredToken", ERR_DENIED, -1, NOTHING,
     "the session token has expired (renew the credentials)"},
    {"InvalidToken", ERR_DENIED, -1, NOTHING,
     "the session token is not valid (check the third line of credentials)"},
    {"NoSuchKey", ERR_NOT_FOUND, -1, NOTHING, "there is no such object"},
    {"NoSuchUpload", ERR_NOT_FOUND, -1, NOTHING, "there is no such upload any more"},
    {"NoSuchBucket", ERR_CONFIG, -1, BUCKET,
     "there is no bucket \"%s\" (create it, or correct `bucket` and `endpoint`)"},
    {"InvalidBucketName", ERR_CONFIG, -1, BUCKET,
     "the service takes \"%s\" for no name of a bucket (correct `bucket`)"},
    {"PreconditionFailed", ERR_EXISTS, -1, NOTHING, "it exists already"},
    {"QuotaExceeded", ERR_NO_SPACE, -1, NOTHING, "the quota is full (raise it, or keep less)"},
    {"XMinioStorageFull", ERR_NO_SPACE, -1, NOTHING, "the service's disks are full"},
    {"InvalidStorageClass", ERR_CONFIG, -1, NOTHING,
     "the service has no such storage class (correct `storage_class`)"},
    {"InvalidPart", ERR_DAMAGED, -1, NOTHING, "the service has lost a part that it had confirmed"},
    {"InvalidArgument", ERR_CONFIG, -1, NOTHING,
     "the service refuses an option (check storage_class, encryption and lock)"},
    {"KeyTooLongError", ERR_LIMIT, -1, NOTHING, "the name is too long for the service"},
    {"SlowDown", ERR_UNAVAILABLE, 1, NOTHING, "the service asks to slow down"},
    {"RequestTimeout", ERR_TIMEOUT, 1, NOTHING, "the service waited in vain for our data"},
    {"OperationAborted", ERR_UNAVAILABLE, 1, NOTHING, "another operation was in the way"},
    {"ConditionalRequestConflict", ERR_UNAVAILABLE, 1, NOTHING, "another operation was in the way"},
    {"BadDigest", ERR_UNAVAILABLE, 1, NOTHING, "the bytes changed on their way"},
    {"XAmzContentSHA256Mismatch", ERR_UNAVAILABLE, 1, NOTHING, "the bytes changed on their way"},
    {"InternalError", ERR_UNAVAILABLE, 1, NOTHING, "the service failed"},
    {"ServiceUnavailable", ERR_UNAVAILABLE, 1, NOTHING, "the service is not available"},
};

static int explain_known(const struct s3_service *s, const struct refusal *f, struct err *e)
{
    char text[ERR_TEXT_MAX];

    if (f->about == NOTHING) {
        (void)err_set(e, f->err, "%s", f->advice);
        return f->rc;
    }
    const char *mark = strstr(f->advice, "%s");
    (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - f->advice), f->advice, s->bucket,
                   mark + 2);
    (void)err_set(e, f->err, "%s", text);
    return f->rc;
}

static int explain_skew(const struct s3_reply *r, struct err *e)
{
    int64_t ahead = 0;
    char span[32];

    if (!s3_reply_clock_skew(r, &ahead))
        return err_set(e, ERR_DENIED, "the clocks differ too much (set this machine's clock)");
    return err_set(e, ERR_DENIED, "this machine's clock is %s %s the service's (set it, by NTP)",
                   str_duration(ahead < 0 ? -ahead : ahead, span),
                   ahead < 0 ? "ahead of" : "behind");
}

static int explain_region(const struct s3_service *s, const struct s3_reply *r, struct err *e)
{
    _cleanup_free_ char *header = http_answer_header(&r->http, "x-amz-bucket-region");
    _cleanup_free_ char *raw =
        header == NULL && r->error.region[0] != '\0' ? mem_strdup(r->error.region) : NULL;
    const char *region = header != NULL ? header : raw;

    if (region != NULL && strcmp(region, s->region) != 0) {
        _cleanup_free_ char *shown = str_printable(region, strlen(region));
        return err_set(e, ERR_CONFIG, "the bucket lies in another region (set region = %s)", shown);
    }
    return err_set(e, ERR_CONFIG, "the bucket lies elsewhere (correct `endpoint` and `region`)");
}

static int explain_status(const struct s3_reply *r, struct err *e)
{
    long status = r->http.status;
    bool coded = r->error.code[0] != '\0';
    _cleanup_free_ char *code = str_printable(r->error.code, strlen(r->error.code));
    _cleanup_free_ char *message = str_printable(r->error.message, strlen(r->error.message));
    enum err_code err = status == 403 || status == 401 ? ERR_DENIED
                        : status == 404                ? ERR_NOT_FOUND
                        : status == 412                ? ERR_EXISTS
                        : status == 507                ? ERR_NO_SPACE
                        : status >= 500 || status == 429 || status == 408 || status < 300
                            ? ERR_UNAVAILABLE
                            : ERR_REFUSED; /* it says nothing about the bytes that lie there */

    (void)err_set(e, err, "the service answered %ld%s%s%s%s", status, coded ? " " : "", code,
                  message[0] != '\0' ? ": " : "", message);
    return err == ERR_UNAVAILABLE && status != 501 ? 1 : -1;
}

int s3_refusal_explain(const struct s3_service *s, const struct s3_reply *r, struct err *e)
{
    const char *code = r->error.code;

    if (strcmp(code, "RequestTimeTooSkewed") == 0)
        return explain_skew(r, e);
    if ((r->http.status >= 300 && r->http.status <= 399) ||
        strcmp(code, "AuthorizationHeaderMalformed") == 0 ||
        strcmp(code, "IllegalLocationConstraintException") == 0)
        return explain_region(s, r, e);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (strcmp(code, refusals[i].code) == 0)
            return explain_known(s, &refusals[i], e);
    return explain_status(r, e);
}
