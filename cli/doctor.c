/* doctor.c — the command itself: run every part, print the worst first. */
#include "cli/doctor.h"

#include <stdio.h>
#include <string.h>

static const char *const severity_words[] = {
    [NOTE] = "note", [WARNING] = "warning", [ERROR] = "error"};

void finding(json_t *findings, enum severity severity, const char *action, const char *fmt, ...)
{
    va_list args;
    char text[ERR_TEXT_MAX];

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)json_array_append_new(
        findings, json_pack("{s:s, s:o, s:o}", "level", severity_words[severity], "what",
                            json_printable(text), "do", json_printable(action)));
}

static size_t count_of(const json_t *findings, const char *level)
{
    size_t count = 0, i;
    json_t *o;

    json_array_foreach(findings, i, o) count += str_equal(json_opt_string(o, "level", ""), level);
    return count;
}

static void print_level(const struct screen *s, const json_t *findings, enum severity severity)
{
    enum tint tint = severity == ERROR ? RED : severity == WARNING ? YELLOW : DIM;
    const char *word = severity_words[severity];
    json_t *o;
    size_t i;

    json_array_foreach(findings, i, o)
    {
        const char *action = json_opt_string(o, "do", "");
        if (!str_equal(json_opt_string(o, "level", ""), word))
            continue;
        say(s, tint, "%s", word);
        say_line(s, PLAIN, ": %s", json_opt_string(o, "what", "?"));
        if (action[0] != '\0')
            say_line(s, PLAIN, "    do: %s", action);
    }
}

static void print_findings(const struct screen *s, const json_t *findings)
{
    for (int severity = ERROR; severity >= NOTE; severity--)
        print_level(s, findings, (enum severity)severity);
    size_t errors = count_of(findings, "error"), warnings = count_of(findings, "warning");
    if (errors + warnings == 0)
        say_line(s, GREEN, "nothing found that would bite");
    else
        say_line(s, errors > 0 ? RED : YELLOW, "%zu error%s, %zu warning%s", errors,
                 errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}

static void print_ready(const struct screen *s, const json_t *list)
{
    json_t *o;
    size_t i, missing = 0;

    say_heading(s, "Before you rely on it");
    json_array_foreach(list, i, o)
    {
        bool ok = json_opt_bool(o, "ok", false);
        missing += !ok;
        say(s, ok ? GREEN : YELLOW, "  [%s] ", ok ? "x" : " ");
        say_line(s, PLAIN, "%s", json_opt_string(o, "what", "?"));
        if (!ok && json_opt_string(o, "do", "")[0] != '\0')
            say_line(s, PLAIN, "      do: %s", json_opt_string(o, "do", ""));
    }
    if (missing == 0)
        say_line(s, GREEN, "ready");
    else
        say_line(s, YELLOW, "%zu to do", missing);
}

static bool all_ready(const json_t *list)
{
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o) if (!json_opt_bool(o, "ok", false)) return false;
    return true;
}

int cmd_doctor(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *findings = json_array(), *ready = NULL;
    struct err why = {0};

    (void)e;
    if (cli_load_config(c, &why) < 0) {
        finding(findings, ERROR, "synbakctl config check shows all of it", "%s", why.text);
    } else {
        doctor_config(c, findings);
        doctor_keys(c, findings);
        doctor_destinations(c, findings);
        doctor_tools(c, findings);
        doctor_sandbox(c, findings);
        doctor_rights(c, findings);
    }
    if (args_has(c->args, "--ready"))
        ready = doctor_ready(c, findings);
    _cleanup_json_ json_t *result = json_pack("{s:O}", "findings", findings);
    if (ready != NULL)
        (void)json_object_set(result, "ready", ready);
    if (!cli_json(c, result)) {
        print_findings(&c->screen, findings);
        if (ready != NULL)
            print_ready(&c->screen, ready);
    }
    bool good = count_of(findings, "error") == 0 && (ready == NULL || all_ready(ready));
    return good ? EXIT_DONE : EXIT_FAILED;
}
