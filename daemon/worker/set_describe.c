#include "daemon/worker/set_describe.h"

#include <string.h>

static json_t *moment(struct wall t)
{
    char out[32];

    return json_string(clock_iso8601(t, out));
}

static json_t *source_json(const struct manifest *m, const struct manifest_source *s)
{
    uint64_t stored = 0, raw = 0;

    for (size_t i = 0; i < m->artifact_count; i++) {
        if (strcmp(m->artifacts[i].source, s->name) != 0)
            continue;
        stored += m->artifacts[i].stored_bytes;
        raw += m->artifacts[i].raw_bytes;
    }
    return json_pack("{s:s,s:s,s:b,s:I,s:I}", "name", s->name, "type", s->type, "whole", s->whole,
                     "stored_bytes", (json_int_t)stored, "raw_bytes", (json_int_t)raw);
}

json_t *set_describe(const struct manifest *m, const struct marks *marks)
{
    json_t *sources = json_array();

    for (size_t i = 0; i < m->source_count; i++)
        (void)json_array_append_new(sources, source_json(m, &m->sources[i]));
    return json_pack("{s:s,s:I,s:o,s:s,s:o,s:o,s:b,s:b,s:b,s:o,s:b,s:o,s:s,s:b,s:s}", "id", m->id,
                     "sequence", (json_int_t)m->sequence, "tiers", json_from_strings(&m->tiers),
                     "reason", m->reason, "started", moment(m->started), "finished",
                     moment(m->finished), "incomplete", m->incomplete, "fragment", m->fragment,
                     "stays", m->stays, "sources", sources, "pinned", marks->pinned, "pin_until",
                     marks->pin_until.us != 0 ? moment(marks->pin_until) : json_null(),
                     "pin_reason", marks->pin_reason != NULL ? marks->pin_reason : "", "accepted",
                     marks->accepted, "key_id", m->key_id);
}
