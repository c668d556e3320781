#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/protocol/role.h"
#include "tests/lib/test.h"

static const struct role_entry entries[] = {{ROLE_VIEW, false, 1001},
                                            {ROLE_ADMIN, true, 50},
                                            {ROLE_OPERATE, true, 60},
                                            {ROLE_RESTORE, false, 1002},
                                            {ROLE_VIEW, false, 1002}};
static const struct role_table table = {(struct role_entry *)entries, ARRAY_LEN(entries)};

static enum role judge(uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
    return role_judge(&table, 990, &(struct role_peer){uid, gid, groups, count});
}

TEST(root_and_the_daemon_itself_are_admin)
{
    ASSERT_EQ(judge(0, 5, NULL, 0), ROLE_ADMIN);
    ASSERT_EQ(judge(990, 5, NULL, 0), ROLE_ADMIN);
}

TEST(nobody_else_is_anything_without_an_entry)
{
    const gid_t groups[] = {0, 1001, 1002}; /* ids of users are no ids of groups */

    ASSERT_EQ(judge(1000, 1000, NULL, 0), ROLE_NONE);
    ASSERT_EQ(judge(1000, 0, groups, 3), ROLE_NONE);
    ASSERT_EQ(judge(50, 5, NULL, 0), ROLE_NONE);
    ASSERT_EQ(role_judge(&(struct role_table){0}, 990, &(struct role_peer){.uid = 1}), ROLE_NONE);
}

TEST(the_highest_entry_counts)
{
    const gid_t groups[] = {7, 60, 50};

    ASSERT_EQ(judge(1001, 5, NULL, 0), ROLE_VIEW);
    ASSERT_EQ(judge(1002, 5, NULL, 0), ROLE_RESTORE);
    ASSERT_EQ(judge(1001, 60, NULL, 0), ROLE_OPERATE);
    ASSERT_EQ(judge(1001, 5, groups, 2), ROLE_OPERATE);
    ASSERT_EQ(judge(1001, 5, groups, 3), ROLE_ADMIN);
}

TEST(names_are_looked_up_and_unknown_ones_grant_nothing)
{
    struct access access = {0};
    struct role_table t;
    struct strlist unknown = {0};
    struct err e = {0};
    const struct passwd *root = getpwuid(0);
    const struct group *group = getgrgid(0);

    strlist_add(&access.view, "no-such-user-here");
    strlist_add(&access.operate, "@no-such-group-here");
    strlist_add(&access.restore, root->pw_name);
    strlist_addf(&access.admin, "@%s", group->gr_name);
    ASSERT_OK(role_table_create(&access, &t, &unknown, &e), e);
    ASSERT_EQ(t.count, 2);
    ASSERT_EQ(t.entries[0].role, ROLE_RESTORE);
    ASSERT(!t.entries[0].is_group && t.entries[1].is_group);
    ASSERT_EQ(unknown.count, 2);
    ASSERT_STR(unknown.items[0], "[access] view: no user \"no-such-user-here\"");
    ASSERT_STR(unknown.items[1], "[access] operate: no group \"no-such-group-here\"");
    role_table_deinit(&t);
    strlist_deinit(&unknown);
    strlist_deinit(&access.view);
    strlist_deinit(&access.operate);
    strlist_deinit(&access.restore);
    strlist_deinit(&access.admin);
}

TEST(numbers_are_ids_as_they_stand)
{
    struct access access = {0};
    struct role_table t;
    struct err e = {0};

    strlist_add(&access.view, "54321");
    strlist_add(&access.view, "@65432");
    ASSERT_OK(role_table_create(&access, &t, NULL, &e), e);
    ASSERT_EQ(t.count, 2);
    ASSERT(t.entries[0].id == 54321 && !t.entries[0].is_group);
    ASSERT(t.entries[1].id == 65432 && t.entries[1].is_group);
    role_table_deinit(&t);
    strlist_deinit(&access.view);
}

TEST(roles_have_their_words_in_order)
{
    static const char *const words[] = {"none", "view", "operate", "restore", "admin"};

    for (int role = ROLE_NONE; role <= ROLE_ADMIN; role++)
        ASSERT_STR(role_word((enum role)role), words[role]);
}
