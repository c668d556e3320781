/* s3_xml.h — the answers of an S3 service, from bytes that nobody vouches for: bounded in depth and
 * length, without document types or entities of their own. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/store.h"

enum { S3_XML_TEXT_MAX = 8192, S3_XML_DEPTH_MAX = 12 };

/* At the end of each element: its path from the root ("Error/Code") and the text directly in it.
 * -1 with *e filled ends the parsing. */
typedef int s3_xml_cb(void *arg, const char *path, const char *text, struct err *e);
/* ERR_FORMAT when it is no whole document, ERR_LIMIT. */
int must_check s3_xml_parse(const void *data, size_t len, s3_xml_cb *cb, void *arg, struct err *e);

struct s3_xml_error {
    char code[64], message[256], region[64];
};
/* false: it is no <Error>. What is too long is cut. */
bool s3_xml_read_error(const void *data, size_t len, struct s3_xml_error *ret);

/* A page of ListObjectsV2, unsorted; keys decoded. A folded entry has size 0 and ends in '/'. */
struct s3_xml_list {
    struct store_object *items; /* owned; name is the whole key */
    size_t count;
    bool truncated;
    char *token; /* owned; NULL: none */
};
enum { S3_XML_ITEMS_MAX = 1000 }; /* of any page */
int must_check s3_xml_read_list(const void *data, size_t len, struct s3_xml_list *ret,
                                struct err *e);
void s3_xml_list_deinit(struct s3_xml_list *l);

/* A page of ListMultipartUploads. */
struct s3_xml_upload {
    char *key, *id; /* owned */
    struct wall initiated;
};
struct s3_xml_uploads {
    struct s3_xml_upload *items; /* owned */
    size_t count;
    bool truncated;
    char *next_key, *next_id; /* owned, or NULL */
};
int must_check s3_xml_read_uploads(const void *data, size_t len, struct s3_xml_uploads *ret,
                                   struct err *e);
void s3_xml_uploads_deinit(struct s3_xml_uploads *u);

/* A page of ListParts. */
struct s3_xml_part {
    uint64_t size;
    int number; /* 1..10000 */
    char etag[64];
};
struct s3_xml_parts {
    struct s3_xml_part *items; /* owned */
    size_t count;
    bool truncated;
    int next; /* part-number-marker of the next page */
};
int must_check s3_xml_read_parts(const void *data, size_t len, struct s3_xml_parts *ret,
                                 struct err *e);
void s3_xml_parts_deinit(struct s3_xml_parts *p);

/* The text at one path, owned; ERR_FORMAT if it is not there. */
int must_check s3_xml_read_text(const void *data, size_t len, const char *path, char **ret,
                                struct err *e);
/* Without the quotes around it, in place. Returns etag. */
char *s3_xml_unquote(char *etag);
