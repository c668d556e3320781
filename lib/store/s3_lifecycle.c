#include "lib/store/s3_lifecycle.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/s3_xml.h"

enum { TEXT = 128 };

struct rule {
    char id[TEXT], prefix[STORE_NAME_MAX + 1], days[TEXT], date[TEXT], old_days[TEXT], class[TEXT],
        class_days[TEXT], abort_days[TEXT];
    bool enabled;
};

struct reading {
    const char *prefix;
    struct strlist *out;
    struct rule rule;
};

static void say(struct reading *x, const char *before, const char *value, const char *behind)
{
    _cleanup_free_ char *id = str_printable(x->rule.id, strlen(x->rule.id));
    _cleanup_free_ char *shown = str_printable(value, strlen(value));

    if (value[0] != '\0')
        strlist_addf(x->out, "rule \"%s\" %s%s%s", id, before, shown, behind);
}

static void say_rule(struct reading *x)
{
    const struct rule *r = &x->rule;
    bool touches = str_starts(r->prefix, x->prefix) || str_starts(x->prefix, r->prefix);

    if (!r->enabled || !touches)
        return;
    say(x, "deletes objects ", r->days, " days after they were put");
    say(x, "deletes all objects on ", r->date, "");
    say(x, "deletes replaced and deleted versions after ", r->old_days, " days");
    if (r->class[0] != '\0') {
        char behind[TEXT + 32];
        (void)snprintf(behind, sizeof(behind), " after %.100s days",
                       r->class_days[0] != '\0' ? r->class_days : "some");
        say(x, "moves objects to the storage class ", r->class, behind);
    }
    say(x, "ends unfinished uploads after ", r->abort_days, " days");
}

static int take(void *arg, const char *path, const char *text, struct err *e)
{
    struct reading *x = arg;
    struct rule *r = &x->rule;
    const struct {
        const char *path;
        char *to;
        size_t size;
    } fields[] = {
        {"ID", r->id, TEXT},
        {"Prefix", r->prefix, sizeof(r->prefix)},
        {"Filter/Prefix", r->prefix, sizeof(r->prefix)},
        {"Filter/And/Prefix", r->prefix, sizeof(r->prefix)},
        {"Expiration/Days", r->days, TEXT},
        {"Expiration/Date", r->date, TEXT},
        {"NoncurrentVersionExpiration/NoncurrentDays", r->old_days, TEXT},
        {"Transition/StorageClass", r->class, TEXT},
        {"Transition/Days", r->class_days, TEXT},
        {"AbortIncompleteMultipartUpload/DaysAfterInitiation", r->abort_days, TEXT},
    };

    (void)e;
    if (strcmp(path, "LifecycleConfiguration/Rule") == 0) {
        say_rule(x);
        *r = (struct rule){0};
    }
    if (!str_starts(path, "LifecycleConfiguration/Rule/"))
        return 0;
    path += strlen("LifecycleConfiguration/Rule/");
    if (strcmp(path, "Status") == 0)
        r->enabled = strcmp(text, "Enabled") == 0;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (strcmp(path, fields[i].path) == 0)
            (void)snprintf(fields[i].to, fields[i].size, "%s", text);
    return 0;
}

void s3_lifecycle_describe(const void *xml, size_t len, const char *prefix, struct strlist *ret)
{
    struct reading x = {.prefix = prefix, .out = ret};

    (void)!s3_xml_parse(xml, len, take, &x, NULL); /* rules that came whole are told all the same */
}
