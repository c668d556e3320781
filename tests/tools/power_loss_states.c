/* power_loss_states — what a disk may hold after a power loss, built from the write log of a
 * program that ran with SYNBAK_FAULT=log:FILE and SYNBAK_FAULT_ROOT=DIR.
 *
 *   power_loss_states LOG                       the number of changes
 *   power_loss_states LOG CUT POLICY TARGET     build one state (tests/lib/power_loss.h), and print
 *                                               its inode numbers as "IN-THE-LOG HERE" */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/power_loss.h"

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 5) {
        (void)fprintf(stderr, "power_loss_states LOG [CUT POLICY TARGET]\n");
        return 2;
    }
    struct power_loss *p = power_loss_load(argv[1]);
    size_t cuts = power_loss_cuts(p);
    int rc = 0;
    if (argc == 2) {
        printf("%zu\n", cuts);
    } else {
        size_t cut = strtoul(argv[2], NULL, 10);
        rc = cut > cuts ? 2 : 0;
        if (rc == 0)
            power_loss_build_mapped(p, cut, (unsigned)strtoul(argv[3], NULL, 10), argv[4], stdout);
    }
    power_loss_free(p);
    return rc;
}
