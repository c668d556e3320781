/* check_bucket.c — what a bucket and these credentials mean for the destination that lies there. */
#include <stdlib.h>
#include <string.h>

#include "daemon/worker/check.h"
#include "lib/base/mem.h"
#include "lib/store/s3.h"

enum { SKEW_WARN_S = 60, SKEW_REFUSED_S = 900 };

struct bucket {
    struct findings *f;
    const char *name, *place;
    bool deletes;   /* the configuration's delete = yes */
    int64_t lock_s; /* and its lock */
    struct s3_report report;
};

/* Without these nothing works at all. */
static void check_needed(const struct bucket *b)
{
    const struct {
        enum s3_answer answer;
        const char *what, *right;
    } needed[] = {{b->report.can_list, "list objects", "allow s3:ListBucket"},
                  {b->report.can_put, "put objects", "allow s3:PutObject"},
                  {b->report.can_get, "get objects", "allow s3:GetObject"}};

    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (needed[i].answer == S3_NO)
            findings_add(b->f, FINDING_ERROR, needed[i].right,
                         "destination \"%s\": the credentials may not %s in %s", b->name,
                         needed[i].what, b->place);
}

static void check_deletion(const struct bucket *b)
{
    const struct s3_report *r = &b->report;

    if (b->deletes && r->can_delete == S3_NO)
        findings_add(
            b->f, FINDING_WARNING,
            "write delete = no and run synbakctl prune --destination elsewhere, or allow "
            "s3:DeleteObject",
            "destination \"%s\": the credentials may not delete, so that retention fails and "
            "sets pile up",
            b->name);
    else if (!b->deletes && r->can_delete == S3_YES)
        findings_add(
            b->f, FINDING_WARNING, "take s3:DeleteObject away from these credentials",
            "destination \"%s\": delete = no, but the credentials may delete: whoever takes "
            "this machine over can, too",
            b->name);
    else if (r->can_delete == S3_NO)
        findings_add(b->f, FINDING_NOTE, "",
                     "destination \"%s\": the credentials cannot delete, as is wanted", b->name);
    if (r->can_delete == S3_NO && r->can_overwrite == S3_YES && r->versioning == S3_NO)
        findings_add(b->f, FINDING_WARNING, "turn on versioning, or use a bucket with object lock",
                     "destination \"%s\": the credentials cannot delete but overwrite, and without "
                     "versioning that destroys as well",
                     b->name);
}

static void check_lock(const struct bucket *b)
{
    const struct s3_report *r = &b->report;

    if (b->lock_s > 0 && r->object_lock == S3_NO)
        findings_add(
            b->f, FINDING_ERROR, "make a bucket with object lock, or leave lock out",
            "destination \"%s\": lock is set, but %s has no object lock, so that every put "
            "is refused",
            b->name, b->place);
    else if (r->object_lock == S3_YES && b->lock_s == 0 && r->default_lock_days == 0)
        findings_add(b->f, FINDING_NOTE, "set lock = 30d, or how long an attack may go unnoticed",
                     "destination \"%s\": the bucket has object lock, but nothing is locked",
                     b->name);
    if (r->default_lock_days > 0)
        findings_add(
            b->f, FINDING_NOTE, "",
            "destination \"%s\": the bucket locks what is put for %lld days by itself (%s)",
            b->name, (long long)r->default_lock_days,
            r->lock_mode != NULL ? r->lock_mode : "no mode told");
    if (b->lock_s == 0 && r->object_lock == S3_NO && r->versioning == S3_NO)
        findings_add(b->f, FINDING_NOTE, "turn on versioning, better use a bucket with object lock",
                     "destination \"%s\": the bucket has neither versions nor object lock: whoever "
                     "may delete there destroys every set for good",
                     b->name);
}

/* The sentences are s3_lifecycle.h's. True if some rule removes old versions. */
static bool check_rules(const struct bucket *b)
{
    bool removes_old = false;

    for (size_t i = 0; i < b->report.expiry.count; i++) {
        const char *rule = b->report.expiry.items[i];
        if (strstr(rule, " deletes objects ") != NULL ||
            strstr(rule, " deletes all objects") != NULL)
            findings_add(b->f, FINDING_ERROR, "end the rule, or leave this prefix out of it",
                         "destination \"%s\": lifecycle %s: it deletes sets that retention keeps",
                         b->name, rule);
        else if (strstr(rule, " moves objects ") != NULL)
            findings_add(
                b->f, FINDING_WARNING, "make sure that objects of the class can be read at once",
                "destination \"%s\": lifecycle %s: what must be thawed first can be neither "
                "verified nor restored",
                b->name, rule);
        removes_old = removes_old || strstr(rule, " deletes replaced and deleted ") != NULL;
    }
    return removes_old;
}

static void check_settings(const struct bucket *b)
{
    const struct s3_report *r = &b->report;
    const bool removes_old = check_rules(b);

    if (r->versioning == S3_YES && !removes_old)
        findings_add(
            b->f, FINDING_WARNING, "add a lifecycle rule that removes old versions after some days",
            "destination \"%s\": the bucket keeps versions and nothing removes old ones, so "
            "that what retention deletes goes on taking room",
            b->name);
    if (r->replication == S3_YES)
        findings_add(b->f, FINDING_NOTE, "",
                     "destination \"%s\": the bucket is replicated; that is no second destination: "
                     "what is destroyed here may be destroyed there",
                     b->name);
    if (r->versioning == S3_UNKNOWN || r->object_lock == S3_UNKNOWN)
        findings_add(
            b->f, FINDING_NOTE, "ask with other credentials, or look into the bucket's settings",
            "destination \"%s\": the credentials may not ask whether the bucket has %s", b->name,
            r->versioning == S3_UNKNOWN && r->object_lock == S3_UNKNOWN
                ? "versioning and object lock"
            : r->versioning == S3_UNKNOWN ? "versioning"
                                          : "object lock");
    if (llabs(r->clock_skew_s) > SKEW_WARN_S)
        findings_add(
            b->f, llabs(r->clock_skew_s) >= SKEW_REFUSED_S ? FINDING_ERROR : FINDING_WARNING,
            "set this machine's clock (timedatectl set-ntp true)",
            "destination \"%s\": the clocks differ by %lld s; services refuse requests that "
            "are more than 15 minutes off",
            b->name, (long long)llabs(r->clock_skew_s));
}

int check_bucket(struct findings *f, struct store *s, const char *name, const json_t *store,
                 struct err *e)
{
    struct bucket b = {.f = f,
                       .name = name,
                       .place = store_place(s),
                       .deletes = json_opt_bool(store, "deletes", true),
                       .lock_s = json_opt_i64(store, "lock_s", 0)};

    if (s3_examine(s, &b.report, e) < 0)
        return -1;
    check_needed(&b);
    check_deletion(&b);
    check_lock(&b);
    check_settings(&b);
    s3_report_deinit(&b.report);
    return 0;
}
