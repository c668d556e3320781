/* test_set.c — good, incomplete, suspect, fragment, damaged; and which set is the latest. */
#include "tests/unit/schedule/sets.h"

/* One letter for each set in the order given: g i s f d. */
static void states(const char *text, const char *expected)
{
    struct sets sets = sets_from(text);
    char letters[64] = "";

    sets_classify(&sets, 50);
    for (size_t i = 0; i < sets.count; i++)
        strncat(letters, set_state_word(sets.items[i].state), 1);
    ASSERT_STR(letters, expected);
    sets_deinit(&sets);
}

TEST(what_the_manifest_and_the_marks_say)
{
    states("20260101_000000 l daily db:100\n"
           "20260102_000000 l daily db:100 incomplete\n"
           "20260103_000000 l manual db:100 fragment\n"
           "20260104_000000 l daily db:100 damaged\n"
           "20260105_000000 l daily db:100\n",
           "gifdg");
}

TEST(under_half_the_median_is_suspect)
{
    states("20260101_000000 l daily db:100\n"
           "20260102_000000 l daily db:50\n"
           "20260103_000000 l daily db:100\n"
           "20260104_000000 l daily db:49\n",
           "gggs");
}

TEST(each_source_is_judged_by_itself)
{
    states("20260101_000000 l daily db:100 media:100000\n"
           "20260102_000000 l daily db:10 media:100000\n"
           "20260103_000000 l daily db:100\n"
           "20260104_000000 l daily db:100 media:10\n",
           "gsgs");
}

TEST(where_sets_share_what_is_stored_they_are_judged_by_what_was_read)
{
    states("20260101_000000 l daily db:100:100 shares\n"
           "20260102_000000 l daily db:1:110 shares\n"
           "20260103_000000 l daily db:60:49 shares\n",
           "ggs");
}

TEST(each_destination_is_judged_by_itself)
{
    states("20260101_000000 l daily db:100\n"
           "20260101_000000 r daily db:10\n"
           "20260102_000000 l daily db:100\n"
           "20260102_000000 r daily db:10\n",
           "gggg");
}

TEST(only_good_sets_count_for_the_median)
{
    states("20260101_000000 l daily db:100\n"
           "20260102_000000 l daily db:1 incomplete\n"
           "20260103_000000 l daily db:1 damaged\n"
           "20260104_000000 l manual db:1 fragment\n"
           "20260105_000000 l pre-restore db:1\n"
           "20260106_000000 l daily db:40\n",
           "gidfgs");
}

TEST(the_median_is_of_the_last_ten)
{
    struct sets sets = {0};
    char line[64];

    for (int i = 1; i <= 20; i++) { /* ten of 1000, then ten of 600 */
        (void)snprintf(line, sizeof(line), "202601%02d_000000 l daily db:%d", i,
                       i <= 10 ? 1000 : 600);
        sets_add(&sets, line);
    }
    sets_add(&sets, "20260121_000000 l daily db:310");
    sets_classify(&sets, 50);
    ASSERT_EQ(sets.items[20].state, SET_GOOD); /* under half of 1000, over half of 600 */
    sets_deinit(&sets);
}

TEST(three_suspects_in_a_row_of_like_size_become_good)
{
    states("20260101_000000 l daily db:100\n20260102_000000 l daily db:100\n"
           "20260103_000000 l daily db:10\n20260104_000000 l daily db:11\n",
           "ggss");
    states("20260101_000000 l daily db:100\n20260102_000000 l daily db:100\n"
           "20260103_000000 l daily db:10\n20260104_000000 l daily db:11\n"
           "20260105_000000 l daily db:12\n20260106_000000 l daily db:11\n"
           "20260107_000000 l daily db:3\n",
           "ggggggs");
}

TEST(suspects_of_unlike_size_stay_suspect)
{
    states("20260101_000000 l daily db:1000\n"
           "20260102_000000 l daily db:10\n20260103_000000 l daily db:30\n"
           "20260104_000000 l daily db:10\n20260105_000000 l daily db:30\n",
           "gssss");
}

TEST(a_good_set_ends_the_row_an_incomplete_one_does_not)
{
    states("20260101_000000 l daily db:100\n"
           "20260102_000000 l daily db:10\n20260103_000000 l daily db:10\n"
           "20260104_000000 l daily db:100\n20260105_000000 l daily db:10\n",
           "gssgs");
    states("20260101_000000 l daily db:100\n"
           "20260102_000000 l daily db:10\n20260103_000000 l daily db:10\n"
           "20260104_000000 l daily db:10 incomplete\n20260105_000000 l daily db:10\n",
           "gggig");
}

TEST(an_accepted_set_is_good_and_starts_a_new_level)
{
    states("20260101_000000 l daily db:100\n20260102_000000 l daily db:10 accepted\n"
           "20260103_000000 l daily db:10\n20260104_000000 l daily db:4\n",
           "gggs");
}

TEST(an_empty_artifact_is_suspect_once_there_was_one)
{
    states("20260101_000000 l daily db:0\n20260102_000000 l daily db:100\n"
           "20260103_000000 l daily db:100\n20260104_000000 l daily db:0\n",
           "gggs");
}

TEST(huge_sizes_do_not_overflow)
{
    states("20260101_000000 l daily db:18446744073709551615\n"
           "20260102_000000 l daily db:18446744073709551615\n"
           "20260103_000000 l daily db:9223372036854775807\n",
           "ggs");
}

TEST(the_order_is_the_sequence_number_not_the_clock)
{
    struct sets sets = sets_from("20300101_000000 l daily db:100\n"
                                 "20260102_000000 l daily db:100\n"
                                 "20260103_000000 l daily db:100 incomplete\n"
                                 "20260104_000000 r daily db:100\n"
                                 "20260105_000000 l pre-restore db:100\n");

    sets_classify(&sets, 50);
    ASSERT_STR(sets_latest(&sets, "l")->id, "20260102_000000");
    ASSERT_STR(sets_latest(&sets, NULL)->id, "20260104_000000");
    ASSERT(sets_latest(&sets, "nowhere") == NULL);
    sets_deinit(&sets);
}
