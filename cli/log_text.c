#include "cli/log_text.h"

#include <pwd.h>
#include <string.h>

#include "cli/render.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

typedef char *telling(const json_t *record); /* owned */

static const char *word(const json_t *record, const char *member)
{
    return json_opt_string(record, member, "");
}

static long long number(const json_t *record, const char *member)
{
    return (long long)json_opt_i64(record, member, 0);
}

/* A member's words in brackets, behind a blank; "" if there are none. Owned. */
static char *bracketed(const json_t *record, const char *member)
{
    _cleanup_free_ char *words = join_strings(json_object_get(record, member), ", ");

    return words[0] != '\0' ? mem_printf(" (%s)", words) : mem_strdup("");
}

/* The members `name` of an array's objects, joined. Owned. */
static char *names_of(const json_t *list, const char *name)
{
    _cleanup_json_ json_t *words = json_array();
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)(void)
        json_array_append_new(words, json_string(json_opt_string(item, name, "?")));
    return join_strings(words, ", ");
}

/* The destinations of a run that hold its set (ok), or those that lack it, joined. Owned. */
static char *places(const json_t *record, bool ok)
{
    _cleanup_json_ json_t *chosen = json_array();
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(record, "destinations"), i, item)
    {
        if (json_opt_bool(item, "ok", true) == ok)
            (void)json_array_append(chosen, item);
    }
    return names_of(chosen, "destination");
}

static const char *kind(const json_t *record)
{
    const char *k = json_opt_string(record, "kind", "backup");

    if (str_equal(k, "verify"))
        return "verification";
    return str_equal(k, "pre-restore") ? "copy before a restore" : "backup";
}

static char *queued(const json_t *record)
{
    _cleanup_free_ char *sources = bracketed(record, "sources");
    const char *why = word(record, "why");
    /* the words that the kind says already */
    bool told = why[0] == '\0' || str_equal(why, "before a restore");

    return mem_printf("run %lld, a %s%s, is queued%s%s", number(record, "run"), kind(record),
                      sources, told ? "" : ": ", told ? "" : why);
}

static char *started(const json_t *record)
{
    _cleanup_free_ char *tiers = bracketed(record, "tiers");

    return mem_printf("run %lld, a %s%s, starts", number(record, "run"), kind(record),
                      str_equal(word(record, "kind"), "pre-restore") ? "" : tiers);
}

static char *run_good(const json_t *record)
{
    _cleanup_free_ char *there = places(record, true), *late = places(record, false);
    const char *id = word(record, "id");
    char size[16], span[32];

    (void)str_bytes((uint64_t)json_opt_i64(record, "bytes", 0), size);
    (void)str_duration(json_opt_i64(record, "duration_s", 0), span);
    if (str_equal(word(record, "kind"), "verify") && json_opt_i64(record, "bytes", 0) == 0)
        return mem_printf("run %lld is good: all is there; no byte was read back",
                          number(record, "run"));
    if (str_equal(word(record, "kind"), "verify"))
        return mem_printf("run %lld is good: %s verified in %s", number(record, "run"), size, span);
    return mem_printf("run %lld is good: %s at %s, %s in %s%s%s", number(record, "run"), id,
                      there[0] != '\0' ? there : "no destination", size, span,
                      late[0] != '\0' ? "; late at " : "", late);
}

static char *finished(const json_t *record)
{
    const char *outcome = json_opt_string(record, "outcome", "failed"), *why;

    if (str_equal(outcome, "good"))
        return run_good(record);
    why = word(record, "error");
    return mem_printf("run %lld%s %s%s%s", number(record, "run"),
                      str_equal(outcome, "failed") ? "" : " is", outcome,
                      why[0] != '\0' ? ": " : "", why);
}

static char *skipped(const json_t *record)
{
    _cleanup_free_ char *tiers = bracketed(record, "tiers");

    return mem_printf("a run%s is skipped: %s", tiers, word(record, "why"));
}

static char *queue_alarm(const json_t *record)
{
    return mem_printf("run %lld waits too long: %s", number(record, "run"), word(record, "why"));
}

static char *cancel_asked(const json_t *record)
{
    return mem_printf("run %lld is to be cancelled", number(record, "asked_run"));
}

static char *paused(const json_t *record)
{
    const char *until = word(record, "until");

    return mem_printf("paused%s%s", until[0] != '\0' ? " until " : "", until);
}

static char *pinned(const json_t *record)
{
    return mem_printf("%s is pinned", word(record, "id"));
}

static char *unpinned(const json_t *record)
{
    return mem_printf("%s is unpinned", word(record, "id"));
}

static char *accepted(const json_t *record)
{
    return mem_printf("%s is accepted as good", word(record, "id"));
}

static char *prune_begun(const json_t *record)
{
    _cleanup_free_ char *ids = names_of(json_object_get(record, "remove"), "id");

    return mem_printf("the rules delete at %s: %s", word(record, "destination"), ids);
}

/* Of a repository: what no set needs any more goes later than the set. Owned. */
static char *room_made(const json_t *record)
{
    const int64_t freed_bytes = json_opt_i64(record, "freed_bytes", 0);
    const int64_t trash_bytes = json_opt_i64(record, "trash_bytes", 0);
    char freed[16], trash[16];

    (void)str_bytes((uint64_t)freed_bytes, freed);
    (void)str_bytes((uint64_t)trash_bytes, trash);
    return mem_printf("%s%s%s%s", freed_bytes > 0 ? "; freed: " : "", freed_bytes > 0 ? freed : "",
                      trash_bytes > 0 ? "; in the trash: " : "", trash_bytes > 0 ? trash : "");
}

static char *pruned(const json_t *record)
{
    const json_t *failed = json_object_get(record, "failed");
    _cleanup_free_ char *gone = join_strings(json_object_get(record, "removed"), ", ");
    _cleanup_free_ char *rest = names_of(failed, "id"), *room = room_made(record);

    return mem_printf("deleted at %s: %s%s%s%s%s%s", word(record, "destination"),
                      gone[0] != '\0' ? gone : "nothing", rest[0] != '\0' ? "; failed: " : "", rest,
                      rest[0] != '\0' ? ": " : "", word(json_array_get(failed, 0), "error"), room);
}

static char *copy_asked(const json_t *record)
{
    return mem_printf("copy of %s to %s asked for", word(record, "id"),
                      word(record, "destination"));
}

static char *copied(const json_t *record)
{
    char size[16], span[32];

    (void)str_bytes((uint64_t)json_opt_i64(record, "sent_bytes", 0), size);
    (void)str_duration(json_opt_i64(record, "duration_s", 0), span);
    return mem_printf("%s was copied from %s to %s, %s sent in %s%s", word(record, "id"),
                      word(record, "from"), word(record, "destination"), size, span,
                      json_opt_bool(record, "reencrypted", false) ? ", encrypted anew" : "");
}

static char *copy_failed(const json_t *record)
{
    return mem_printf("copy of %s from %s to %s failed (try %lld): %s", word(record, "id"),
                      word(record, "from"), word(record, "destination"), number(record, "failures"),
                      word(record, "error"));
}

static char *verified(const json_t *record)
{
    bool ok = json_opt_bool(record, "ok", true);

    return mem_printf("%s at %s %s%s%s", word(record, "id"), word(record, "destination"),
                      ok ? "is verified" : "failed its verification", ok ? "" : ": ",
                      ok ? "" : word(record, "error"));
}

static char *read_again(const json_t *record)
{
    double part = (double)(number(record, "to") - number(record, "from")) / 4294967296.0;

    if (json_object_get(record, "id") != NULL)
        return mem_printf("%.1f %% of %s/%s at %s read again", part * 100, word(record, "job"),
                          word(record, "id"), word(record, "destination"));
    return mem_printf("%.1f %% of the repository at %s read again", part * 100,
                      word(record, "destination"));
}

static char *destination_known(const json_t *record)
{
    return mem_printf("destination %s is ours from now on", word(record, "destination"));
}

static char *adopted(const json_t *record)
{
    return mem_printf("destination %s is adopted", word(record, "destination"));
}

static char *keys_changed(const json_t *record)
{
    const char *change = json_opt_string(record, "change", "");
    const char *where = word(record, "destination");

    if (strcmp(change, "rotate") == 0)
        return mem_printf("the repository at %s has reading key %lld from now on", where,
                          number(record, "generation"));
    if (strcmp(change, "remove") == 0)
        return mem_printf("a key of the repository at %s is removed: slot %.8s", where,
                          word(record, "slot"));
    return mem_printf("a key for the repository at %s is added: %s, slot %.8s", where,
                      word(record, "kind"), word(record, "slot"));
}

static char *clock_in_doubt(const json_t *record)
{
    return mem_printf("the clock is in doubt: %s", word(record, "why"));
}

static char *clock_trusted(const json_t *record)
{
    return mem_printf("the clock is believed again: %s", word(record, "why"));
}

static char *reloaded(const json_t *record)
{
    _cleanup_free_ char *files = bracketed(record, "files");

    return mem_printf("the configuration is read anew%s", files);
}

static char *reload_refused(const json_t *record)
{
    return mem_printf("the new configuration is refused, the old one stays: %s",
                      word(record, "error"));
}

static char *restore_begun(const json_t *record)
{
    return mem_printf("%s of %s from %s begins", json_opt_string(record, "purpose", "restore"),
                      word(record, "id"), word(record, "destination"));
}

static char *restore_ended(const json_t *record)
{
    const char *purpose = json_opt_string(record, "purpose", "restore");
    const char *undo = word(json_object_get(record, "summary"), "undo");

    if (!json_opt_bool(record, "ok", false))
        return mem_printf("%s of %s ended: %s", purpose, word(record, "id"),
                          json_opt_string(record, "error", "it failed"));
    return mem_printf("%s of %s is done%s%s", purpose, word(record, "id"),
                      undo[0] != '\0' ? ", undo it with: synbakctl restore --undo " : "", undo);
}

static char *restore_undone(const json_t *record)
{
    bool ok = json_opt_bool(record, "ok", true);

    return mem_printf("restore %s %s%s%s", word(record, "undone"),
                      ok ? "is undone" : "was not undone", ok ? "" : ": ",
                      ok ? "" : word(record, "error"));
}

static char *daemon_started(const json_t *record)
{
    return mem_printf("synbakd %s started", word(record, "version"));
}

static char *daemon_stopped(const json_t *record)
{
    const char *failed = word(record, "failed");

    return mem_printf("synbakd stopped%s%s", failed[0] != '\0' ? ": " : "", failed);
}

static const struct {
    const char *type, *text; /* what is said, or */
    telling *tell;           /* who says it; neither: nothing is */
} tellers[] = {
    {"started", NULL, daemon_started},
    {"stopped", NULL, daemon_stopped},
    {"job-known", "new in the configuration", NULL},
    {"job-gone", "gone from the configuration", NULL},
    {"run-queued", NULL, queued},
    {"run-started", NULL, started},
    {"set-begun", NULL, NULL},
    {"heads", NULL, NULL}, /* what lies at a repository, remembered against whoever rolls it back */
    {"tracked", NULL, NULL},    /* what the next run compares files with */
    {"run-result", NULL, NULL}, /* run-finished says it again, when the hooks are through as well */
    {"run-finished", NULL, finished},
    {"run-skipped", NULL, skipped},
    {"queue-alarm", NULL, queue_alarm},
    {"cancel-asked", NULL, cancel_asked},
    {"prune-asked", "the deletion of what the rules let go is asked for", NULL},
    {"paused", NULL, paused},
    {"resumed", "resumed", NULL},
    {"held", "held: nothing is deleted until it is released", NULL},
    {"released", "released: the rules delete again", NULL},
    {"pinned", NULL, pinned},
    {"unpinned", NULL, unpinned},
    {"accepted", NULL, accepted},
    {"prune-begun", NULL, prune_begun},
    {"pruned", NULL, pruned},
    {"copy-asked", NULL, copy_asked},
    {"copied", NULL, copied},
    {"copy-failed", NULL, copy_failed},
    {"verified", NULL, verified},
    {"read", NULL, read_again},
    {"destination-known", NULL, destination_known},
    {"adopted", NULL, adopted},
    {"keys-changed", NULL, keys_changed},
    {"clock-in-doubt", NULL, clock_in_doubt},
    {"clock-trusted", NULL, clock_trusted},
    {"reloaded", NULL, reloaded},
    {"reload-refused", NULL, reload_refused},
    {"restore-begun", NULL, restore_begun},
    {"restore-ended", NULL, restore_ended},
    {"restore-undone", NULL, restore_undone},
    {"checkpoint", NULL, NULL},
};

/* " (root: new set)": who asked for it, and why. Owned. */
static char *asked_by(const json_t *record)
{
    int64_t uid = json_opt_i64(record, "uid", -1);
    const char *reason = word(record, "reason");
    const struct passwd *who = uid >= 0 ? getpwuid((uid_t)uid) : NULL;

    if (uid < 0)
        return mem_strdup("");
    if (who != NULL)
        return mem_printf(" (%s%s%s)", who->pw_name, reason[0] != '\0' ? ": " : "", reason);
    return mem_printf(" (uid %lld%s%s)", (long long)uid, reason[0] != '\0' ? ": " : "", reason);
}

char *log_text(const json_t *record)
{
    const char *type = json_opt_string(record, "type", "?");
    size_t i = 0;

    while (i < ARRAY_LEN(tellers) && strcmp(tellers[i].type, type) != 0)
        i++;
    if (i < ARRAY_LEN(tellers) && tellers[i].text == NULL && tellers[i].tell == NULL)
        return NULL;
    _cleanup_free_ char *by = asked_by(record);
    if (i == ARRAY_LEN(tellers)) /* of a newer synbakd */
        return mem_printf("%s%s", type, by);
    if (tellers[i].text != NULL)
        return mem_printf("%s%s", tellers[i].text, by);
    _cleanup_free_ char *text = tellers[i].tell(record);
    return mem_printf("%s%s", text, by);
}
