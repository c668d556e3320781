/* repository_fixture.h — a repository in memory, made with one key by one installation. */
#pragma once

#include "lib/base/mem.h"
#include "lib/repository/repository.h"
#include "tests/lib/memory_store.h"
#include "tests/lib/test.h"

#define US     "00112233445566778899aabbccddeeff"
#define THEM   "ffeeddccbbaa99887766554433221100"
#define KEY    "a key of this test, long enough"
#define CHUNK1 "1111111111111111111111111111111111111111111111111111111111111111:17"

static const struct log_author us = {.installation = US, .host = "here"};
static const struct log_author them = {.installation = THEM, .host = "there"};

static inline struct secret secret_of(const char *text)
{
    return secret_copy(text, strlen(text));
}

static inline struct repository *open_with(struct store *s, const char *key)
{
    struct secret secret = secret_of(key);
    struct repository_spec spec = {.store = s, .secret = &secret};
    struct repository *r = NULL;
    struct err e = {0};

    ASSERT_OK(repository_open(&spec, &r, &e), e);
    secret_deinit(&secret);
    return r;
}

static inline struct repository *create_at(struct store *s)
{
    struct secret secret = secret_of(KEY);
    struct repository_spec spec = {.store = s, .secret = &secret};
    struct repository *r = NULL;
    struct err e = {0};

    ASSERT_OK(repository_create(&spec, &us, &r, &e), e);
    secret_deinit(&secret);
    return r;
}

static inline json_t *set_members(const char *job, const char *id, int64_t sequence)
{
    return json_pack("{s:s s:s s:I s:s s:{s:b}}", "job", job, "id", id, "sequence",
                     (json_int_t)sequence, "manifest", CHUNK1, "describe", "whole", 1);
}

static inline json_t *removed_members(const char *job, const char *id, uint64_t number)
{
    return json_pack("{s:[{s:s s:s s:I}] s:s}", "sets", "job", job, "id", id, "number",
                     (json_int_t)number, "rule", "keep 7");
}
