/* s3_xml.c — the happy path is: expat tells the elements, the path grows and shrinks with them, text
 * gathers, the caller hears of each element's end.
 *
 * Failure modes: not well formed or cut off, a document type (entities could grow without bound),
 * too deep, too long. Each ends the parsing at once. */
#include "lib/store/s3_xml.h"

#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { PATH_MAX_LEN = 512, ERROR_MAX = 64 * 1024 /* pages are longer, and need no second look */ };

struct parsing {
    XML_Parser parser;
    struct buf path, text;
    size_t starts[S3_XML_DEPTH_MAX]; /* lengths of path before each element */
    size_t depth;
    s3_xml_cb *cb;
    void *arg;
    struct err *e;
    bool failed;
};

static void fail(struct parsing *p)
{
    p->failed = true;
    (void)XML_StopParser(p->parser, XML_FALSE);
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct parsing *p = arg;
    const char *local = strrchr(name, '|'); /* behind its name space */

    (void)attributes;
    if (p->failed)
        return;
    local = local != NULL ? local + 1 : name;
    if (p->depth == S3_XML_DEPTH_MAX) {
        (void)err_set(p->e, ERR_LIMIT, "XML: more than %d levels", S3_XML_DEPTH_MAX);
        fail(p);
        return;
    }
    p->starts[p->depth++] = p->path.len;
    if (buf_printf(&p->path, p->e, "%s%s", p->path.len > 0 ? "/" : "", local) < 0)
        fail(p);
    buf_clear(&p->text);
}

static void on_text(void *arg, const XML_Char *text, int len)
{
    struct parsing *p = arg;

    if (!p->failed && buf_append(&p->text, text, (size_t)len, p->e) < 0)
        fail(p);
}

static void on_end(void *arg, const XML_Char *name)
{
    struct parsing *p = arg;

    (void)name;
    if (p->failed)
        return;
    if (p->cb(p->arg, (const char *)p->path.data, p->text.len > 0 ? (char *)p->text.data : "",
              p->e) < 0) {
        fail(p);
        return;
    }
    p->path.len = p->starts[--p->depth];
    p->path.data[p->path.len] = 0;
    buf_clear(&p->text);
}

static void on_doctype(void *arg, const XML_Char *name, const XML_Char *system_id,
                       const XML_Char *public_id, int has_internal)
{
    struct parsing *p = arg;

    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal;
    (void)err_set(p->e, ERR_FORMAT, "XML: a document type");
    fail(p);
}

int s3_xml_parse(const void *data, size_t len, s3_xml_cb *cb, void *arg, struct err *e)
{
    struct parsing p = {.path = BUF_INIT(PATH_MAX_LEN),
                        .text = BUF_INIT(S3_XML_TEXT_MAX),
                        .cb = cb,
                        .arg = arg,
                        .e = e};

    if (len > INT32_MAX)
        return err_set(e, ERR_LIMIT, "XML: too long");
    p.parser = XML_ParserCreateNS(NULL, '|');
    if (p.parser == NULL)
        abort(); /* memory, as in mem.h */
    XML_SetUserData(p.parser, &p);
    XML_SetElementHandler(p.parser, on_start, on_end);
    XML_SetCharacterDataHandler(p.parser, on_text);
    XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
    int rc = 0;
    if (XML_Parse(p.parser, data, (int)len, 1) != XML_STATUS_OK)
        rc = p.failed
                 ? -1
                 : err_set(e, ERR_FORMAT, "XML: %s", XML_ErrorString(XML_GetErrorCode(p.parser)));
    XML_ParserFree(p.parser);
    buf_deinit(&p.path);
    buf_deinit(&p.text);
    return rc;
}

struct wanted {
    const char *path;
    char *text;
};

static int take_wanted(void *arg, const char *path, const char *text, struct err *e)
{
    struct wanted *w = arg;

    (void)e;
    if (w->text == NULL && strcmp(path, w->path) == 0)
        w->text = mem_strdup(text);
    return 0;
}

int s3_xml_read_text(const void *data, size_t len, const char *path, char **ret, struct err *e)
{
    struct wanted w = {.path = path};

    *ret = NULL;
    if (s3_xml_parse(data, len, take_wanted, &w, e) < 0) {
        free(w.text);
        return -1;
    }
    if (w.text == NULL)
        return err_set(e, ERR_FORMAT, "XML: there is no %s", path);
    *ret = w.text;
    return 0;
}

char *s3_xml_unquote(char *etag)
{
    size_t len = strlen(etag);

    if (len >= 2 && etag[0] == '"' && etag[len - 1] == '"') {
        memmove(etag, etag + 1, len - 2);
        etag[len - 2] = '\0';
    }
    return etag;
}

static int take_error(void *arg, const char *path, const char *text, struct err *e)
{
    struct s3_xml_error *x = arg;

    (void)e;
    if (strcmp(path, "Error/Code") == 0)
        (void)snprintf(x->code, sizeof(x->code), "%s", text);
    else if (strcmp(path, "Error/Message") == 0)
        (void)snprintf(x->message, sizeof(x->message), "%s", text);
    else if (strcmp(path, "Error/Region") == 0)
        (void)snprintf(x->region, sizeof(x->region), "%s", text);
    return 0;
}

bool s3_xml_read_error(const void *data, size_t len, struct s3_xml_error *ret)
{
    *ret = (struct s3_xml_error){0};
    return len > 0 && len <= ERROR_MAX && s3_xml_parse(data, len, take_error, ret, NULL) == 0 &&
           ret->code[0] != '\0';
}
