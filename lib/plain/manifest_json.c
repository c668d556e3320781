/* manifest_json.c — struct manifest to and from its JSON form. What comes from a store is hostile:
 * every name is checked to lie inside the set, every number and count is bounded. */
#include <ctype.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/plain/manifest.h"

enum {
    VERSION = 1,
    NAME_MAX_LEN = 255,
    SOURCES_MAX = 1000,
    ARTIFACTS_MAX = 20000,
    VOLUMES_MAX = 1 << 20,
    LIST_MAX = 1 << 16,
    TEXT_MAX = 4096
};

static const char plain_format[] = "synbak-plain", repository_format[] = "synbak-repository";

static void volume_deinit(struct artifact_volume *v)
{
    free(v->name);
    *v = (struct artifact_volume){0};
}

void manifest_artifact_deinit(struct manifest_artifact *a)
{
    for (size_t i = 0; i < a->volume_count; i++)
        volume_deinit(&a->volumes[i]);
    free(a->volumes);
    volume_deinit(&a->segments);
    strlist_deinit(&a->list);
    free(a->source);
    free(a->source_type);
    free(a->kind);
    free(a->database);
    json_decref(a->details);
    *a = (struct manifest_artifact){0};
}

void manifest_deinit(struct manifest *m)
{
    for (size_t i = 0; i < m->artifact_count; i++)
        manifest_artifact_deinit(&m->artifacts[i]);
    free(m->artifacts);
    for (size_t i = 0; i < m->source_count; i++) {
        free(m->sources[i].name);
        free(m->sources[i].type);
        strlist_deinit(&m->sources[i].problems);
    }
    free(m->sources);
    free(m->job);
    free(m->id);
    strlist_deinit(&m->tiers);
    free(m->reason);
    free(m->host);
    free(m->version);
    free(m->readback);
    volume_deinit(&m->sums);
    volume_deinit(&m->text);
    *m = (struct manifest){0};
}

/* --- writing --- */

static void set(json_t *o, const char *key, json_t *value)
{
    if (json_object_set_new(o, key, value) != 0)
        abort(); /* as mem.h: memory is exhausted */
}

static void add(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        abort(); /* as mem.h: memory is exhausted */
}

static json_t *text(const char *s)
{
    return json_printable(s != NULL ? s : "");
}

static json_t *moment(struct wall t)
{
    char out[32];

    return json_string(clock_iso8601(t, out));
}

static json_t *volume_to_json(const struct artifact_volume *v)
{
    json_t *o = json_object();
    char hex[2 * STORE_DIGEST_LEN + 1];

    hex_encode(v->sha256, sizeof(v->sha256), hex);
    set(o, "name", json_string(v->name));
    set(o, "size", json_integer((json_int_t)v->size));
    set(o, "sha256", json_string(hex));
    return o;
}

static void volumes_to_json(const struct manifest_artifact *a, json_t *o)
{
    json_t *volumes = json_array();

    for (size_t i = 0; i < a->volume_count; i++)
        add(volumes, volume_to_json(&a->volumes[i]));
    set(o, "volumes", volumes);
    set(o, "segments", volume_to_json(&a->segments));
    set(o, "gzip", json_boolean(a->gzip));
    set(o, "encrypted", json_boolean(a->encrypted));
}

json_t *manifest_artifact_to_json(const struct manifest_artifact *a)
{
    json_t *o = json_object();

    set(o, "source", json_string(a->source));
    set(o, "type", json_string(a->source_type));
    set(o, "kind", json_string(a->kind));
    set(o, "database", a->database != NULL ? json_printable(a->database) : json_null());
    if (a->list.count > 0)
        set(o, "list", json_from_strings(&a->list));
    else
        volumes_to_json(a, o);
    set(o, "raw_bytes", json_integer((json_int_t)a->raw_bytes));
    set(o, "stored_bytes", json_integer((json_int_t)a->stored_bytes));
    set(o, "details", a->details != NULL ? json_deep_copy(a->details) : json_object());
    return o;
}

static json_t *source_to_json(const struct manifest_source *s)
{
    json_t *o = json_object();

    set(o, "name", json_string(s->name));
    set(o, "type", json_string(s->type));
    set(o, "whole", json_boolean(s->whole));
    set(o, "problems", json_from_strings(&s->problems));
    return o;
}

/* What lies beside the artifacts, and what it is authenticated with. */
static void plain_to_json(const struct manifest *m, json_t *o)
{
    json_t *files = json_array();

    if (m->sums.name != NULL)
        add(files, volume_to_json(&m->sums));
    if (m->text.name != NULL)
        add(files, volume_to_json(&m->text));
    set(o, "salt", json_string(m->salt));
    set(o, "key_id", json_string(m->key_id));
    set(o, "files", files);
}

json_t *manifest_to_json(const struct manifest *m)
{
    json_t *o = json_object(), *sources = json_array(), *artifacts = json_array();

    for (size_t i = 0; i < m->source_count; i++)
        add(sources, source_to_json(&m->sources[i]));
    for (size_t i = 0; i < m->artifact_count; i++)
        add(artifacts, manifest_artifact_to_json(&m->artifacts[i]));
    set(o, "format", json_string(m->repository ? repository_format : plain_format));
    set(o, "version", json_integer(VERSION));
    set(o, "job", json_string(m->job));
    set(o, "id", json_string(m->id));
    set(o, "sequence", json_integer(m->sequence));
    set(o, "tiers", json_from_strings(&m->tiers));
    set(o, "reason", text(m->reason));
    set(o, "started", moment(m->started));
    set(o, "finished", moment(m->finished));
    set(o, "destination", json_string(m->destination_id));
    set(o, "host", text(m->host));
    set(o, "synbak", text(m->version));
    set(o, "incomplete", json_boolean(m->incomplete));
    set(o, "fragment", json_boolean(m->fragment));
    set(o, "stays", json_boolean(m->stays));
    set(o, "readback", text(m->readback));
    set(o, "sources", sources);
    set(o, "artifacts", artifacts);
    if (!m->repository)
        plain_to_json(m, o);
    return o;
}

/* --- reading --- */

static int get_text(const json_t *o, const char *key, size_t max, char **ret, struct err *e)
{
    const char *s;

    if (json_get_string(o, key, &s, e) < 0)
        return -1;
    if (strlen(s) > max)
        return err_set(e, ERR_FORMAT, "\"%s\" is longer than %zu bytes", key, max);
    *ret = mem_strdup(s);
    return 0;
}

static int get_word(const json_t *o, const char *key, const char *const *words, char **ret,
                    struct err *e)
{
    const char *s;

    if (json_get_string(o, key, &s, e) < 0)
        return -1;
    for (; *words != NULL; words++) {
        if (strcmp(*words, s) == 0) {
            *ret = mem_strdup(s);
            return 0;
        }
    }
    return err_set(e, ERR_FORMAT, "\"%s\" is not one of the known words", key);
}

static int get_name(const json_t *o, const char *key, char **ret, struct err *e)
{
    const char *s;

    if (json_get_string(o, key, &s, e) < 0)
        return -1;
    if (!str_is_name(s))
        return err_set(e, ERR_FORMAT, "\"%s\" is not a name", key);
    *ret = mem_strdup(s);
    return 0;
}

/* Exactly `digits` lower-case hex digits, or nothing at all where `empty` allows it. */
static int get_hex(const json_t *o, const char *key, size_t digits, bool empty, char *ret,
                   struct err *e)
{
    const char *s;

    if (json_get_string(o, key, &s, e) < 0)
        return -1;
    size_t len = strlen(s);
    if (!(len == 0 && empty) && (len != digits || strspn(s, "0123456789abcdef") != digits))
        return err_set(e, ERR_FORMAT, "\"%s\" is not %zu hex digits", key, digits);
    memcpy(ret, s, len + 1);
    return 0;
}

static int get_moment(const json_t *o, const char *key, struct wall *ret, struct err *e)
{
    const char *s;

    if (json_get_string(o, key, &s, e) < 0)
        return -1;
    return clock_parse_iso8601(s, ret) == 0
               ? 0
               : err_set(e, ERR_FORMAT, "\"%s\" is not a time in UTC", key);
}

static int get_size(const json_t *o, const char *key, uint64_t *ret, struct err *e)
{
    int64_t n;

    if (json_get_i64(o, key, 0, INT64_MAX / 4, &n, e) < 0)
        return -1;
    *ret = (uint64_t)n;
    return 0;
}

static int get_list(const json_t *o, const char *key, size_t max, json_t **ret, struct err *e)
{
    if (json_get_array(o, key, ret, e) < 0)
        return -1;
    if (json_array_size(*ret) > max)
        return err_set(e, ERR_FORMAT, "\"%s\" has more than %zu entries", key, max);
    return 0;
}

static int volume_from_json(const json_t *o, struct artifact_volume *ret, struct err *e)
{
    char hex[2 * STORE_DIGEST_LEN + 1];

    if (get_text(o, "name", (size_t)2 * NAME_MAX_LEN, &ret->name, e) < 0 ||
        get_size(o, "size", &ret->size, e) < 0 ||
        get_hex(o, "sha256", sizeof(hex) - 1, false, hex, e) < 0)
        return -1;
    return hex_decode(hex, ret->sha256, sizeof(ret->sha256));
}

/* "SOURCE/FILE", FILE of unreserved characters and percent signs: nothing that could lead out of
 * the set, hide, or mean something to a shell. */
static int check_file_name(const char *source, const char *name, struct err *e)
{
    size_t n = strlen(source);

    if (strncmp(name, source, n) != 0 || name[n] != '/')
        return err_set(e, ERR_FORMAT, "an artifact lies outside the folder of its source");
    const char *file = name + n + 1;
    size_t len = strlen(file);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)file[i]) && strchr("-._~%", file[i]) == NULL)
            return err_set(e, ERR_FORMAT, "an artifact has a forbidden character in its name");
    if (len == 0 || len > NAME_MAX_LEN || strcmp(file, ".") == 0 || strcmp(file, "..") == 0)
        return err_set(e, ERR_FORMAT, "an artifact has an impossible name");
    return 0;
}

static int check_volumes(const struct manifest_artifact *a, struct err *e)
{
    const char *first = a->volumes[0].name;
    _cleanup_free_ char *segments = mem_printf("%s.segments", first);
    const char *suffix = a->encrypted ? (a->gzip ? ".gz.enc" : ".enc") : (a->gzip ? ".gz" : "");
    uint64_t total = 0;

    if (check_file_name(a->source, first, e) < 0 || check_file_name(a->source, segments, e) < 0)
        return -1;
    if (!str_ends(first, suffix))
        return err_set(e, ERR_FORMAT, "an artifact's name lacks \"%s\"", suffix);
    for (size_t i = 0; i < a->volume_count; i++) {
        _cleanup_free_ char *name = artifact_volume_name(first, i);
        if (strcmp(name, a->volumes[i].name) != 0)
            return err_set(e, ERR_FORMAT, "the volumes of an artifact are not numbered in order");
        if (__builtin_add_overflow(total, a->volumes[i].size, &total))
            return err_set(e, ERR_FORMAT, "the sizes of an artifact do not add up");
    }
    if (total != a->stored_bytes)
        return err_set(e, ERR_FORMAT, "the sizes of an artifact do not add up");
    if (strcmp(segments, a->segments.name) != 0)
        return err_set(e, ERR_FORMAT, "the segment digests of an artifact have the wrong name");
    return 0;
}

static int volumes_from_json(const json_t *o, struct manifest_artifact *ret, struct err *e)
{
    json_t *volumes, *segments;

    if (get_list(o, "volumes", VOLUMES_MAX, &volumes, e) < 0 ||
        json_get_object(o, "segments", &segments, e) < 0)
        return -1;
    if (json_array_size(volumes) == 0)
        return err_set(e, ERR_FORMAT, "an artifact without volumes");
    ret->volumes = mem_alloc(json_array_size(volumes) * sizeof(*ret->volumes));
    for (size_t i = 0; i < json_array_size(volumes); i++) {
        ret->volume_count = i + 1;
        if (volume_from_json(json_array_get(volumes, i), &ret->volumes[i], e) < 0)
            return -1;
    }
    return volume_from_json(segments, &ret->segments, e);
}

static bool is_reference(const char *text)
{
    size_t hex = strspn(text, "0123456789abcdef");
    size_t digits = text[hex] == ':' ? strspn(text + hex + 1, "0123456789") : 0;

    return hex == 64 && digits > 0 && digits <= 7 && text[hex + 1 + digits] == '\0';
}

static int list_from_json(const json_t *o, struct manifest_artifact *ret, struct err *e)
{
    json_t *list;

    if (get_list(o, "list", LIST_MAX, &list, e) < 0 ||
        json_get_strings(o, "list", &ret->list, e) < 0)
        return -1;
    for (size_t i = 0; i < ret->list.count; i++)
        if (!is_reference(ret->list.items[i]))
            return err_set(e, ERR_FORMAT, "\"list\" has something that names no chunk");
    return ret->list.count > 0 ? 0 : err_set(e, ERR_FORMAT, "an artifact with an empty list");
}

static int content_from_json(const json_t *o, struct manifest_artifact *ret, struct err *e)
{
    if (json_object_get(o, "list") != NULL)
        return list_from_json(o, ret, e);
    if (json_get_bool(o, "gzip", &ret->gzip, e) < 0 ||
        json_get_bool(o, "encrypted", &ret->encrypted, e) < 0 || volumes_from_json(o, ret, e) < 0)
        return -1;
    return check_volumes(ret, e);
}

bool manifest_artifact_is_tree(const struct manifest_artifact *a)
{
    return str_equal(a->kind, a->list.count > 0 ? "tree" : "tar");
}

static int fill_artifact(const json_t *o, struct manifest_artifact *ret, struct err *e)
{
    static const char *const types[] = {"postgresql", "files", "command", NULL};
    static const char *const stored[] = {"dump", "sql", "globals", "tar", "out", NULL};
    static const char *const listed[] = {"dump", "sql", "globals", "tree", "out", NULL};
    const char *const *kinds = json_object_get(o, "list") != NULL ? listed : stored;
    json_t *details;

    if (get_name(o, "source", &ret->source, e) < 0 ||
        get_word(o, "type", types, &ret->source_type, e) < 0 ||
        get_word(o, "kind", kinds, &ret->kind, e) < 0 ||
        (!json_is_null(json_object_get(o, "database")) &&
         get_text(o, "database", NAME_MAX_LEN, &ret->database, e) < 0) ||
        get_size(o, "raw_bytes", &ret->raw_bytes, e) < 0 ||
        get_size(o, "stored_bytes", &ret->stored_bytes, e) < 0 ||
        json_get_object(o, "details", &details, e) < 0 || content_from_json(o, ret, e) < 0)
        return -1;
    ret->details = json_incref(details);
    return 0;
}

int manifest_artifact_from_json(const json_t *o, struct manifest_artifact *ret, struct err *e)
{
    *ret = (struct manifest_artifact){0};
    if (fill_artifact(o, ret, e) == 0)
        return 0;
    manifest_artifact_deinit(ret);
    return -1;
}

static int source_from_json(const json_t *o, struct manifest_source *ret, struct err *e)
{
    json_t *problems;

    if (get_name(o, "name", &ret->name, e) < 0 || get_text(o, "type", 32, &ret->type, e) < 0 ||
        json_get_bool(o, "whole", &ret->whole, e) < 0 ||
        get_list(o, "problems", MANIFEST_PROBLEMS_MAX, &problems, e) < 0)
        return -1;
    return json_get_strings(o, "problems", &ret->problems, e);
}

static int lists_from_json(const json_t *o, struct manifest *m, struct err *e)
{
    json_t *sources, *artifacts, *tiers;

    if (get_list(o, "sources", SOURCES_MAX, &sources, e) < 0 ||
        get_list(o, "artifacts", ARTIFACTS_MAX, &artifacts, e) < 0 ||
        get_list(o, "tiers", 16, &tiers, e) < 0 || json_get_strings(o, "tiers", &m->tiers, e) < 0)
        return -1;
    m->sources = mem_alloc(json_array_size(sources) * sizeof(*m->sources));
    for (size_t i = 0; i < json_array_size(sources); i++) {
        m->source_count = i + 1;
        if (source_from_json(json_array_get(sources, i), &m->sources[i], e) < 0)
            return -1;
    }
    m->artifacts = mem_alloc(json_array_size(artifacts) * sizeof(*m->artifacts));
    for (size_t i = 0; i < json_array_size(artifacts); i++) {
        m->artifact_count = i + 1;
        if (manifest_artifact_from_json(json_array_get(artifacts, i), &m->artifacts[i], e) < 0)
            return -1;
    }
    return 0;
}

/* The two other files, each at most once, under no other name. */
static int files_from_json(const json_t *o, struct manifest *m, struct err *e)
{
    json_t *files;

    if (get_list(o, "files", 2, &files, e) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *file = json_array_get(files, i);
        const char *name = json_opt_string(file, "name", "");
        struct artifact_volume *to = strcmp(name, "SHA256SUMS") == 0     ? &m->sums
                                     : strcmp(name, "MANIFEST.txt") == 0 ? &m->text
                                                                         : NULL;
        if (to == NULL || to->name != NULL)
            return err_set(e, ERR_FORMAT, "\"files\" has a name that does not belong there");
        if (volume_from_json(file, to, e) < 0)
            return -1;
    }
    return 0;
}

/* Two artifacts of one name would be two truths about one object; so would an encrypted artifact
 * in a set that names no key. */
static int check_whole(const struct manifest *m, struct err *e)
{
    _cleanup_json_ json_t *seen = json_object();

    for (size_t i = 0; i < m->artifact_count; i++) {
        const struct manifest_artifact *a = &m->artifacts[i];
        if (m->repository != (a->list.count > 0))
            return err_set(e, ERR_FORMAT, "an artifact has the form of another format");
        if (a->encrypted != (m->key_id[0] != '\0'))
            return err_set(e, ERR_FORMAT, "an artifact and the set differ about encryption");
        for (size_t v = 0; v <= a->volume_count && !m->repository; v++) {
            const char *name = v < a->volume_count ? a->volumes[v].name : a->segments.name;
            if (json_object_get(seen, name) != NULL)
                return err_set(e, ERR_FORMAT, "the name %s is used twice", name);
            set(seen, name, json_true());
        }
    }
    return 0;
}

/* Sets that were made before there were copies lack it. */
static int get_stays(const json_t *o, bool *ret, struct err *e)
{
    *ret = false;
    return json_object_get(o, "stays") == NULL ? 0 : json_get_bool(o, "stays", ret, e);
}

static int fill_manifest(const json_t *o, struct manifest *m, struct err *e)
{
    static const char *const readbacks[] = {"read", "store-checked", NULL};
    int64_t version;
    struct wall when;

    m->repository = str_equal(json_opt_string(o, "format", ""), repository_format);
    if (!m->repository && !str_equal(json_opt_string(o, "format", ""), plain_format))
        return err_set(e, ERR_FORMAT, "it is not a manifest that synbak knows");
    if (json_get_i64(o, "version", 1, INT64_MAX, &version, e) < 0)
        return -1;
    if (version != VERSION)
        return err_set(e, ERR_FORMAT, "it is of version %lld, this synbak knows version %d",
                       (long long)version, VERSION);
    if (get_name(o, "job", &m->job, e) < 0 || get_text(o, "id", 31, &m->id, e) < 0 ||
        json_get_i64(o, "sequence", 0, INT64_MAX, &m->sequence, e) < 0 ||
        get_text(o, "reason", TEXT_MAX, &m->reason, e) < 0 ||
        get_moment(o, "started", &m->started, e) < 0 ||
        get_moment(o, "finished", &m->finished, e) < 0 ||
        get_hex(o, "destination", 32, false, m->destination_id, e) < 0 ||
        (!m->repository && (get_hex(o, "salt", 32, false, m->salt, e) < 0 ||
                            get_hex(o, "key_id", 16, true, m->key_id, e) < 0)) ||
        get_text(o, "host", TEXT_MAX, &m->host, e) < 0 ||
        get_text(o, "synbak", TEXT_MAX, &m->version, e) < 0 ||
        json_get_bool(o, "incomplete", &m->incomplete, e) < 0 ||
        json_get_bool(o, "fragment", &m->fragment, e) < 0 || get_stays(o, &m->stays, e) < 0 ||
        get_word(o, "readback", readbacks, &m->readback, e) < 0)
        return -1;
    if (clock_parse_set_id(m->id, &when) < 0)
        return err_set(e, ERR_FORMAT, "\"id\" is not the id of a set");
    if (lists_from_json(o, m, e) < 0 || (!m->repository && files_from_json(o, m, e) < 0))
        return -1;
    return check_whole(m, e);
}

int manifest_from_json(const json_t *o, struct manifest *ret, struct err *e)
{
    *ret = (struct manifest){0};
    if (fill_manifest(o, ret, e) == 0)
        return 0;
    manifest_deinit(ret);
    return -1;
}
