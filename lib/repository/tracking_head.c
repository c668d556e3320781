#include "lib/repository/tracking_head.h"

#include <openssl/evp.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"

enum { HEAD_MAX = 64 << 20, HEX_LEN = 2 * SEAL_HASH_LEN, PIECE = 256 << 10, VERSION = 1 };

static const char file_name[] = "head";

/* --- to JSON --- */

/* Paths are bytes, which JSON cannot hold. */
static json_t *bytes_to_json(const char *s)
{
    size_t len = strlen(s);
    _cleanup_free_ char *hex = mem_alloc(2 * len + 1);

    hex_encode((const uint8_t *)s, len, hex);
    return json_string(hex);
}

static json_t *tree_to_json(const struct tracking_artifact *a)
{
    json_t *spoiled = json_array();

    if (!a->is_tree) {
        json_decref(spoiled);
        return json_null();
    }
    for (size_t i = 0; i < a->spoiled.count; i++)
        (void)json_array_append_new(spoiled, bytes_to_json(a->spoiled.items[i]));
    return json_pack("{s:o, s:I, s:I, s:I, s:b, s:o, s:b}", "root", bytes_to_json(a->root),
                     "device", (json_int_t)a->device, "fs_id", (json_int_t)a->fs_id, "inode",
                     (json_int_t)a->inode, "attributes", a->attributes, "spoiled", spoiled,
                     "all_spoiled", a->all_spoiled);
}

static json_t *head_to_json(const struct tracking_head *h)
{
    json_t *lists = json_array();
    char hex[HEX_LEN + 1];

    for (size_t i = 0; i < h->count; i++) {
        const struct tracking_artifact *a = &h->artifacts[i];
        hex_encode(a->sha256, SEAL_HASH_LEN, hex);
        (void)json_array_append_new(lists, json_pack("{s:s, s:I, s:s, s:o}", "name", a->name,
                                                     "length", (json_int_t)a->length, "sha256", hex,
                                                     "tree", tree_to_json(a)));
    }
    return json_pack("{s:i, s:I, s:s, s:s, s:s, s:I, s:o}", "version", VERSION, "number",
                     (json_int_t)h->number, "repository", h->repository, "host", h->host, "id",
                     h->id, "started", (json_int_t)h->started.us, "lists", lists);
}

int tracking_head_write(int dirfd, const struct tracking_head *h, struct err *e)
{
    struct buf text = BUF_INIT(HEAD_MAX), whole = BUF_INIT(HEAD_MAX);
    _cleanup_json_ json_t *json = head_to_json(h);
    uint8_t sha256[SEAL_HASH_LEN];
    char hex[HEX_LEN + 1];
    int rc = json == NULL ? err_set(e, ERR_INTERNAL, "%s: a name is not UTF-8", file_name)
                          : json_write(json, &text, e);

    if (rc == 0) {
        seal_sha256(text.data, text.len, sha256);
        hex_encode(sha256, SEAL_HASH_LEN, hex);
        rc = buf_printf(&whole, e, "%s\n", hex) < 0 ||
                     buf_append(&whole, text.data, text.len, e) < 0 ||
                     fs_replace_file(dirfd, file_name, whole.data, whole.len, 0600, e) < 0
                 ? -1
                 : 0;
    }
    buf_deinit(&text);
    buf_deinit(&whole);
    return rc;
}

/* --- from JSON --- */

static int bytes_from_json(const char *hex, char **ret, struct err *e)
{
    size_t len = strlen(hex) / 2;
    char *s = mem_alloc(len + 1);

    if (hex_decode(hex, (uint8_t *)s, len) < 0 || strlen(s) != len) {
        free(s);
        return err_set(e, ERR_FORMAT, "a path that cannot be");
    }
    *ret = s;
    return 0;
}

static int get_u64(const json_t *o, const char *key, uint64_t *ret, struct err *e)
{
    int64_t value;

    if (json_get_i64(o, key, INT64_MIN, INT64_MAX, &value, e) < 0)
        return -1;
    *ret = (uint64_t)value;
    return 0;
}

static int read_tree(const json_t *o, struct tracking_artifact *a, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist spoiled = {0};
    const char *root;
    char *path;

    a->is_tree = true;
    if (json_get_string(o, "root", &root, e) < 0 || bytes_from_json(root, &a->root, e) < 0 ||
        get_u64(o, "device", &a->device, e) < 0 || get_u64(o, "fs_id", &a->fs_id, e) < 0 ||
        get_u64(o, "inode", &a->inode, e) < 0 ||
        json_get_bool(o, "attributes", &a->attributes, e) < 0 ||
        json_get_bool(o, "all_spoiled", &a->all_spoiled, e) < 0 ||
        json_get_strings(o, "spoiled", &spoiled, e) < 0)
        return -1;
    for (size_t i = 0; i < spoiled.count; i++) {
        if (bytes_from_json(spoiled.items[i], &path, e) < 0)
            return -1;
        strlist_take(&a->spoiled, path);
    }
    return 0;
}

static int read_artifact(const json_t *o, struct tracking_artifact *a, struct err *e)
{
    const json_t *tree = json_object_get(o, "tree");
    const char *name, *sha256;

    if (json_get_string(o, "name", &name, e) < 0 || json_get_string(o, "sha256", &sha256, e) < 0 ||
        get_u64(o, "length", &a->length, e) < 0)
        return -1;
    a->name = mem_strdup(name);
    if (hex_decode(sha256, a->sha256, SEAL_HASH_LEN) < 0)
        return err_set(e, ERR_FORMAT, "a digest that cannot be");
    return json_is_object(tree) ? read_tree(tree, a, e) : 0;
}

static int read_head(const json_t *o, struct tracking_head *h, struct err *e)
{
    const char *repository, *host, *id;
    int64_t version;
    json_t *lists;

    if (json_get_i64(o, "version", VERSION, VERSION, &version, e) < 0 ||
        json_get_i64(o, "number", 1, INT64_MAX, &h->number, e) < 0 ||
        json_get_string(o, "repository", &repository, e) < 0 ||
        json_get_string(o, "host", &host, e) < 0 || json_get_string(o, "id", &id, e) < 0 ||
        json_get_i64(o, "started", INT64_MIN, INT64_MAX, &h->started.us, e) < 0 ||
        json_get_array(o, "lists", &lists, e) < 0)
        return -1;
    h->repository = mem_strdup(repository);
    h->host = mem_strdup(host);
    h->id = mem_strdup(id);
    for (size_t i = 0; i < json_array_size(lists); i++) {
        struct tracking_artifact a = {0};
        int rc = read_artifact(json_array_get(lists, i), &a, e);
        tracking_head_add(h, &a);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int read_text(const struct buf *text, struct tracking_head *ret, struct err *e)
{
    _cleanup_json_ json_t *json = NULL;
    uint8_t told[SEAL_HASH_LEN], found[SEAL_HASH_LEN];
    const char *body = (const char *)text->data + HEX_LEN + 1;

    if (text->len <= HEX_LEN + 1 || body[-1] != '\n')
        return err_set(e, ERR_DAMAGED, "%s is cut short", file_name);
    char hex[HEX_LEN + 1] = {0};
    memcpy(hex, text->data, HEX_LEN);
    seal_sha256(body, text->len - HEX_LEN - 1, found);
    if (hex_decode(hex, told, SEAL_HASH_LEN) < 0 || memcmp(told, found, SEAL_HASH_LEN) != 0)
        return err_set(e, ERR_DAMAGED, "%s is not what was written", file_name);
    if (json_read(body, text->len - HEX_LEN - 1, &json, e) < 0 || read_head(json, ret, e) < 0) {
        tracking_head_deinit(ret);
        return err_wrap(e, "%s", file_name);
    }
    return 0;
}

int tracking_head_read(int dirfd, struct tracking_head *ret, struct err *e)
{
    struct buf text = BUF_INIT(HEAD_MAX);

    *ret = (struct tracking_head){0};
    int rc = fs_read_file(dirfd, file_name, &text, e);
    if (rc == 0)
        rc = read_text(&text, ret, e);
    buf_deinit(&text);
    return rc;
}

/* --- in memory --- */

const struct tracking_artifact *tracking_head_find(const struct tracking_head *h, const char *name)
{
    for (size_t i = 0; i < h->count; i++)
        if (str_equal(h->artifacts[i].name, name))
            return &h->artifacts[i];
    return NULL;
}

void tracking_head_add(struct tracking_head *h, struct tracking_artifact *a)
{
    h->artifacts = mem_resize_array(h->artifacts, h->count + 1, sizeof(*h->artifacts));
    h->artifacts[h->count++] = *a;
    *a = (struct tracking_artifact){0};
}

void tracking_artifact_deinit(struct tracking_artifact *a)
{
    free(a->name);
    free(a->root);
    strlist_deinit(&a->spoiled);
    *a = (struct tracking_artifact){0};
}

void tracking_head_deinit(struct tracking_head *h)
{
    for (size_t i = 0; i < h->count; i++)
        tracking_artifact_deinit(&h->artifacts[i]);
    free(h->artifacts);
    free(h->repository);
    free(h->host);
    free(h->id);
    *h = (struct tracking_head){0};
}

static int digest_pieces(EVP_MD_CTX *digest, int fd, uint64_t len, struct err *e)
{
    _cleanup_free_ uint8_t *piece = mem_alloc(PIECE);

    for (uint64_t at = 0; at < len;) {
        size_t want = len - at < PIECE ? (size_t)(len - at) : PIECE, got;
        if (fs_pread_full(fd, piece, want, (int64_t)at, &got, e) < 0)
            return -1;
        if (got < want)
            return err_set(e, ERR_DAMAGED, "a file is shorter than it was");
        if (EVP_DigestUpdate(digest, piece, got) != 1)
            return err_set(e, ERR_INTERNAL, "SHA-256 failed");
        at += got;
    }
    return 0;
}

int tracking_digest_file(int fd, uint64_t len, uint8_t ret[SEAL_HASH_LEN], struct err *e)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    int rc = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1
                 ? digest_pieces(digest, fd, len, e)
                 : err_set(e, ERR_INTERNAL, "SHA-256 cannot be had");

    if (rc == 0 && EVP_DigestFinal_ex(digest, ret, NULL) != 1)
        rc = err_set(e, ERR_INTERNAL, "SHA-256 failed");
    EVP_MD_CTX_free(digest);
    return rc;
}
