#include "lib/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int status;
    const char *word;
} codes[] = {
#define X(name, status, word) [name] = {status, word},
    ERR_CODES(X)
#undef X
};

enum { CODE_COUNT = sizeof(codes) / sizeof(codes[0]) };

static void fill(struct err *e, enum err_code code, int errnum, const char *file, int line)
{
    e->code = code;
    e->errnum = errnum;
    e->file = file;
    e->line = line;
}

void err_set_at(struct err *e, enum err_code code, const char *file, int line, const char *fmt, ...)
{
    va_list args;

    if (e == NULL)
        return;
    fill(e, code, 0, file, line);
    va_start(args, fmt);
    (void)vsnprintf(e->text, sizeof(e->text), fmt, args);
    va_end(args);
}

void err_sys_at(struct err *e, enum err_code code, int errnum, const char *file, int line,
                const char *fmt, ...)
{
    va_list args;
    char reason[128];

    if (e == NULL)
        return;
    if (code == ERR_IO && (errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG))
        code = ERR_NO_SPACE;
    fill(e, code, errnum, file, line);
    va_start(args, fmt);
    int used = vsnprintf(e->text, sizeof(e->text), fmt, args);
    va_end(args);
    if (used < 0 || (size_t)used >= sizeof(e->text))
        return;
    (void)snprintf(e->text + used, sizeof(e->text) - (size_t)used, ": %s",
                   strerror_r(errnum, reason, sizeof(reason)));
}

void err_wrap_at(struct err *e, const char *fmt, ...)
{
    va_list args;
    char inner[ERR_TEXT_MAX];

    if (e == NULL)
        return;
    memcpy(inner, e->text, sizeof(inner));
    va_start(args, fmt);
    int used = vsnprintf(e->text, sizeof(e->text), fmt, args);
    va_end(args);
    if (used < 0 || (size_t)used >= sizeof(e->text))
        return;
    (void)snprintf(e->text + used, sizeof(e->text) - (size_t)used, ": %s", inner);
}

const char *err_word(enum err_code code)
{
    return (unsigned)code < CODE_COUNT ? codes[code].word : "internal";
}

enum err_code err_from_word(const char *word)
{
    for (unsigned i = 0; i < CODE_COUNT; i++)
        if (strcmp(codes[i].word, word) == 0)
            return (enum err_code)i;
    return ERR_INTERNAL;
}

int err_exit_status(enum err_code code)
{
    return (unsigned)code < CODE_COUNT ? codes[code].status : 1;
}
