#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

enum { REDRAW_US = 200000, RATE_FROM_US = 250000, BAR_WIDTH = 24 };

/* Totals below this are things that are counted, not bytes. */
enum { BYTES_FROM = 1000 };

void progress_init(struct progress *p, const struct screen *s)
{
    *p = (struct progress){.screen = s};
}

void progress_clear(struct progress *p)
{
    if (p->on_line)
        (void)fputs("\r\033[K", stdout);
    p->on_line = false;
    (void)fflush(stdout);
}

/* "dump synapse: 410 MB in 5 s" */
static void finish_step(struct progress *p)
{
    char size[16], span[32];
    int64_t seconds = (clock_mono().us - p->since.us) / 1000000;

    if (p->step == NULL)
        return;
    progress_clear(p);
    if (!p->screen->json && p->done > 0 && (p->total == 0 || p->total >= BYTES_FROM))
        say_line(p->screen, PLAIN, "%s: %s in %s", p->step, str_bytes((uint64_t)p->done, size),
                 str_duration(seconds, span));
    else if (!p->screen->json)
        say_line(p->screen, PLAIN, "%s: done in %s", p->step, str_duration(seconds, span));
    (void)fflush(stdout);
    free(p->step);
    p->step = NULL;
}

void progress_end(struct progress *p)
{
    finish_step(p);
}

/* Behind the bar: sizes, rate, and when it will be over if it goes on like this. */
static void describe(const struct progress *p, int64_t elapsed_us, char *out, size_t size)
{
    char done[16], total[16], rate[16], left[32];

    if (p->total > 0 && p->total < BYTES_FROM) {
        (void)snprintf(out, size, "%lld of %lld", (long long)p->done, (long long)p->total);
        return;
    }
    /* too early a rate is noise */
    double per_second = elapsed_us > RATE_FROM_US ? (double)p->done * 1e6 / (double)elapsed_us : 0;

    (void)str_bytes((uint64_t)p->done, done);
    (void)str_bytes((uint64_t)per_second, rate);
    if (p->total <= 0 && per_second <= 0)
        (void)snprintf(out, size, "%s", done);
    else if (p->total <= 0)
        (void)snprintf(out, size, "%s  %s/s", done, rate);
    else if (per_second <= 0)
        (void)snprintf(out, size, "%s of %s", done, str_bytes((uint64_t)p->total, total));
    else
        (void)snprintf(out, size, "%s of %s  %s/s  ETA %s", done,
                       str_bytes((uint64_t)p->total, total), rate,
                       str_duration((int64_t)((double)(p->total - p->done) / per_second), left));
}

static void draw(struct progress *p)
{
    char bar[BAR_WIDTH + 1], text[96];
    struct mono now = clock_mono();
    double part = p->total > 0 ? (double)p->done / (double)p->total : 0;
    size_t filled = (size_t)((part > 1 ? 1 : part) * BAR_WIDTH);

    if (p->on_line && now.us - p->drawn.us < REDRAW_US)
        return;
    p->drawn = now;
    memset(bar, '-', BAR_WIDTH);
    memset(bar, '#', filled);
    bar[BAR_WIDTH] = '\0';
    describe(p, now.us - p->since.us, text, sizeof(text));
    _cleanup_free_ char *line = p->total > 0 ? mem_printf("%s  [%s]  %s", p->step, bar, text)
                                             : mem_printf("%s  %s", p->step, text);
    (void)printf("\r\033[K");
    say(p->screen, PLAIN, "%.*s", p->screen->width - 1, line);
    (void)fflush(stdout);
    p->on_line = true;
}

void progress_show(struct progress *p, const json_t *message)
{
    const char *step = json_opt_string(message, "step", NULL);

    if (step == NULL)
        return;
    if (!str_equal(step, p->step)) {
        finish_step(p);
        p->step = mem_strdup(step);
        p->since = clock_mono();
    }
    int64_t done = json_opt_i64(message, "done", 0), total = json_opt_i64(message, "total", 0);
    p->done = done > 0 ? done : 0;
    p->total = total > 0 ? total : 0;
    if (p->screen->terminal)
        draw(p);
}
