/* manifest_text.c — what people read and type: SHA256SUMS and MANIFEST.txt. Every command here is
 * run by a test, word for word. */
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/plain/digest.h"
#include "lib/plain/manifest.h"

static int sum_line(struct buf *out, const uint8_t sha256[STORE_DIGEST_LEN], const char *name,
                    struct err *e)
{
    char hex[2 * STORE_DIGEST_LEN + 1];

    hex_encode(sha256, STORE_DIGEST_LEN, hex);
    return buf_printf(out, e, "%s  %s\n", hex, name);
}

int manifest_sums_write(const struct manifest *m, const struct buf *text, struct buf *out,
                        struct err *e)
{
    uint8_t sha256[STORE_DIGEST_LEN];

    digest_bytes(text->data, text->len, sha256);
    if (sum_line(out, sha256, "MANIFEST.txt", e) < 0)
        return -1;
    for (size_t i = 0; i < m->artifact_count; i++) {
        const struct manifest_artifact *a = &m->artifacts[i];
        for (size_t v = 0; v < a->volume_count; v++)
            if (sum_line(out, a->volumes[v].sha256, a->volumes[v].name, e) < 0)
                return -1;
        if (sum_line(out, a->segments.sha256, a->segments.name, e) < 0)
            return -1;
    }
    return 0;
}

static int describe(const struct manifest *m, struct buf *out, struct err *e)
{
    char started[32], finished[32];
    _cleanup_free_ char *reason = str_printable(m->reason, strlen(m->reason));
    _cleanup_free_ char *host = str_printable(m->host, strlen(m->host));

    (void)clock_iso8601(m->started, started);
    (void)clock_iso8601(m->finished, finished);
    if (buf_printf(out, e,
                   "A backup made by synbak %s on %s.\n\n"
                   "job          %s\nset          %s (number %lld)\nstarted      %s\n"
                   "finished     %s\nreason       %s\n",
                   m->version, host, m->job, m->id, (long long)m->sequence, started, finished,
                   reason) < 0)
        return -1;
    if (m->tiers.count > 0 && buf_printf(out, e, "tiers       ") < 0)
        return -1;
    for (size_t i = 0; i < m->tiers.count; i++)
        if (buf_printf(out, e, " %s", m->tiers.items[i]) < 0)
            return -1;
    return buf_printf(out, e, "%sstate        %s\n", m->tiers.count > 0 ? "\n" : "",
                      m->incomplete ? "INCOMPLETE, see below"
                      : m->fragment ? "a fragment: some sources of the job only"
                                    : "complete");
}

static int describe_sources(const struct manifest *m, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < m->source_count; i++) {
        const struct manifest_source *s = &m->sources[i];
        if (buf_printf(out, e, "source       %s (%s)%s\n", s->name, s->type,
                       s->whole ? "" : ": NOT WHOLE") < 0)
            return -1;
        for (size_t p = 0; p < s->problems.count; p++) {
            _cleanup_free_ char *problem =
                str_printable(s->problems.items[p], strlen(s->problems.items[p]));
            if (buf_printf(out, e, "             - %s\n", problem) < 0)
                return -1;
        }
    }
    return 0;
}

static int how_to_begin(const struct manifest *m, const char *secret_hint, struct buf *out,
                        struct err *e)
{
    bool file = strncmp(secret_hint, "file:", 5) == 0;
    _cleanup_free_ char *key = str_shell_quote(file ? secret_hint + 5 : "/path/of/the/key");
    _cleanup_free_ char *hint = str_printable(secret_hint, strlen(secret_hint));

    if (buf_printf(
            out, e,
            "\nTo restore by hand, in a shell, in this folder, as an administrator of the "
            "server\n(PGHOST, PGPORT and PGUSER say which). If it lies in a bucket or on another "
            "machine, fetch all\nof it first, with aws s3 cp --recursive, rclone copy or sftp "
            "get -r:\n\n"
            "  # are all files what was written?\n"
            "  sha256sum -c SHA256SUMS\n\n"
            "  # where files go\n"
            "  TARGET=\"$HOME/restored\"\n"
            "  mkdir -m 0700 \"$TARGET\"\n\n") < 0)
        return -1;
    if (m->key_id[0] == '\0')
        return buf_printf(out, e, "This set is neither encrypted nor authenticated.\n\n");
    return buf_printf(out, e,
                      "  # the key: one line in a file that only you can read%s%s\n"
                      "  KEY=%s\n\n",
                      file ? "" : "; here it came from ", file ? "" : hint, key);
}

/* "cat ... | openssl ... | gunzip": the artifact as it was read, on standard output. */
static int pipeline(const struct manifest_artifact *a, struct buf *out, struct err *e)
{
    if (buf_printf(out, e, "  cat") < 0)
        return -1;
    for (size_t i = 0; i < a->volume_count; i++)
        if (buf_printf(out, e, " \\\n    %s", a->volumes[i].name) < 0)
            return -1;
    if (a->encrypted &&
        buf_printf(out, e,
                   " |\n    openssl enc -d -aes-256-cbc -pbkdf2 -iter 600000 -md sha256 "
                   "-pass \"file:$KEY\"") < 0)
        return -1;
    return a->gzip ? buf_printf(out, e, " |\n    gunzip") : 0;
}

/* An option with a quoted value, if there is a value. */
static int option(struct buf *out, const char *name, const char *value, struct err *e)
{
    _cleanup_free_ char *word = str_shell_quote(value);

    return value[0] != '\0' ? buf_printf(out, e, " %s=%s", name, word) : 0;
}

static int createdb(const struct manifest_artifact *a, struct buf *out, struct err *e)
{
    const json_t *like = json_object_get(a->details, "database");
    const char *provider = json_opt_string(like, "provider", "libc");
    const char *database = a->database != NULL ? a->database : "restored";
    _cleanup_free_ char *shown = str_printable(database, strlen(database));
    /* a name that cannot be shown as it is must not be typed as it is either */
    _cleanup_free_ char *name =
        str_shell_quote(strcmp(shown, database) == 0 ? database : "restored");

    if (buf_printf(out, e, "  DATABASE=%s\n  createdb --template=template0", name) < 0 ||
        option(out, "--owner", json_opt_string(like, "owner", ""), e) < 0 ||
        option(out, "--encoding", json_opt_string(like, "encoding", ""), e) < 0 ||
        option(out, "--lc-collate", json_opt_string(like, "collate", ""), e) < 0 ||
        option(out, "--lc-ctype", json_opt_string(like, "ctype", ""), e) < 0)
        return -1;
    if (strcmp(provider, "libc") != 0 &&
        (option(out, "--locale-provider", provider, e) < 0 ||
         option(out, strcmp(provider, "icu") == 0 ? "--icu-locale" : "--builtin-locale",
                json_opt_string(like, "locale", ""), e) < 0))
        return -1;
    return buf_printf(out, e, " -- \"$DATABASE\"\n");
}

static int restore_command(const struct manifest_artifact *a, struct buf *out, struct err *e)
{
    const json_t *argv = json_object_get(a->details, "restore_command"), *word;
    size_t i;

    if (json_array_size(argv) == 0)
        return buf_printf(out, e, " > \"$TARGET/%s.out\"\n", a->source);
    if (buf_printf(out, e, " |\n   ") < 0)
        return -1;
    json_array_foreach(argv, i, word)
    {
        _cleanup_free_ char *q =
            str_shell_quote(json_is_string(word) ? json_string_value(word) : "");
        if (buf_printf(out, e, " %s", q) < 0)
            return -1;
    }
    return buf_printf(out, e, "\n");
}

static int how_to_restore(const struct manifest_artifact *a, struct buf *out, struct err *e)
{
    bool custom = strcmp(a->kind, "dump") == 0;

    if (custom || strcmp(a->kind, "sql") == 0) {
        if (createdb(a, out, e) < 0 || pipeline(a, out, e) < 0)
            return -1;
        return custom ? buf_printf(out, e, " |\n    pg_restore --exit-on-error -d \"$DATABASE\"\n")
                      : buf_printf(out, e,
                                   " |\n    psql -X -q -v ON_ERROR_STOP=1 --single-transaction "
                                   "-d \"$DATABASE\"\n");
    }
    if (strcmp(a->kind, "globals") == 0) {
        if (buf_printf(out, e, "  # roles and other globals; what exists already is reported\n") <
                0 ||
            pipeline(a, out, e) < 0)
            return -1;
        return buf_printf(out, e, " |\n    psql -X -q -d postgres\n");
    }
    if (strcmp(a->kind, "tar") == 0) {
        if (buf_printf(out, e, "  mkdir \"$TARGET/%s\"\n", a->source) < 0 ||
            pipeline(a, out, e) < 0)
            return -1;
        return buf_printf(
            out, e,
            " |\n    tar -x -p --acls --xattrs --xattrs-include='*' -f - -C \"$TARGET/%s\"\n",
            a->source);
    }
    return pipeline(a, out, e) < 0 ? -1 : restore_command(a, out, e);
}

/* ", LABEL VALUE", if there is such a detail. */
static int detail(struct buf *out, const struct manifest_artifact *a, const char *key,
                  const char *label, struct err *e)
{
    const char *value = json_opt_string(a->details, key, "");
    _cleanup_free_ char *shown = str_printable(value, strlen(value));

    return value[0] != '\0' ? buf_printf(out, e, ", %s %s", label, shown) : 0;
}

static int artifact_section(const struct manifest_artifact *a, struct buf *out, struct err *e)
{
    char raw[16], stored[16];
    const char *database = a->database != NULL ? a->database : "";
    _cleanup_free_ char *shown = str_printable(database, strlen(database));

    if (buf_printf(out, e, "%s%s%s (%s)", a->source, a->database != NULL ? ": database " : "",
                   shown, a->kind) < 0 ||
        detail(out, a, "path", "of", e) < 0 ||
        detail(out, a, "server_version", "PostgreSQL", e) < 0 ||
        detail(out, a, "pg_dump_version", "by pg_dump", e) < 0 ||
        buf_printf(out, e, ", %s, stored as %s\n\n", str_bytes(a->raw_bytes, raw),
                   str_bytes(a->stored_bytes, stored)) < 0 ||
        how_to_restore(a, out, e) < 0)
        return -1;
    return buf_printf(out, e, "\n");
}

int manifest_text_write(const struct manifest *m, const char *secret_hint, struct buf *out,
                        struct err *e)
{
    if (describe(m, out, e) < 0 || describe_sources(m, out, e) < 0 ||
        how_to_begin(m, secret_hint, out, e) < 0)
        return -1;
    /* roles first: a dump's objects belong to them */
    for (int globals = 1; globals >= 0; globals--)
        for (size_t i = 0; i < m->artifact_count; i++)
            if ((strcmp(m->artifacts[i].kind, "globals") == 0) == globals &&
                artifact_section(&m->artifacts[i], out, e) < 0)
                return -1;
    return buf_printf(out, e, "The formats are described in docs/plain-format.md of synbak.\n");
}
