/* s3_list.c — the happy path is: ask for a page, drop what is not ours or not wanted, sort, and go on
 * with the service's token until enough is there.
 *
 * The service sorts too, but it tells objects and folded prefixes apart, and what it does with a
 * start that lies inside a folded prefix differs from service to service. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/s3_name.h"
#include "lib/store/s3_store.h"

struct listing {
    struct s3 *s;
    const char *key_prefix, *start;
    bool fold;
    size_t max;
    struct s3_xml_list page;
};

static int accept_page(void *arg, const struct s3_reply *r, struct err *e)
{
    struct listing *l = arg;

    /* A page cut off or malformed may be whole the next time. */
    return s3_xml_read_list(r->http.body.data, r->http.body.len, &l->page, e) < 0 ? 1 : 0;
}

static int fetch_page(struct listing *l, const char *token, struct err *e)
{
    struct s3_request req = {.method = "GET", .what = "list", .accept = accept_page, .arg = l};
    struct s3_reply r;

    s3_pairs_set(&req.query, "list-type", "2");
    s3_pairs_set(&req.query, "encoding-type", "url");
    s3_pairs_set(&req.query, "prefix", l->key_prefix);
    s3_pairs_setf(&req.query, "max-keys", "%zu", l->max);
    if (l->fold)
        s3_pairs_set(&req.query, "delimiter", "/");
    if (token != NULL)
        s3_pairs_set(&req.query, "continuation-token", token);
    else if (l->start[0] != '\0')
        s3_pairs_set(&req.query, "start-after", l->start);
    int rc = s3_send(&l->s->service, &req, &r, e);
    s3_reply_deinit(&r);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct store_object *)a)->name, ((const struct store_object *)b)->name);
}

/* Names relative to our prefix; what no call of ours could have made is passed over. */
static size_t take_page(struct listing *l, const char *after, struct store_object *out, size_t room)
{
    size_t skip = strlen(l->s->prefix), taken = 0;
    struct s3_xml_list *page = &l->page;

    if (page->count > 1)
        qsort(page->items, page->count, sizeof(page->items[0]), by_name);
    for (size_t i = 0; i < page->count && taken < room; i++) {
        struct store_object *o = &page->items[i];
        if (!str_starts(o->name, l->key_prefix) || strlen(o->name) <= skip)
            continue;
        memmove(o->name, o->name + skip, strlen(o->name + skip) + 1);
        s3_name_from_key(o->name);
        if (strcmp(o->name, after) <= 0 ||
            (!store_is_name(o->name) && !(l->fold && str_ends(o->name, "/"))))
            continue;
        out[taken++] = *o;
    }
    return taken;
}

/* Behind everything that folds into `after`: no character comes behind U+10FFFF. */
static char *start_of(const struct s3 *s, const char *after, bool fold)
{
    if (after[0] == '\0')
        return mem_strdup("");
    _cleanup_free_ char *key = s3_key(s, after);
    return mem_printf("%s%s", key, fold && str_ends(after, "/") ? "\xf4\x8f\xbf\xbf" : "");
}

int s3_list(struct store *base, const char *prefix, bool fold, const char *after,
            struct store_object *out, size_t max, size_t *ret_count, struct err *e)
{
    struct s3 *s = s3_of(base);
    _cleanup_free_ char *key_prefix = s3_key(s, prefix), *start = start_of(s, after, fold);
    _cleanup_free_ char *token = NULL;
    struct listing l = {.s = s,
                        .key_prefix = key_prefix,
                        .start = start,
                        .fold = fold,
                        .max = max < S3_XML_ITEMS_MAX ? max : S3_XML_ITEMS_MAX};
    bool more = true;

    while (more && *ret_count < max) {
        if (fetch_page(&l, token, e) < 0)
            return -1;
        *ret_count += take_page(&l, *ret_count > 0 ? out[*ret_count - 1].name : after,
                                out + *ret_count, max - *ret_count);
        bool same = token != NULL && str_equal(token, l.page.token);
        more = l.page.truncated;
        free(token);
        token = TAKE(l.page.token);
        s3_xml_list_deinit(&l.page);
        if (more && (token == NULL || same))
            return err_set(e, ERR_UNAVAILABLE,
                           "%s: list: the service says that there is more, "
                           "but not where",
                           s->base.place);
    }
    return 0;
}
