#include "cli/ask_secret.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/channel.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"

enum { CODE_GROUPS = 8, GROUP = 4, CODE_LEN = CODE_GROUPS * (GROUP + 1) - 1 };

/* "abcd efgh ..." as codes are written: its secret has large letters and dashes. */
static void as_recovery_code(char *text, size_t len)
{
    static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

    if (len != CODE_LEN)
        return;
    for (size_t i = 0; i < len; i++) {
        const bool between = i % (GROUP + 1) == GROUP;
        if (between ? strchr("- ", text[i]) == NULL
                    : strchr(alphabet, toupper((unsigned char)text[i])) == NULL)
            return;
    }
    for (size_t i = 0; i < len; i++)
        text[i] = i % (GROUP + 1) == GROUP ? '-' : (char)toupper((unsigned char)text[i]);
}

/* One line, byte by byte: what follows it in a pipe is not ours. */
static int read_line(struct secret *ret, struct err *e)
{
    char line[SECRET_KEY_LEN_MAX + 2];
    size_t len = 0;
    ssize_t n = 1;

    while (len < sizeof(line) && (n = io_read(STDIN_FILENO, line + len, 1)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || line[len] == '\n')
            break;
        len++;
    }
    if (n < 0)
        return err_sys(e, ERR_IO, errno, "read standard input");
    if (len > 0 && line[len - 1] == '\r')
        len--;
    as_recovery_code(line, len);
    *ret = secret_copy(line, len);
    explicit_bzero(line, sizeof(line));
    return 0;
}

static int ask_once(const char *what, struct secret *ret, struct err *e)
{
    struct termios before, quiet;
    const bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;

    if (!terminal)
        return read_line(ret, e);
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    quiet.c_lflag |= ECHONL;
    /* Ctrl-C would leave the terminal without its echo */
    struct interrupt i = {-1};
    if (interrupt_open(&i, e) < 0)
        return -1;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s: ", what);
    struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = i.fd, .events = POLLIN}};
    int rc;
    do
        rc = poll(p, 2, -1);
    while (rc < 0 && errno == EINTR);
    rc = rc < 0 || (p[1].revents & POLLIN) != 0 ? err_set(e, ERR_CANCELLED, "cancelled")
                                                : read_line(ret, e);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    interrupt_close(&i);
    return rc;
}

/* As secret_read wants it: it may stand in a key file one day. */
static int check_text(const struct secret *s, struct err *e)
{
    for (size_t i = 0; i < s->len; i++)
        if (s->text[i] < ' ' || s->text[i] > '~')
            return err_set(e, ERR_KEY, "a key has printable ASCII characters only");
    if (s->len < SECRET_LEN_MIN)
        return err_set(e, ERR_KEY, "that has %zu characters, at least %d are needed: five words do",
                       s->len, SECRET_LEN_MIN);
    return secret_check_key(s, e);
}

static int check_same(const struct secret *first, const char *what, struct err *e)
{
    _cleanup_free_ char *again = mem_printf("%s again", what);
    struct secret second = {0};

    if (ask_once(again, &second, e) < 0)
        return -1;
    const bool same = secret_equal(first, &second);
    secret_deinit(&second);
    return same ? 0 : err_set(e, ERR_REFUSED, "the two are not the same, nothing was changed");
}

int ask_secret(const char *what, bool twice, struct secret *ret, struct err *e)
{
    *ret = (struct secret){0};
    int rc = ask_once(what, ret, e);

    if (rc == 0)
        rc = check_text(ret, e);
    if (rc == 0 && twice && isatty(STDIN_FILENO) == 1)
        rc = check_same(ret, what, e);
    if (rc < 0)
        secret_deinit(ret);
    return rc;
}
