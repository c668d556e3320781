/* fuzz_driver.c — the short form of a fuzz target, with any compiler: every file of the corpus,
 * then a fixed number of mutations of them from a fixed seed. The long form is the same target
 * under clang's libFuzzer (preset "fuzz"). */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20, MUTATIONS = 4000, MUTATIONS_LONG = 400000, EDITS_MAX = 6 };

struct corpus {
    struct buf *inputs;
    size_t count;
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13; /* xorshift64: deterministic, good enough to vary inputs */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void load(struct corpus *c, const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    struct err e;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct buf input = BUF_INIT(INPUT_MAX);
        if (entry->d_type != DT_REG)
            continue;
        if (fs_read_file(dirfd(dir), entry->d_name, &input, &e) < 0) {
            printf("# %s\n", e.text);
            exit(1);
        }
        c->inputs = mem_resize_array(c->inputs, c->count + 1, sizeof(struct buf));
        c->inputs[c->count++] = input;
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static void run_exact(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len); /* exactly len bytes, so that reading past them is seen */

    if (len > 0)
        memcpy(copy, data, len);
    (void)LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void mutate(const struct corpus *c, uint64_t *state)
{
    const struct buf *base = &c->inputs[next_random(state) % c->count];
    const struct buf *other = &c->inputs[next_random(state) % c->count];
    size_t len = base->len, room = base->len + other->len + 1;
    uint8_t *data = mem_alloc(room);

    if (len > 0)
        memcpy(data, base->data, len);
    for (uint64_t n = 1 + next_random(state) % EDITS_MAX; n > 0; n--) {
        size_t at = len > 0 ? next_random(state) % len : 0;
        switch (next_random(state) % 5) {
        case 0: /* flip a bit */
            if (len > 0)
                data[at] ^= (uint8_t)(1U << next_random(state) % 8);
            break;
        case 1: /* an edge value */
            if (len > 0)
                data[at] = (uint8_t[]){0, 0xff, 0x7f, 0x80, '\n', ' ', '"'}[next_random(state) % 7];
            break;
        case 2: /* cut */
            len = at;
            break;
        case 3: /* remove a run */
            if (len > 0) {
                size_t run = 1 + next_random(state) % (len - at);
                memmove(data + at, data + at + run, len - at - run);
                len -= run;
            }
            break;
        default: /* the tail of another input */
            if (other->len > 0) {
                size_t from = next_random(state) % other->len;
                if (at + other->len - from > room)
                    break;
                memcpy(data + at, other->data + from, other->len - from);
                len = at + other->len - from;
            }
            break;
        }
    }
    run_exact(data, len);
    free(data);
}

int main(int argc, char **argv)
{
    struct corpus c = {0};
    const char *name = strrchr(argv[0], '/');
    bool is_long = argc > 1 && strcmp(argv[1], "--long") == 0;
    uint64_t state = 0x9e3779b97f4a7c15;

    name = name != NULL ? name + 1 : argv[0];
    name += strlen("fuzz_");
    _cleanup_free_ char *folder = mem_printf("%s/tests/fuzz/corpus/%s", SYNBAK_SOURCE_DIR, name);
    load(&c, folder);
    for (size_t i = 0; i < c.count; i++)
        run_exact(c.inputs[i].data, c.inputs[i].len);
    printf("# %zu inputs of the corpus\n%s 1 - corpus of %s\n", c.count,
           c.count > 0 ? "ok" : "not ok", name);
    fflush(stdout);
    int mutations = c.count == 0 ? 0 : is_long ? MUTATIONS_LONG : MUTATIONS;
    for (int i = 0; i < mutations; i++)
        mutate(&c, &state);
    printf("# %d mutations\nok 2 - mutations of %s\n1..2\n", mutations, name);
    for (size_t i = 0; i < c.count; i++)
        buf_deinit(&c.inputs[i]);
    free(c.inputs);
    return c.count == 0;
}
