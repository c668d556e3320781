/* Any bytes as one of the small JSON objects of a repository, which the first byte tells: 'R' repository.json, 'G' a
 * generation of the reading key (which the pruner signed), 'K' a slot's bundle of keys, 'M' a set's manifest, 'D' the list
 * of packs that were found damaged. Refused, or within what the headers promise. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/repository/damaged.h"
#include "lib/repository/repository.h"
#include "lib/repository/set_lists.h"
#include "lib/repository/signed.h"
#include "lib/repository/slot_parts.h"
#include "tests/lib/memory_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char slot_name[] = "00112233445566778899aabbccddeeff";

static void insist(bool holds)
{
    if (!holds)
        abort();
}

static void read_repository(const uint8_t *data, size_t size)
{
    struct store *s = memory_store_new();
    char id[33];

    insist(store_put_bytes(s, "repository.json", data, size, STORE_REPLACE, NULL) == 0);
    int rc = repository_probe(s, id, NULL);
    insist(rc != 1 && (rc < 0 || strspn(id, "0123456789abcdef") == sizeof(id) - 1));
    store_close(s);
}

static struct keys *keys_of_a_kind(void)
{
    static const uint8_t id[REPOSITORY_ID_LEN] = {7};
    struct keys *k = NULL;

    insist(keys_create_for(id, &k, NULL) == 0);
    return k;
}

static void read_generation(const uint8_t *data, size_t size)
{
    static const uint8_t secret[32] = {9};
    struct slot_object slot = {0};
    struct buf text = BUF_INIT(1 << 20);
    struct keys *k = keys_of_a_kind();
    struct store *s = memory_store_new();
    json_t *o = NULL;

    memcpy(slot.says.id, slot_name, sizeof(slot_name));
    insist(seal_x25519_public(secret, slot.public_key, NULL) == 0);
    if (json_read(data, size, &o, NULL) == 0 && json_is_object(o)) {
        (void)json_object_del(o, "signature");
        insist(signed_make(k, "synbak generation", o, &text, NULL) == 0);
    } else {
        insist(buf_append(&text, data, size, NULL) == 0);
    }
    json_decref(o);
    insist(store_put_bytes(s, "generations/2.json", text.data, text.len, STORE_REPLACE, NULL) == 0);
    if (generations_read(s, k, &slot, secret, NULL) == 0) {
        const struct keys_generation *g = keys_find_generation(k, 2);
        insist(k->generation_count == 2 && g != NULL && !g->may_read); /* nobody sealed it */
    }
    store_close(s);
    buf_deinit(&text);
    keys_free(k);
}

static void read_bundle(const uint8_t *data, size_t size)
{
    struct buf text = BUF_INIT(1 << 20), again = BUF_INIT(1 << 20);
    struct keys *k = NULL, *copy = NULL;

    if (keys_from_bundle(data, size, &k, NULL) < 0)
        return;
    insist(k->generation_count >= 1 && k->generation_count <= KEYS_GENERATIONS_MAX);
    for (size_t i = 1; i < k->generation_count; i++)
        insist(k->generations[i - 1].number < k->generations[i].number);
    insist(keys_to_bundle(k, k->write_only, &text, NULL) == 0 &&
           keys_from_bundle(text.data, text.len, &copy, NULL) == 0 &&
           keys_to_bundle(copy, copy->write_only, &again, NULL) == 0);
    insist(text.len == again.len && memcmp(text.data, again.data, text.len) == 0);
    buf_deinit(&text);
    buf_deinit(&again);
    keys_free(k);
    keys_free(copy);
}

static void read_manifest(const char *text, size_t size)
{
    struct set_lists l;

    if (set_lists_parse(text, size, &l, NULL) < 0) {
        insist(l.manifest == NULL && l.items == NULL && l.count == 0);
        return;
    }
    for (size_t i = 0; i < l.count; i++) {
        insist(l.items[i].source != NULL && l.items[i].kind != NULL);
        for (size_t n = 0; n < l.items[i].count; n++)
            insist(l.items[i].refs[n].length >= 1 && l.items[i].refs[n].length <= CHUNK_MAX);
    }
    set_lists_deinit(&l);
}

static void read_damaged(const uint8_t *data, size_t size)
{
    char dir[] = "/dev/shm/synbak-fuzz.XXXXXX";
    struct pack_name *names = NULL;
    size_t count;

    insist(mkdtemp(dir) != NULL);
    _cleanup_free_ char *path = mem_printf("%s/place.damaged", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    insist(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
    insist(damaged_read(dir, "place", &names, &count, NULL) == 0 && count <= size / 64);
    free(names);
    insist(fs_remove_tree(AT_FDCWD, dir, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char what = size == 0 ? '\0' : (char)*data++;

    if (what == 'R')
        read_repository(data, size - 1);
    if (what == 'G')
        read_generation(data, size - 1);
    if (what == 'K')
        read_bundle(data, size - 1);
    if (what == 'M')
        read_manifest((const char *)data, size - 1);
    if (what == 'D')
        read_damaged(data, size - 1);
    return 0;
}
