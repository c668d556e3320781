#include "lib/config/rule.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/config/ini.h"

enum { KEEP_MAX = 1000000 };

/* The text behind `word` and at least one blank, or NULL. */
static const char *after_word(const char *text, const char *word)
{
    size_t len = strlen(word);

    if (!str_starts(text, word) || (text[len] != ' ' && text[len] != '\t'))
        return NULL;
    return text + len + strspn(text + len, " \t");
}

int rule_parse_keep(const char *text, int *ret, struct err *e)
{
    const char *number = after_word(text, "keep");
    int64_t n;

    if (number == NULL || str_to_i64(number, 1, KEEP_MAX, &n, NULL) < 0)
        return err_set(e, ERR_CONFIG, "\"%.80s\" is not \"keep N\" with N from 1 to %d", text,
                       KEEP_MAX);
    *ret = (int)n;
    return 0;
}

static int check_when(const char *when, const char *forms, struct err *e)
{
    const char *rest = NULL;

    for (size_t i = 0; i < 3 && rest == NULL; i++)
        rest = after_word(when, (const char *const[]){"at", "cron", "on"}[i]);
    if (rest != NULL && rest[0] != '\0')
        return 0;
    return err_set(e, ERR_CONFIG, "\"%.80s\" is none of: %s", when, forms);
}

/* Runs of blanks become one, so that equal rules are equal texts. */
static char *squeeze(const char *text, size_t len)
{
    char *out = mem_alloc(len + 1), *p = out;

    for (size_t i = 0; i < len; i++) {
        bool blank = text[i] == ' ' || text[i] == '\t';
        if (!blank)
            *p++ = text[i];
        else if (p > out && p[-1] != ' ')
            *p++ = ' ';
    }
    if (p > out && p[-1] == ' ')
        p--;
    *p = '\0';
    return out;
}

/* Where the keep part begins: behind the last comma, or at the front; NULL if there is none. */
static const char *find_keep(const char *text)
{
    const char *comma = strrchr(text, ',');
    const char *keep = comma != NULL ? comma + 1 + strspn(comma + 1, " \t") : text;

    return str_starts(keep, "keep") ? keep : NULL;
}

int rule_parse_tier(const char *text, struct tier_rule *rule, struct err *e)
{
    const char *keep = find_keep(text);
    size_t when_len = strlen(text);
    int n = KEEP_FOREVER;

    if (keep != NULL && rule_parse_keep(keep, &n, e) < 0)
        return -1;
    if (keep != NULL)
        when_len = keep == text ? 0 : (size_t)(strrchr(text, ',') - text);
    _cleanup_free_ char *when = squeeze(text, when_len);
    bool lone_comma = keep != NULL && keep != text && when[0] == '\0';
    if ((when[0] != '\0' || lone_comma) &&
        check_when(lone_comma ? text : when,
                   "at TIME, cron FIELDS, on CALENDAR, keep N (example: at 02:00, keep 30)", e) < 0)
        return -1;
    free(rule->when);
    rule->when = TAKE(when);
    rule->keep = n;
    rule->on = true;
    return 0;
}

/* The text behind a tier's word, or the text itself. */
static const char *after_tier(const char *text)
{
    for (int tier = 0; tier < TIER_COUNT; tier++) {
        const char *rest = after_word(text, tier_word(tier));
        if (strcmp(text, tier_word(tier)) == 0)
            return "";
        if (rest != NULL)
            return rest;
    }
    return text;
}

int rule_parse_verify(const char *text, struct tier_rule *rule, struct err *e)
{
    static const char forms[] = "hourly, daily, weekly, monthly, yearly, each alone or followed by "
                                "at TIME; cron FIELDS; on CALENDAR (example: weekly at Sun 05:00)";
    const char *when = after_tier(text);

    if (find_keep(text) != NULL)
        return err_set(e, ERR_CONFIG, "verify keeps nothing; leave the keep part out");
    if (when[0] != '\0' && check_when(when, forms, e) < 0)
        return -1;
    free(rule->when);
    rule->when = squeeze(text, strlen(text));
    rule->on = true;
    return 0;
}

int rule_print(const struct tier_rule *rule, struct buf *out, struct err *e)
{
    _cleanup_free_ char *text = NULL;

    if (!rule->on || (rule->when[0] == '\0' && rule->keep == KEEP_FOREVER))
        return 0;
    if (rule->keep == KEEP_FOREVER)
        text = mem_strdup(rule->when);
    else
        text = mem_printf("%s%skeep %d", rule->when, rule->when[0] != '\0' ? ", " : "", rule->keep);
    return ini_quote(out, text, false, e);
}
