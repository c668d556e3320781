#include "lib/config/rate.h"

#include <ctype.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/config/unit.h"

/* "HH:MM" in minutes of the day, 24:00 included; -1 if it is none. */
static int clock_time(const char *s, size_t len)
{
    if (len != 5 || s[2] != ':' || !isdigit((unsigned char)s[0]) || !isdigit((unsigned char)s[1]) ||
        !isdigit((unsigned char)s[3]) || !isdigit((unsigned char)s[4]))
        return -1;
    int hour = (s[0] - '0') * 10 + s[1] - '0', minute = (s[3] - '0') * 10 + s[4] - '0';
    int at = hour * 60 + minute;
    return minute < 60 && at <= DAY_MIN ? at : -1;
}

static int read_times(const char *text, struct rate_window *w, struct err *e)
{
    const char *dash = strchr(text, '-');
    int from = dash != NULL ? clock_time(text, (size_t)(dash - text)) : -1;
    int to = dash != NULL ? clock_time(dash + 1, strlen(dash + 1)) : -1;

    if (from < 0 || to < 0 || from == DAY_MIN)
        return err_set(e, ERR_CONFIG, "\"%.80s\" is not HH:MM-HH:MM", text);
    if (from == to)
        return err_set(e, ERR_CONFIG, "\"%.80s\" has no length; a rate alone holds always", text);
    w->from_min = from;
    w->to_min = to;
    return 0;
}

static int read_size(const char *text, int64_t min, int64_t max, int64_t *ret, struct err *e)
{
    struct buf low = BUF_INIT(64), high = BUF_INIT(64);
    uint64_t n;
    int rc = 0;

    if (strcmp(text, "none") == 0) {
        *ret = 0;
        return 0;
    }
    if (str_to_bytes(text, &n, e) < 0)
        return -1;
    if (n < (uint64_t)min || n > (uint64_t)max) {
        rc = -1;
        if (unit_print_size(min, &low, e) == 0 && unit_print_size(max, &high, e) == 0)
            (void)err_set(e, ERR_CONFIG, "\"%.80s\" is not between %s and %s (bytes per second)",
                          text, (char *)low.data, (char *)high.data);
    }
    *ret = (int64_t)n;
    buf_deinit(&low);
    buf_deinit(&high);
    return rc;
}

static int read_window(const char *text, int64_t min, int64_t max, struct rate_window *w,
                       struct err *e)
{
    struct strlist words = {0};
    int rc = strlist_split(&words, text, e);

    if (rc == 0 && (words.count < 1 || words.count > 2))
        rc = err_set(e, ERR_CONFIG, "\"%.80s\" is not RATE or RATE HH:MM-HH:MM", text);
    if (rc == 0)
        rc = read_size(words.items[0], min, max, &w->bytes_per_second, e);
    if (rc == 0 && words.count == 2)
        rc = read_times(words.items[1], w, e);
    strlist_deinit(&words);
    return rc;
}

static bool is_always(const struct rate_window *w)
{
    return w->from_min == 0 && w->to_min == 0;
}

int rate_parse(const char *text, int64_t min, int64_t max, struct rate_windows *ret, struct err *e)
{
    struct rate_windows r = {0};

    for (const char *p = text; p != NULL;) {
        const char *comma = strchr(p, ',');
        _cleanup_free_ char *one = mem_strndup(p, comma != NULL ? (size_t)(comma - p) : strlen(p));
        struct rate_window w = {0};
        if (read_window(one, min, max, &w, e) < 0)
            goto fail;
        if (r.count > 0 && is_always(&r.items[r.count - 1])) {
            (void)err_set(e, ERR_CONFIG,
                          "\"%.80s\" never holds, for the rate before it has no times",
                          one + strspn(one, " \t"));
            goto fail;
        }
        if (r.count == RATE_WINDOWS_MAX) {
            (void)err_set(e, ERR_CONFIG, "more than %d windows", RATE_WINDOWS_MAX);
            goto fail;
        }
        r.items = mem_resize_array(r.items, r.count + 1, sizeof(*r.items));
        r.items[r.count++] = w;
        p = comma != NULL ? comma + 1 : NULL;
    }
    *ret = r;
    return 0;
fail:
    rate_free(&r);
    return -1;
}

int rate_print(const struct rate_windows *r, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct rate_window *w = &r->items[i];
        if (i > 0 && buf_printf(out, e, ", ") < 0)
            return -1;
        if ((w->bytes_per_second == 0 ? buf_printf(out, e, "none")
                                      : unit_print_size(w->bytes_per_second, out, e)) < 0)
            return -1;
        if (!is_always(w) && buf_printf(out, e, " %02d:%02d-%02d:%02d", w->from_min / 60,
                                        w->from_min % 60, w->to_min / 60, w->to_min % 60) < 0)
            return -1;
    }
    return 0;
}

void rate_free(struct rate_windows *r)
{
    free(r->items);
    *r = (struct rate_windows){0};
}
