/* Any bytes as a tar file: refused, or entries that lie inside it, each found under its name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/plain/tar_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("tar", MFD_CLOEXEC);
    struct tar_index t;

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    if (tar_index_read(fd, &t, NULL) == 0) {
        for (size_t i = 0; i < t.count; i++)
            if (t.entries[i].offset > size || t.entries[i].size > size - t.entries[i].offset ||
                tar_index_find(&t, t.entries[i].name) != &t.entries[i])
                abort();
        tar_index_deinit(&t);
    }
    (void)close(fd);
    return 0;
}
