#include "cli/confirm.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/channel.h"
#include "lib/base/io.h"

enum { COUNTDOWN_S = 5 };

bool confirm_possible(void)
{
    return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

/* A line from the terminal, or nothing when Ctrl-C comes, which is open as `i`. */
static size_t read_line(const struct interrupt *i, char *out, size_t size)
{
    struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = i->fd, .events = POLLIN}};

    while (poll(p, 2, -1) < 0)
        if (errno != EINTR)
            return 0;
    if ((p[1].revents & POLLIN) != 0) {
        (void)interrupt_wait(i, 0); /* answered with it: whoever asked must not see it once more */
        return 0;
    }
    ssize_t n = io_read(STDIN_FILENO, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? strcspn(out, "\r\n") : 0;
}

int confirm_yes(const char *question, struct err *e)
{
    _cleanup_(interrupt_close) struct interrupt i = {-1};
    char line[64];

    if (!confirm_possible())
        return err_set(e, ERR_REFUSED,
                       "not confirmed: without a terminal --yes is needed; nothing was changed");
    if (interrupt_open(&i, e) < 0)
        return -1;
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s%sType yes to go on: ", question, question[0] != '\0' ? " " : "");
    size_t len = read_line(&i, line, sizeof(line));
    if (len == 3 && strncmp(line, "yes", 3) == 0)
        return 0;
    return err_set(e, ERR_REFUSED, "not confirmed, nothing was changed");
}

int confirm_countdown(struct err *e)
{
    _cleanup_(interrupt_close) struct interrupt i = {-1};

    if (interrupt_open(&i, e) < 0)
        return -1;
    for (int left = COUNTDOWN_S; left > 0; left--) {
        (void)fprintf(stderr, "\rBeginning in %d s, Ctrl-C stops it ", left);
        if (interrupt_wait(&i, 1000)) {
            (void)fprintf(stderr, "\n");
            return err_set(e, ERR_CANCELLED, "stopped in time, nothing was changed");
        }
    }
    (void)fprintf(stderr, "\r\033[K");
    return 0;
}
