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
static void tell_step(struct progress *p, const struct progress_step *step)
{
    char size[16], span[32];
    int64_t seconds = (clock_mono().us - step->since.us) / 1000000;

    progress_clear(p);
    if (step->done == 0 && step->total == 0 && seconds == 0)
        return; /* nothing was counted, and nobody waited for it */
    if (!p->screen->json && step->done > 0 && (step->total == 0 || step->total >= BYTES_FROM))
        say_line(p->screen, PLAIN, "%s: %s in %s", step->text,
                 str_bytes((uint64_t)step->done, size), str_duration(seconds, span));
    else if (!p->screen->json)
        say_line(p->screen, PLAIN, "%s: done in %s", step->text, str_duration(seconds, span));
    (void)fflush(stdout);
}

static void drop(struct progress_step *step)
{
    free(step->destination);
    free(step->text);
    *step = (struct progress_step){0};
}

static void finish_step(struct progress *p)
{
    if (p->now.text != NULL)
        tell_step(p, &p->now);
    drop(&p->now);
}

static void finish_one_beside(struct progress *p, struct progress_step *step)
{
    if (step->done > 0 && step->done >= step->total)
        tell_step(p, step);
    drop(step);
}

static void finish_beside(struct progress *p)
{
    for (size_t i = 0; i < p->beside_count; i++)
        finish_one_beside(p, &p->beside[i]);
    p->beside_count = 0;
}

void progress_end(struct progress *p)
{
    finish_step(p);
    finish_beside(p);
}

void progress_deinit(struct progress *p)
{
    progress_clear(p);
    drop(&p->now);
    for (size_t i = 0; i < p->beside_count; i++)
        drop(&p->beside[i]);
    free(p->beside);
    *p = (struct progress){0};
}

/* Behind the bar: sizes, rate, and when it will be over if it goes on like this. */
static void describe(const struct progress_step *p, int64_t elapsed_us, char *out, size_t size)
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

static char *line_of(const struct progress_step *step, struct mono now)
{
    char bar[BAR_WIDTH + 1], text[96];
    double part = step->total > 0 ? (double)step->done / (double)step->total : 0;
    size_t filled = (size_t)((part > 1 ? 1 : part) * BAR_WIDTH);

    memset(bar, '-', BAR_WIDTH);
    memset(bar, '#', filled);
    bar[BAR_WIDTH] = '\0';
    describe(step, now.us - step->since.us, text, sizeof(text));
    return step->total > 0 ? mem_printf("%s  [%s]  %s", step->text, bar, text)
                           : mem_printf("%s  %s", step->text, text);
}

/* "copying to bucket 45 %, copying to server 12 %": there is no room for two bars. */
static char *line_beside(const struct progress *p)
{
    char *line = mem_strdup("");

    for (size_t i = 0; i < p->beside_count; i++) {
        const struct progress_step *step = &p->beside[i];
        double part = step->total > 0 ? (double)step->done / (double)step->total : 0;
        _cleanup_free_ char *before = line;
        line = mem_printf("%s%s%s %d %%", before, i > 0 ? ", " : "", step->text,
                          (int)((part > 1 ? 1 : part) * 100));
    }
    return line;
}

static void draw(struct progress *p)
{
    struct mono now = clock_mono();

    if (p->on_line && now.us - p->drawn.us < REDRAW_US)
        return;
    p->drawn = now;
    _cleanup_free_ char *line = p->beside_count > 1    ? line_beside(p)
                                : p->beside_count == 1 ? line_of(&p->beside[0], now)
                                                       : line_of(&p->now, now);
    (void)printf("\r\033[K");
    say(p->screen, PLAIN, "%.*s", p->screen->width - 1, line);
    (void)fflush(stdout);
    p->on_line = true;
}

static struct progress_step *beside_at(struct progress *p, const char *destination)
{
    for (size_t i = 0; i < p->beside_count; i++)
        if (str_equal(p->beside[i].destination, destination))
            return &p->beside[i];
    finish_step(p);
    p->beside = mem_resize_array(p->beside, p->beside_count + 1, sizeof(*p->beside));
    p->beside[p->beside_count] = (struct progress_step){0};
    return &p->beside[p->beside_count++];
}

static struct progress_step *find_beside(struct progress *p, const char *destination,
                                         const char *text)
{
    struct progress_step *step = beside_at(p, destination);

    if (str_equal(text, step->text))
        return step;
    if (step->text != NULL)
        finish_one_beside(p, step);
    *step = (struct progress_step){
        .destination = mem_strdup(destination), .text = mem_strdup(text), .since = clock_mono()};
    return step;
}

static struct progress_step *next_step(struct progress *p, const char *text)
{
    finish_beside(p);
    if (!str_equal(text, p->now.text)) {
        finish_step(p);
        p->now = (struct progress_step){.text = mem_strdup(text), .since = clock_mono()};
    }
    return &p->now;
}

void progress_show(struct progress *p, const json_t *message)
{
    const char *text = json_opt_string(message, "step", NULL);
    const char *destination = json_opt_string(message, "destination", NULL);

    if (text == NULL)
        return;
    struct progress_step *step =
        destination != NULL ? find_beside(p, destination, text) : next_step(p, text);
    int64_t done = json_opt_i64(message, "done", 0), total = json_opt_i64(message, "total", 0);
    step->done = done > 0 ? done : 0;
    step->total = total > 0 ? total : 0;
    if (p->screen->terminal)
        draw(p);
}
