#include "lib/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/child.h"
#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static const struct {
    const char *prefix;
    enum secret_kind kind;
} forms[] = {{"file:", SECRET_FILE},
             {"env:", SECRET_ENV},
             {"credential:", SECRET_CREDENTIAL},
             {"command:", SECRET_COMMAND}};

int secret_ref_parse(const char *text, struct secret_ref *ret, struct err *e)
{
    *ret = (struct secret_ref){.kind = SECRET_UNSET};
    if (strcmp(text, "none") == 0) {
        ret->kind = SECRET_NONE;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (str_starts(text, forms[i].prefix) && text[strlen(forms[i].prefix)] != '\0') {
            ret->kind = forms[i].kind;
            ret->value = mem_strdup(text + strlen(forms[i].prefix));
            return 0;
        }
    /* the text itself is not repeated: it may be the secret */
    return err_set(
        e, ERR_CONFIG,
        "not one of file:PATH, env:NAME, credential:NAME, command:PROGRAM ARGUMENTS, none");
}

void secret_ref_deinit(struct secret_ref *ref)
{
    free(ref->value);
    *ref = (struct secret_ref){0};
}

/* Whole pages of its own, so that locking and MADV_DONTDUMP cover the secret and nothing else. */
static size_t pages_for(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (len + page) / page * page;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return a == NULL || b == NULL ? a == b
                                  : a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

void *secret_alloc(size_t size)
{
    void *p =
        mmap(NULL, pages_for(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        abort();                                      /* as mem.h: exhaustion is not survivable */
    (void)madvise(p, pages_for(size), MADV_DONTDUMP); /* cores are off as well */
    (void)mlock(p, pages_for(size)); /* best effort: RLIMIT_MEMLOCK may be small */
    return p;
}

void secret_free(void *p, size_t size)
{
    if (p == NULL)
        return;
    mem_wipe(p, pages_for(size));
    (void)munmap(p, pages_for(size));
}

struct secret secret_copy(const char *text, size_t len)
{
    void *p = secret_alloc(len);

    memcpy(p, text, len);
    return (struct secret){.text = p, .len = len};
}

void secret_deinit(struct secret *s)
{
    secret_free(s->text, s->len);
    *s = (struct secret){0};
}

/* A small environment: other secrets may lie in ours. */
static const char *const command_environment[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", NULL};

static int from_command(const char *line, struct buf *out, struct err *e)
{
    struct strlist argv = {0};
    int rc = strlist_split(&argv, line, e);

    if (rc == 0 && argv.count == 0)
        rc = err_set(e, ERR_KEY, "it names no program");
    if (rc == 0) {
        const struct child_spec spec = {.argv = (const char *const *)argv.items,
                                        .env = command_environment,
                                        .pass_fd = -1,
                                        .timeout_ms = 30000};
        rc = child_run(&spec, out, e);
    }
    strlist_deinit(&argv);
    return rc;
}

static int from_credential(const char *name, struct buf *out, struct err *e)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");

    if (directory == NULL)
        return err_set(e, ERR_KEY,
                       "CREDENTIALS_DIRECTORY is not set (LoadCredential=%s:PATH in the unit)",
                       name);
    if (strchr(name, '/') != NULL)
        return err_set(e, ERR_KEY, "a credential's name has no slash");
    _cleanup_free_ char *path = mem_printf("%s/%s", directory, name);
    return fs_read_file(AT_FDCWD, path, out, e);
}

static int read_raw(const struct secret_ref *ref, struct buf *out, struct err *e)
{
    switch (ref->kind) {
    case SECRET_FILE:
        return fs_read_file(AT_FDCWD, ref->value, out, e);
    case SECRET_CREDENTIAL:
        return from_credential(ref->value, out, e);
    case SECRET_COMMAND:
        return from_command(ref->value, out, e);
    case SECRET_ENV: {
        const char *value = getenv(ref->value);
        if (value == NULL)
            return err_set(e, ERR_KEY, "the variable is not set");
        return buf_append(out, value, strlen(value), e);
    }
    case SECRET_UNSET:
    case SECRET_NONE:
        break;
    }
    return err_set(e, ERR_INTERNAL, "no secret to read");
}

static const char *place(const struct secret_ref *ref)
{
    /* a command line may itself hold something private: its kind is enough to find it */
    return ref->kind == SECRET_COMMAND ? "the configured command" : ref->value;
}

static bool is_clean(const struct buf *raw, bool lines)
{
    for (size_t i = 0; i < raw->len; i++)
        if ((raw->data[i] < 0x20 || raw->data[i] > 0x7e) && !(lines && raw->data[i] == '\n'))
            return false;
    return true;
}

static int read_secret(const struct secret_ref *ref, bool lines, struct secret *ret, struct err *e)
{
    struct buf raw = BUF_INIT(lines ? SECRET_LINES_LEN_MAX : SECRET_LEN_MAX);
    int rc = read_raw(ref, &raw, e);

    if (rc < 0) {
        if (e != NULL)
            e->code = ERR_KEY;
        /* what failed to open names its path already */
        if (e == NULL || strstr(e->text, place(ref)) == NULL)
            (void)err_wrap(e, "%s from %s", lines ? "secret" : "key", place(ref));
        else
            (void)err_wrap(e, "%s", lines ? "secret" : "key");
    } else {
        while (raw.len > 0 && (raw.data[raw.len - 1] == '\n' || raw.data[raw.len - 1] == '\r'))
            raw.len--;
        if (lines && (raw.len == 0 || !is_clean(&raw, lines)))
            rc = err_set(e, ERR_KEY, "secret from %s: it is %s", place(ref),
                         raw.len == 0 ? "empty" : "not lines of printable ASCII");
        else if (raw.len == 0)
            rc = err_set(e, ERR_KEY, "key from %s: it is empty (make one: openssl rand -base64 32)",
                         place(ref));
        else if (!is_clean(&raw, lines))
            rc = err_set(e, ERR_KEY,
                         "key from %s: it is not one line of printable ASCII "
                         "(make one: openssl rand -base64 32)",
                         place(ref));
        else
            *ret = secret_copy((const char *)raw.data, raw.len);
    }
    buf_wipe(&raw);
    return rc;
}

int secret_read(const struct secret_ref *ref, struct secret *ret, struct err *e)
{
    return read_secret(ref, false, ret, e);
}

int secret_read_lines(const struct secret_ref *ref, struct secret *ret, struct err *e)
{
    return read_secret(ref, true, ret, e);
}

int secret_check_key(const struct secret *s, struct err *e)
{
    if (s->len >= SECRET_LEN_MIN && s->len <= SECRET_KEY_LEN_MAX)
        return 0;
    return err_set(e, ERR_KEY,
                   s->len < SECRET_LEN_MIN
                       ? "the key has %zu characters, at least %d are needed (make one: openssl "
                         "rand -base64 32)"
                       : "the key has %zu characters, openssl reads %d at most (make one: openssl "
                         "rand -base64 32)",
                   s->len, s->len < SECRET_LEN_MIN ? SECRET_LEN_MIN : SECRET_KEY_LEN_MAX);
}

void secret_harden_process(void)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none); /* lowering cannot fail */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
