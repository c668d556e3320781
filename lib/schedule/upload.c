#include "lib/schedule/upload.h"

#include "lib/base/mem.h"
#include "lib/schedule/zone.h"

static bool holds(const struct rate_window *w, int64_t second)
{
    int64_t from = w->from_min * INT64_C(60), to = w->to_min * INT64_C(60);

    if (from == to) /* no times: always */
        return true;
    return from < to ? second >= from && second < to : second >= from || second < to;
}

static int64_t rate_at(const struct rate_windows *w, int64_t second)
{
    for (size_t i = 0; i < w->count; i++)
        if (holds(&w->items[i], second))
            return w->items[i].bytes_per_second;
    return 0;
}

/* Seconds from this second of the day to the next end of a window. */
static int64_t until_change(const struct rate_windows *w, int64_t second)
{
    int64_t least = DAY_S;

    for (size_t i = 0; i < 2 * w->count; i++) {
        const struct rate_window *one = &w->items[i / 2];
        int64_t ahead = (i % 2 == 0 ? one->from_min : one->to_min) * INT64_C(60) - second;
        if (ahead <= 0)
            ahead += DAY_S;
        if (ahead > 0 && ahead < least)
            least = ahead;
    }
    return least;
}

static void add(struct rate_course *c, int64_t from_s, int64_t rate)
{
    if (c->count > 0 && c->items[c->count - 1].bytes_per_second == rate)
        return;
    c->items = mem_resize_array(c->items, c->count + 1, sizeof(*c->items));
    c->items[c->count++] = (struct rate_change){from_s, rate};
}

struct rate_course upload_course(const struct rate_windows *w, const struct zone *z,
                                 struct wall now, int days)
{
    struct rate_course course = {0};
    int64_t t = wall_seconds(now), end = t + (int64_t)days * DAY_S;

    /* Within a stretch of one offset the local time runs evenly; where it ends, it may jump. */
    while (w->count > 0 && t < end) {
        struct zone_stretch stretch = zone_stretch(z, t);
        int64_t local = t + stretch.offset;
        int64_t second = local - civil_floor_div(local, DAY_S) * DAY_S;
        add(&course, t, rate_at(w, second));
        int64_t next = t + until_change(w, second);
        t = next < stretch.end ? next : stretch.end;
    }
    return course;
}

int upload_course_in(const struct rate_windows *w, const char *zone, struct wall now,
                     struct rate_course *ret, struct err *e)
{
    struct zone *z = NULL;

    *ret = (struct rate_course){0};
    if (w->count == 0)
        return 0;
    if (zone_load(zone, &z, e) < 0)
        return err_wrap(e, "upload_limit");
    *ret = upload_course(w, z, now, UPLOAD_COURSE_DAYS);
    zone_free(z);
    return 0;
}

void upload_course_free(struct rate_course *c)
{
    free(c->items);
    *c = (struct rate_course){0};
}
