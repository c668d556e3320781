/* Any bytes as the answer of an S3 service: every reader refuses them or stays within its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store/s3_lifecycle.h"
#include "lib/store/s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int rc, const struct err *e, size_t count)
{
    if (rc < 0 ? e->code != ERR_FORMAT && e->code != ERR_LIMIT : count > S3_XML_ITEMS_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct s3_xml_list list;
    struct s3_xml_uploads uploads;
    struct s3_xml_parts parts;
    struct s3_xml_error error;
    struct strlist rules = {0};
    struct err e;
    char *text;

    int rc = s3_xml_read_list(data, size, &list, &e);
    check(rc, &e, list.count);
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].name[0] == '\0' || strlen(list.items[i].name) > STORE_NAME_MAX)
            abort();
    s3_xml_list_deinit(&list);
    rc = s3_xml_read_uploads(data, size, &uploads, &e);
    check(rc, &e, uploads.count);
    s3_xml_uploads_deinit(&uploads);
    rc = s3_xml_read_parts(data, size, &parts, &e);
    check(rc, &e, parts.count);
    for (size_t i = 0; i < parts.count; i++)
        if (parts.items[i].number < 1 || parts.items[i].number > 10000)
            abort();
    s3_xml_parts_deinit(&parts);
    if (s3_xml_read_error(data, size, &error) && error.code[0] == '\0')
        abort();
    if (s3_xml_read_text(data, size, "InitiateMultipartUploadResult/UploadId", &text, &e) == 0)
        free(text);
    s3_lifecycle_describe(data, size, "host1/", &rules);
    strlist_deinit(&rules);
    return 0;
}
