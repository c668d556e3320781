#include "daemon/set_json.h"

#include "lib/config/config.h"

json_t *tiers_to_json(unsigned tiers)
{
    json_t *array = json_array();

    for (int t = 0; t < TIER_ALL_COUNT; t++)
        if ((tiers & 1U << t) != 0)
            (void)json_array_append_new(array, json_string(tier_word(t)));
    return array;
}

unsigned tiers_from_json(const json_t *array)
{
    unsigned tiers = 0;
    json_t *item;
    size_t i;

    json_array_foreach(array, i, item)
    {
        int t = json_is_string(item) ? tier_from_word(json_string_value(item)) : -1;
        if (t >= 0)
            tiers |= 1U << t;
    }
    return tiers;
}

json_t *time_to_json(struct wall t)
{
    char text[32];

    return t.us == 0 || t.us == INT64_MAX ? json_null() : json_string(clock_iso8601(t, text));
}

struct wall time_from_json(const json_t *o, const char *key)
{
    struct wall t = {0};

    if (clock_parse_iso8601(json_opt_string(o, key, ""), &t) < 0)
        return (struct wall){0};
    return t;
}

static int source_from_json(const json_t *o, struct set_source *ret, struct err *e)
{
    const char *name;
    int64_t stored, raw;

    if (json_get_string(o, "name", &name, e) < 0 || json_get_bool(o, "whole", &ret->whole, e) < 0 ||
        json_get_i64(o, "stored_bytes", 0, INT64_MAX, &stored, e) < 0 ||
        json_get_i64(o, "raw_bytes", 0, INT64_MAX, &raw, e) < 0)
        return -1;
    ret->name = mem_strdup(name);
    ret->stored_bytes = (uint64_t)stored;
    ret->raw_bytes = (uint64_t)raw;
    return 0;
}

static int sources_from_json(const json_t *array, struct set *s, struct err *e)
{
    json_t *item;
    size_t i;

    s->sources = mem_alloc(json_array_size(array) * sizeof(*s->sources));
    json_array_foreach(array, i, item)
    {
        if (source_from_json(item, &s->sources[i], e) < 0)
            return -1;
        s->source_count++;
    }
    return 0;
}

int set_from_json(const json_t *o, const char *destination, struct set *ret, struct err *e)
{
    const char *id;
    json_t *tiers, *sources;
    struct set s = {0};

    if (json_get_string(o, "id", &id, e) < 0 ||
        json_get_i64(o, "sequence", 0, INT64_MAX, &s.sequence, e) < 0 ||
        json_get_array(o, "tiers", &tiers, e) < 0 || json_get_array(o, "sources", &sources, e) < 0)
        return -1;
    if (clock_parse_set_id(id, &s.started) < 0)
        return err_set(e, ERR_FORMAT, "\"%s\" is not the id of a set", id);
    struct wall started = time_from_json(o, "started");
    if (started.us != 0)
        s.started = started;
    s.finished = time_from_json(o, "finished");
    s.tiers = tiers_from_json(tiers);
    s.incomplete = json_opt_bool(o, "incomplete", false);
    s.fragment = json_opt_bool(o, "fragment", false);
    s.stays = json_opt_bool(o, "stays", false);
    s.shares = json_opt_bool(o, "shares", false);
    s.accepted = json_opt_bool(o, "accepted", false);
    s.pinned = json_opt_bool(o, "pinned", false);
    s.pin_until = time_from_json(o, "pin_until");
    if (sources_from_json(sources, &s, e) < 0) {
        set_deinit(&s);
        return -1;
    }
    s.id = mem_strdup(id);
    s.destination = mem_strdup(destination);
    s.pin_reason = mem_strdup(json_opt_string(o, "pin_reason", NULL));
    *ret = s;
    return 0;
}

uint64_t set_bytes(const struct set *s)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < s->source_count; i++)
        bytes += s->sources[i].stored_bytes;
    return bytes;
}

uint64_t set_raw_bytes(const struct set *s)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < s->source_count; i++)
        bytes += s->sources[i].raw_bytes;
    return bytes;
}

static const char *source_type_word(const struct config *config, const char *name)
{
    static const char *const words[] = {
        [SOURCE_POSTGRESQL] = "postgresql", [SOURCE_FILES] = "files", [SOURCE_COMMAND] = "command"};
    const struct source *s = config_source(config, name);

    return s != NULL ? words[s->type] : NULL; /* it may have left the configuration since */
}

static json_t *sources_to_json(const struct set *s, const struct config *config)
{
    json_t *array = json_array();

    for (size_t i = 0; i < s->source_count; i++) {
        const struct set_source *source = &s->sources[i];
        (void)json_array_append_new(array, json_pack("{s:s,s:s?,s:b,s:I,s:I}", "name", source->name,
                                                     "type", source_type_word(config, source->name),
                                                     "whole", source->whole, "stored_bytes",
                                                     (json_int_t)source->stored_bytes, "raw_bytes",
                                                     (json_int_t)source->raw_bytes));
    }
    return array;
}

static json_t *set_problems(const struct set *s)
{
    struct strlist problems = {0};

    if (s->damaged)
        strlist_add(&problems, "its last verification failed");
    if (s->state == SET_SUSPECT)
        strlist_add(&problems, "far smaller than the ones before it");
    for (size_t i = 0; i < s->source_count; i++)
        if (!s->sources[i].whole)
            strlist_addf(&problems, "source \"%s\" was not read completely", s->sources[i].name);
    json_t *array = json_from_strings(&problems);
    strlist_deinit(&problems);
    return array;
}

char *set_place(const struct destination *d, const char *job, const char *id)
{
    _cleanup_free_ char *root = destination_place(d);

    if (d->format == FORMAT_REPOSITORY)
        return mem_printf("repository \"%s\" at %s", d->repository, root);
    return mem_printf("%s/%s/%s", root, job, id);
}

json_t *set_to_status(const struct set *s, const char *job, const struct config *config)
{
    const struct destination *d = config_destination(config, s->destination);
    _cleanup_free_ char *place = d != NULL ? set_place(d, job, s->id) : NULL;

    return json_pack(
        "{s:s,s:s,s:s,s:I,s:o,s:s,s:I,s:I,s:b,s:o,s:o,s:o,s:b,s:s?,s:o,s:o?,s:o,s:o}", "job", job,
        "id", s->id, "destination", s->destination, "sequence", (json_int_t)s->sequence, "tiers",
        tiers_to_json(s->tiers), "state", set_state_word(s->state), "bytes",
        (json_int_t)set_bytes(s), "raw_bytes", (json_int_t)set_raw_bytes(s), "shares", s->shares,
        "started", time_to_json(s->started), "finished", time_to_json(s->finished), "verified",
        time_to_json(s->verified), "pinned", s->pinned, "pin_reason", s->pin_reason, "pin_until",
        time_to_json(s->pin_until), "place", place != NULL ? json_printable(place) : json_null(),
        "sources", sources_to_json(s, config), "problems", set_problems(s));
}
