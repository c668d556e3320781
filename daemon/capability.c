#include "daemon/capability.h"

#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { READ_SEARCH = CAP_DAC_READ_SEARCH };

bool capability_setup(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    const uint32_t bit = 1U << READ_SEARCH;

    capability_lower_ambient();
    if (syscall(SYS_capget, &header, data) != 0 || (data[0].permitted & bit) == 0)
        return false;
    if (geteuid() == 0)
        return true; /* root's programs get what root has; there is nothing to hand on */
    data[0] = (struct __user_cap_data_struct){.permitted = bit, .inheritable = bit};
    data[1] = (struct __user_cap_data_struct){0};
    return syscall(SYS_capset, &header, data) == 0;
}

void capability_raise_ambient(void)
{
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, READ_SEARCH, 0, 0); /* EPERM: we lack it */
}

void capability_lower_ambient(void)
{
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}
