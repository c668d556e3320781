/* visit_help.h — a visitor that writes down what it is told, for tests of tree_read itself. */
#pragma once

#include "tests/unit/tree/tree_help.h"

struct visit {
    struct buf said;       /* a line for each call but progress */
    struct strlist *knows; /* paths; NULL: nothing. An item "*": everything */
    uint64_t members;      /* so far */
    uint64_t fail_at;      /* the member, from 1, that is refused; 0: none */
    const char *fail_call; /* the call that is refused: "known", "data", "progress"; or NULL */
    uint64_t sum;          /* of the content's bytes, in order */
    int64_t size, left;    /* of the member's content */
    int (*meddle)(struct visit *v, const char *path);
    int count;
    unsigned helpers;
    struct tree_read_result result;
};

static inline int visit_refuse(const struct visit *v, const char *call, struct err *e)
{
    return str_equal(v->fail_call, call) ? err_set(e, ERR_CANCELLED, "%s refused", call) : 0;
}

__attribute__((format(printf, 2, 3))) static inline void visit_say(struct visit *v, const char *fmt,
                                                                   ...)
{
    char text[8192];
    va_list args;
    struct err e = {0};

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    ASSERT_OK(buf_append(&v->said, text, strlen(text), &e), e);
}

static inline int visit_known(void *arg, const char *path, const struct stat *st, struct err *e)
{
    struct visit *v = arg;

    ASSERT(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
    if (visit_refuse(v, "known", e) < 0)
        return -1;
    visit_say(v, "known? %s\n", path);
    return v->knows != NULL &&
           (strlist_contains(v->knows, path) || strlist_contains(v->knows, "*"));
}

static inline int visit_member(void *arg, const struct tree_member *m, struct err *e)
{
    struct visit *v = arg;
    bool content = S_ISREG(m->st.st_mode) && !m->hard && !m->known;

    ASSERT_EQ(v->left, 0);
    if (++v->members == v->fail_at)
        return err_set(e, ERR_CANCELLED, "member refused");
    visit_say(v, "%s %o %s%s%s%s", m->path, m->st.st_mode, m->hard ? "hard " : "",
              m->known ? "known " : "", m->again ? "again " : "", m->link == NULL ? "" : m->link);
    for (size_t i = 0; m->attrs != NULL && i < m->attrs->count; i++)
        visit_say(v, " %s=%.*s", m->attrs->items[i].name, (int)m->attrs->items[i].len,
                  (const char *)m->attrs->items[i].value);
    visit_say(v, "\n");
    ASSERT(!m->known || (m->attrs == NULL && m->extents == NULL));
    v->size = v->left = content ? m->st.st_size : 0;
    return 0;
}

static inline int visit_data(void *arg, const void *data, size_t len, struct err *e)
{
    struct visit *v = arg;

    if (visit_refuse(v, "data", e) < 0)
        return -1;
    ASSERT(len > 0 && (int64_t)len <= v->left);
    ASSERT(v->size > TREE_WHOLE_MAX || (int64_t)len == v->size);
    for (size_t i = 0; i < len; i++)
        v->sum = v->sum * 31 + ((const uint8_t *)data)[i];
    v->left -= (int64_t)len;
    return 0;
}

static inline int visit_progress(void *arg, const char *path, uint64_t bytes, struct err *e)
{
    struct visit *v = arg;

    (void)bytes;
    if (visit_refuse(v, "progress", e) < 0)
        return -1;
    return v->meddle == NULL ? 0 : v->meddle(v, path);
}

static inline void visit_problem(void *arg, const char *text)
{
    visit_say(arg, "problem: %s\n", text);
}

static inline void visit_spoiled(void *arg, const char *path)
{
    visit_say(arg, "spoiled: %s\n", path);
}

static inline void visit_note(void *arg, const char *text)
{
    visit_say(arg, "note: %s\n", text);
}

static inline int visit_tree(struct visit *v, const char *path, const char *include,
                             const char *exclude, struct err *e)
{
    struct strlist in = {0}, out = {0};
    struct tree_rules *rules = NULL;
    const struct tree_visitor visitor = {.arg = v,
                                         .known = visit_known,
                                         .member = visit_member,
                                         .data = visit_data,
                                         .progress = visit_progress,
                                         .spoiled = visit_spoiled,
                                         .problem = visit_problem,
                                         .note = visit_note};

    help_list(&in, include);
    help_list(&out, exclude);
    ASSERT_OK(tree_rules_create(&in, &out, &rules, e), *e);
    const struct tree_read_spec spec = {.path = path,
                                        .rules = rules,
                                        .one_file_system = true,
                                        .attributes = true,
                                        .helpers = v->helpers};
    v->said = BUF_INIT(1u << 30);
    int rc = tree_read(&spec, &visitor, &v->result, e);
    tree_rules_free(rules);
    strlist_deinit(&in);
    strlist_deinit(&out);
    return rc;
}

static inline const char *visit_said(const struct visit *v)
{
    return v->said.data == NULL ? "" : (const char *)v->said.data;
}
