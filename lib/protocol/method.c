#include "lib/protocol/method.h"

#include <string.h>

#include "lib/base/mem.h"

#define METHOD(name_, role_, changes_) {.name = name_, .role = ROLE_##role_, .changes = changes_},

const struct method method_table[] = {
#include "lib/protocol/methods.def"
};
const size_t method_count = ARRAY_LEN(method_table);

const struct method *method_find(const char *name)
{
    for (size_t i = 0; i < method_count; i++)
        if (strcmp(method_table[i].name, name) == 0)
            return &method_table[i];
    return NULL;
}

const char *role_word(enum role role)
{
    static const char *const words[] = {[ROLE_NONE] = "none",
                                        [ROLE_VIEW] = "view",
                                        [ROLE_OPERATE] = "operate",
                                        [ROLE_RESTORE] = "restore",
                                        [ROLE_ADMIN] = "admin"};

    return words[role];
}
