#include "lib/repository/keys_parts.h"

#include <string.h>

#include "lib/base/secret.h"

struct keys *keys_new(void)
{
    return secret_alloc(sizeof(struct keys));
}

void keys_free(struct keys *k)
{
    secret_free(k, sizeof(*k));
}

const struct keys_generation *keys_current(const struct keys *k)
{
    return &k->generations[k->generation_count - 1];
}

const struct keys_generation *keys_find_generation(const struct keys *k, unsigned number)
{
    for (size_t i = 0; i < k->generation_count; i++)
        if (k->generations[i].number == number)
            return &k->generations[i];
    return NULL;
}

static int derive(const struct keys *k, const uint8_t from[32], const char *info, uint8_t ret[32],
                  struct err *e)
{
    return seal_hkdf(from, 32, k->repository, sizeof(k->repository), info, ret, 32, e);
}

int keys_derive(struct keys *k, struct err *e)
{
    if (derive(k, k->adding, "synbak chunk id", k->chunk_id, e) < 0 ||
        derive(k, k->adding, "synbak cut", k->cutting, e) < 0 ||
        derive(k, k->adding, "synbak log", k->log, e) < 0 ||
        seal_ed25519_public(k->writer, k->writer_public, e) < 0)
        return -1;
    return k->write_only ? 0 : seal_ed25519_public(k->pruner, k->pruner_public, e);
}

int keys_derive_generation(const struct keys *k, struct keys_generation *g, struct err *e)
{
    if (derive(k, g->reading, "synbak wrap", g->wrapping, e) < 0 ||
        derive(k, g->reading, "synbak x25519", g->x25519, e) < 0)
        return -1;
    g->may_read = true;
    return seal_x25519_public(g->x25519, g->public_key, e);
}

int keys_add_generation(struct keys *k, const struct keys_generation *g, struct err *e)
{
    if (k->generation_count == KEYS_GENERATIONS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d generations of the reading key",
                       KEYS_GENERATIONS_MAX);
    if (keys_find_generation(k, g->number) != NULL)
        return err_set(e, ERR_FORMAT, "generation %d of the reading key is there twice", g->number);
    size_t at = k->generation_count++;
    for (; at > 0 && k->generations[at - 1].number > g->number; at--)
        k->generations[at] = k->generations[at - 1];
    k->generations[at] = *g;
    return 0;
}

static int first_generation(struct keys *k, struct err *e)
{
    struct keys_generation g = {.number = 1};
    int rc = seal_random(g.reading, sizeof(g.reading), e);

    if (rc == 0)
        rc = keys_derive_generation(k, &g, e);
    if (rc == 0)
        rc = keys_add_generation(k, &g, e);
    seal_wipe(&g, sizeof(g));
    return rc;
}

int keys_create_for(const uint8_t repository[REPOSITORY_ID_LEN], struct keys **ret, struct err *e)
{
    struct keys *k = keys_new();

    memcpy(k->repository, repository, sizeof(k->repository));
    if (seal_random(k->adding, sizeof(k->adding), e) < 0 ||
        seal_random(k->writer, sizeof(k->writer), e) < 0 ||
        seal_random(k->pruner, sizeof(k->pruner), e) < 0 || keys_derive(k, e) < 0 ||
        first_generation(k, e) < 0) {
        keys_free(k);
        return -1;
    }
    *ret = k;
    return 0;
}

int keys_create(struct keys **ret, struct err *e)
{
    uint8_t id[REPOSITORY_ID_LEN];

    if (seal_random(id, sizeof(id), e) < 0)
        return -1;
    return keys_create_for(id, ret, e);
}
