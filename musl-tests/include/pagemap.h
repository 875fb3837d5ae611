// pagemap.h: which physical frame backs a page, as root may ask Linux.
#ifndef PAGEMAP_H
#define PAGEMAP_H

#include "helpers.h"

#define PM_PRESENT (1ull << 63)
#define PM_FRAME ((1ull << 55) - 1)

// The frame number of a present page; 0 when there is none, or nobody tells.
TAP_UNUSED static uint64_t frame_of(const volatile void *p)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8) != 8)
		entry = 0;
	close(fd);
	return entry & PM_PRESENT ? entry & PM_FRAME : 0;
}

TAP_UNUSED static int has_pagemap(void)
{
	volatile char here = 1;
	return frame_of(&here) != 0;
}

#endif
