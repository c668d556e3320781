#include "lib/store/folder.h"

#include "lib/base/io.h"
#include "lib/base/str.h"

int folder_temporary_name(char out[33])
{
    uint8_t tag[16];

    if (io_random(tag, sizeof(tag)) != 0)
        return -1;
    hex_encode(tag, sizeof(tag), out);
    return 0;
}
