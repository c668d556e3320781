/* seam.h — what a test can do to the world through the seam (io.h, clock.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* From here on the clocks stand still except for seam_clock_advance and clock_sleep_ms. */
void seam_clock_set(int64_t wall_us);
void seam_clock_advance(int64_t us);
void seam_clock_unsynchronised(bool on);
